"""Who is counted behind a cell and a column, whichever way the planner takes: states are those of plain loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.joint import Joint
from tests.unit.test_institutions import planned, world

from mpcstats.plan import tables
from mpcstats.plan.physical import Physical, Release

PERSONS = tuple(f"p{i}" for i in range(1, 8))
KINDS = {
    # Rows of the bureau, which knows person and cell; which knows the person; of two owners, sorted by person; and of
    # two owners with one row a person.
    "cell at home": (
        "SELECT s.kind AS c, COUNT(*) AS n, SUM(CASE WHEN q.limit_ > 50 THEN s.fee ELSE 0 END) AS z "
        "FROM bureau.settlement s JOIN q.people q ON q.pid = s.pid GROUP BY s.kind ORDER BY 1"
    ),
    "cell on shares": (
        "SELECT q.ward AS c, COUNT(*) AS n, SUM(CASE WHEN s.fee > 50 THEN 1 ELSE 0 END) AS z "
        "FROM bureau.settlement s JOIN q.people q ON q.pid = s.pid GROUP BY q.ward ORDER BY 1"
    ),
    "sorted": (
        "SELECT q.ward AS c, COUNT(*) AS n, SUM(CASE WHEN u.cost > 50 THEN 1 ELSE 0 END) AS z "
        "FROM hospitals.cases u JOIN q.people q ON q.pid = u.pid GROUP BY q.ward ORDER BY 1"
    ),
    "apart": (
        "SELECT q.ward AS c, COUNT(*) AS n, SUM(CASE WHEN u.x > 50 THEN 1 ELSE 0 END) AS z FROM "
        "(SELECT party, pid, SUM(cost) AS x FROM hospitals.cases GROUP BY party, pid) u "
        "LEFT JOIN q.people q ON q.pid = u.pid GROUP BY q.ward ORDER BY 1"
    ),
}
Row = tuple[str, int, bool]  # a person, a cell, whether it contributes


def passes(k: int, persons: int, support: int, rest: int) -> tuple[bool, bool]:
    """Whether the count, and whether the sum of a CASE may be told."""
    return persons >= k, persons >= k and support >= k and (rest == 0 or rest >= k)


def of_rows(rows: Sequence[Row], k: int) -> dict[int, tuple[bool, bool]]:
    """Rows may be one person's several times."""
    found = {}
    for cell in {cell for _, cell, _ in rows}:
        persons = {p for p, c, _ in rows if c == cell}
        support = {p for p, c, flag in rows if c == cell and flag}
        found[cell] = passes(k, len(persons), len(support), len(persons - support))
    return found


def of_owners(first: Sequence[Row], second: Sequence[Row], k: int) -> dict[int, tuple[bool, bool]]:
    """Each owner has one row a person: one that the first has counts there."""
    both = {p for p, _, _ in first} & {p for p, _, _ in second}
    counting = [*first, *(row for row in second if row[0] not in both)]
    found = {}
    for cell in {cell for _, cell, _ in (*first, *second)}:
        own = [(p, flag) for p, c, flag in counting if c == cell]
        others = [p for p, c, flag in (*first, *second) if c == cell and not flag]
        alone = sum(p not in both for p in others)
        unsure = alone == 0 and len(others) > 0
        rest = 1 if unsure else alone
        found[cell] = passes(k, len(own), sum(flag for _, flag in own), rest)
    return found


def told(joint: Joint, plan: Physical, k: int) -> dict[int, tuple[bool, ...]]:
    """By cell that has rows: whether the count and the sum are told."""
    gate = replace(plan.gate, releases=(Release(("bureau",), k, complement=True),))
    answer = joint.answer(replace(plan, steps=(*plan.steps[:-1], gate)))
    pairs = zip(answer.rows, answer.states, strict=True)
    return {
        int(str(row[0])): tuple(state == "value" for state in states[1:])
        for row, states in pairs
        if row[0] is not None  # everybody has a ward
    }


ROW = st.tuples(st.sampled_from(PERSONS), st.integers(0, 1), st.sampled_from([10, 60]))
ROWS = st.lists(ROW, min_size=6, max_size=24)


def at_most(count: int, rows: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    kept: list[tuple[str, int, int]] = []
    for row in rows:
        if sum(one[0] == row[0] for one in kept) < count:
            kept.append(row)
    return kept


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6)
@given(
    rows=ROWS,
    more=ROWS,
    k=st.integers(2, 3),
    lives=st.tuples(*(st.tuples(st.integers(1, 2), st.sampled_from([20, 90])) for _ in PERSONS)),
)
def test_states_are_those_of_plain_loops(
    kind: str,
    rows: Sequence[tuple[str, int, int]],
    more: Sequence[tuple[str, int, int]],
    k: int,
    lives: Sequence[tuple[int, int]],
) -> None:
    settled, first, second = at_most(6, rows), at_most(4, rows), at_most(4, more)
    homes = dict(zip(PERSONS, lives, strict=True))
    costs = {
        "h1": [(p, "A", 1, cost) for p, _, cost in first],
        "h2": [(p, "B", 1, cost) for p, _, cost in second],
    }
    people = [(p, ward, limit) for p, (ward, limit) in homes.items()]
    with TemporaryDirectory() as folder:
        bills = [(p, "A", cell, fee, 0, 0) for p, cell, fee in settled]
        joint = world(Path(folder), bills, costs, people)
        plan = planned(joint, KINDS[kind], contributions=False, k=k)
        found = told(joint, plan, k)
    assert ways(plan) == WAYS[kind]
    expected = oracle(kind, settled, first, second, homes, k)
    assert {cell: found.get(cell, (False, False)) for cell in expected} == expected


WAYS = {
    "cell at home": ("Firsts",),
    "cell on shares": ("Firsts",),
    "sorted": ("Neighbours", "Firsts"),
    "apart": ("Stack",),
}


def ways(plan: Physical) -> tuple[str, ...]:
    """The steps by which persons are counted."""
    kinds = (tables.Neighbours, tables.Firsts)
    found = tuple(type(step).__name__ for step in plan.steps if isinstance(step, kinds))
    apart = any(
        isinstance(step, tables.Derive) and step.name.startswith("met") for step in plan.steps
    )
    return ("Stack",) if apart else found


def oracle(
    kind: str,
    settled: Sequence[tuple[str, int, int]],
    first: Sequence[tuple[str, int, int]],
    second: Sequence[tuple[str, int, int]],
    homes: Mapping[str, tuple[int, int]],
    k: int,
) -> dict[int, tuple[bool, bool]]:
    if kind == "cell at home":
        return of_rows([(p, cell, homes[p][1] > 50) for p, cell, _ in settled], k)
    if kind == "cell on shares":
        return of_rows([(p, homes[p][0], fee > 50) for p, _, fee in settled], k)
    if kind == "sorted":
        both = (*first, *second)
        return of_rows([(p, homes[p][0], cost > 50) for p, _, cost in both], k)
    return of_owners(summed(first, homes), summed(second, homes), k)


def summed(rows: Sequence[tuple[str, int, int]], homes: Mapping[str, tuple[int, int]]) -> list[Row]:
    totals: dict[str, int] = {}
    for person, _, cost in rows:
        totals[person] = totals.get(person, 0) + cost
    return [(p, homes[p][0], total > 50) for p, total in totals.items()]
