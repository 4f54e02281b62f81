"""Differencing: which cells may be opened beside earlier ones, so that no two differ in 1 to k - 1 persons.

Cells and earlier cohorts are rows of bits over the positions of one index of persons, which one owner keeps. Of two
cohorts A and B the distance s = |A| + |B| - 2 |A and B| is compared with k, and so is N - s, their distance up to a
complement: trackers live on both. Specification and argument: protocols/differencing/spec.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.criterion import conjunction
from mpcstats.session import Session, Words, parallel

WIDTH = 32  # bits of a distance: earlier cohorts are kept mod 2^32
MOST_PERSONS = 1 << 30  # so that N - s - k keeps its sign in WIDTH bits


@dataclass(frozen=True, slots=True)
class Index:
    """`owner`'s index of persons: `capacity` positions, public, the same person at the same one in every run.

    At the owner, None elsewhere: `positions`, where each valid row's person stands, shape (valid,); `persons`, how
    many positions are taken. Raises UsageError for a capacity that is too small or too large.
    """

    owner: str
    capacity: int
    positions: Positions | None = field(repr=False)
    persons: int | None = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.capacity <= MOST_PERSONS:
            raise UsageError(
                f"expected an index of 1 to {MOST_PERSONS:,} persons, got {self.capacity:,}"
            )


@dataclass(frozen=True, slots=True)
class Earlier:
    """The cells of earlier runs: `members`, bits as numbers, shape (depth, capacity), and `flags`, which were allowed.

    `depth` is public; rows that no release fills are 0. `releases`, at the compute parties: the first row of each
    release and the row after its last one. Shares need hold mod 2^32 only.
    """

    members: Arith
    flags: Arith
    releases: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """What comes of a comparison, all of it secret.

    `allowed`: one row, 1 where a cell may be opened. What later runs compare with: `members`, the cells as numbers by
    position, shape (cells, capacity), and `flags`, the row as numbers.
    """

    allowed: Bits
    members: Arith
    flags: Arith


async def differencing(
    session: Session, engine: Engine, cells: Bits, index: Index, earlier: Earlier, *, k: int
) -> Compared:
    """Compare cells with those of earlier runs that were allowed, with the union of these by run, and with nobody.

    `cells` has one row a cell, the members among the spine's rows; no row of the spine is in two cells. Raises
    UsageError for a smaller k than 1, more rows than the index has positions, and at the owner for positions that are
    none.
    """
    if k < 1:
        raise UsageError(f"expected a minimum of at least 1 person, got {k}")
    if earlier.members.shape != (*earlier.flags.shape, index.capacity):
        got = f"{earlier.members.shape} for {earlier.flags.shape}"
        raise InternalError(f"expected earlier cells of {index.capacity} persons, got {got}")
    taken = None if index.persons is None else np.array([index.persons], dtype=np.uint64)
    members, persons = await parallel(
        _aligned(session.narrow("align"), engine, cells, index),
        engine.share(session.narrow("persons"), taken, owner=index.owner, shape=(1,)),
    )
    known = await _known(session.narrow("known"), engine, members, earlier)
    near = _Near(engine, persons, k)
    new = members.total().flat()
    allowed = await near.none(session.narrow("cells"), known, new)
    if cells.width > 1:
        together = await _union(session.narrow("union"), near, known, new, allowed)
        (allowed,) = await engine.conj(session.narrow("allowed"), [(allowed, together)])
    flags = await engine.to_arith(session.narrow("flags"), allowed)
    return Compared(allowed, members, flags.flat())


async def _aligned(session: Session, engine: Engine, members: Bits, index: Index) -> Arith:
    """The members as numbers, shape (cells, capacity): column i is the person at position i of the index."""
    if members.length > index.capacity:
        raise UsageError(
            f"expected at most {index.capacity:,} rows, as many as the index of {index.owner} has "
            f"positions, got {members.length:,}"
        )
    order = None
    if session.me == index.owner:
        order = placed(index, members.length)
    padded = Bits.concatenate([members, members.zeros(index.capacity - members.length)])
    (rows,) = await engine.permute(session.narrow("place"), [padded], order, owner=index.owner)
    if not isinstance(rows, Bits):
        raise InternalError("expected bits to stay bits")
    return await engine.to_arith(session.narrow("numbers"), rows)


def placed(index: Index, rows: int) -> Positions:
    """For each position the row that goes there: the person's; elsewhere one of those that hold nobody.

    Raises UsageError for positions that are not distinct ones of the index, more of them than rows, or of persons.
    """
    at = index.positions
    if at is None or index.persons is None:
        raise InternalError("expected an index at its owner, got none")
    if at.size > rows or not at.size <= index.persons <= index.capacity:
        raise UsageError(
            f"expected at most {rows:,} rows of at most {index.capacity:,} persons, got {at.size:,} of "
            f"{index.persons:,}"
        )
    order = np.full(index.capacity, -1, dtype=np.intp)
    inside = at[(at >= 0) & (at < index.persons)]
    order[inside] = np.arange(inside.size)
    empty = order < 0
    if int(np.count_nonzero(empty)) != index.capacity - at.size:
        raise UsageError(
            f"expected {at.size:,} distinct positions below {index.persons:,}, got others"
        )
    order[empty] = np.arange(at.size, index.capacity)
    return order


async def told(session: Session, holders: Sequence[str], own: Words) -> Mapping[str, Words]:
    """What every other holder of the history tells: as many words as `own`. Nothing at parties that hold none.

    Before a comparison each tells where its history ends, after it that the new cells are kept. A run that opens its
    cells has heard that all have kept them: what is not kept by all has never been opened.
    """
    others = [party for party in holders if party != session.me]
    if session.me not in holders:
        return {}
    return await session.exchange(
        send=dict.fromkeys(others, own), receive=dict.fromkeys(others, own.size)
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """Cohorts that are known: the size of each, and what it has in common with each new cell, shape (m, cells)."""

    sizes: Arith
    common: Arith


async def _known(session: Session, engine: Engine, members: Arith, earlier: Earlier) -> _Known:
    """Each earlier cell, nobody where it was not allowed; for each of them the union of its release; and nobody."""
    common = await engine.outer(session.narrow("common"), earlier.members, members)
    counted = Arith.columns_of([earlier.members.total().column(), common])
    wide = earlier.flags.repeat(counted.shape[1]).turned()
    cells = await engine.multiply(session.narrow("allowed"), counted, wide)
    nobody = cells.zeros(counted.shape[1]).repeat(1)
    known = Arith.rows_of([cells, _by_release(cells, earlier.releases), nobody])
    return _Known(known[:, :1].flat(), known[:, 1:])


def _by_release(cells: Arith, releases: Sequence[tuple[int, int]]) -> Arith:
    """For each row the sum over its release, whose cells are disjoint; how many there are stays with who computes."""

    def added(part: Words) -> Words:
        out = np.zeros_like(part)
        for start, stop in releases:
            out[start:stop] = part[start:stop].sum(axis=0, dtype=np.uint64)
        return out

    return Arith(cells.shape, tuple(added(part) for part in cells.parts), cells.constant_at)


@dataclass(frozen=True, slots=True)
class _Near:
    """Whether cohorts lie too near to known ones, among `persons` persons, shape (1,)."""

    engine: Engine
    persons: Arith
    k: int

    async def none(self, session: Session, known: _Known, new: Arith) -> Bits:
        """One row: 1 where neither s nor N - s of the new cohort and any known one is 1 to k - 1."""
        old, count = known.common.shape
        pairs = old * count
        earlier, later = np.repeat(np.arange(old), count), np.tile(np.arange(count), old)
        apart = known.sizes.taken(earlier) + new.taken(later) - known.common.flat().scaled(2)
        rest = self.persons.taken(np.zeros(pairs, dtype=np.intp)) - apart
        # s < k and s < 1 for every pair, then the same of N - s.
        tested = [each.plus(-least) for each in (apart, rest) for least in (self.k, 1)]
        below = await self.engine.negative(
            session.narrow("below"), Arith.concatenate(tested), width=WIDTH
        )
        few, no, few_rest, no_rest = (
            below.between(i * pairs, (i + 1) * pairs) for i in range(len(tested))
        )
        near = await self.engine.conj(session.narrow("near"), [(few, ~no), (few_rest, ~no_rest)])
        far = [~row.between(i * count, (i + 1) * count) for row in near for i in range(old)]
        return await conjunction(session.narrow("every"), self.engine, far)


async def _union(session: Session, near: _Near, known: _Known, new: Arith, allowed: Bits) -> Bits:
    """One row of the same bit for every cell: whether those that are allowed, as one cohort, may be known too."""
    engine, (count,) = near.engine, new.shape
    flags = (await engine.to_arith(session.narrow("flags"), allowed)).flat()
    # |A and U| = sum of f_j |A and B_j| and |U| = sum of f_j |B_j|: cells are disjoint.
    summands = Arith.rows_of([known.common, new.repeat(1)])
    rows = summands.shape[0]
    found = await engine.dot(session.narrow("total"), summands, flags.repeat(rows))
    union = _Known(known.sizes, found.between(0, rows - 1).column())
    together = await near.none(session.narrow("far"), union, found.between(rows - 1, rows))
    return together.taken(np.zeros(count, dtype=np.intp))
