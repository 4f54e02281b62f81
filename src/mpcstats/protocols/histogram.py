"""Histogram: how many secret numbers lie between public edges.

Comparisons with public numbers are cheaper than with secrets: two neighbouring bits need one and for all edges, and
edges that agree in a range of bits share what is computed of it. Numbers below one edge and not below the edge before
are in the bin between: the exclusive or of two rows, whose ones are counted.
Specification and argument: protocols/histogram/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine, Masked
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, in_blocks

BLOCK_ROWS = 1 << 17  # rows at a time; a multiple of a word's bits

Range = tuple[int, int]  # bits from the first to before the second


async def histogram(
    session: Session,
    engine: Engine,
    values: Bits,
    edges: Sequence[int],
    *,
    below: bool = False,
    above: bool = False,
    valid: Bits | None = None,
) -> Arith:
    """For each bin the number of valid rows in it; shape (bins,). Bin i is edges[i] <= value < edges[i + 1].

    values: bit rows of unsigned numbers, row 0 the lowest bit. edges: ascending, public. below, above: with a bin of
    what is less than the first edge, and of what is the last edge or more. valid: one row of bits, None if all count.
    Raises UsageError for edges that do not ascend, and if there is no bin.
    """
    bounds = bin_bounds(edges, values.width, below=below, above=above)
    if valid is not None and (valid.length, valid.width) != (values.length, 1):
        raise InternalError(f"expected one row of {values.length} valid bits, got {valid!r}")
    run = _Run(engine, values, valid, bounds)
    n = max(values.length, 1)  # one block also if there are no rows
    total, *others = await in_blocks(session.narrow("blocks"), n, BLOCK_ROWS, run.block)
    for counts in others:
        total = total + counts
    return total


def bin_bounds(edges: Sequence[int], width: int, *, below: bool, above: bool) -> tuple[int, ...]:
    """The edges of all bins, open ends closed by 0 and 2^width, none above that."""
    if any(b <= a for a, b in pairwise(edges)) or any(e < 0 for e in edges):
        raise UsageError(f"expected ascending edges from 0 on, got {list(edges)}")
    most = 1 << width
    bounds = [min(edge, most) for edge in edges]
    bounds = [0] * below + bounds + [most] * above
    if not edges or len(bounds) < 2:
        raise UsageError(f"expected edges of at least one bin, got {list(edges)}")
    return tuple(bounds)


def ands(bounds: Sequence[int], width: int, *, valid: bool) -> int:
    """How many ands a row takes; `bounds` as bin_bounds gives them."""
    inner = _inner(bounds, width)
    merged = sum(len(level) for level in _merges(inner, width))
    return (width // 2 if inner else 0) + merged + valid * (len(bounds) - 1)


@dataclass(frozen=True, slots=True)
class _Known:
    """Whether a range of bits equals a public number (None: not needed), and is less (None: never)."""

    equal: Bits | None
    less: Bits | None


@dataclass(frozen=True, slots=True)
class _Merge:
    """An and of two neighbouring ranges of bits, for the public number `constant` in both."""

    low: Range
    high: Range
    constant: int
    less: bool  # else: equal

    @property
    def whole(self) -> Range:
        return self.low[0], self.high[1]

    @property
    def parts(self) -> tuple[int, int]:
        """The constant's low and high part."""
        size = self.low[1] - self.low[0]
        return self.constant & ((1 << size) - 1), self.constant >> size


def _inner(bounds: Sequence[int], width: int) -> tuple[int, ...]:
    """Bounds that must be compared with: nothing is below 0, and all is below 2^width."""
    return tuple(sorted({b for b in bounds if 0 < b < 1 << width}))


def _ranges(width: int) -> list[Range]:
    """Pairs of bits, and a last bit alone if they are odd."""
    return [(start, min(start + 2, width)) for start in range(0, width, 2)]


def _cut(constants: Sequence[int], bits: Range) -> list[int]:
    """What the constants are in a range of bits, each once."""
    size = bits[1] - bits[0]
    return sorted({(c >> bits[0]) & ((1 << size) - 1) for c in constants})


def _merges(constants: Sequence[int], width: int) -> list[list[_Merge]]:
    """The ands of each level above the pairs. Less: unless nothing is. Equal: unless nothing is below the range."""
    ranges = _ranges(width)
    levels = []
    while len(ranges) > 1:
        level = []
        for low, high in zip(ranges[::2], ranges[1::2], strict=False):
            for constant in _cut(constants, (low[0], high[1])):
                both = [_Merge(low, high, constant, less) for less in (True, False)]
                level += [m for m in both if (m.parts[0] > 0 if m.less else low[0] > 0)]
        levels.append(level)
        ranges = _joined(ranges)
    return levels


