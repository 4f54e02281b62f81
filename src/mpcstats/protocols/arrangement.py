"""An arrangement: secret orders of shuffles, each followed by a public one. It can be undone; nothing is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, ShuffleOrder, length_of
from mpcstats.engines.share import Positions
from mpcstats.errors import InternalError
from mpcstats.session import Session


@dataclass(frozen=True, slots=True)
class Arrangement:
    """For each shuffle, in the order in which they were made, the public order that followed it.

    Arranged row i is row order[i] of the shuffled rows. An order is None at a party without shares, and where only
    some of the rows were arranged: then it cannot be undone.
    """

    passes: tuple[tuple[ShuffleOrder, Positions | None], ...] = field(repr=False)

    async def restore(
        self, session: Session, engine: Engine, columns: Sequence[Column]
    ) -> list[Column]:
        """Columns of arranged rows, in the order from before. Raises InternalError for another number of rows."""
        found = list(columns)
        for i, (shuffle, order) in enumerate(reversed(self.passes)):
            if length_of(found) != shuffle.length:
                raise InternalError(
                    f"expected columns of {shuffle.length} rows, got {length_of(found)}"
                )
            if session.me not in engine.compute:
                continue
            if order is None:
                raise InternalError("expected all rows to be arranged, got some of them")
            back = np.empty(shuffle.length, dtype=np.intp)
            back[order] = np.arange(shuffle.length)
            shuffled = [column.taken(back) for column in found]
            found = await engine.unshuffle(session.narrow(f"pass{i}"), shuffle, shuffled)
        return found
