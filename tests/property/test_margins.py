"""Margins on shares equal the plain choice and its slack, at the card's cost; what is opened hides what it should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dealt import bits, bytes_below, numbers

from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, PeerFault
from mpcstats.protocols.cells import Behind, Cells, Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.margins import Kind, Margins, beside
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session
from mpcstats.session.messages import Message
from mpcstats.suppression.audit import Bounds, audit
from mpcstats.suppression.layout import Layout, Whole, cube, grouping_sets, rollup
from mpcstats.suppression.pattern import Pattern
from mpcstats.suppression.secondary import secondary
from mpcstats.suppression.slack import Amounts, Persons, promised, slack
from mpcstats.testing import Outcome, Tamper, flipped, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
CARD = load_cards()["margins"]
K = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A table: `values` has a row for each column, of all cells; its first column counts the persons."""

    layout: Layout
    values: Whole
    kinds: tuple[Kind, ...]

    @property
    def primary(self) -> frozenset[int]:
        shown = self.layout.shown
        return frozenset(int(c) for c in np.flatnonzero(shown & (self.values[0] < K)))

    @property
    def margins(self) -> Margins:
        return Margins(self.layout, "greedy", self.kinds)

    def pattern(self) -> Pattern:
        return secondary(self.layout, self.primary, "greedy")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = draw(st.sampled_from([(3,), (2, 3), (4, 3), (3, 4), (2, 2, 3), (3, 3, 3)]))
    layout = draw(st.sampled_from([cube(sizes), rollup(sizes)]))
    if len(sizes) > 1:
        whole = tuple(range(len(sizes)))
        layout = draw(st.sampled_from([layout, grouping_sets(sizes, [whole, whole[1:], ()])]))
    atoms = len(layout.atoms)
    many = draw(st.sampled_from([K, 2 * K, 8 * K]))
    few = draw(st.sets(st.integers(0, atoms - 1), max_size=3))
    persons = [
        draw(st.integers(0, K - 1)) if i in few else many + draw(st.integers(0, 9))
        for i in range(atoms)
    ]
    amounts = [n * draw(st.integers(0, 40)) for n in persons]
    rows = [layout.sums(np.array(row, dtype=np.int64)) for row in (persons, amounts)]
    return Case(layout, np.stack(rows), ("persons", draw(st.sampled_from(["amount", "count"]))))


def has_slack(case: Case, pattern: Pattern) -> bool:
    """Every cell has slack, by the plain inequalities."""
    pairs = zip(case.margins.protections(K), case.values, strict=True)
    return all(bool(np.all(slack(pattern, p).of_values(pattern, v) >= 0)) for p, v in pairs)


def expected(case: Case) -> list[bool]:
    """Which cells may be opened."""
    pattern, atoms = case.pattern(), set(case.layout.atoms)
    enough = has_slack(case, pattern)
    return [
        bool(case.layout.shown[c]) and c not in pattern.hidden and (c in atoms or enough)
        for c in range(case.layout.cells)
    ]


def run(
    case: Case,
    engine: Engine,
    compute: tuple[str, ...],
    more: int = 0,
    released: int = 1,
    tamper: Tamper | None = None,
) -> Outcome[Any]:
    """The rows that `beside` gives, opened, and the openings before that."""
    passes = (case.layout.shown & (case.values[0] >= K)).astype(np.uint64)

    async def body(session: Session) -> Any:
        row = bits(session, compute, passes, 1)
        columns = [
            numbers(session, compute, v.view(np.uint64), i) for i, v in enumerate(case.values)
        ]
        rows, step = [row, *[row] * more], session.narrow("it")
        chosen = range(released)
        found = await beside(step, engine, case.margins, rows, chosen, columns, k=K)
        before = [*session.openings]
        shown = await opened(session.narrow("out"), engine, Bits.stack(found))
        return shown.astype(bool).tolist(), before

    return run_together(PARTIES, body, tamper=tamper)


