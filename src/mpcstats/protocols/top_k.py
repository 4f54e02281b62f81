"""Top k: the first k rows in the order of secret keys, without ordering the others.

A sort of which only the first k ranks are wanted: it leaves alone whatever lies behind them.
Specification and argument: protocols/top_k/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, length_of
from mpcstats.engines.share import Bits
from mpcstats.errors import UsageError
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session


@dataclass(frozen=True, slots=True)
class Top:
    """The first k rows: their keys and columns, in order, and a row of bits: which of them are present.

    What an absent row holds is junk, never to be opened.
    """

    keys: tuple[Bits, ...]
    columns: tuple[Column, ...]
    present: Bits


async def top_k(
    session: Session,
    engine: Engine,
    keys: Sequence[Key],
    columns: Sequence[Column],
    k: int,
    *,
    present: Bits | None = None,
) -> Top:
    """The first k rows in the order of `keys`, the most significant first; equal ones in their old order.

    Rows where the row of bits `present` is 0 come last (None: all are present). A key that may be NULL has the bit
    of its NULLs as a key before it: ascending puts NULLs last, descending first.
    Raises UsageError for a k below 0 or beyond the number of rows, without a key, or for another number of bits.
    """
    if not keys:
        raise UsageError("expected at least one key to rank rows by, got none")
    n = length_of([key.rows for key in keys])
    if not 0 <= k <= n:
        raise UsageError(f"expected from 0 to {n} first rows of {n}, got {k}: ask for fewer")
    if present is not None and (present.length, present.width) != (n, 1):
        raise UsageError(f"expected one row of {n} bits of presence, got {present!r}")
    by = list(keys) if present is None else [Key(~present), *keys]
    found = await sort(session.narrow("sort"), engine, by, columns, ranks=np.arange(k))
    if present is None:
        all_of_them = slicing.pack(np.ones((1, k), dtype=np.bool_))
        return Top(found.keys, found.columns, keys[0].rows.public(all_of_them, k))
    absent, *own = found.keys
    return Top(tuple(own), found.columns, ~absent)
