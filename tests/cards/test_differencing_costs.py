"""Rounds and bytes of a comparison with earlier cells are what its card says, whoever owns the index."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from tests.cards.test_kernel_costs import wait_for_all
from tests.dealt import bits, bytes_below, numbers

from mpcstats.cards.load import load_cards
from mpcstats.engines.rep3 import Rep3
from mpcstats.protocols.differencing import Compared, Earlier, Index, differencing, told
from mpcstats.session import Session
from mpcstats.testing import Outcome, run_together

TRIO = ("a", "b", "c")
COST = load_cards()["differencing"].cost
SHAPES = [(1, 1, 1), (1, 64, 70), (2, 3, 64), (5, 8, 130), (65, 4, 65)]  # cells, depth, capacity


def played(owner: str, cells: int, depth: int, capacity: int) -> Outcome[Compared]:
    rows = max(1, capacity - 1)

    async def body(session: Session) -> Compared:
        own = session.me == owner
        drawn = np.zeros(rows, dtype=np.uint64)
        members = bits(session, TRIO, drawn, min(cells, 64))
        if cells > 64:
            members = members.rows([i % 64 for i in range(cells)])
        earlier = Earlier(
            numbers(session, TRIO, np.zeros((depth, capacity), dtype=np.uint64), 1),
            numbers(session, TRIO, np.ones(depth, dtype=np.uint64), 2),
            ((0, depth),) if session.me in TRIO else (),
        )
        at = np.arange(rows)[::-1] if own else None
        index = Index(owner, capacity, at, rows if own else None)
        await wait_for_all(session.narrow("before"))
        step, holders = session.narrow("it"), dict.fromkeys((*TRIO, owner))
        await told(step.narrow("before"), tuple(holders), np.zeros(8, dtype=np.uint64))
        found = await differencing(step, Rep3(TRIO), members, index, earlier, k=3)
        await told(step.narrow("after"), tuple(holders), np.zeros(1, dtype=np.uint64))
        assert not session.openings
        return found

    return run_together((*TRIO, "d"), body)


def sizes_of(owner: str, cells: int, depth: int, capacity: int) -> dict[str, int]:
    return {
        "cells": cells,
        "several": int(cells > 1),
        "depth": depth,
        "capacity": capacity,
        "moved": -(-cells // 64),
        "outside": int(owner not in TRIO),
    }


def expected(owner: str, sizes: dict[str, int]) -> dict[str, int]:
    roles = [("compute", party) for party in TRIO] + [("seat0", "a")]
    if owner in TRIO:
        seat = TRIO.index(owner)
        roles += [("owner", owner), ("after_owner", TRIO[(seat + 1) % 3])]
        roles += [("before_owner", TRIO[seat - 1])]
    else:
        roles += [("outside_owner", owner)]
        roles += [(f"outside_seat{i}", party) for i, party in enumerate(TRIO)]
    roles += [("holder", party) for party in dict.fromkeys((*TRIO, owner))]
    sent: Counter[str] = Counter()
    for role, party in roles:
        sent[party] += COST.bytes[role].evaluate(sizes)
    return dict(sent)


def check(outcome: Outcome[Any], owner: str, sizes: dict[str, int]) -> None:
    assert bytes_below(outcome, "run/it") == expected(owner, sizes)
    rounds, bound = outcome.traffic.span("run/it/"), COST.rounds.evaluate(sizes)
    assert rounds <= bound <= 2 * rounds


@pytest.mark.parametrize("owner", ["a", "b", "c", "d"])
@pytest.mark.parametrize(("cells", "depth", "capacity"), SHAPES)
def test_a_comparison_costs_what_its_card_says(
    owner: str, cells: int, depth: int, capacity: int
) -> None:
    outcome = played(owner, cells, depth, capacity)
    check(outcome, owner, sizes_of(owner, cells, depth, capacity))


def test_a_row_too_many_is_seen() -> None:
    """Negative control."""
    outcome = played("a", 2, 3, 64)
    with pytest.raises(AssertionError):
        check(outcome, "a", sizes_of("a", 2, 4, 64))
