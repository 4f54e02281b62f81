"""An arrangement: the secret order of a shuffle, then a public one. It can be undone without opening anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Column, Positions, ShuffleOrder, length_of
from mpcstats.errors import InternalError
from mpcstats.session import Session


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Arranged row i is row order[i] of the shuffled rows; `order` is None at a party without shares.

    It is also None if only some of the rows were arranged: then it cannot be undone.
    """

    shuffle: ShuffleOrder
    order: Positions | None = field(repr=False)

    async def restore(
        self, session: Session, engine: Engine, columns: Sequence[Column]
    ) -> list[Column]:
        """Columns of arranged rows, in the order from before. Raises InternalError for another number of rows."""
        n = self.shuffle.length
        if length_of(columns) != n:
            raise InternalError(f"expected columns of {n} rows, got {length_of(columns)}")
        if session.me not in engine.compute:
            return list(columns)
        if self.order is None:
            raise InternalError("expected all rows to be arranged, got some of them")
        back = np.empty(n, dtype=np.intp)
        back[self.order] = np.arange(n)
        shuffled = [column.taken(back) for column in columns]
        return await engine.unshuffle(session, self.shuffle, shuffled)
