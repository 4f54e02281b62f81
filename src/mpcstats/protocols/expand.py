"""Expand: shared rows repeated by a map that one party, the owner, knows; nobody learns how often each occurs.

The owner brings the rows that occur to the front, each party takes differences of neighbours, the owner puts each
difference where its run begins, among rows of zeros; prefix sums fill the runs, and the owner puts all in place.
Specification and argument: protocols/expand/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, difference, length_of, united
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.lookup_join import Found
from mpcstats.session import Session, Words, parallel

NO_ROW = -1  # a source that names no row: zeros come of it


@dataclass(frozen=True, slots=True)
class Expanded:
    """For each row of the left owner: the hit bit and the values, junk where there is no hit: never open them so."""

    hit: Bits
    columns: tuple[Arith, ...]


@dataclass(frozen=True, slots=True)
class _Orders:
    """What the owner chooses: the rows that occur, where each run begins, and which row of a run goes where."""

    pick: Positions = field(repr=False)
    place: Positions = field(repr=False)
    back: Positions = field(repr=False)


async def expand(
    session: Session,
    engine: Engine,
    columns: Sequence[Column],
    sources: Positions | None,
    *,
    owner: str,
    rows_out: int,
    compact: bool = False,
    grouped: bool = False,
) -> list[Column]:
    """Element i of each result is element sources[i] of the column, 0 where sources[i] is -1; `rows_out` elements.

    `sources` is given at the owner, None elsewhere. Public promises of the owner that spare a permutation each:
    `compact`, the sources that occur are 0 to m - 1 for some m; `grouped`, the sources ascend.
    Raises UsageError at the owner for a source that is no row, or a promise that does not hold.
    """
    n = length_of(columns)
    occurring = min(n, rows_out)
    orders = None
    if session.me == owner:
        checked = _checked(sources, n, rows_out, compact=compact, grouped=grouped)
        orders = _orders(checked, n, occurring)
    rows = list(columns)
    if compact:
        rows = [column.between(0, occurring) for column in rows]
    else:
        pick = None if orders is None else orders.pick
        rows = await engine.permute(session.narrow("pick"), rows, pick, owner=owner, keep=occurring)
    padded = [united([_differences(column), column.zeros(rows_out)]) for column in rows]
    place = None if orders is None else orders.place
    placed = await engine.permute(
        session.narrow("place"), padded, place, owner=owner, keep=rows_out
    )
    filled: list[Column] = [column.accumulated() for column in placed]
    if grouped:
        return filled
    back = None if orders is None else orders.back
    return await engine.permute(session.narrow("back"), filled, back, owner=owner)


async def expand_found(
    session: Session,
    engine: Engine,
    found: Found,
    sources: Positions | None,
    *,
    owner: str,
    rows_out: int,
) -> Expanded:
    """The result of a lookup of distinct keys, for each row of the left owner `owner`.

    `sources`, at the owner: for each of `rows_out` rows the number of its key among the distinct ones, -1 for a row
    without a key (no hit). Every distinct key must occur, see `distinct`; keys beyond them are the lookup's padding.
    """
    shares = session.narrow("columns")
    columns = await parallel(
        *(column.share(shares.narrow(str(i)), engine) for i, column in enumerate(found.columns))
    )
    hit, *values = await expand(
        session.narrow("expand"),
        engine,
        [found.hit, *columns],
        sources,
        owner=owner,
        rows_out=rows_out,
        compact=True,
    )
    numbers = tuple(value for value in values if isinstance(value, Arith))
    if not isinstance(hit, Bits) or len(numbers) != len(values):
        raise InternalError("expected bits to stay bits and numbers to stay numbers")
    return Expanded(hit, numbers)


def distinct(keys: Words) -> tuple[Words, Positions]:
    """The distinct ones of the keys, shape (n, 2) to (m, 2), and for each row the number of its key among them."""
    order = np.lexsort((keys[:, 0], keys[:, 1]))
    ordered = keys[order]
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = np.any(ordered[1:] != ordered[:-1], axis=1)
    sources = np.empty(len(keys), dtype=np.intp)
    sources[order] = np.cumsum(first) - 1
    return np.ascontiguousarray(ordered[first]), sources


def _checked(
    sources: Positions | None, n: int, rows_out: int, *, compact: bool, grouped: bool
) -> Positions:
    if sources is None:
        raise InternalError("expected sources at their owner, got None")
    if sources.shape != (rows_out,):
        raise UsageError(f"expected {rows_out} sources, got an array of shape {sources.shape}")
    if sources.size and not (int(sources.min()) >= NO_ROW and int(sources.max()) < n):
        raise UsageError(f"expected sources from {NO_ROW} to {n - 1}, got one out of range")
    if grouped and np.any(sources[1:] < sources[:-1]):
        raise UsageError("expected ascending sources, as `grouped` promises, got others")
    if compact:
        seen = np.zeros(n + 1, dtype=np.bool_)
        seen[sources] = True  # -1 is the last place
        if np.any(np.diff(seen[:n].astype(np.int8)) > 0) or (n and seen[:n].any() and not seen[0]):
            raise UsageError("expected sources without a gap, as `compact` promises, got others")
    return sources


def _orders(sources: Positions, n: int, occurring: int) -> _Orders:
    # Sorting words that hold source and place is stable, and faster than sorting places.
    tagged = (sources - NO_ROW).astype(np.uint64) << np.uint64(32)
    tagged |= np.arange(sources.size, dtype=np.uint64)
    tagged.sort()
    by_source = (tagged & np.uint64((1 << 32) - 1)).astype(np.intp)
    grouped = sources[by_source]
    begins = np.ones(grouped.size, dtype=np.bool_)
    begins[1:] = grouped[1:] != grouped[:-1]
    # Rows without a source come first: before the first run the prefix sum is 0.
    heads = np.flatnonzero(begins & (grouped != NO_ROW))
    used = grouped[heads]
    unused = np.ones(n, dtype=np.bool_)
    unused[used] = False
    pick = np.concatenate([used, np.flatnonzero(unused)])[:occurring]
    place = occurring + np.arange(grouped.size)  # zeros, but where a run begins
    place[heads] = np.arange(heads.size)
    back = np.empty(grouped.size, dtype=np.intp)
    back[by_source] = np.arange(grouped.size)
    return _Orders(pick, place, back)


def _differences(column: Column) -> Column:
    return difference(column, column.moved(1))
