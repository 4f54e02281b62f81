"""Distinct: each key that present rows have, once, moved to the front; or only how many keys there are.

Rows are sorted by key, those that are absent last. The first row of each run of equal keys stands for the run.
Specification and argument: protocols/distinct/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mpcstats.engines.api import Engine, Masked
from mpcstats.engines.column import length_of
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols import runs
from mpcstats.protocols.compact import compact
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct keys in ascending order: column by column; which rows hold one; how many there are, shape (1,).

    Rows that hold none are junk, never to be opened. `count` may exceed the number of rows that were kept.
    """

    keys: tuple[Bits, ...]
    valid: Bits
    count: Arith


async def distinct(
    session: Session,
    engine: Engine,
    keys: Sequence[Bits],
    *,
    present: Bits | None = None,
    rows: int | None = None,
) -> Distinct:
    """The distinct keys of the rows where the row of bits `present` is 1 (None: of all rows).

    `rows` is a public bound on how many are kept, the smallest ones (None, or more than there are: as many as there are
    rows). Keys are compared as unsigned numbers, the first of `keys` being the most significant; two NULLs are one key
    if NULL has a bit of its own among `keys` and the other bits are the same in all of them.
    Raises UsageError without a key, for keys of different lengths, or for a bound below 0.
    """
    if rows is not None and rows < 0:
        raise UsageError(f"expected a bound of at least 0 distinct keys, got {rows}")
    ordered, first = await _firsts(session, engine, keys, present)
    moved = await compact(session.narrow("compact"), engine, first, [Bits.stack([first, *ordered])])
    (column,) = moved.columns
    if not isinstance(column, Bits):
        raise InternalError("expected bit rows to stay bit rows when they are compacted")
    kept = column.between(0, first.length if rows is None else min(rows, first.length))
    ends = np.cumsum([1, *(key.width for key in ordered)]).tolist()
    split = [kept.rows(slice(a, b)) for a, b in pairwise(ends)]
    return Distinct(tuple(split), kept.rows(0), moved.count)


async def count_distinct(
    session: Session, engine: Engine, keys: Sequence[Bits], *, present: Bits | None = None
) -> Arith:
    """How many distinct keys the present rows have, shape (1,). Keys and errors as for `distinct`."""
    _, first = await _firsts(session, engine, keys, present)
    owner = engine.compute[0]
    ones = np.ones(first.length, dtype=np.uint64) if session.me == owner else None
    return await engine.masked_sums(session.narrow("count"), [Masked(first, owner, ones)])


async def _firsts(
    session: Session, engine: Engine, keys: Sequence[Bits], present: Bits | None
) -> tuple[tuple[Bits, ...], Bits]:
    """The keys in ascending order, and a row of bits: 1 in the first present row of each key."""
    if not keys:
        raise UsageError("expected at least one key to tell rows apart by, got none")
    n = length_of(keys)
    by = [Key(key) for key in keys]
    if present is None:
        ordered = (await sort(session.narrow("sort"), engine, by)).keys
        return ordered, await runs.starts(session.narrow("runs"), engine, ordered)
    if (present.length, present.width) != (n, 1):
        raise UsageError(f"expected one row of {n} bits of presence, got {present!r}")
    absent, *ordered_keys = (await sort(session.narrow("sort"), engine, [Key(~present), *by])).keys
    # Absent rows come after all present ones, so a present row's key is compared with that of a present row.
    starting = await runs.starts(session.narrow("runs"), engine, ordered_keys)
    (first,) = await engine.conj(session.narrow("present"), [(starting, ~absent)])
    return tuple(ordered_keys), first