def check_cost(case: Case, outcome: Outcome[Any], more: int = 0, released: int = 1) -> None:
    sizes = {
        "cells": case.layout.cells,
        "columns": len(case.kinds),
        "rows": 1 + more,
        "released": released,
    }
    base, first = (CARD.cost.bytes[r].evaluate(sizes) for r in ("compute", "seat0"))
    assert bytes_below(outcome, "run/it") == {"a": base + first, "b": base, "c": base}
    rounds = CARD.cost.rounds.evaluate(sizes)
    assert rounds - 1 <= outcome.traffic.span("run/it/") <= rounds


@settings(max_examples=30)
@given(case=cases(), more=st.integers(0, 2), data=st.data())
def test_shares_equal_the_plain_choice_at_the_cost_of_the_card(
    case: Case, more: int, data: st.DataObject
) -> None:
    released = data.draw(st.integers(1, 1 + more))
    for engine, compute in ((Rep3(TRIO), TRIO), (Clear(("a",)), ("a",))):
        outcome = run(case, engine, compute, more, released)
        for rows, openings in outcome.results.values():
            assert rows == [expected(case)] * (1 + more)
            assert [(o.leak, o.to) for o in openings] == [("primary-pattern", compute)]
        if compute == TRIO:
            check_cost(case, outcome, more, released)


def gated(case: Case, *, with_margins: bool = True) -> Opened:
    """What the gate opens to d of the table."""

    async def body(session: Session) -> Opened | None:
        held = [numbers(session, TRIO, v.view(np.uint64), i) for i, v in enumerate(case.values)]
        cells = Cells(
            case.layout.cells,
            (held[0],),
            Arith.concatenate(held),
            tuple(Behind() for _ in held),
            margins=case.margins if with_margins else None,
        )
        return await gate(session.narrow("gate"), Rep3(TRIO), cells, Rules(K), to=("d",))

    found = run_together(PARTIES, body).results["d"]
    assert found is not None
    return found


def attacked(case: Case, found: Opened, column: int) -> dict[int, tuple[int, int | None]]:
    """What d can say of each cell of a column that it is not shown; of persons it knows the rule too."""
    shown = [c for c in np.flatnonzero(case.layout.shown) if found.shown[c]]
    atoms_only = not any(c not in case.layout.atoms for c in shown)
    assert found.released[column].tolist() == found.shown.tolist()
    values = {int(c): int(found.values[column, c]) for c in shown}
    known = {}
    if case.kinds[column] == "persons":
        hidden = case.layout.shown & ~found.shown
        # Of totals that are held back because of want of room nothing is known.
        held = set() if not atoms_only else {*range(case.layout.cells)} - set(case.layout.atoms)
        for c in np.flatnonzero(hidden):
            if c not in held:
                known[int(c)] = Bounds(0, K - 1) if c in case.primary else Bounds(K)
    found_intervals = audit(case.layout, values, known=known)
    return {c: (i.low, i.high) for c, i in found_intervals.items()}


def wide_enough(case: Case, column: int, said: dict[int, tuple[int, int | None]]) -> bool:
    """No hidden cell is known, and every least primary atom can be all that is promised."""
    protection = case.margins.protections(K)[column]
    for cell in case.primary & set(case.layout.atoms):
        low, high = promised(protection, int(case.values[column, cell]))
        if said[cell][0] > low or (said[cell][1] or high) < high:
            return False
    # Of totals that are held back some can be added up from what is shown.
    return all(low != high for cell, (low, high) in said.items() if cell in case.pattern().hidden)


@settings(max_examples=30)
@given(case=cases())
def test_no_hidden_cell_is_bounded_tighter_than_its_protection(case: Case) -> None:
    found = gated(case)
    assert found.shown.tolist() == expected(case)
    for column in range(len(case.kinds)):
        assert wide_enough(case, column, attacked(case, found, column))


def table(persons: list[int], sizes: tuple[int, ...] = (3, 3)) -> Case:
    layout = cube(sizes)
    counts = layout.sums(np.array(persons, dtype=np.int64))
    return Case(layout, np.stack([counts, 100 * counts]), ("persons", "amount"))


