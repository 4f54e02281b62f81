"""What the gate opens equals a plain reading of its rules, and costs what its card says, whatever is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dealt import bits, numbers

from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.plan import physical as plans
from mpcstats.plan.gatecost import gate_sizes
from mpcstats.plan.tables import Amount as PlanAmount
from mpcstats.protocols.cells import Amount, Behind, Cells, Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session, Words
from mpcstats.testing import Outcome, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d", "e")
FORMULAS = load_cards()["gate"].cost
Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column in the clear: its values, and of each cell who stands behind it."""

    values: Numbers
    support: int | None = None
    rests: tuple[int, ...] = ()
    known: Numbers | None = None
    rank: tuple[int, int] | None = None
    amounts: tuple[int, ...] = ()
    magnitude: bool = False


@dataclass(frozen=True, slots=True)
class Money:
    """An amount by cell, and the parts of the institutions of dataset `of`."""

    total: Numbers
    parts: tuple[Numbers, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Case:
    """What a gate is given, in the clear."""

    rules: Rules
    persons: tuple[Numbers, ...]
    columns: tuple[Column, ...] = ()
    counts: tuple[Numbers, ...] = ()
    institutions: tuple[tuple[Numbers, ...], ...] = ()
    amounts: tuple[Money, ...] = ()
    appears: Numbers | None = None
    to: tuple[str, ...] = ("a",)

    @property
    def count(self) -> int:
        return len(self.persons[0])


# The oracle reads the rules as the field's texts state them: by sorting, by ranks, by counting.


def p_rule_holds(parts: Sequence[int], p: int, known: Sequence[int] = ()) -> bool:
    """Whether no contribution can be told to p per cent by who knows the second largest, or those at `known`."""
    if known:
        others = [x for i, x in enumerate(parts) if i not in known]
        return all(100 * (sum(others) - x) >= p * x for x in others)
    largest, _, *rest = sorted(parts, reverse=True)
    return 100 * sum(rest) >= p * largest


def amount_is_safe(case: Case, money: Money, cell: int) -> bool:
    rules = case.rules
    total = money.total[cell]
    parts = [part[cell] for part in money.parts]
    parts.append(total - sum(parts))
    own = rules.own[money.of] if rules.own else ()
    if total == 0 and not rules.zeros:
        return False
    if rules.p and not p_rule_holds(parts, rules.p):
        return False
    if rules.p and len(own) > 1 and not p_rule_holds(parts, rules.p, own):
        return False
    if rules.largest is not None:
        n, k = rules.largest
        if 100 * sum(sorted(parts, reverse=True)[:n]) > k * total:
            return False
    return True


def enough_contributors(case: Case, dataset: int, cell: int) -> bool:
    rules = case.rules
    own = rules.own[dataset] if rules.own else ()
    there = [i for i, rows in enumerate(case.institutions[dataset]) if rows[cell] > 0]
    others = [i for i in there if i not in own]
    if len(own) > 1 and rules.contributors > 1 and len(others) < rules.contributors - 1:
        return False
    return len(there) >= rules.contributors


def column_passes(case: Case, column: Column, cell: int) -> bool:
    rules = case.rules
    behind = None if column.support is None else case.counts[column.support][cell]
    if column.rank is not None:
        numerator, denominator = column.rank
        count = case.persons[0][cell] if behind is None else behind
        place = ceil(count * numerator / denominator)
        if min(place - 1, count - place) < rules.persons:
            return False
    elif behind is not None and behind < rules.persons and not (rules.zeros and behind == 0):
        return False
    if rules.complement and any(
        0 < case.counts[rest][cell] < rules.persons for rest in column.rests
    ):
        return False
    if not column.magnitude or not (rules.contributors > 1 or rules.p or rules.largest):
        return True
    moneys = [case.amounts[a] for a in column.amounts]
    if not all(enough_contributors(case, money.of, cell) for money in moneys):
        return False
    weighed = rules.p or rules.largest
    return not weighed or all(amount_is_safe(case, money, cell) for money in moneys)


def expected(case: Case) -> tuple[list[bool], list[list[bool]], list[list[bool]], list[list[int]]]:
    """Cells, columns, columns with a value, and values, of which those that are not known are 0."""
    cells = range(case.count)
    appears = case.appears or (1,) * case.count
    shown = [
        max(p[i] for p in case.persons) >= case.rules.persons and appears[i] == 1 for i in cells
    ]
    released = [[shown[i] and column_passes(case, c, i) for i in cells] for c in case.columns]
    known = [
        [r and (c.known is None or c.known[i] == 1) for i, r in enumerate(row)]
        for c, row in zip(case.columns, released, strict=True)
    ]
    values = [
        [v if k else 0 for v, k in zip(c.values, row, strict=True)]
        for c, row in zip(case.columns, known, strict=True)
    ]
    return shown, released, known, values


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count, k = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 11]))

    def row(*values: int) -> Numbers:
        return tuple(draw(st.sampled_from(values)) for _ in range(count))

    def near() -> Numbers:
        return row(0, 1, k - 1, k, k + 1, 2 * k + 1, 10 * k, 1 << 40)

    datasets = draw(st.integers(1, 2))
    institutions = tuple(
        tuple(row(0, 1, 5) for _ in range(draw(st.integers(1, 5)))) for _ in range(datasets)
    )
    amounts = []
    for _ in range(draw(st.integers(1, 3))):
        of = draw(st.integers(0, datasets - 1))
        parts = tuple(row(0, 0, 1, 9, 10, 100, 109, 1 << 45) for _ in institutions[of])
        rest = row(0, 0, 10)
        total = tuple(sum(p[i] for p in parts) + rest[i] for i in range(count))
        amounts.append(Money(total, parts, of))
    counts = tuple(near() for _ in range(draw(st.integers(1, 3))))
    several = draw(st.integers(1, 3))

    def column() -> Column:
        support = draw(st.none() | st.integers(0, len(counts) - 1))
        ranked = several == 1 and draw(st.booleans())
        some = st.lists(st.integers(0, len(amounts) - 1), min_size=1, max_size=2, unique=True)
        return Column(
            row(-(1 << 63), -1, 0, 5, (1 << 63) - 1),
            support,
            tuple(draw(st.lists(st.integers(0, len(counts) - 1), max_size=2, unique=True))),
            row(0, 1) if draw(st.booleans()) else None,
            draw(st.sampled_from([(1, 2), (9, 10), (1, 3)])) if ranked else None,
            tuple(draw(some)),
            draw(st.booleans()),
        )

    own = tuple(
        tuple(sorted(draw(st.sets(st.integers(0, len(each) - 1), max_size=len(each) - 1))))
        for each in institutions
    )
    rules = Rules(
        k,
        draw(st.integers(1, 4)),
        draw(st.sampled_from([0, 10, 100])),
        draw(st.none() | st.sampled_from([(1, 75), (2, 85), (3, 100)])),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from([(), own])),
    )
    return Case(
        rules,
        tuple(near() for _ in range(several)),
        tuple(column() for _ in range(draw(st.integers(0, 3)))),
        counts,
        institutions,
        tuple(amounts),
        row(0, 1) if draw(st.booleans()) else None,
        tuple(draw(st.lists(st.sampled_from(PARTIES), min_size=1, max_size=3, unique=True))),
    )