def _joined(ranges: list[Range]) -> list[Range]:
    pairs = zip(ranges[::2], ranges[1::2], strict=False)
    return [(a, b) for (a, _), (_, b) in pairs] + ranges[len(ranges) // 2 * 2 :]


async def less_than_public(
    session: Session, engine: Engine, x: Bits, constants: Sequence[int]
) -> dict[int, Bits]:
    """For each of the constants, 0 < c < 2^width: one row, 1 where x < c."""
    if not constants:
        return {}
    known = await _pairs(session.narrow("pairs"), engine, x)
    ranges = _ranges(x.width)
    for i, merges in enumerate(_merges(constants, x.width)):
        asked = [_operands(known, merge) for merge in merges]
        products = await engine.conj(session.narrow(f"level{i}"), asked) if asked else []
        found = dict(zip(((m.whole, m.constant, m.less) for m in merges), products, strict=True))
        for low, high in zip(ranges[::2], ranges[1::2], strict=False):
            whole, size = (low[0], high[1]), low[1] - low[0]
            for constant in _cut(constants, whole):
                less = known[high, constant >> size].less
                chosen = found.get((whole, constant, True))
                if chosen is not None:
                    less = chosen if less is None else less ^ chosen
                known[whole, constant] = _Known(found.get((whole, constant, False)), less)
        ranges = _joined(ranges)
    rows = {}
    for constant in constants:
        less = known[ranges[0], constant].less
        if less is None:
            raise InternalError(f"expected a constant above 0, got {constant}")
        rows[constant] = less
    return rows


def _operands(known: dict[tuple[Range, int], _Known], merge: _Merge) -> tuple[Bits, Bits]:
    # x < c in both ranges: in the high one, or equal there and in the low one.
    low, high = merge.parts
    upper, lower = known[merge.high, high].equal, known[merge.low, low]
    chosen = lower.less if merge.less else lower.equal
    if upper is None or chosen is None:
        raise InternalError("expected what the level below has found, got nothing")
    return upper, chosen


async def _pairs(session: Session, engine: Engine, x: Bits) -> dict[tuple[Range, int], _Known]:
    """Each number of two bits, by one and: equal to 3 is x_1 and x_0, and the rest is linear in that and the bits."""
    count = x.width // 2
    known: dict[tuple[Range, int], _Known] = {}
    if count:
        low, high = x.rows(slice(0, 2 * count, 2)), x.rows(slice(1, 2 * count, 2))
        (both,) = await engine.conj(session, [(high, low)])
        for i in range(count):
            x_0, x_1, three = low.rows(i), high.rows(i), both.rows(i)
            bits = (2 * i, 2 * i + 2)
            zero = ~(x_0 ^ x_1 ^ three)
            known[bits, 0] = _Known(zero, None)
            known[bits, 1] = _Known(x_0 ^ three, zero)
            known[bits, 2] = _Known(x_1 ^ three, ~x_1)
            known[bits, 3] = _Known(three, ~three)
    if x.width % 2:
        top = x.rows(x.width - 1)
        bits = (x.width - 1, x.width)
        known[bits, 0] = _Known(~top, None)
        known[bits, 1] = _Known(top, ~top)
    return known


@dataclass(frozen=True, slots=True)
class _Run:
    engine: Engine
    values: Bits
    valid: Bits | None
    bounds: tuple[int, ...]

    async def block(self, session: Session, rows: slice) -> Arith:
        """The counts of one block of rows."""
        start, stop = rows.start, min(rows.stop, self.values.length)
        x = self.values.cut(start, stop)
        inner = _inner(self.bounds, x.width)
        less = await less_than_public(session.narrow("less"), self.engine, x, inner)
        never = x.constant(np.zeros((1, slicing.words(stop - start)), dtype=np.uint64))
        less |= {0: never, 1 << x.width: ~never}
        bins = [less[b] ^ less[a] for a, b in pairwise(self.bounds)]
        if self.valid is not None:
            valid = self.valid.cut(start, stop)
            bins = await self.engine.conj(session.narrow("valid"), [(row, valid) for row in bins])
        return await self._counted(session.narrow("counts"), bins)

    async def _counted(self, session: Session, rows: Sequence[Bits]) -> Arith:
        # A sum under bits costs its owner a word a row: the compute parties take turns.
        compute = self.engine.compute
        ones = np.ones(rows[0].length, dtype=np.uint64)
        requests = []
        for i, row in enumerate(rows):
            owner = compute[i % len(compute)]
            requests.append(Masked(row, owner, ones if session.me == owner else None))
        return await self.engine.masked_sums(session, requests)
