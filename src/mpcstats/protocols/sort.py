"""Sort: rows in the order of secret keys, by comparisons whose outcomes are opened after a fresh secret shuffle.

The index of each row stands below its key, so keys are distinct and the outcomes are a function of a uniform
ranking, whatever the keys are. Every segment is cut by several pivots at a time: pivots are ranked by all pairs,
the other rows find their place among them by binary search, and small segments are ranked by all pairs at once.
Specification and argument: protocols/sort/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, length_of
from mpcstats.engines.share import Bits, Elements, Positions
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols.arrangement import Arrangement
from mpcstats.protocols.selection import Sample, fewer, samples
from mpcstats.session import Session

LEAK = "shuffled-order"

# Levels of the search tree by the size of a segment, 2^levels - 1 pivots: found by simulating schedules at 10^6
# rows (spec.md, section "Schedule").
LEVELS = ((100_000, 9), (500, 5), (30, 3), (8, 2))
ALL_PAIRS = 3  # a segment of so many rows or fewer is ranked by all pairs
LAST_PAIRS = 2  # and all of them are, once that takes no more than so many comparisons a row
LAST_OF_SOME = 0.25  # the same where only some ranks are wanted: there what is left is not worth many comparisons


@dataclass(frozen=True, slots=True)
class Key:
    """A key column: bit rows (row 0 the lowest bit), compared as unsigned numbers."""

    rows: Bits
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Sorted:
    """Key columns and the columns with them, in the order of the keys; rows of equal keys in their old order."""

    keys: tuple[Bits, ...]
    columns: tuple[Column, ...]
    arrangement: Arrangement


async def sort(
    session: Session,
    engine: Engine,
    keys: Sequence[Key],
    columns: Sequence[Column] = (),
    *,
    ranks: Positions | None = None,
) -> Sorted:
    """Sort by `keys`, the most significant first, carrying `columns`: vectors and bit rows of as many elements.

    With `ranks` (ascending, public) only the rows of these ranks are found and given: much less work if they are few.
    Raises UsageError without a key or for ranks that are not ascending numbers below the number of rows, PeerFault
    if outcomes of a ranking by all pairs go in a circle.
    """
    if not keys:
        raise UsageError("expected at least one key to sort by, got none")
    n = length_of([key.rows for key in keys])
    wanted = _wanted(ranks, n)
    width = max(1, (n - 1).bit_length())
    index = keys[0].rows.constant(slicing.slice_bits(np.arange(n, dtype=np.uint64), width))
    shuffled = await engine.shuffle(
        session.narrow("shuffle"), [Bits.stack([index, stacked(keys)]).elements(), *columns]
    )
    mixed, *carried = shuffled.columns
    if not isinstance(mixed, Elements):
        raise InternalError("expected elements to stay elements in a shuffle")
    if session.me not in engine.compute:
        size = n if ranks is None else ranks.size
        nowhere = np.zeros(size, dtype=np.intp)
        return Sorted(
            tuple(k.rows.taken(nowhere) for k in keys),
            tuple(c.taken(nowhere) for c in columns),
            Arrangement(((shuffled.order, None),)),
        )
    ranking = _Ranking(engine, mixed)
    order = await ranking.order(session.narrow("rank"), wanted)
    kept = order if ranks is None else order[ranks]
    own = mixed.bits(kept).rows(slice(width, None))
    return Sorted(
        tuple(unstacked(own, keys)),
        tuple(c.taken(kept) for c in carried),
        Arrangement(((shuffled.order, order if ranks is None else None),)),
    )


def _wanted(ranks: Positions | None, n: int) -> NDArray[np.intp] | None:
    """How many ranks below each number are wanted, shape (n + 1,); None if all are."""
    if ranks is None:
        return None
    if ranks.size and (ranks[0] < 0 or ranks[-1] >= n or np.any(ranks[1:] <= ranks[:-1])):
        raise UsageError(f"expected ascending ranks from 0 to {n - 1}, got others")
    flags = np.zeros(n + 1, dtype=np.intp)
    flags[ranks + 1] = 1
    return np.cumsum(flags)


def stacked(keys: Sequence[Key]) -> Bits:
    """All keys as one number, the least significant lowest; a descending key is complemented."""
    return Bits.stack([~k.rows if k.descending else k.rows for k in reversed(keys)])


def unstacked(rows: Bits, keys: Sequence[Key]) -> list[Bits]:
    """The key columns, out of what `stacked` has made of them."""
    found = []
    end = rows.width
    for key in keys:
        own = rows.rows(slice(end - key.rows.width, end))
        end -= key.rows.width
        found.append(~own if key.descending else own)
    return found


@dataclass(frozen=True, slots=True)
class _Segments:
    """Runs of rows in `order` that are not yet ranked among themselves: where they begin, how long they are."""

    start: Positions
    size: Positions

    def chosen(self, which: NDArray[np.bool_] | Positions) -> _Segments:
        """Some of them."""
        return _Segments(self.start[which], self.size[which])

    def unranked(self, wanted: Positions | None) -> _Segments:
        """Those of more than one row that hold a wanted rank."""
        more = self.size > 1
        if wanted is not None:
            more &= wanted[self.start + self.size] > wanted[self.start]
        return self.chosen(more)


@dataclass(frozen=True, slots=True)
class _Phase:
    """All segments of a phase, those with the deepest trees first; a tree of 0 levels means all pairs.

    So many rows of each as `sample` says are ranked by all pairs. All of them are pivots, but where `picks` has a
    segment's number: there those of these ranks are.
    """

    segments: _Segments
    levels: NDArray[np.intp]
    sample: Positions
    picks: Mapping[int, Positions]

    @classmethod
    def of(cls, segments: _Segments, n: int, wanted: Positions | None) -> _Phase:
        """How many levels each segment gets."""
        sizes = segments.size
        levels = np.ones_like(sizes)
        for least, depth in reversed(LEVELS):
            levels[sizes >= least] = depth
        last_pairs = LAST_PAIRS * n if wanted is None else int(LAST_OF_SOME * n)
        last = int((sizes * (sizes - 1) // 2).sum()) <= last_pairs
        levels[(sizes <= ALL_PAIRS) | last] = 0
        sampled: dict[int, Sample] = {}
        if wanted is not None and not last:
            sampled = samples(segments.start, sizes, wanted)
            levels = fewer(levels, segments.start, sizes, wanted)
        for number, sample in sampled.items():
            levels[number] = sample.levels
        sample_sizes = np.where(levels > 0, (1 << levels) - 1, sizes)
        for number, sample in sampled.items():
            sample_sizes[number] = sample.size
        deepest_first = np.argsort(-levels, kind="stable")
        place = np.argsort(deepest_first) if sampled else deepest_first
        picks = {int(place[number]): sample.picks for number, sample in sampled.items()}
        return cls(
            segments.chosen(deepest_first),
            levels[deepest_first],
            sample_sizes[deepest_first],
            picks,
        )

    @property
    def pivots(self) -> Positions:
        """How many pivots each segment has."""
        return np.where(self.levels > 0, (1 << self.levels) - 1, self.segments.size)

    def picked(
        self, order: Positions, rows: Positions, ranks: Positions
    ) -> tuple[Positions, Positions]:
        """The pivots and their ranks among themselves; the others of a sample come behind them in `order`."""
        if not self.picks:
            return rows, ranks
        found = ranks.copy()
        ends = np.cumsum(self.sample)
        for number, picks in self.picks.items():
            own = slice(int(ends[number] - self.sample[number]), int(ends[number]))
            place = np.minimum(np.searchsorted(picks, ranks[own]), picks.size - 1)
            is_pivot = picks[place] == ranks[own]
            found[own] = np.where(is_pivot, place, -1)
            start = self.segments.start[number]
            order[start : start + self.sample[number]] = rows[own][
                np.argsort(~is_pivot, kind="stable")
            ]
        pivots = found >= 0
        return rows[pivots], found[pivots]


class _Ranking:
    """The public order of shuffled rows, from opened comparisons."""

    def __init__(self, engine: Engine, keys: Elements) -> None:
        self._engine = engine
        self._keys = keys
        self._n = keys.length
        self._batch = 0

    async def order(self, session: Session, wanted: Positions | None) -> Positions:
        """The positions of the shuffled rows in ascending order; in order only where a wanted rank is."""
        order = np.arange(self._n)
        whole = _Segments(np.array([0]), np.array([self._n]))
        segments = whole.unranked(wanted)
        while segments.size.size:
            phase = _Phase.of(segments, self._n, wanted)
            first = phase.segments.start
            pivots = phase.pivots
            # The first rows of a segment are its pivots: any choice by place will do, as the rows are shuffled.
            sample_rows = order[_runs(first, phase.sample)]
            sample_ranks = await self._ranked(session, sample_rows, phase.sample)
            pivot_rows, ranks = phase.picked(order, sample_rows, sample_ranks)
            rest = phase.segments.size - pivots
            other_rows = order[_runs(first + pivots, rest)]
            gaps = await self._searched(session, pivot_rows, ranks, other_rows, phase)
            segments = _placed(order, phase, (pivot_rows, ranks), (other_rows, gaps)).unranked(
                wanted
            )
        return order

    async def _ranked(self, session: Session, rows: Positions, pivots: Positions) -> Positions:
        """The rank of each pivot among those of its segment, by all pairs, in the order of the segments.

        Raises PeerFault if they go in a circle.
        """
        base = np.cumsum(pivots) - pivots
        left, right = [], []  # numbers of pivots
        for count in np.unique(pivots[pivots > 1]):
            i, j = np.triu_indices(count, 1)
            starts = base[pivots == count][:, None]
            left.append((starts + i).reshape(-1))
            right.append((starts + j).reshape(-1))
        ranks = np.zeros(rows.size, dtype=np.intp)
        if not left:
            return ranks
        a, b = np.concatenate(left), np.concatenate(right)
        keys = self._keys.taken(rows)
        below = await self._below(session, keys.taken(a), keys, b)
        ranks += np.bincount(b[below], minlength=ranks.size)
        ranks += np.bincount(a[~below], minlength=ranks.size)
        # Wins of a segment's pivots are all different unless outcomes go in a circle.
        if np.any(np.bincount(np.repeat(base, pivots) + ranks, minlength=ranks.size) != 1):
            raise PeerFault(
                "a compute party",
                session.step,
                "expected outcomes of an order, got a circle of rows",
            )
        return ranks

    async def _searched(
        self,
        session: Session,
        pivot_rows: Positions,
        ranks: Positions,
        rows: Positions,
        phase: _Phase,
    ) -> Positions:
        """For each of the other rows the number of its segment's pivots that are smaller."""
        searching = phase.levels > 0
        levels, pivots = phase.levels[searching], phase.pivots[searching]
        if not levels.size:
            return np.zeros(0, dtype=np.intp)
        rest = phase.segments.size[searching] - pivots
        # Whole words of rows: the last one is looked for again until a word is full.
        more = -rows.size % slicing.WORD
        rest[-1] += more
        rows = np.concatenate([rows, np.repeat(rows[-1:], more)])
        base = np.cumsum(pivots) - pivots
        # heap[base[s] + h - 1] is pivot number h of segment s in a tree: node h has children 2 h and 2 h + 1.
        heap = np.empty(int(pivots.sum()), dtype=np.intp)
        node_of_rank = np.concatenate([_heap(int(depth)) for depth in range(levels[0] + 1)])
        of_pivot = np.repeat((1 << levels) - levels - 1, pivots) + ranks[: heap.size]
        heap[np.repeat(base - 1, pivots) + node_of_rank[of_pivot]] = pivot_rows[: heap.size]
        keys = self._keys.taken(heap)
        mine = self._keys.taken(rows)
        first = np.repeat(base - 1, rest)
        node = np.ones(rows.size, dtype=np.intp)
        ends = np.cumsum(rest)
        for level in range(int(levels[0])):
            # Segments with deeper trees come first, so the rows that still search are the first ones.
            active = slice(0, int(ends[np.count_nonzero(levels > level) - 1]))
            own = mine if active.stop == mine.length else mine.between(0, active.stop)
            below = await self._below(session, own, keys, first[active] + node[active])
            node[active] *= 2
            node[active] += ~below
        return (node - np.repeat(1 << levels, rest))[: rows.size - more]

    async def _below(
        self, session: Session, x: Elements, y: Elements, at: Positions
    ) -> NDArray[np.bool_]:
        """Open, to the compute parties, which elements of x are below those of y at `at`."""
        step = session.narrow(f"batch{self._batch}")
        self._batch += 1
        below = await self._engine.open_order(step, x, y, at, leak=LEAK)
        if below is None:
            raise InternalError("expected outcomes at a compute party, got none")
        return below


