"""What institutions contribute to an amount, as the planner tells it, is what DuckDB says of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.joint import Joint, oracle

from mpcstats.plan import tables
from mpcstats.plan.cells import Total
from mpcstats.plan.physical import OutputColumn, Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.plan.relational.algebra import INSTITUTION
from mpcstats.records.catalogue import Catalogue

CODES = ("A", "B", "C")
CATALOGUE = """
version = 1
[[dataset]]
name = "bureau.settlement"
owner = "bureau"
rows = 60
contributor = "code"
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", most = 6 }
code = { type = "text", level = "LOW", domain = ["A", "B", "C"], nullable = false }
kind = { type = "integer", level = "LOW", domain = [0, 1], nullable = false }
fee = { type = "integer", level = "MODERATE", minimum = 0, maximum = 900 }
fund = { type = "integer", level = "MODERATE", minimum = -900, maximum = 900, nullable = false }
huge = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1125899906842624, nullable = false }

[[dataset]]
name = "h1.cases"
owner = "h1"
rows = 40
contributor = "code"
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", most = 4 }
code = { type = "text", level = "LOW", domain = ["A", "B"], nullable = false }
ward = { type = "integer", level = "LOW", domain = [1, 2, 3, 4, 5, 6], nullable = false }
cost = { type = "integer", level = "MODERATE", minimum = 0, maximum = 500, nullable = false }

[[dataset]]
name = "h2.cases"
owner = "h2"
rows = 40
contributor = "code"
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", most = 4 }
code = { type = "text", level = "LOW", domain = ["B", "C"], nullable = false }
ward = { type = "integer", level = "LOW", domain = [1, 2, 3, 4, 5, 6], nullable = false }
cost = { type = "integer", level = "MODERATE", minimum = 0, maximum = 500, nullable = false }

[[dataset]]
name = "q.people"
owner = "q"
rows = 20
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
ward = { type = "integer", level = "LOW", domain = [1, 2, 3, 4, 5, 6], nullable = false }
limit_ = { type = "integer", level = "MODERATE", minimum = 0, maximum = 900, nullable = false }

[[union]]
name = "hospitals.cases"
of = ["h1.cases", "h2.cases"]
"""
SETTLED = (
    ("p1", "A", 0, 100, 10, 5), ("p1", "A", 1, 50, -20, 5), ("p1", "B", 0, 7, 30, 5),
    ("p2", "B", 1, 300, 40, 5), ("p2", "C", 0, "", 50, 5), ("p3", "C", 1, 90, -60, 5),
    ("p4", "A", 0, 1, 70, 5), ("p5", "B", 0, 20, 5, 5), ("p5", "C", 1, 30, 0, 5),
)  # fmt: skip
COSTS = {
    "h1": (("p1", "A", 1, 10), ("p2", "B", 1, 20), ("p3", "B", 2, 30)),
    "h2": (("p1", "B", 1, 40), ("p4", "C", 2, 50), ("p5", "C", 2, 60)),
}
PEOPLE = (("p1", 1, 100), ("p2", 1, 100), ("p3", 2, 20), ("p4", 2, 20), ("p5", 2, 20))
BY_PERSON = (
    "WITH f AS (SELECT pid, {summed} FROM bureau.settlement GROUP BY pid) "
    "SELECT q.ward, COUNT(*) AS n, {asked} FROM q.people q JOIN f ON f.pid = q.pid GROUP BY q.ward ORDER BY 1"
)


def world(
    tmp_path: Path,
    settled: Sequence[tuple[object, ...]] = SETTLED,
    costs: Mapping[str, Sequence[tuple[object, ...]]] = COSTS,
    people: Sequence[tuple[object, ...]] = PEOPLE,
) -> Joint:
    """The parties' files; the bureau computes alone, and in the clear."""
    rows: Mapping[str, Sequence[tuple[object, ...]]] = {
        "bureau.settlement": [("pid", "code", "kind", "fee", "fund", "huge"), *settled],
        "h1.cases": [("pid", "code", "ward", "cost"), *costs["h1"]],
        "h2.cases": [("pid", "code", "ward", "cost"), *costs["h2"]],
        "q.people": [("pid", "ward", "limit_"), *people],
    }
    files = {}
    for name, lines in rows.items():
        files[name] = tmp_path / f"{name}.csv"
        text = "\n".join(",".join(map(str, line)) for line in lines)
        files[name].write_text(text + "\n", encoding="utf-8")
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Joint(Catalogue.load(path), files, ("bureau",), "bureau", "clear")


