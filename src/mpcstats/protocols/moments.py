"""Moments: exact sums, sums of squares and of products of one or two columns, in 64 bits or in 128 where bounds say so.

Specification and argument: protocols/moments/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, parallel

Number = Arith | Wide
LIFTED = 62  # what is lifted, and every sum in 64 bits, lies in [-2^62, 2^62)
MOST = 127


@dataclass(frozen=True, slots=True)
class Bounds:
    """Public bounds from the catalogue: at most `rows` rows, |x| <= x, |y| <= y."""

    rows: int
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the rows that count, each of shape (1,): in 64 bits (Arith) or 128 (Wide), by ring_bits.

    `count` is the number of these rows; y, yy and xy are None without a second column.
    """

    count: Arith
    x: Number
    xx: Number
    y: Number | None = None
    yy: Number | None = None
    xy: Number | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """n Sxy - Sx Sy and n (n - 1): their ratio is the sample covariance, and the variance for x = y."""

    numerator: Wide
    denominator: Wide


def ring_bits(rows: int, x: int, y: int = 1) -> int:
    """64 or 128: the ring in which every sum over `rows` rows of numbers up to x times y is exact.

    Sums of 64 bits stay below 2^62, so that they can be lifted. Raises UsageError for bounds below 0, and for
    sums that may reach 2^127.
    """
    if min(rows, x, y) < 0:
        raise UsageError(f"expected bounds of at least 0, got {rows} rows, {x} and {y}")
    largest = rows * x * y
    if largest >= 1 << MOST:
        raise UsageError(
            f"expected sums below 2^127, got up to 2^{largest.bit_length()}: narrow the columns' bounds"
        )
    return 64 if largest < 1 << LIFTED else 128


def deviation_bits(bounds: Bounds) -> tuple[int, int]:
    """Bits of the magnitudes of both terms of a deviation, as divide asks for them: at least 1 each."""
    rows = bounds.rows * bounds.rows
    return max(1, (rows * bounds.x * bounds.y).bit_length()), max(1, rows.bit_length())


async def moments(
    session: Session,
    engine: Engine,
    x: Arith,
    y: Arith | None = None,
    *,
    bounds: Bounds,
    valid: Bits | None = None,
) -> Moments:
    """The moments of the vectors x and y over the rows where `valid` (one row of bits) is 1, or over all rows.

    x and y hold `bounds.rows` signed numbers within the bounds, in every row. Raises UsageError for bounds that
    128 bits cannot hold, and for a column of 2^62 or more of which 128 bits are needed.
    """
    columns = [x] if y is None else [x, y]
    limits = [bounds.x] if y is None else [bounds.x, bounds.y]
    if any(c.shape != (bounds.rows,) for c in columns):
        raise InternalError(f"expected columns of {bounds.rows} rows, got {columns}")
    pairs = [(0, 0)] if y is None else [(0, 0), (1, 1), (0, 1)]
    sum_bits = [ring_bits(bounds.rows, limit) for limit in limits]
    pair_bits = [ring_bits(bounds.rows, limits[i], limits[j]) for i, j in pairs]
    broad = [
        128 in (sum_bits[c], *(b for b, pair in zip(pair_bits, pairs, strict=True) if c in pair))
        for c in range(len(columns))
    ]
    if any(b and limit >= 1 << LIFTED for b, limit in zip(broad, limits, strict=True)):
        raise UsageError("expected columns below 2^62 where sums need 128 bits, got larger bounds")
    # A public number as a secret: all of whose components but one are 0.
    count = x.total().scaled(0).plus(bounds.rows)
    if valid is not None:
        count, columns = await _masked(session.narrow("valid"), engine, columns, valid)
    wides = await _lifted(session.narrow("lift"), engine, columns, broad)
    products = await parallel(
        *(
            _dot(session.narrow(f"dot{i}{j}"), engine, columns, wides, (i, j), bits)
            for (i, j), bits in zip(pairs, pair_bits, strict=True)
        )
    )
    sums = [
        c.total() if bits == 64 else _there(w).total()
        for c, w, bits in zip(columns, wides, sum_bits, strict=True)
    ]
    if y is None:
        return Moments(count, sums[0], products[0])
    return Moments(count, sums[0], products[0], sums[1], products[1], products[2])