ROOMY = table([3, 40, 40, 40, 40, 40, 40, 40, 40])


def test_totals_go_out_where_there_is_room() -> None:
    """Negative control: a gate that never shows totals would pass the audit too."""
    shown = gated(ROOMY).shown
    assert shown.sum() == 16 - 1 - 3
    assert shown[-1]


def test_without_secondary_cells_the_audit_finds_the_cell() -> None:
    """Negative control: the same table and the same attack, but without the margins' rule."""
    found = gated(ROOMY, with_margins=False)
    for column in range(2):
        said = attacked(ROOMY, found, column)
        assert said == {0: (ROOMY.values[column, 0], ROOMY.values[column, 0])}
        assert not wide_enough(ROOMY, column, said)


@pytest.mark.parametrize(
    "persons",
    [
        [3, K, 40, 40, 40, 40, 40, 40, 40],  # the neighbour cannot give k - 1 and keep k
        [3, 40, 40, 40, K, 40, 40, 40, 40],  # nor can the opposite corner
    ],
)
def test_totals_stay_inside_where_a_neighbour_has_no_room(persons: list[int]) -> None:
    case = table(persons)
    shown = gated(case).shown
    assert shown.tolist() == expected(case)
    assert not any(shown[c] for c in range(16) if c not in case.layout.atoms)
    assert shown.sum() == 9 - 4


@settings(max_examples=30)
@given(case=cases(), data=st.data())
def test_whether_totals_go_out_says_nothing_of_the_persons_in_hidden_cells(
    case: Case, data: st.DataObject
) -> None:
    """Every table in the box has the same primary cells and the same outcome: the bit is the same for all of them."""
    pattern = case.pattern()
    persons = case.values[0]
    now = slack(pattern, Persons(K)).of_values(pattern, persons)
    if np.any(now < 0):
        return
    other = persons.copy()
    for move, effect in zip(pattern.moves, pattern.effects(), strict=True):
        if move.cell in case.layout.atoms:
            other += effect * (data.draw(st.integers(0, K - 1)) - persons[move.cell])
    sums = case.layout.sums(other[list(case.layout.atoms)])
    shown = case.layout.shown
    assert np.array_equal(sums[shown], other[shown])
    assert np.all(sums >= 0)
    open_cells = [c for c in np.flatnonzero(shown) if c not in pattern.hidden]
    assert np.array_equal(sums[open_cells], persons[open_cells])
    again = replace(case, values=np.stack([other, case.values[1]]))
    above = [c for c in case.primary if c not in case.layout.atoms]
    if all(other[c] < K for c in above):  # else the table's primary totals would not be
        assert again.primary == case.primary
        assert np.array_equal(slack(pattern, Persons(K)).of_values(pattern, other), now)


def test_every_percent_of_an_amount_has_its_room() -> None:
    case = table([3, 40, 40, 40, 40, 40, 40, 40, 40])
    pattern = case.pattern()
    values = case.values[1]
    least = slack(pattern, Amounts(10)).of_values(pattern, values)
    short = values.copy()
    short[[c for c in pattern.secondary if pattern.effects()[0, c] < 0]] = (
        30  # 10 % of 300 is 30, and 1
    )
    assert np.all(least >= 0)
    assert np.any(slack(pattern, Amounts(10)).of_values(pattern, short) < 0)
    assert np.all(slack(pattern, Amounts(9)).of_values(pattern, short) >= 0)


def test_another_choice_at_one_party_is_noticed() -> None:
    def tamper(message: Message) -> Message | None:
        return flipped(message) if message.step == "run/it/agree#0" else message

    with pytest.raises(PeerFault, match="expected the same choice of secondary cells"):
        run(ROOMY, Rep3(TRIO), TRIO, tamper=tamper)


def test_a_table_of_other_cells_is_refused() -> None:
    with pytest.raises(
        InternalError, match="expected 16 cells of 1 columns, at least 1, got 16 of 2"
    ):
        run(replace(ROOMY, kinds=("persons",)), Clear(("a",)), ("a",))