def planned(
    joint: Joint, text: str, *, contributions: bool = True, contributors: bool = False, k: int = 1
) -> Physical:
    """The plan that tells what is asked for; complements with k > 1."""
    return plan_question(
        text,
        Setting(
            catalogue=joint.catalogue,
            engine=joint.engine,
            compute=joint.compute,
            initiator="bureau",
            recipients=("bureau",),
            scenario=joint.scenario,
            purpose="a test",
            k=k,
            helpers=lambda *_: joint.compute,
            contributors=contributors,
            contributions=contributions,
            complement=k > 1,
        ),
    )


def outcome_of(plan: Physical) -> tables.Outcome:
    assert isinstance(plan.aggregate, tables.Outcome)
    return plan.aggregate


def told(joint: Joint, plan: Physical) -> list[list[list[int]]]:
    """For each amount of the plan, by cell: its total, then its parts. A plan that opens them shows what they are."""
    outcome = outcome_of(plan)
    columns = [
        name for each in outcome.amounts for name in (each.total, *each.parts) if name is not None
    ]
    totals = tuple(Total(name, (), 1 << 50) for name in columns)
    bare = replace(outcome, totals=totals, backing=(), institutions=(), amounts=())
    output = [OutputColumn(f"c{i}", "total", i) for i in range(len(columns))]
    opened = replace(
        plan, steps=(*plan.steps[:-2], bare, plan.gate), output=tuple(output), order=()
    )
    rows = joint.answer(opened).rows
    found: list[list[list[int]]] = []
    start = 0
    for each in outcome.amounts:
        width = len(each.parts) + 1
        found.append([[*map(int, map(str, row[start : start + width]))] for row in rows])
        start += width
    return found


def by_code(joint: Joint, table: str, amount: str, rest: str = "") -> list[list[int]]:
    """By ward: the amount and that of each institution, 0 where there is none, each by its size."""
    parts = ", ".join(
        f"abs(COALESCE(SUM(CASE WHEN code = '{c}' THEN {amount} END), 0))" for c in CODES
    )
    text = f"SELECT abs(COALESCE(SUM({amount}), 0)), {parts} FROM {table} {rest} GROUP BY ward ORDER BY ward"
    with joint.together() as connection:
        return [[int(x) for x in row] for row in oracle(connection, text)[1]]


JOINED = "bureau.settlement s JOIN q.people q ON q.pid = s.pid"


@pytest.mark.parametrize(
    ("summed", "asked", "amount"),
    [
        ("SUM(fee) AS x", "SUM(f.x) AS y", "fee"),
        ("SUM(fund) AS x", "SUM(f.x) AS y", "fund"),
        ("SUM(fee) AS x", "AVG(f.x) AS y", "fee"),
        ("SUM(2 * fund - 3) AS x", "SUM(f.x) AS y", "2 * fund - 3"),
        ("SUM(fee) AS a, SUM(fund) AS b", "SUM(2 * COALESCE(f.a, 0) - f.b) AS y", "2 * COALESCE(fee, 0) - fund"),
        (
            "SUM(CASE WHEN kind = 1 THEN fund ELSE 0 END) AS x", "SUM(-f.x) AS y",
            "CASE WHEN kind = 1 THEN -fund ELSE 0 END",
        ),
    ],
)  # fmt: skip
def test_sums_of_sums_of_a_sub_query_have_exact_parts(
    tmp_path: Path, summed: str, asked: str, amount: str
) -> None:
    """A person is at several institutions: the parts are made where the rows are, before they are added up."""
    joint = world(tmp_path)
    plan = planned(joint, BY_PERSON.format(summed=summed, asked=asked))
    (found,) = told(joint, plan)
    assert found == by_code(joint, JOINED, amount)
    assert all(row[0] <= sum(row[1:]) for row in found)
    assert plan.tests.institutions == (CODES,)


