"""Quantile: exact order statistics of secret values, without opening how many values there are.

If all rows are present, the ranks are public, and a sort that looks for them alone is a cheap selection. Otherwise
absent rows are dealt out in secret below and above the values, so that the rank is public again; or, for many
quantiles at once, one sort with absent rows last and a secret choice among the ranks that can occur.
Specification and argument: protocols/quantile/spec.md.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import united
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.compact import compact
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session, parallel

SELECTIONS = 5  # quantiles at once for which a selection each takes less than one sort for all
LARGEST_DENOMINATOR = 1 << 32  # times 2^30 rows stays below 2^63


@dataclass(frozen=True, slots=True)
class Quantiles:
    """For each quantile that was asked for its value, as bit rows and as a number, shape (quantiles,).

    `count`, shape (1,): how many values are present; `exists`, one bit: whether any is. If none is, all are 0.
    """

    rows: Bits
    numbers: Arith
    count: Arith
    exists: Bits


async def quantile(
    session: Session,
    engine: Engine,
    values: Bits,
    at: Sequence[tuple[int, int]],
    *,
    present: Bits | None = None,
    signed: bool = False,
) -> Quantiles:
    """For each q = (a, b) of `at` the ceil(a c / b)-th smallest of the c values of rows where `present` is 1.

    `values`: bit rows, at most 64, row 0 the lowest; `signed`: read them as two's complement numbers. `present` None:
    all rows are, and c is public. Raises UsageError unless 0 < a <= b < 2^32 for each q, for no q at all, for values
    that are wider than 64 bits, or for another number of bits of presence than of values.
    """
    _check(values, at, present)
    m, n = len(at), values.length
    keys = ordered(values) if signed else values
    if n == 0:
        none = values.zeros(m)
        numbers = await _numbers(session.narrow("number"), engine, none, signed=signed)
        return Quantiles(none, numbers, numbers.zeros(1), values.rows(0).zeros(1))
    if present is None:
        found = await _selected(session.narrow("select"), engine, [Key(keys)], _ranks(at, n))
        rows = ordered(found) if signed else found
        numbers = await _numbers(session.narrow("number"), engine, rows, signed=signed)
        one = values.public(np.ones((1, 1), dtype=np.uint64), 1)
        return Quantiles(rows, numbers, numbers.zeros(1).plus(n), one)
    if len(set(at)) <= SELECTIONS:
        found, count, exists = await _balanced(session.narrow("balance"), engine, keys, at, present)
    else:
        found, count, exists = await _chosen(session.narrow("choose"), engine, keys, at, present)
    everywhere = exists.taken(np.zeros(m, dtype=np.intp)).repeat(values.width)
    pair = (ordered(found) if signed else found, everywhere)
    (rows,) = await engine.conj(session.narrow("exists"), [pair])
    numbers = await _numbers(session.narrow("number"), engine, rows, signed=signed)
    return Quantiles(rows, numbers, count, exists)


def ordered(values: Bits) -> Bits:
    """Two's complement numbers as keys, which are compared as unsigned: the top bit inverted. Its own inverse."""
    top = values.width - 1
    return Bits.stack([values.rows(slice(0, top)), ~values.rows(top)])


def _check(values: Bits, at: Sequence[tuple[int, int]], present: Bits | None) -> None:
    if not at or any(not 0 < a <= b < LARGEST_DENOMINATOR for a, b in at):
        raise UsageError(
            f"expected quantiles (a, b) with 0 < a <= b < 2^32, got {list(at) or 'none'}"
        )
    if not 1 <= values.width <= slicing.WORD:
        raise UsageError(f"expected values of 1 to 64 bits, got {values.width}")
    if present is not None and (present.length, present.width) != (values.length, 1):
        raise UsageError(f"expected one row of {values.length} bits of presence, got {present!r}")


