"""Contribution limits in an owner's query: no person adds more, and nobody's rows hang on another's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.errors import UsageError
from mpcstats.plan.context import Context
from mpcstats.plan.limiting import limited, unlimited
from mpcstats.plan.limits import Limits
from mpcstats.plan.names import DIALECT
from mpcstats.plan.shapes import shape
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.privacy.contribution import Contribution

CATALOGUE = """version = 1
[[dataset]]
name = "a.stays"
owner = "a"
rows = 100
[dataset.columns]
pid = { type = "text", level = "LOW", person = true, key = "trim-upper" }
ward = { type = "integer", level = "LOW", domain = [1, 2, 3], nullable = false }
fee = { type = "integer", level = "LOW", minimum = -1000, maximum = 1000 }

[[dataset]]
name = "a.wards"
owner = "a"
rows = 9
[dataset.columns]
ward = { type = "integer", level = "LOW", unique = true, nullable = false }
"""
Row = tuple[str | None, int, int | None]
SUMS = 'SELECT s.ward, COUNT(*) AS n, SUM(s.fee) AS fee FROM "a"."stays" AS s GROUP BY s.ward'
ROWS = 'SELECT "stays".pid, "stays".ward, "stays".fee FROM "a"."stays"'
LIMITS = Limits(2, (("fee", -5, 50),))
OTHER = 'SELECT w.ward FROM "a"."wards" AS w'


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("limits") / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


def within(sql: str, known: Catalogue, limits: Limits = LIMITS) -> str:
    """`sql` with a.stays within the limits."""
    query = sqlglot.parse_one(sql, dialect=DIALECT)
    return limited(query, {"a.stays": limits}, known).sql(DIALECT)


def rows(sql: str, data: Sequence[Row]) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        database.execute(
            "CREATE SCHEMA a; CREATE TABLE a.stays (pid VARCHAR, ward BIGINT, fee BIGINT)"
        )
        if data:
            database.executemany("INSERT INTO a.stays VALUES (?, ?, ?)", data)
        return sorted(database.execute(sql).fetchall(), key=str)


def test_a_person_has_so_many_rows_and_values_within_bounds(known: Catalogue) -> None:
    data: list[Row] = [("p", w, 100 * w) for w in (1, 2, 3)] + [(" P ", 1, -9), ("q", 3, None)]
    found = rows(within(ROWS, known), data)
    assert Counter(row[0].strip().upper() for row in found) == {"P": 2, "Q": 1}
    assert all(row[2] is None or -5 <= row[2] <= 50 for row in found)
    assert [row for row in found if row[0] == "q"] == [("q", 3, None)]
    assert len(rows(ROWS, data)) == 5  # without limits: the negative control


def test_who_has_no_more_than_the_limit_keeps_all(known: Catalogue) -> None:
    data: list[Row] = [("p", 1, 7), ("p", 1, 7), ("q", 2, -5), ("r", 3, 50)]
    assert rows(within(ROWS, known), data) == rows(ROWS, data)


def test_rows_of_nobody_are_left_out(known: Catalogue) -> None:
    assert rows(within(ROWS, known), [(None, 1, 1), ("  ", 1, 1), ("p", 1, 1)]) == [("p", 1, 1)]


people = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "r", " P"]),
        st.integers(1, 3),
        st.one_of(st.none(), st.integers(-1000, 1000)),
    ),
    max_size=12,
)


@settings(max_examples=12)
@given(data=people, order=st.randoms(use_true_random=False))
def test_an_answer_moves_no_further_than_the_contribution_says(
    known: Catalogue, data: list[Row], order: Any
) -> None:
    query = within(SUMS, known)
    without = [row for row in data if (row[0] or "").strip().upper() != "P"]
    with_it, rest = ({row[0]: row[1:] for row in rows(query, d)} for d in (data, without))
    moved: tuple[list[int], list[int]] = ([], [])
    for ward in {*with_it, *rest}:
        for i in (0, 1):
            was, now = (d.get(ward, (0, 0))[i] or 0 for d in (with_it, rest))
            moved[i].append(int(was - now))
    bounds = (Contribution(2, 3, 0, 1).of_rows(), Contribution(2, 3, -5, 50).of_sum())
    for changes, bound in zip(moved, bounds, strict=True):
        assert sum(map(abs, changes)) <= bound.l1
        assert sum(c * c for c in changes) <= bound.l2_squared
    shuffled = list(data)
    order.shuffle(shuffled)
    assert rows(query, shuffled) == rows(query, data)


def test_limits_are_taken_off_again_if_they_are_the_same(known: Catalogue) -> None:
    """Who weighs a plan sees the owner's query; one that is limited otherwise keeps its window, and is not taken so."""

    def off(sql: str, limits: Limits) -> str:
        query = sqlglot.parse_one(sql, dialect=DIALECT)
        return unlimited(query, {"a.stays": limits}, known).sql(DIALECT)

    assert off(within(SUMS, known), LIMITS) == SUMS.replace("AS s ", 'AS "s" ')
    for other in (Limits(3, LIMITS.clamps), Limits(2), Limits(2, (("fee", -5, 51),))):
        assert "OVER" in off(within(SUMS, known), other)
    assert within(OTHER, known) == OTHER


def test_limits_that_are_none_are_refused(known: Catalogue) -> None:
    with pytest.raises(
        UsageError, match=r"^expected a limit of at least 1 row of a person, got 0$"
    ):
        Limits(0)
    with pytest.raises(UsageError, match=r"^fee: expected bounds low <= high, got 2 and 1$"):
        Limits(1, (("fee", 2, 1),))
    for name in ("ward", "pid", "nobody"):  # a label, a key, no column
        with pytest.raises(UsageError, match=rf"^a.stays.{name}: expected a column of whole numb"):
            within(SUMS, known, Limits(1, ((name, 1, 2),)))
    with pytest.raises(UsageError, match=r"^a.wards: expected one column with person = true"):
        limited(sqlglot.parse_one(OTHER, dialect=DIALECT), {"a.wards": Limits(1)}, known)


def test_sums_of_a_person_are_bounded_by_its_rows(known: Catalogue) -> None:
    """Two rows of at most 50; a window is over all persons, and NULL is a group of any number of rows."""
    context = Context("", known, (), lambda *_: (), limits={"a.stays": LIMITS})
    plain = replace(context, limits={})
    grouped = sqlglot.parse_one(
        "SELECT s.pid, COUNT(*) AS n, SUM(s.fee) AS fee, ROW_NUMBER() OVER (ORDER BY s.pid) AS r, "
        "SUM(COUNT(*)) OVER () AS every FROM a.stays AS s GROUP BY s.pid",
        dialect=DIALECT,
    )
    found = {name: about.bounded for name, about in shape(grouped, context.shape).columns.items()}
    wide = {name: about.bounded for name, about in shape(grouped, plain.shape).columns.items()}
    assert (found["n"], found["fee"]) == ((0, 2), (-10, 100))
    assert (wide["n"], wide["fee"]) == ((0, 100), (-100_000, 100_000))
    assert found["r"] == wide["r"] == (0, 100)
    assert found["every"] == wide["every"]
