"""Measured rounds and payload bytes on engine shamir equal its cards' formulas, for several groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
import pytest

from mpcstats.cards.load import load_cards
from mpcstats.engines.shamir import Shamir
from mpcstats.plan.grouproles import group_roles
from mpcstats.protocols.cells import Amount, Behind, Cells
from mpcstats.protocols.divide import ratio
from mpcstats.protocols.extreme import extreme
from mpcstats.protocols.gate import gate
from mpcstats.protocols.held import Summand
from mpcstats.protocols.histogram import ands, bin_bounds, histogram
from mpcstats.protocols.long_sum import long_sum
from mpcstats.protocols.moments import Bounds, deviation, moments
from mpcstats.protocols.partial_sum import keep, open_kept, resume
from mpcstats.protocols.safety import Rules
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session
from mpcstats.testing import Outcome, run_together

NAMES = tuple("abcdefghijklmno")
CARDS = load_cards()
GROUPS = [(3, 1), (4, 1), (5, 2), (7, 3)]
MANY = pytest.param((10, 4), marks=pytest.mark.long)
Body = Callable[[Session, Shamir], Awaitable[object]]


def run(group: tuple[int, int], body: Body) -> Outcome[None]:
    """All compute parties and two others play `body`, whose protocol's step is `it`."""
    engine = Shamir(NAMES[: group[0]], group[1])

    async def play(session: Session) -> None:
        await body(session, engine)

    return run_together((*engine.compute, "x", "y"), play)


async def wait_for_all(session: Session) -> None:
    """What follows begins at all parties at once: who draws its share need not wait for it, and would begin early."""
    others = [p for p in session.parties if p != session.me]
    one = np.zeros(1, dtype=np.uint64)
    for _ in range(2):
        await session.exchange(send=dict.fromkeys(others, one), receive=dict.fromkeys(others, 1))


def check(
    card: str,
    group: tuple[int, int],
    outcome: Outcome[Any],
    sizes: Mapping[str, int],
    roles: Counter[tuple[str, str]],
) -> None:
    """Bytes of every party equal the formulas; rounds too, or are at most that and at least half of it."""
    cost = CARDS[card].cost_on("shamir")
    given = {**sizes, "parties": group[0], "threshold": group[1]}
    expected: Counter[str] = Counter()
    for (role, party), times in roles.items():
        if role in cost.bytes:
            expected[party] += times * cost.bytes[role].evaluate(given)
    sent: Counter[str] = Counter()
    for (party, step), size in outcome.traffic.bytes_by_step.items():
        if step.startswith(("run/it/", "run/it#")):
            sent[party] += size
    if cost.kind == "exact":
        assert +sent == +expected, card
    else:
        assert all(size <= expected[party] <= 3 * size for party, size in sent.items() if size)
    rounds, most = outcome.traffic.span("run/it"), cost.rounds.evaluate(given)
    right = rounds == most if cost.rounds_kind == "exact" else rounds <= most <= 2 * rounds
    assert right, f"{card}: {rounds} rounds, at most {most}"


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("owners", [("a",), ("x",), ("c", "x", "b", "y", "x")])
def test_a_sum_costs_what_its_card_says(group: tuple[int, int], owners: tuple[str, ...]) -> None:
    async def body(session: Session, engine: Shamir) -> object:
        own = np.ones((2, 3), dtype=np.uint64)
        given = [Summand(o, own if session.me == o else None) for o in owners]
        return await vector_sum(session.narrow("it"), engine, given, shape=(2, 3))

    inside = NAMES[: group[0]]
    roles = Counter(("inside" if o in inside else "outside", o) for o in owners)
    check("sum", group, run(group, body), {"elements": 6}, roles)


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("to", [("a",), ("x",), ("c", "b", "y")])
def test_a_gate_costs_what_its_card_says(group: tuple[int, int], to: tuple[str, ...]) -> None:
    count = 70

    async def body(session: Session, engine: Shamir) -> object:
        ones = engine.public(session, np.ones(count, dtype=np.uint64))
        three = [ones] * 3
        amount = Amount(of=0, total=ones.scaled(3), parts=(ones, ones))
        cells = Cells(
            count,
            tuple(three),
            ones.scaled(3),
            (Behind(magnitude=True, amounts=(0,)),),
            institutions=(tuple(three),),
            amounts=(amount,),
        )
        rules = Rules(2, contributors=2, p=10)
        return await gate(session.narrow("it"), engine, cells, rules, to=to)

    # Three institutions that may be absent; for the p% rule six ordered pairs of them, and that there is an amount.
    sizes = {"cells": count, "columns": 1, "bounds": 3, "supports": 0, "tests": 3 + 7}
    trees = {"ands": 2 + fewer_ands(3, 2) + 6 + 2, "depth": 3 + 2, "opened": 2}
    roles = group_roles(NAMES[: group[0]], group[1], recipients=to)
    check("gate", group, run(group, body), {**sizes, **trees}, roles)


