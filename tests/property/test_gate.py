"""What the gate opens equals plain comparisons, and costs what its card says, whatever is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from mpcstats.protocols.gate import Cells, Opened, gate
from mpcstats.session import Session, Words
from mpcstats.testing import Outcome, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d", "e")
FORMULAS = load_cards()["gate"].cost
Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What a gate is given, in the clear; `supports` and `known` have an entry a column, or None."""

    k: int
    least: int
    persons: tuple[Numbers, ...]
    values: tuple[Numbers, ...]
    contributors: tuple[Numbers, ...]
    magnitudes: tuple[bool, ...]
    supports: tuple[Numbers | None, ...]
    known: tuple[Numbers | None, ...]
    appears: Numbers | None
    to: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.persons[0])

    @property
    def counted(self) -> int:
        """How many counts of contributors are tested."""
        return len(self.contributors) if self.least > 1 and any(self.magnitudes) else 0


def expected(case: Case) -> tuple[list[bool], list[list[bool]], list[list[bool]], list[list[int]]]:
    """Cells, columns, columns with a value, and values, of which those that are not known are 0."""
    cells = range(case.count)
    appears = case.appears or (1,) * case.count
    shown = [max(p[i] for p in case.persons) >= case.k and appears[i] == 1 for i in cells]
    released, known = [], []
    for column in range(len(case.values)):
        passes = list(shown)
        if case.least > 1 and case.magnitudes[column]:
            most = [max(c[i] for c in case.contributors) for i in cells]
            passes = [p and m >= case.least for p, m in zip(passes, most, strict=True)]
        support, there = case.supports[column], case.known[column]
        if support is not None:
            passes = [p and s >= case.k for p, s in zip(passes, support, strict=True)]
        released.append(passes)
        known.append([p and (there is None or there[i] == 1) for i, p in enumerate(passes)])
    values = [
        [v if k else 0 for v, k in zip(column, row, strict=True)]
        for column, row in zip(case.values, known, strict=True)
    ]
    return shown, released, known, values


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count, columns = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    k, least = draw(st.sampled_from([1, 2, 11])), draw(st.integers(1, 3))

    def row(*values: int) -> Numbers:
        return tuple(draw(st.sampled_from(values)) for _ in range(count))

    def near() -> Numbers:
        return row(0, k - 1, k, k + 1, 1 << 40)

    def each(make: Any) -> tuple[Any, ...]:
        return tuple(make() if draw(st.booleans()) else None for _ in range(columns))

    to = tuple(draw(st.lists(st.sampled_from(PARTIES), min_size=1, max_size=3, unique=True)))
    return Case(
        k,
        least,
        tuple(near() for _ in range(draw(st.integers(1, 3)))),
        tuple(row(-(1 << 63), -1, 0, 5, (1 << 63) - 1) for _ in range(columns)),
        tuple(row(0, 1, 2, 3, 4) for _ in range(draw(st.integers(1, 3)))),
        tuple(draw(st.booleans()) for _ in range(columns)),
        each(near),
        each(lambda: row(0, 1)),
        row(0, 1) if draw(st.booleans()) else None,
        to,
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
        len(case.values),
        tuple(map(number, case.persons)),
        number([v for column in case.values for v in column]),
        tuple(map(number, case.contributors)),
        case.magnitudes,
        tuple(None if s is None else number(s) for s in case.supports),
        tuple(None if k is None else row(k) for k in case.known),
        None if case.appears is None else row(case.appears),
    )


def run(case: Case, engine: Engine, compute: tuple[str, ...]) -> Outcome[Opened | None]:
    async def body(session: Session) -> Opened | None:
        cells = cells_of(case, session, compute)
        step = session.narrow("gate")
        found = await gate(step, engine, cells, k=case.k, to=case.to, contributors=case.least)
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