def ring(values: Sequence[int]) -> Words:
    return np.array([v % (1 << 64) for v in values], dtype=np.uint64)


def cells_of(case: Case, session: Session, compute: tuple[str, ...]) -> Cells:
    def number(values: Sequence[int]) -> Arith:
        return numbers(session, compute, ring(values), len(values))

    def row(values: Sequence[int]) -> Bits:
        return bits(session, compute, ring(values), 1, sum(values))

    return Cells(
        case.count,
        tuple(map(number, case.persons)),
        number([v for column in case.columns for v in column.values]),
        tuple(
            Behind(
                c.support,
                c.rests,
                None if c.known is None else row(c.known),
                c.rank,
                c.amounts,
                c.magnitude,
            )
            for c in case.columns
        ),
        tuple(map(number, case.counts)),
        tuple(tuple(map(number, rows)) for rows in case.institutions),
        tuple(Amount(number(m.total), tuple(map(number, m.parts)), m.of) for m in case.amounts),
        None if case.appears is None else row(case.appears),
    )


def run(case: Case, engine: Engine, compute: tuple[str, ...]) -> Outcome[Opened | None]:
    async def body(session: Session) -> Opened | None:
        cells = cells_of(case, session, compute)
        found = await gate(session.narrow("gate"), engine, cells, case.rules, to=case.to)
        assert {o.to for o in session.openings} == {case.to}
        return found

    return run_together(PARTIES, body)


def check(case: Case, outcome: Outcome[Opened | None]) -> None:
    for party, found in outcome.results.items():
        if party not in case.to:
            assert found is None
            continue
        assert found is not None
        got = (found.shown, found.released, found.known, found.values)
        assert tuple(part.tolist() for part in got) == expected(case)


