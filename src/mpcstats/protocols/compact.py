"""Compact: the flagged rows first, then the others, each kind in its old order; in a constant number of rounds.

Specification and argument: protocols/compact/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.protocols.arrangement import Arrangement
from mpcstats.protocols.placing import place
from mpcstats.session import Session


@dataclass(frozen=True, slots=True)
class Compacted:
    """The columns, flagged rows first, and the number of these, shape (1,)."""

    columns: tuple[Column, ...]
    count: Arith
    arrangement: Arrangement


async def compact(
    session: Session, engine: Engine, flags: Bits, columns: Sequence[Column]
) -> Compacted:
    """Move the rows where the row of bits `flags` is 1 to the front, with `columns` of as many rows.

    Raises PeerFault if what is opened is no permutation.
    """
    if flags.width != 1:
        raise InternalError(f"expected one row of flags, got {flags.width}")
    numbers = (await engine.to_arith(session.narrow("flags"), flags))[0]
    destinations, count = await _destinations(session.narrow("destinations"), engine, numbers)
    placed = await place(session, engine, destinations, columns)
    return Compacted(placed.columns, count, placed.arrangement)


async def _destinations(session: Session, engine: Engine, flags: Arith) -> tuple[Arith, Arith]:
    """Where each row goes, and how many flagged ones there are.

    With f the flag and s the flags up to and with row i: row i goes to s - 1 if f is 1. Else it goes behind all
    flagged rows and the i - s unflagged ones before it: b = total + i - s. Together b + f (s - 1 - b).
    """
    (n,) = flags.shape
    upto = flags.accumulated()
    count = flags.total()
    everywhere = np.zeros(n, dtype=np.intp)  # count has one element
    behind = count.taken(everywhere) - upto
    behind = behind.plus(np.arange(n, dtype=np.uint64))
    moved = await engine.multiply(session, flags, upto.plus(-1) - behind)
    return behind + moved, count
