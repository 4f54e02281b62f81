"""The gate, the only protocol that opens values: cells are tested and masked before they are opened.

Specification and argument: protocols/gate/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols.criterion import conjunction
from mpcstats.session import Session, parallel

LEAK = "gated-cell"


@dataclass(frozen=True, slots=True)
class Cells:
    """What is to be opened: for each of `count` cells the values, and lower bounds of its number of persons.

    `values` has shape (count * columns,), column by column; each of `persons` has shape (count,).
    """

    count: int
    columns: int
    persons: tuple[Arith, ...]
    values: Arith


@dataclass(frozen=True, slots=True)
class Opened:
    """What a recipient learns: which cells pass, shape (count,), and values, shape (columns, count), 0 if not."""

    shown: NDArray[np.bool_] = field(repr=False)
    values: NDArray[np.int64] = field(repr=False)


async def gate(
    session: Session, engine: Engine, cells: Cells, *, k: int, to: Sequence[str]
) -> Opened | None:
    """Open every cell of which at least one bound says k persons or more; at the recipients, None elsewhere.

    Bounds must lie below 2^62 and k >= 1, so that bound - k keeps its sign. Raises UsageError for a smaller k,
    PeerFault if what was opened is no bit.
    """
    if k < 1:
        raise UsageError(f"expected a minimum of at least 1 person, got {k}")
    if not cells.persons:
        raise InternalError("expected a count of persons, got none")
    below = await _below(session, engine, cells, k)
    shown = (await engine.to_arith(session.narrow("bit"), ~below))[0]
    masked = shown
    if cells.columns:
        repeated = Arith.concatenate([shown] * cells.columns)
        products = await engine.multiply(session.narrow("mask"), repeated, cells.values)
        masked = Arith.concatenate([shown, products])
    opened = await engine.reveal(session.narrow("open"), masked, leak=LEAK, to=to)
    if opened is None:
        return None
    bits = opened[: cells.count]
    if np.any(bits > np.uint64(1)):
        raise PeerFault(
            "a compute party", session.step, "expected the bits shown or not, got other numbers"
        )
    values = opened[cells.count :].view(np.int64).reshape(cells.columns, cells.count)
    return Opened(bits == np.uint64(1), values)


async def _below(session: Session, engine: Engine, cells: Cells, k: int) -> Bits:
    """One row: 1 where every bound is below k."""
    signs = await parallel(
        *(
            engine.negative(session.narrow(f"below{i}"), bound.plus(-k))
            for i, bound in enumerate(cells.persons)
        )
    )
    return await conjunction(session.narrow("every"), engine, signs)
