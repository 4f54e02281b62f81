"""Sort: rows in the order of secret keys, by comparisons whose outcomes are opened after a fresh secret shuffle.

The index of each row stands below its key, so keys are distinct and the outcomes are a function of a uniform
ranking, whatever the keys are. Every segment is cut by several pivots at a time: pivots are ranked by all pairs,
the other rows find their place among them by binary search, and small segments are ranked by all pairs at once.
Specification and argument: protocols/sort/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.session import Session

LEAK = "shuffled-order"
Positions = NDArray[np.intp]

# Pivots by the size of a segment: found by simulating schedules at 10^6 rows (spec.md, section 4).
PIVOTS = ((100_000, 511), (500, 31), (30, 7), (8, 3))
ALL_PAIRS = 3  # a segment of so many rows or fewer is ranked by all pairs
LAST_PAIRS = 2  # and all of them are, once that takes no more than so many comparisons a row


@dataclass(frozen=True, slots=True)
class Sorted:
    """Keys in ascending order as unsigned numbers, equal ones in their old order, and the columns with them."""

    keys: Bits
    columns: tuple[Arith | Bits, ...]


async def sort(
    session: Session,
    engine: Engine,
    keys: Bits,
    columns: Sequence[Arith | Bits] = (),
    *,
    descending: bool = False,
) -> Sorted:
    """Sort by `keys` (row 0 the lowest bit), carrying `columns`: vectors and bit rows of as many elements.

    Several key columns are sorted by at once when their rows are stacked, the most significant on top.
    """
    n = keys.length
    width = max(1, (n - 1).bit_length())
    index = keys.constant(slicing.slice_bits(np.arange(n, dtype=np.uint64), width))
    ranked = Bits.stack([index, ~keys if descending else keys])
    mixed, *carried = await engine.shuffle(session.narrow("shuffle"), [ranked, *columns])
    if not isinstance(mixed, Bits):
        raise InternalError("expected bit rows to stay bit rows in a shuffle")
    if session.me not in engine.compute:
        return Sorted(keys, tuple(columns))
    order = await _Ranking(engine, mixed).order(session.narrow("rank"))
    own = mixed.elements().bits(order).rows(slice(width, None))
    return Sorted(~own if descending else own, tuple(_taken(c, order) for c in carried))


@dataclass(frozen=True, slots=True)
class _Segments:
    """Runs of rows in `order` that are not yet ranked among themselves: where they begin and how long they are."""

    start: Positions
    size: Positions

    def of_more_than_one(self) -> _Segments:
        """Without those that are ranked."""
        more = self.size > 1
        return _Segments(self.start[more], self.size[more])

    def rows(self) -> Positions:
        """For each row of all segments, which segment it is in."""
        return np.repeat(np.arange(self.size.size), self.size)

    def places(self) -> Positions:
        """For each row of all segments, its place in the segment."""
        ends = np.cumsum(self.size)
        return np.arange(int(self.size.sum())) - np.repeat(ends - self.size, self.size)


class _Ranking:
    """The public order of shuffled rows, from opened comparisons."""

    def __init__(self, engine: Engine, keys: Bits) -> None:
        self._engine = engine
        self._keys = keys.elements()
        self._n = keys.length
        self._level = 0

    async def order(self, session: Session) -> Positions:
        """The positions of the shuffled rows in ascending order."""
        order = np.arange(self._n)
        segments = _Segments(np.array([0]), np.array([self._n])).of_more_than_one()
        while segments.size.size:
            pivots = _pivots(segments.size, self._n)
            at = segments.start[segments.rows()] + segments.places()  # places in `order`
            found = await self._split(session, order[at], segments, pivots)
            # Pivot i of s goes to 2 i + 1, rows between pivots to the even places around it.
            gaps = 2 * pivots + 1
            bucket = found + np.repeat(np.cumsum(gaps) - gaps, segments.size)
            order[at] = order[at[_by_bucket(bucket)]]
            segments = _between(segments, found, pivots)
        return order

    async def _split(
        self, session: Session, rows: Positions, segments: _Segments, pivots: Positions
    ) -> Positions:
        """For each row of the segments: 2 i + 1 for the i-th of its segment's pivots, else twice the pivots below it.

        The first rows of a segment are its pivots: any choice by place will do, as the rows are shuffled.
        """
        segment, place = segments.rows(), segments.places()
        first = np.cumsum(segments.size) - segments.size
        is_pivot = place < pivots[segment]
        ranks = await self._ranked(session, rows, first, pivots)
        found = np.zeros(rows.size, dtype=np.intp)
        found[is_pivot] = 2 * ranks + 1
        # sorted_pivots[base[s] + i] is the i-th smallest pivot of segment s.
        base = np.cumsum(pivots) - pivots
        sorted_pivots = np.empty(ranks.size, dtype=np.intp)
        sorted_pivots[base[segment[is_pivot]] + ranks] = rows[is_pivot]
        rest = np.flatnonzero(~is_pivot)
        found[rest] = 2 * await self._searched(
            session, rows[rest], sorted_pivots, base[segment[rest]], pivots[segment[rest]]
        )
        return found

    async def _ranked(
        self, session: Session, rows: Positions, first: Positions, pivots: Positions
    ) -> Positions:
        """The rank of each pivot among those of its segment, by all pairs, in the order of the segments."""
        base = np.cumsum(pivots) - pivots
        left, right = [], []  # numbers of pivots
        for count in np.unique(pivots[pivots > 1]):
            i, j = np.triu_indices(count, 1)
            starts = base[pivots == count][:, None]
            left.append((starts + i).reshape(-1))
            right.append((starts + j).reshape(-1))
        ranks = np.zeros(int(pivots.sum()), dtype=np.intp)
        if not left:
            return ranks
        a, b = np.concatenate(left), np.concatenate(right)
        place = np.arange(ranks.size) - np.repeat(base, pivots)
        row = rows[np.repeat(first, pivots) + place]
        keys = self._keys.take(row)
        below = await self._less_than(session, keys.bits(a), keys.bits(b))
        ranks += np.bincount(b[below], minlength=ranks.size)
        ranks += np.bincount(a[~below], minlength=ranks.size)
        return ranks

    async def _searched(
        self,
        session: Session,
        rows: Positions,
        sorted_pivots: Positions,
        base: Positions,
        count: Positions,
    ) -> Positions:
        """For each row the number of its segment's pivots that are smaller."""
        low, high = np.zeros(rows.size, dtype=np.intp), count.copy()
        last: Positions | None = None
        mine: Bits | None = None
        # Pivots are few: taken once, they stay in the cache while every row looks for its own.
        pivots = self._keys.take(sorted_pivots)
        while (open_rows := np.flatnonzero(low < high)).size:
            if mine is None or last is None or not np.array_equal(open_rows, last):
                mine, last = self._keys.bits(rows[open_rows]), open_rows
            middle = (low[open_rows] + high[open_rows]) // 2
            pivot = pivots.bits(base[open_rows] + middle)
            below = await self._less_than(session, mine, pivot)
            high[open_rows] = np.where(below, middle, high[open_rows])
            low[open_rows] = np.where(below, low[open_rows], middle + 1)
        return low

    async def _less_than(self, session: Session, x: Bits, y: Bits) -> NDArray[np.bool_]:
        """Open, to the compute parties, which elements of x are below those of y."""
        level = session.narrow(f"level{self._level}")
        self._level += 1
        below = await self._engine.less_than(level.narrow("less"), x, y)
        opened = await self._engine.reveal_bits(
            level.narrow("open"), below, leak=LEAK, to=self._engine.compute
        )
        if opened is None:
            raise InternalError("expected outcomes at a compute party, got none")
        return slicing.unpack(opened[0], x.length).astype(np.bool_)