def fewer_ands(absent: int, least: int) -> int:
    """Ands of protocols.safety.fewer: pairs of exact numbers of present ones that together stay below `least`."""
    sets, total = [min(2, least)] * absent, 0
    while len(sets) > 1:
        merged = []
        for one, other in zip(sets[::2], sets[1::2], strict=False):
            total += sum(a + b < least for a in range(one) for b in range(other))
            merged.append(min(one + other - 1, least))
        sets = merged + sets[2 * len(merged) :]
    return total


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("valid", [False, True])
def test_a_histogram_costs_what_its_card_says(group: tuple[int, int], valid: bool) -> None:
    rows, width, edges = 130, 9, (3, 70, 300)

    async def body(session: Session, engine: Shamir) -> object:
        own = np.zeros((width, 3), dtype=np.uint64) if session.me == "a" else None
        values = await engine.share_bits(session, own, owner="a", length=rows, width=width)
        await wait_for_all(session.narrow("before"))
        return await histogram(
            session.narrow("it"),
            engine,
            values,
            edges,
            below=True,
            above=True,
            valid=values.rows(0) if valid else None,
        )

    bounds = bin_bounds(edges, width, below=True, above=True)
    bins = len(bounds) - 1
    compute = NAMES[: group[0]]
    roles = group_roles(compute, group[1])
    roles.update(("bin", compute[i % len(compute)]) for i in range(bins))
    sizes = {
        "rows": rows,
        "width": width,
        "bins": bins,
        "ands": ands(bounds, width, valid=valid),
        "valid": int(valid),
        "blocks": 1,
        "turns": 1,
    }
    check("histogram", group, run(group, body), sizes, roles)


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize(("columns", "masked", "broad"), [(1, True, False), (2, False, True)])
def test_moments_cost_what_their_card_says(
    group: tuple[int, int], columns: int, masked: bool, broad: bool
) -> None:
    rows, most = 70, 1 << (50 if broad else 20)

    async def body(session: Session, engine: Shamir) -> object:
        ones = engine.public(session, np.ones(rows, dtype=np.uint64))
        valid = None
        if masked:
            bits = np.zeros((1, 2), dtype=np.uint64) if session.me == "a" else None
            valid = await engine.share_bits(session, bits, owner="a", length=rows, width=1)
        await wait_for_all(session.narrow("before"))
        step, bounds = session.narrow("it"), Bounds(rows, most, most if columns == 2 else 0)
        y = ones.scaled(2) if columns == 2 else None
        found = await moments(step.narrow("m"), engine, ones, y, bounds=bounds, valid=valid)
        if columns == 2:
            return found
        terms = (found.count, found.x, found.x, found.xx)
        return await deviation(step.narrow("d"), engine, *terms, bounds=Bounds(rows, most, most))

    products = 3 if columns == 2 else 1
    sizes = {
        "rows": rows,
        "masked": columns if masked else 0,
        "lifted": columns if broad else 0,
        "narrow": 0 if broad else products,
        "broad": products if broad else 0,
        "cells": int(columns == 1),
        "narrow_moments": 3 if columns == 1 else 0,
    }
    check("moments", group, run(group, body), sizes, group_roles(NAMES[: group[0]], group[1]))


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize("rounded", [False, True])
def test_a_ratio_costs_at_most_what_its_card_says(
    group: tuple[int, int], decimals: int, rounded: bool
) -> None:
    rows, above, below = 3, 30, 9

    async def body(session: Session, engine: Shamir) -> object:
        number = engine.public(session, np.arange(1, rows + 1, dtype=np.uint64))
        return await ratio(
            session.narrow("it"),
            engine,
            number.scaled(100),
            number,
            decimals=decimals,
            numerator_bits=above,
            denominator_bits=below,
            rounded=rounded,
        )

    bits = above + (10**decimals - 1).bit_length()
    sizes = {
        "rows": rows,
        "dividend": bits,
        "divisor": below,
        "quotient": bits,
        "rounded": int(rounded),
        "limbs": 1 if bits <= 63 else 2,
        "rest": 0,
        "lifted": int(bits > 63),
    }
    check("divide", group, run(group, body), sizes, group_roles(NAMES[: group[0]], group[1]))


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("providers", [2, 5])
def test_an_extreme_costs_what_its_card_says(group: tuple[int, int], providers: int) -> None:
    async def body(session: Session, engine: Shamir) -> object:
        ones = engine.public(session, np.ones(65, dtype=np.uint64))
        return await extreme(session.narrow("it"), engine, [ones] * providers, largest=False)

    sizes = {"cells": 65, "providers": providers}
    check("extreme", group, run(group, body), sizes, group_roles(NAMES[: group[0]], group[1]))