def planned_sizes(case: Case) -> dict[str, int]:
    """The sizes as the planner takes them from a plan of the same form."""
    rules, columns = case.rules, case.columns
    labels = tuple(
        tuple(f"{of}.{i}" for i in range(len(rows))) for of, rows in enumerate(case.institutions)
    )
    tests = plans.Tests(
        len(case.persons),
        tuple(
            plans.Backing(
                None if c.support is None else f"count{c.support}",
                tuple(f"count{i}" for i in c.rests),
                c.rank,
                c.amounts,
            )
            for c in columns
        ),
        labels,
        tuple(PlanAmount("t", tuple("x" for _ in m.parts), m.of) for m in case.amounts),
        tuple(i for i, c in enumerate(columns) if c.known is not None),
        case.appears is not None,
    )
    own = tuple(labels[of][i] for of, mine in enumerate(rules.own) for i in mine)
    release = plans.Release(
        case.to,
        rules.persons,
        rules.contributors,
        rules.p,
        rules.largest,
        rules.complement,
        rules.zeros,
        own=own,
    )
    magnitudes = [i for i, c in enumerate(columns) if c.magnitude]
    outside = sum(party not in TRIO for party in case.to)
    return {
        "cells": case.count,
        **gate_sizes(tests, release, range(len(columns)), magnitudes),
        "inside_recipients": len(case.to) - outside,
        "outside_recipients": outside,
    }


def check_cost(case: Case, outcome: Outcome[Opened | None]) -> int:
    """The bytes of every party are the card's; the rounds at most and not below half of its. What the rounds are."""
    sizes = planned_sizes(case)
    roles = [("compute", p) for p in TRIO] + [("seat0", "a")]
    for party in set(case.to) & set(TRIO):
        seat = TRIO.index(party)
        roles += [("before_recipient", TRIO[seat - 1]), ("after_recipient", TRIO[(seat + 1) % 3])]
    wanted: Counter[str] = Counter()
    for role, party in roles:
        wanted[party] += FORMULAS.bytes[role].evaluate(sizes)
    assert dict(outcome.traffic.bytes_sent) == {p: wanted[p] for p in outcome.traffic.bytes_sent}
    rounds = FORMULAS.rounds.evaluate(sizes)
    assert rounds / 2 <= outcome.traffic.rounds <= rounds
    return rounds


def plain(case: Case) -> Case:
    """The case without the rules that k = 1 does without, as parties play it."""
    if case.rules.persons > 1:
        return case
    columns = (replace(c, support=None, rests=(), rank=None) for c in case.columns)
    return replace(case, columns=tuple(columns))


@settings(max_examples=150)
@given(case=cases().map(plain))
def test_the_gate_equals_its_rules_and_costs_what_its_card_says(case: Case) -> None:
    outcome = run(case, Rep3(TRIO), TRIO)
    check(case, outcome)
    check_cost(case, outcome)
    check(case, run(case, Clear(("a",)), ("a",)))


SAFE = Money((300, 300, 300, 300, 300), ((100,) * 5, (100,) * 5, (100,) * 5), 0)
EVERYTHING = Case(
    Rules(11, 3, 10, (1, 75), complement=True),
    ((11, 120, 30, 11, 2),),
    (
        Column((1, 2, 3, 4, 5), amounts=(0,), magnitude=True),
        Column((6, 7, 8, 9, 10), support=0, rests=(1,), known=(1, 0, 0, 1, 1)),
        Column((11, 12, 13, 14, 15), rank=(1, 2)),
        Column((16, 17, 18, 19, 20), amounts=(1,), magnitude=True),
    ),
    ((11, 109, 29, 11, 2), (0, 11, 1, 0, 0)),
    (((3, 3, 3, 3, 3), (2, 1, 1, 1, 1), (1, 1, 0, 1, 1)),),
    (
        SAFE,
        Money((1000, 1000, 1000, 1000, 1000), ((500,) * 5, (480, 450) * 2 + (0,), (0,) * 5), 0),
    ),
    (1, 1, 1, 0, 1),
    ("b", "d"),
)


def test_every_rule_decides_something_in_the_case_of_everything() -> None:
    """Cell 1 shows all; the amount of 2 wants a contributor, its second column would tell of one person."""
    shown, released, known, _ = expected(EVERYTHING)
    assert shown == [True, True, True, False, False]
    assert [row[:3] for row in released] == [
        [True, True, False],
        [True, True, False],
        [False, True, True],
        [False, True, False],
    ]
    assert known[1][:3] == [True, False, False]


@pytest.mark.parametrize(
    "change",
    [
        {"rules": replace(EVERYTHING.rules, persons=12)},
        {"rules": replace(EVERYTHING.rules, contributors=2)},
        {"rules": replace(EVERYTHING.rules, p=0)},
        {"rules": replace(EVERYTHING.rules, p=20)},
        {"rules": replace(EVERYTHING.rules, largest=(1, 30))},
        {"rules": replace(EVERYTHING.rules, complement=False)},
        {"rules": replace(EVERYTHING.rules, own=((0, 1),))},
        {"appears": None},
        {"persons": ((12, 120, 30, 11, 11),), "appears": None},
        {"columns": tuple(replace(c, rank=None) for c in EVERYTHING.columns)},
        {"columns": tuple(replace(c, magnitude=False) for c in EVERYTHING.columns)},
        {"columns": tuple(replace(c, known=None) for c in EVERYTHING.columns)},
    ],
)
def test_another_question_has_another_answer(change: dict[str, Any]) -> None:
    """Negative control: the comparison sees every single rule of the gate."""
    outcome = run(EVERYTHING, Rep3(TRIO), TRIO)
    check(EVERYTHING, outcome)
    with pytest.raises(AssertionError):
        check(replace(EVERYTHING, **change), outcome)