async def deviation(
    session: Session,
    engine: Engine,
    count: Arith,
    x: Number,
    y: Number,
    xy: Number,
    *,
    bounds: Bounds,
) -> Deviation:
    """n Sxy - Sx Sy and n (n - 1) of vectors of moments (one element a cell), all of one shape; x = y for a variance.

    The numerator is at most rows^2 x y in magnitude. Raises UsageError if that may reach 2^127.
    """
    ring_bits(bounds.rows * bounds.rows, bounds.x, bounds.y)
    ring_bits(bounds.rows, bounds.rows)
    same = x is y
    given: list[Number] = [count, xy, x] if same else [count, xy, x, y]
    n, s_xy, s_x, *rest = await _all_wide(session.narrow("lift"), engine, given)
    s_y = s_x if same else rest[0]
    products = await engine.multiply_wide(
        session.narrow("products"),
        Wide.concatenate([n, s_x, n]),
        Wide.concatenate([s_xy, s_y, n.plus(-1)]),
    )
    cells = count.shape[0]
    first, second, third = (products[i * cells : (i + 1) * cells] for i in range(3))
    return Deviation(first - second, third)


async def _masked(
    session: Session, engine: Engine, columns: Sequence[Arith], valid: Bits
) -> tuple[Arith, list[Arith]]:
    """The number of valid rows, and the columns with 0 in the others."""
    n = columns[0].shape[0]
    if (valid.length, valid.width) != (n, 1):
        raise InternalError(f"expected one row of {n} bits, got {valid!r}")
    bit = (await engine.to_arith(session.narrow("bit"), valid))[0]
    product = await engine.multiply(
        session.narrow("mask"),
        Arith.concatenate([bit] * len(columns)),
        Arith.concatenate(columns),
    )
    return bit.total(), [product[i * n : (i + 1) * n] for i in range(len(columns))]


async def _lifted(
    session: Session, engine: Engine, columns: Sequence[Arith], broad: Sequence[bool]
) -> list[Wide | None]:
    """The columns of which 128 bits are needed, in 128 bits."""
    chosen = [c for c, b in zip(columns, broad, strict=True) if b]
    if not chosen:
        return [None] * len(columns)
    n = columns[0].shape[0]
    together = await engine.lift(session, Arith.concatenate(chosen))
    parts = iter([together[i * n : (i + 1) * n] for i in range(len(chosen))])
    return [next(parts) if b else None for b in broad]


async def _dot(
    session: Session,
    engine: Engine,
    columns: Sequence[Arith],
    wides: Sequence[Wide | None],
    pair: tuple[int, int],
    bits: int,
) -> Number:
    i, j = pair
    if bits == 64:
        return await engine.dot(session, columns[i], columns[j])
    return await engine.dot_wide(session, _there(wides[i]), _there(wides[j]))


async def _all_wide(session: Session, engine: Engine, given: Sequence[Number]) -> list[Wide]:
    """All in 128 bits; those in 64 are lifted together."""
    narrow = [g for g in given if isinstance(g, Arith)]
    n = given[0].shape[0]
    if any(g.shape != (n,) for g in given):
        raise InternalError(f"expected moments of one shape, got {list(given)}")
    together = await engine.lift(session, Arith.concatenate(narrow))
    parts = iter([together[i * n : (i + 1) * n] for i in range(len(narrow))])
    return [next(parts) if isinstance(g, Arith) else g for g in given]


def _there(secret: Wide | None) -> Wide:
    if secret is None:
        raise InternalError("expected a column that was lifted, got None")
    return secret