def test_rows_of_one_institution_have_exact_parts_whatever_is_added_up(tmp_path: Path) -> None:
    """Not linear, and exact all the same: a row has one institution behind it."""
    joint = world(tmp_path)
    over = "CASE WHEN s.fee > q.limit_ THEN s.fee - q.limit_ ELSE 0 END"
    text = f"SELECT q.ward, SUM({over}) AS y FROM {JOINED} GROUP BY q.ward ORDER BY 1"
    (found,) = told(joint, planned(joint, text))
    assert found == by_code(joint, JOINED, over)


def test_where_a_key_says_whose_a_row_is_nothing_is_told_apart(tmp_path: Path) -> None:
    """A cell is of one institution: its part is the whole cell, and no flag is shared."""
    joint = world(tmp_path)
    amount = "s.fund + q.limit_"
    text = f"SELECT s.code, SUM({amount}) AS y FROM {JOINED} GROUP BY s.code ORDER BY 1"
    plan = planned(joint, text)
    (found,) = told(joint, plan)
    with joint.together() as connection:
        wholes = [abs(int(y)) for _, y in oracle(connection, text)[1]]
    assert found == [[y, *(y if i == j else 0 for j in range(3))] for i, y in enumerate(wholes)]
    (tally,) = (step for step in plan.steps if isinstance(step, tables.Tally))
    assert {a.only for a in tally.aggregates} == {None, (0,), (1,), (2,)}
    assert not any(INSTITUTION in c.name for step in plan.steps for c in _shared(step))


def test_groups_by_a_key_that_says_whose_rows_they_are_have_exact_parts(tmp_path: Path) -> None:
    joint = world(tmp_path)
    text = (
        f"WITH t AS (SELECT q.ward, s.code, SUM(s.fund) AS f FROM {JOINED} GROUP BY q.ward, s.code) "
        "SELECT ward, SUM(f) AS y FROM t GROUP BY ward ORDER BY 1"
    )
    plan = planned(joint, text)
    (found,) = told(joint, plan)
    assert found == by_code(joint, JOINED, "fund")
    assert not any(INSTITUTION in c.name for step in plan.steps for c in _shared(step))


def _shared(step: object) -> tuple[tables.Column, ...]:
    return step.columns if isinstance(step, tables.Give) else ()


def test_groups_at_an_owner_tell_its_institutions_apart(tmp_path: Path) -> None:
    """Exact parts of sums; what is no sum counts whole for each institution that a group has rows of."""
    joint = world(tmp_path)
    text = (
        "WITH y AS (SELECT s.pid, SUM(s.fund) AS a, SUM(CASE WHEN s.kind = 1 THEN s.fund ELSE 0 END) AS b "
        f"FROM {JOINED} AND s.fund > q.ward * 8 GROUP BY s.pid) "
        "SELECT COUNT(*) AS n, SUM(a) AS a, SUM(b) AS b, SUM(a // 100) AS d FROM y"
    )
    plan = planned(joint, text)
    (group,) = (step for step in plan.steps if isinstance(step, tables.GroupOwned))
    assert len(group.apart) == 3
    assert {a.where for a in group.aggregates} == {None, *(flag.name for flag in group.apart)}
    # p1: 10 of A and 30 of B. p2: 40 of B, the only one of kind 1, and 50 of C. p4: 70 of A.
    assert told(joint, plan) == [[[200, 80, 70, 50]], [[40, 0, 40, 0]], [[0, 0, 0, 0]]]


@pytest.mark.parametrize("by", ["ward", "pid, ward"])
def test_a_union_of_owners_has_the_parts_of_all_of_them(tmp_path: Path, by: str) -> None:
    """B is at two owners; its part is what both of them say."""
    joint = world(tmp_path)
    text = (
        "SELECT ward, COUNT(*) AS n, SUM(cost) AS y FROM hospitals.cases GROUP BY ward ORDER BY 1"
    )
    if by != "ward":
        text = (
            "SELECT ward, COUNT(*) AS n, SUM(x) AS y FROM (SELECT pid, ward, SUM(cost) AS x "
            "FROM hospitals.cases GROUP BY pid, ward) GROUP BY ward ORDER BY 1"
        )
    plan = planned(joint, text)
    assert {*plan.tests.institutions[0]} == {*CODES}
    (found,) = told(joint, plan)
    assert found == by_code(joint, "hospitals.cases", "cost")


