"""What a compaction and a join open is independent of the rows: statistical tests, each with faults that it must catch.

Limits are such that a uniform sample reaches them with probability about 1e-7, exactly computed for these sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import Column, Shuffled, ShuffleOrder, length_of
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits, Elements, Positions
from mpcstats.protocols import placing
from mpcstats.protocols.compact import compact
from mpcstats.protocols.sort_join import Side, sort_join
from mpcstats.session import Session, Words
from mpcstats.testing import run_together

TRIO = ("a", "b", "c")
ORDERS = {p: i for i, p in enumerate(permutations(range(3)))}
TWO, SIX, TWELVE = (
    (60, 28.0),
    (120, 43.0),
    (72, 60.0),
)  # runs, and the limit of the statistic for so many classes


class Recording(Rep3):
    """Keeps what is opened at party a; `unmixed` has the steps whose shuffle is left out: the fault."""

    def __init__(self, unmixed: Sequence[str] = ()) -> None:
        super().__init__(TRIO)
        self.unmixed = unmixed
        self.destinations: list[tuple[int, ...]] = []
        self.outcomes: list[bool] = []

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        if any(session.step.startswith(step) for step in self.unmixed):
            return Shuffled(tuple(columns), ShuffleOrder(length_of(columns), ()))
        return await super().shuffle(session, columns)

    async def unshuffle(
        self, session: Session, order: ShuffleOrder, columns: Sequence[Column]
    ) -> list[Column]:
        if not order.parts:
            return list(columns)
        return await super().unshuffle(session, order, columns)

    async def reveal(
        self, session: Session, x: Arith, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        opened = await super().reveal(session, x, leak=leak, to=to)
        if opened is not None and leak == placing.LEAK and session.me == "a":
            self.destinations.append(tuple(opened.tolist()))
        return opened

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        opened = await super().open_order(session, x, y, at, leak=leak)
        if opened is not None and session.me == "a":
            self.outcomes += opened.tolist()
        return opened


def chi_square(counts: Counter[Any], classes: int) -> float:
    """The statistic against a uniform distribution over numbers below `classes`."""
    expected = sum(counts.values()) / classes
    return sum((counts.get(c, 0) - expected) ** 2 / expected for c in range(classes))


async def bits(session: Session, engine: Rep3, owner: str, values: Sequence[int]) -> Bits:
    rows = slicing.slice_bits(np.array(values, dtype=np.uint64), 1)
    own = rows if session.me == owner else None
    return await engine.share_bits(session, own, owner=owner, length=len(values), width=1)


def destinations(flags: Sequence[int], runs: int, engine: Recording) -> Counter[int]:
    """Of 6 classes, as three rows have destinations."""

    async def body(session: Session) -> None:
        flag = await bits(session.narrow("flags"), engine, "a", flags)
        await compact(session.narrow("compact"), engine, flag, [])

    for _ in range(runs):
        run_together(TRIO, body)
    return Counter(ORDERS[found] for found in engine.destinations)


@pytest.mark.parametrize("flags", [(1, 1, 1), (0, 1, 0)])
def test_every_order_of_destinations_is_equally_likely(flags: tuple[int, ...]) -> None:
    runs, limit = SIX
    counts = destinations(flags, runs, Recording())
    assert chi_square(counts, 6) < limit, counts


def test_destinations_opened_without_a_shuffle_are_caught() -> None:
    """Negative control."""
    counts = destinations((0, 1, 0), 24, Recording(["run/compact/shuffle"]))
    assert chi_square(counts, 6) > 2 * SIX[1], counts


def joint(keys: tuple[int, int], runs: int, engine: Recording) -> Counter[int]:
    """A join of one row with one: of 12 classes, all that it opens, an outcome and three destinations."""

    async def body(session: Session) -> None:
        left = Side(await bits(session.narrow("left"), engine, "a", keys[:1]))
        right = Side(await bits(session.narrow("right"), engine, "b", keys[1:]))
        await sort_join(session.narrow("join"), engine, [left], [right])

    for _ in range(runs):
        run_together(TRIO, body)
    assert len(engine.outcomes) == len(engine.destinations) == runs  # nothing else is opened
    pairs = zip(engine.outcomes, engine.destinations, strict=True)
    return Counter(6 * outcome + ORDERS[found] for outcome, found in pairs)


@pytest.mark.parametrize("keys", [(1, 1), (0, 1)])
def test_all_that_a_join_opens_is_equally_likely_whatever_the_keys(keys: tuple[int, int]) -> None:
    runs, limit = TWELVE
    counts = joint(keys, runs, Recording())
    assert chi_square(counts, 12) < limit, counts


def test_a_join_whose_sort_does_not_shuffle_is_caught() -> None:
    """Negative control: the keys fix the outcome, one class of two."""
    counts = joint((0, 1), TWO[0], Recording(["run/join/sort/shuffle"]))
    outcomes = Counter({o: sum(c for k, c in counts.items() if k // 6 == o) for o in range(2)})
    assert chi_square(outcomes, 2) > 2 * TWO[1], counts


def test_a_join_whose_compaction_does_not_shuffle_is_caught() -> None:
    """Negative control: the keys fix the destinations, given the outcome."""
    counts = joint((0, 1), 36, Recording(["run/join/copy/down/apart/shuffle"]))
    assert chi_square(counts, 12) > 2 * TWELVE[1], counts


class Reusing(Recording):
    """The fault: a compaction's rows are mixed as the sort's were, as if one shuffle did for both."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, tuple[Words, ...]] = {}

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        if session.step == "run/join/sort/shuffle":
            shuffled = await super().shuffle(session, columns)
            self.first[session.me] = shuffled.order.parts
            return shuffled
        # The order of the compaction's three rows: the sort's two, then the row of zeros.
        longer = tuple(np.append(p, np.uint64(2)) if p.size else p for p in self.first[session.me])
        order = ShuffleOrder(3, longer)
        mixed = await super().unshuffle(session, order, columns)
        return Shuffled(tuple(mixed), ShuffleOrder(3, ()))


def test_a_join_that_mixes_twice_in_one_order_is_caught() -> None:
    """Negative control: each of the openings alone may look well, together they do not."""
    counts = joint((0, 1), 36, Reusing())
    assert chi_square(counts, 12) > 2 * TWELVE[1], counts