def _runs(start: Positions, size: Positions) -> Positions:
    """start[0], ..., start[0] + size[0] - 1, start[1], ...: the places of all runs."""
    ends = np.cumsum(size)
    return np.arange(int(size.sum())) + np.repeat(start - ends + size, size)


def _heap(levels: int) -> Positions:
    """For each rank of 2^levels - 1 sorted pivots its number in the search tree, the root being 1."""
    rank = np.arange(1, 1 << levels)
    height = np.bitwise_count((rank & -rank) - 1).astype(np.intp)  # how often 2 divides the rank
    nodes: Positions = (1 << (levels - 1 - height)) + (rank >> (height + 1))
    return nodes


def _placed(
    order: Positions,
    phase: _Phase,
    pivots: tuple[Positions, Positions],
    others: tuple[Positions, Positions],
) -> _Segments:
    """Write the rows of each segment back, pivots in their places; the runs of rows between pivots."""
    counts = phase.pivots
    rest = phase.segments.size - counts
    searching = rest > 0
    # Gap g of a segment holds the rows with g smaller pivots; without other rows all gaps are empty.
    gaps = np.where(searching, counts + 1, 0)
    base = np.cumsum(gaps) - gaps
    bucket = np.repeat(base, rest) + others[1]
    sizes = np.bincount(bucket, minlength=int(gaps.sum()))
    before = np.cumsum(sizes) - sizes
    segment = np.repeat(np.arange(gaps.size), gaps)
    gap = np.arange(segment.size) - base[segment]
    start = phase.segments.start[segment] + gap + before - before[base[segment]]
    order[_runs(start, sizes)] = others[0][_by_bucket(bucket)]
    # Before pivot r of a segment are r pivots and the rows of gaps 0 to r.
    of_pivot = np.repeat(np.arange(counts.size), counts)
    place = phase.segments.start[of_pivot] + pivots[1]
    inside = searching[of_pivot]
    upto = base[of_pivot[inside]] + pivots[1][inside]
    place[inside] += before[upto] + sizes[upto] - before[base[of_pivot[inside]]]
    order[place] = pivots[0]
    return _Segments(start, sizes)


def _by_bucket(bucket: Positions) -> Positions:
    """The stable order of small numbers: numpy sorts 16 bits at a time by counting."""
    order = np.argsort((bucket & 0xFFFF).astype(np.uint16), kind="stable")
    if bucket.size and int(bucket.max()) > 0xFFFF:
        high = (bucket[order] >> 16).astype(np.uint16)
        order = order[np.argsort(high, kind="stable")]
    return order