def test_what_is_no_sum_counts_whole_for_each_institution(tmp_path: Path) -> None:
    """What a person pays beyond a limit: p1 counts for A and for B, and the amount is the sum of the parts."""
    joint = world(tmp_path)
    excess = "SUM(CASE WHEN f.x > q.limit_ THEN f.x - q.limit_ ELSE 0 END) AS y"
    plan = planned(joint, BY_PERSON.format(summed="SUM(fee) AS x", asked=excess))
    (found,) = told(joint, plan)
    # p1: 157 - 100 = 57, of A and B. p2: 300 - 100 = 200, of B and C. p3: 70, of C. p5: 50 - 20 = 30, of B and C.
    assert found == [[514, 57, 257, 200], [130, 0, 30, 100]]


@pytest.mark.parametrize(
    "asked",
    [
        "QUANTILE_DISC(f.x, 0.5) AS y",
        "MAX(f.x) AS y",
        "SUM(CASE WHEN f.x > 100 THEN 1 ELSE 0 END) AS y",
    ],
)
def test_to_one_value_of_many_and_to_ones_institutions_contribute_rows(
    tmp_path: Path, asked: str
) -> None:
    """Ward 1: p1 is of A and B, p2 of B and C; ward 2: p3 of C, p4 of A, p5 of B and C."""
    joint = world(tmp_path)
    plan = planned(joint, BY_PERSON.format(summed="SUM(fee) AS x", asked=asked))
    (found,) = told(joint, plan)
    assert found == [[4, 1, 2, 1], [4, 1, 1, 2]]


def test_an_amount_that_the_gate_cannot_compare_is_told_as_1(tmp_path: Path) -> None:
    """2^50 is compared, more is not; a part is at most 2^50."""
    most = tables.MOST_CONTRIBUTED
    settled = [("p1", "A", 0, 0, 0, most), ("p3", "A", 0, 0, 0, most), ("p4", "B", 0, 0, 0, 7)]
    joint = world(tmp_path, settled)
    plan = planned(joint, BY_PERSON.format(summed="SUM(huge) AS x", asked="SUM(f.x) AS y"))
    (found,) = told(joint, plan)
    assert found == [[most, most, 0, 0], [1, most, 7, 0]]


ASKED = BY_PERSON.format(summed="SUM(fee) AS x", asked="SUM(f.x) AS y")


def test_what_institutions_add_costs_nothing_where_nobody_asks(tmp_path: Path) -> None:
    """Nothing is read, put in or computed for it; a minimum of contributors wants rows and no parts."""
    joint = world(tmp_path)
    bare = planned(joint, ASKED, contributions=False)
    counted = planned(joint, ASKED, contributions=False, contributors=True)
    whole = planned(joint, ASKED)
    assert [f.sql for f in bare.fragments] == [f.sql for f in joint.plan(ASKED).fragments]
    widths = [sum(len(f.columns) for f in plan.fragments) for plan in (bare, counted, whole)]
    # Three institutions' rows; then their parts of one sum.
    assert [width - widths[0] for width in widths] == [0, 3, 6]
    assert [len(outcome_of(plan).amounts) for plan in (bare, counted, whole)] == [0, 1, 1]
    (alone,) = outcome_of(counted).amounts
    assert (alone.total, alone.parts) == (None, ())
    assert not any("code" in fragment.sql for fragment in bare.fragments)


def test_a_constant_or_a_product_of_sums_is_no_sum_of_parts(tmp_path: Path) -> None:
    """Negative control of linearity: added to each part, what is nobody's would count three times."""
    joint = world(tmp_path)
    for asked in ("SUM(f.x + 1) AS y", "SUM(f.x * f.x) AS y", "SUM(abs(f.x)) AS y"):
        plan = planned(joint, BY_PERSON.format(summed="SUM(fund) AS x", asked=asked))
        (found,) = told(joint, plan)
        assert all(row[0] == sum(row[1:]) for row in found)
        assert found != by_code(joint, JOINED, "fund")