def _by_bucket(bucket: Positions) -> Positions:
    """The stable order of small numbers: numpy sorts 16 bits at a time by counting."""
    order = np.argsort((bucket & 0xFFFF).astype(np.uint16), kind="stable")
    if bucket.size and int(bucket.max()) > 0xFFFF:
        high = (bucket[order] >> 16).astype(np.uint16)
        order = order[np.argsort(high, kind="stable")]
    return order


def _pivots(sizes: Positions, n: int) -> Positions:
    """How many pivots each segment has; all its rows where it is ranked by all pairs."""
    if int((sizes * (sizes - 1) // 2).sum()) <= LAST_PAIRS * n:
        return sizes.copy()
    pivots = np.ones_like(sizes)
    for least, count in reversed(PIVOTS):
        pivots[sizes >= least] = count
    return np.where(sizes <= ALL_PAIRS, sizes, pivots)


def _between(segments: _Segments, found: Positions, pivots: Positions) -> _Segments:
    """The runs of rows between neighbouring pivots, in order."""
    gaps = pivots + 1
    base = np.cumsum(gaps) - gaps
    rest = found % 2 == 0
    sizes = np.bincount(base[segments.rows()[rest]] + found[rest] // 2, minlength=int(gaps.sum()))
    segment = np.repeat(np.arange(gaps.size), gaps)
    gap = np.arange(segment.size) - base[segment]
    # Before gap g of a segment are g pivots and the rows of all its earlier gaps.
    before = np.cumsum(sizes) - sizes
    start = segments.start[segment] + gap + before - before[base[segment]]
    return _Segments(start, sizes).of_more_than_one()


def _taken(column: Arith | Bits, order: Positions) -> Arith | Bits:
    if isinstance(column, Bits):
        return column.elements().bits(order)
    return column[order.astype(np.uint64)]