def check_cost(case: Case, outcome: Outcome[Opened | None]) -> None:
    outside = sum(party not in TRIO for party in case.to)
    sizes = {
        "cells": case.count,
        "columns": len(case.values),
        "bounds": len(case.persons),
        "counts": case.counted,
        "supports": sum(s is not None for s in case.supports),
        "nullable": sum(row is not None for row in case.known),
        "having": int(case.appears is not None),
        "inside_recipients": len(case.to) - outside,
        "outside_recipients": outside,
    }
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


@settings(max_examples=120)
@given(case=cases())
def test_the_gate_equals_plain_comparisons_and_costs_what_its_card_says(case: Case) -> None:
    outcome = run(case, Rep3(TRIO), TRIO)
    check(case, outcome)
    check_cost(case, outcome)
    check(case, run(case, Clear(("a",)), ("a",)))


EVERYTHING = Case(
    11,
    3,
    ((11, 12, 30, 11, 2),),
    ((1, 2, 3, 4, 5), (6, 7, 8, 9, 10)),
    ((3, 2, 3, 3, 3),),
    (True, False),
    (None, (11, 11, 0, 11, 2)),
    ((1, 1, 0, 1, 1), None),
    (1, 1, 1, 0, 1),
    ("b", "d"),
)


@pytest.mark.parametrize(
    "change",
    [
        {"k": 12},
        {"least": 2},
        {"contributors": ((2, 3, 3, 3, 3),)},
        {"magnitudes": (False, False)},
        {"supports": (None, None)},
        {"known": (None, None)},
        {"appears": None},
    ],
)
def test_another_question_has_another_answer(change: dict[str, Any]) -> None:
    """Negative control: the comparison sees every single test of the gate."""
    outcome = run(EVERYTHING, Rep3(TRIO), TRIO)
    check(EVERYTHING, outcome)
    with pytest.raises(AssertionError):
        check(replace(EVERYTHING, **change), outcome)


def test_a_part_of_the_cells_is_what_it_says() -> None:
    case = EVERYTHING
    picked, places = (1, 0), (3, 0, 1)

    def of(rows: Sequence[Numbers | None]) -> tuple[Any, ...]:
        return tuple(r if r is None else tuple(r[i] for i in places) for r in rows)

    part = Case(
        case.k,
        case.least,
        of(case.persons),
        of([case.values[c] for c in picked]),
        of(case.contributors),
        tuple(case.magnitudes[c] for c in picked),
        of([case.supports[c] for c in picked]),
        of([case.known[c] for c in picked]),
        of([case.appears])[0],
        case.to,
    )

    async def body(session: Session) -> Opened | None:
        whole = cells_of(case, session, TRIO)
        cells = whole.part(np.array(picked), np.array(places))
        engine, step = Rep3(TRIO), session.narrow("gate")
        return await gate(step, engine, cells, k=case.k, to=case.to, contributors=case.least)

    check(part, run_together(PARTIES, body))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"k": 0}, UsageError, "at least 1 person"),
        ({"least": 0}, UsageError, "at least 1 contributor"),
        ({"contributors": ()}, InternalError, "expected a count of contributors"),
        ({"persons": ()}, InternalError, "expected a count of persons"),
        ({"magnitudes": (True,)}, InternalError, "expected 2 magnitudes or none, got 1"),
    ],
)
def test_what_cannot_be_gated_is_refused(
    change: dict[str, Any], error: type[Exception], words: str
) -> None:
    case = EVERYTHING

    async def body(session: Session) -> None:
        cells = cells_of(case, session, TRIO)
        named: dict[str, Any] = {
            n: change[n] for n in ("contributors", "persons", "magnitudes") if n in change
        }
        whole = replace(cells, **named)
        k, least = change.get("k", case.k), change.get("least", case.least)
        await gate(session.narrow("gate"), Rep3(TRIO), whole, k=k, to=case.to, contributors=least)

    with pytest.raises(error, match=words):
        run_together(PARTIES, body)
