"""Columns of a relational plan's fragments: digests and NULLs as the database has them, and every bad input refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpcstats.errors import UsageError
from mpcstats.party.data.embedded import DuckDB
from mpcstats.party.data.given import GivenColumn, codes_of, run_starts
from mpcstats.party.data.rehearsal import rehearse
from mpcstats.party.data.sources import Rows, _Database
from mpcstats.party.inputs import content
from mpcstats.plan.physical import Fragment, Gate, Physical, Release
from mpcstats.plan.tables import (
    LEAST_DIGEST,
    Aggregate,
    Column,
    Find,
    Firsts,
    Flagged,
    Give,
    GroupOwned,
    TableStep,
)
from mpcstats.records.catalogue import Catalogue

TEXT = Column("t", "digest", 0, (1 << 64) - 1, nullable=True)
NUMBER = Column("n", "number", -5, 1 << 40, nullable=True)
FLAG = Column("f", "flag", 0, 1, nullable=True)
COLUMNS = (TEXT, NUMBER, FLAG)
GOOD = "('x', 7, true), (NULL, NULL, NULL), ('', -5, false)"
SECRET = "77345"  # stands for every wrong value: no message may hold it


def fragment(values: str = GOOD, columns: Sequence[Column] = COLUMNS, *, rows: int = 5) -> Fragment:
    sql = f"SELECT * FROM (VALUES {values}) AS v(t, n, f)"
    return Fragment("f", "a", sql, rows, (), (), (), columns=tuple(columns))


def plan(own: Fragment, *steps: TableStep) -> Physical:
    played = (*steps, Gate("gate", "o", (Release(("a",), 1),)))
    return Physical("", "", "", "a", "rep3", ("a", "b", "c"), (own,), played, ())


def read(own: Fragment, *steps: TableStep) -> Rows:
    with _Database(DuckDB()) as database:
        return database.given(plan(own, *steps), own)


def found(right: str = "z") -> Find:
    """A lookup of the fragment in itself or, with `right`, by it in another one."""
    return Find("l", "g", "f", "t", right, "t", "c", None, (), "hit")


def test_digests_are_the_first_128_bits_of_sha_256() -> None:
    columns = read(fragment()).columns
    assert list(columns) == ["t", "n", "f"]
    expected = []
    for text in ("x", None, ""):
        digest = b"\0" * 16 if text is None else hashlib.sha256(text.encode()).digest()
        expected.append([int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")])
    assert columns["t"].values.tolist() == expected
    assert columns["t"].known.tolist() == [True, False, True]
    assert columns["t"].words.tolist() == [row[0] | LEAST_DIGEST for row in expected]


def test_numbers_and_flags_have_0_where_they_are_null() -> None:
    columns = read(fragment()).columns
    assert columns["n"].words.view(np.int64).tolist() == [7, 0, -5]
    assert columns["f"].words.tolist() == [1, 0, 0]
    assert columns["f"].known.tolist() == [True, False, True]


def test_a_fragment_without_rows_has_columns_without_rows() -> None:
    own = fragment()
    columns = read(replace(own, sql=f"{own.sql} WHERE false")).columns
    assert [column.words.shape for column in columns.values()] == [(0,)] * 3


@pytest.mark.parametrize(
    ("own", "steps", "message"),
    [
        (fragment(rows=2), (), "f at a: expected at most 2 rows by the catalogue's bounds, got 3"),
        (
            fragment(f"('x', -{SECRET}, true)"),
            (),
            "expected n between -5 and 1,099,511,627,776.* in 1 rows",
        ),
        (fragment(f"('x', 1, {SECRET})"), (), "expected f between 0 and 1.* in 1 rows"),
        (
            fragment(columns=(replace(TEXT, nullable=False), NUMBER, FLAG)),
            (),
            "expected a text in t, got something else in 1 rows",
        ),
        (
            fragment(columns=(TEXT, replace(NUMBER, nullable=False), FLAG)),
            (),
            "expected a number of 64 bits in n, got something else in 1 rows",
        ),
        (
            fragment(f"('x', '{SECRET}a', true)"),
            (),
            "the database cannot compute it: ConversionException",
        ),
        (
            fragment(columns=(Column("o", "number", 0, 1),)),
            (),
            "cannot compute it: BinderException",
        ),
        (
            fragment(f"('{SECRET}', 1, true), ('{SECRET}', 2, true), (NULL, 1, true)"),
            (found(),),
            "f at a: expected distinct keys in t, got 1 repeated ones",
        ),
        (
            fragment(f"('{SECRET}', 1, true), ('{SECRET}', 2, true)"),
            (replace(found(), left="z", right="f"),),
            "expected distinct keys in t, got 1 repeated ones",
        ),
        (
            fragment("('x', 1, true), ('y', 2, true), (NULL, 3, true)"),
            (replace(found(), distinct=1),),
            "expected at most 1 different values of t by the catalogue's bounds, got 2",
        ),
        (
            fragment("('x', 1, true), ('x', 2, true), (NULL, 1, true)"),
            (GroupOwned("g", "l", "f", (TEXT, NUMBER), (), 2),),
            "expected at most 2 different values of t, n by the catalogue's bounds, got 3",
        ),
    ],
)
def test_bad_rows_are_refused(own: Fragment, steps: tuple[TableStep, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        read(own, *steps)
    assert SECRET not in str(refused.value)


def test_rows_within_the_steps_bounds_pass() -> None:
    repeated = fragment("('x', 1, true), ('x', 1, true), (NULL, 1, true), (NULL, 2, true)")
    rows = Aggregate(Column("rows", "number", 0, 5), "count")
    steps = (
        Give("given", ("f",), COLUMNS),
        replace(found(), distinct=1),
        GroupOwned("g", "l", "f", (TEXT,), (rows,), 2),
    )
    assert read(repeated, *steps).columns["n"].words.tolist() == [1, 1, 1, 2]
    read(fragment(), found())  # NULL is no key that comes again


def test_rows_of_one_run_are_brought_together() -> None:
    """In the old order within a run; without such a step rows stay where they are."""
    mixed = fragment(
        "('x', 1, true), ('y', 2, true), ('x', 3, false), (NULL, 4, true), ('y', 5, true)"
    )
    flags = (Flagged(Column("p", "flag", 0, 1), None),)
    step = Firsts("o", "l", "f", (TEXT,), None, None, 1, flags)
    columns = read(mixed, step).columns
    assert sorted(columns["n"].words.tolist()) == [1, 2, 3, 4, 5]
    starts = run_starts([columns["t"]]).tolist()
    assert starts.count(True) == 3
    places = {n: i for i, n in enumerate(columns["n"].words.tolist())}
    assert (places[3], places[5]) == (places[1] + 1, places[2] + 1)
    assert read(mixed).columns["n"].words.tolist() == [1, 2, 3, 4, 5]


def test_columns_are_rehearsed(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text("version = 1\n", encoding="utf-8")
    catalogue = Catalogue.load(path)
    rehearse(plan(fragment()), catalogue)
    other = fragment(columns=(*COLUMNS, Column("o", "number", 0, 1)))
    with pytest.raises(UsageError, match="f, which a would compute at home, is no valid SQL"):
        rehearse(plan(other), catalogue)


def test_codes_tell_combinations_apart_and_null_from_0() -> None:
    numbers = GivenColumn(
        np.array([0, 0, 5, 0], dtype=np.uint64), np.array([True, False, True, True])
    )
    halves = np.array([[1, 2], [1, 2], [1, 2], [2, 1]], dtype=np.uint64)
    codes, first = codes_of([numbers, GivenColumn(halves, np.ones(4, dtype=np.bool_))])
    assert sorted(codes.tolist()) == [0, 1, 2, 3]
    assert codes[first].tolist() == [0, 1, 2, 3]
    same, first = codes_of([numbers])
    assert (same[0] == same[3], len(set(same.tolist())), first.size) == (True, 3, 3)


def test_commitments_cover_columns_and_nulls() -> None:
    rows = read(fragment())
    others = [
        read(fragment(GOOD.replace("7", "8"))),
        read(fragment(GOOD.replace("'x'", "'y'"))),
        read(fragment(GOOD.replace("(NULL, NULL, NULL)", "(NULL, 0, NULL)"))),
        replace(rows, columns={}),
    ]
    assert content(rows) == content(read(fragment()))
    assert len({content(rows), *map(content, others)}) == 5