def _place(q: tuple[int, int], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """ceil(q count) for every count."""
    a, b = q
    return -(-a * count // b)


def _ranks(at: Sequence[tuple[int, int]], n: int) -> Positions:
    """The rank of each quantile among n values, counted from 0."""
    return np.array([int(_place(q, np.array([n]))[0]) - 1 for q in at], dtype=np.intp)


async def _selected(
    session: Session, engine: Engine, keys: Sequence[Key], ranks: Positions
) -> Bits:
    """The least significant of `keys` in the rows of public `ranks`, in any order."""
    wanted, where = np.unique(ranks, return_inverse=True)
    found = await sort(session, engine, keys, ranks=wanted)
    return found.keys[-1].taken(where)


async def _balanced(
    session: Session, engine: Engine, keys: Bits, at: Sequence[tuple[int, int]], present: Bits
) -> tuple[Bits, Arith, Bits]:
    """The quantiles, junk if no row is present, how many are and whether any is: by a selection for each.

    Let P(c) = ceil(q c). Of n - c absent rows, P(n) - P(c) are put below all values and the others above: then the
    rank that is looked for is P(n), whatever c is. Absent row number j, counted from 1, is one of those below if
    P(n - j + 1) - P(n - j) is 1: for j = 1, ..., n - c these add up to P(n) - P(c). With absent rows in front, the
    j-th row is either absent row number j or present, so this is a public row of bits.
    """
    n = keys.length
    stacked = Bits.stack([~present, keys])
    gathered = await compact(session.narrow("front"), engine, ~present, [stacked])
    (front,) = gathered.columns
    if not isinstance(front, Bits):
        raise InternalError("expected bit rows to stay bit rows when they are compacted")
    absent, values = front.rows(0), front.rows(slice(1, None))
    left = np.arange(n, -1, -1)  # n - j + 1 for j = 1, ..., and at last 0

    def select(number: int, q: tuple[int, int]) -> Coroutine[Any, Any, Bits]:
        below = slicing.pack((-np.diff(_place(q, left)))[None, :])
        by = [Key(absent.masked(~below)), Key(~absent), Key(values)]
        return _selected(session.narrow(f"select{number}"), engine, by, _ranks([q], n))

    different = sorted(set(at))
    found = united(await parallel(*(select(i, q) for i, q in enumerate(different))))
    if not isinstance(found, Bits):
        raise InternalError("expected bit rows to stay bit rows")
    where = np.array([different.index(q) for q in at], dtype=np.intp)
    return found.taken(where), (-gathered.count).plus(n), ~absent.between(n - 1, n)


async def _chosen(
    session: Session, engine: Engine, keys: Bits, at: Sequence[tuple[int, int]], present: Bits
) -> tuple[Bits, Arith, Bits]:
    """The quantiles, how many rows are present and whether any is: by one sort with absent rows last.

    Ranks P(c) - 1 for c = 1, ..., n are all of 0, ..., P(n) - 1, so those below the largest P(n) are sorted. Flags of
    presence, moved to the front, are 1 in the first c places; where the last 1 stands is a row of bits with a 1 at
    place c - 1. Its and with the public choice of row P(c) - 1 for each c leaves the quantile, or 0 everywhere.
    """
    n = keys.length
    gathered = await compact(session.narrow("count"), engine, present, [present])
    (front,) = gathered.columns
    if not isinstance(front, Bits):
        raise InternalError("expected bit rows to stay bit rows when they are compacted")
    last = front ^ front.moved(-1)
    largest = max(_ranks(at, n)) + 1
    found = await sort(
        session.narrow("sort"), engine, [Key(~present), Key(keys)], ranks=np.arange(largest)
    )
    counts = np.arange(1, n + 1)
    different = sorted(set(at))
    pairs = [
        (found.keys[-1].taken(_place(q, counts) - 1), last.repeat(keys.width)) for q in different
    ]
    kept = await engine.conj(session.narrow("choice"), pairs)
    chosen = united([column.accumulated().between(n - 1, n) for column in kept])
    if not isinstance(chosen, Bits):
        raise InternalError("expected bit rows to stay bit rows")
    where = np.array([different.index(q) for q in at], dtype=np.intp)
    return chosen.taken(where), gathered.count, front.between(0, 1)


async def _numbers(session: Session, engine: Engine, rows: Bits, *, signed: bool) -> Arith:
    """The numbers of which `rows` are the bits; the top bit of `signed` ones counts -2^(width - 1)."""
    each = await engine.to_arith(session, rows)
    total = each[0].zeros(rows.length)
    for bit in range(rows.width):
        negative = signed and bit == rows.width - 1
        total += each[bit].scaled(-(1 << bit) if negative else 1 << bit)
    return total