def test_a_byte_too_many_and_a_role_too_few_are_seen() -> None:
    """Negative controls."""

    async def body(session: Session, engine: Shamir) -> object:
        own = np.ones(4, dtype=np.uint64) if session.me == "a" else None
        return await vector_sum(session.narrow("it"), engine, [Summand("a", own)], shape=(4,))

    outcome = run((3, 1), body)
    for elements, role in ((5, "inside"), (4, "outside")):
        with pytest.raises(AssertionError):
            check("sum", (3, 1), outcome, {"elements": elements}, Counter({(role, "a"): 1}))


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("owners", [("a", "b"), ("x",), ("c", "x", "b", "y", "x")])
def test_a_long_sum_costs_what_its_card_says(
    group: tuple[int, int], owners: tuple[str, ...]
) -> None:
    async def body(session: Session, engine: Shamir) -> object:
        own = np.ones(9, dtype=np.uint64)
        given = [Summand(o, own if session.me == o else None) for o in owners]
        return await long_sum(session.narrow("it"), engine, given, length=9)

    others = [o for o in owners if o not in NAMES[: group[1] + 1]]
    roles = Counter(("other", o) for o in others)
    check("long_sum", group, run(group, body), {"elements": 9, "others": len(others)}, roles)


@pytest.mark.parametrize("group", [*GROUPS, MANY])
@pytest.mark.parametrize("to", [("a",), ("x", "b")])
@pytest.mark.parametrize("gated", [False, True])
def test_a_partial_sum_costs_what_its_card_says(
    group: tuple[int, int], to: tuple[str, ...], gated: bool
) -> None:
    owners = ("a", "x", "c")

    async def body(session: Session, engine: Shamir) -> object:
        own = np.ones(9, dtype=np.uint64)
        given = [Summand(o, own if session.me == o else None) for o in owners]
        step = session.narrow("it")
        kept = await keep(step.narrow("keep"), engine, given, length=9)
        await wait_for_all(session.narrow("between"))
        if gated:
            return await resume(step.narrow("go"), kept, engine, counted=(0, 1))
        return await open_kept(step.narrow("open"), kept, counted=(0, 1), to=to)

    compute = NAMES[: group[0]]
    roles = Counter(("inside" if o in compute else "outside", o) for o in owners)
    if gated:
        roles.update(("resumes", p) for p in compute[: group[1] + 1])
    else:
        roles.update(group_roles(compute, group[1], recipients=to))
    sizes = {"elements": 9, "left": group[0], "tolerated": group[1]}
    outcome = run(group, body)
    # The two rounds between, in which all wait for all, are not the protocol's.
    round_of = outcome.traffic.round_of
    last = max(number for (_, step), number in round_of.items() if "/between" in step)
    for key, number in round_of.items():
        round_of[key] = number - 2 if number > last else number
    check("partial_sum", group, outcome, sizes, roles)
