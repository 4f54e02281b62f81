"""Placing: rows go to secret destinations, which are opened after a fresh shuffle: a uniform permutation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Positions
from mpcstats.errors import InternalError, PeerFault
from mpcstats.protocols.arrangement import Arrangement
from mpcstats.session import Session, Words

LEAK = "shuffled-destination"


@dataclass(frozen=True, slots=True)
class Placed:
    """The columns with every row at its destination, and how they came there."""

    columns: tuple[Column, ...]
    arrangement: Arrangement


async def place(
    session: Session, engine: Engine, destinations: Arith, columns: Sequence[Column]
) -> Placed:
    """Row i of every column goes to place destinations[i]; these are each of 0 to n - 1 once, in secret order.

    Raises PeerFault if what is opened is no permutation.
    """
    (n,) = destinations.shape
    shuffled = await engine.shuffle(session.narrow("shuffle"), [destinations, *columns])
    mixed, *carried = shuffled.columns
    if not isinstance(mixed, Arith):
        raise InternalError("expected numbers to stay numbers in a shuffle")
    opened = await engine.reveal(session.narrow("open"), mixed, leak=LEAK, to=engine.compute)
    order = None if opened is None else _order(session, opened, n)
    if order is not None:
        carried = [column.taken(order) for column in carried]
    return Placed(tuple(carried), Arrangement(((shuffled.order, order),)))


def _order(session: Session, destinations: Words, n: int) -> Positions:
    """Which shuffled row each place gets. Raises PeerFault unless every place gets one."""
    order = np.full(n, -1, dtype=np.intp)
    if np.all(destinations < np.uint64(n)):
        order[destinations.astype(np.intp)] = np.arange(n)
    if np.any(order < 0):
        raise PeerFault(
            "a compute party", session.step, f"expected every place of {n} rows once, got another"
        )
    return order