@pytest.mark.parametrize("zeros", [False, True])
def test_zeros_are_shown_where_the_rules_say_so(zeros: bool) -> None:
    """A column to which nobody contributes, and an amount of nothing."""
    nothing = Money((0, 5), ((0, 2), (0, 2), (0, 1)), 0)
    case = Case(
        Rules(5, p=10, zeros=zeros),
        ((5, 5),),
        (Column((0, 0), support=0), Column((0, 5), amounts=(0,), magnitude=True)),
        ((0, 1),),
        (((1, 1), (1, 1), (1, 1)),),
        (nothing,),
    )
    assert expected(case)[1] == [[zeros, False], [zeros, True]]
    check(case, run(case, Rep3(TRIO), TRIO))


@pytest.mark.parametrize("institutions", [1, 2, 3, 5, 15])
def test_rounds_stay_below_twenty_five(institutions: int) -> None:
    """With every rule, for as many institutions as a catalogue may have."""
    parts = tuple((100, 100) for _ in range(institutions))
    money = Money((100 * institutions,) * 2, parts, 0)
    case = Case(
        Rules(11, 3, 10, (2, 85), complement=True, zeros=True),
        ((30, 30), (3, 3)),
        (Column((1, 2), 0, (1,), (1, 1), amounts=(0, 1, 2), magnitude=True),),
        ((30, 0), (0, 30)),
        (parts,),
        (money, money, money),
        (1, 1),
        ("a", "d"),
    )
    outcome = run(case, Rep3(TRIO), TRIO)
    check(case, outcome)
    assert check_cost(case, outcome) < 25


def test_a_part_of_the_cells_is_what_it_says() -> None:
    case = EVERYTHING
    picked, places = (3, 1), (3, 0, 1)

    def of(row: Numbers) -> Numbers:
        return tuple(row[i] for i in places)

    part = replace(
        case,
        persons=tuple(map(of, case.persons)),
        columns=tuple(
            replace(c, values=of(c.values), known=None if c.known is None else of(c.known))
            for c in (case.columns[i] for i in picked)
        ),
        counts=tuple(map(of, case.counts)),
        institutions=tuple(tuple(map(of, rows)) for rows in case.institutions),
        amounts=tuple(Money(of(m.total), tuple(map(of, m.parts)), m.of) for m in case.amounts),
        appears=None if case.appears is None else of(case.appears),
    )

    async def body(session: Session) -> Opened | None:
        cells = cells_of(case, session, TRIO).part(np.array(picked), np.array(places))
        return await gate(session.narrow("gate"), Rep3(TRIO), cells, case.rules, to=case.to)

    check(part, run_together(PARTIES, body))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"persons": ()}, InternalError, "expected a count of persons"),
        ({"behind": (Behind(),)}, InternalError, "expected 1 values of 5 cells"),
        ({"behind": (Behind(magnitude=True),) * 4}, InternalError, "what a magnitude is made of"),
        ({"institutions": ((),)}, InternalError, "expected institutions to be counted"),
    ],
)
def test_cells_that_lack_what_the_rules_ask_for_are_refused(
    change: dict[str, Any], error: type[Exception], words: str
) -> None:
    case = EVERYTHING

    async def body(session: Session) -> None:
        cells = replace(cells_of(case, session, TRIO), **change)
        await gate(session.narrow("gate"), Rep3(TRIO), cells, case.rules, to=case.to)

    with pytest.raises(error, match=words):
        run_together(PARTIES, body)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"persons": 0}, "at least 1 person"),
        ({"contributors": 0}, "at least 1 contributor"),
        ({"p": 101}, "from 0 to 100 per cent"),
        ({"largest": (0, 85)}, "at least 1 largest contribution"),
        ({"largest": (1, 0)}, "at least 1 largest contribution"),
    ],
)
def test_rules_that_ask_for_nothing_are_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Rules(**{"persons": 11, **rules})


def test_the_oracle_agrees_with_the_rule_by_pairs() -> None:
    """100 (T - x_i - x_j) >= p x_i for all pairs says what sorting says: both readings of the p% rule."""
    for parts in combinations([0, 1, 9, 10, 90, 100], 3):
        by_pairs = all(
            100 * (sum(parts) - a - b) >= 10 * a
            for i, a in enumerate(parts)
            for j, b in enumerate(parts)
            if i != j
        )
        assert by_pairs == p_rule_holds(parts, 10)
