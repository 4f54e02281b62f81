"""Window: what a row has to do with its neighbours among the rows of its partition, in the order of secret keys.

Rows are sorted by partition and order once; neighbours are then a matter of moving columns, which needs no message.
Specification and argument: protocols/window/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, length_of
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols import runs
from mpcstats.protocols.arrangement import Arrangement
from mpcstats.protocols.criterion import conjunction
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session


@dataclass(frozen=True, slots=True)
class Neighbour:
    """For each row the value of a neighbour, and a row of bits: whether there is one. Junk where there is none."""

    column: Column
    exists: Bits


@dataclass(frozen=True, slots=True)
class Windowed:
    """All rows by partition, then by order, those that are absent last. `starting`: where a partition begins.

    `present` is None if all rows are. Absent rows have no neighbours and are none.
    """

    keys: tuple[Bits, ...]
    columns: tuple[Column, ...]
    present: Bits | None
    starting: Bits
    arrangement: Arrangement = field(repr=False)

    @property
    def rows(self) -> int:
        """The number of rows, present or not."""
        return self.starting.length

    async def lag(self, session: Session, engine: Engine, column: Column, by: int = 1) -> Neighbour:
        """The value of `column` (in this order) `by` rows before, in the same partition.

        Raises UsageError for `by` below 1.
        """
        exists = await self._reaching(session, engine, by)
        return Neighbour(column.moved(by), exists)

    async def lead(
        self, session: Session, engine: Engine, column: Column, by: int = 1
    ) -> Neighbour:
        """The value of `column` (in this order) `by` rows behind, in the same partition.

        Raises UsageError for `by` below 1.
        """
        # A row has one behind it if the row there has this one before it: both are present or absent together.
        exists = await self._reaching(session, engine, by)
        return Neighbour(column.moved(-by), exists.moved(-by))

    async def difference(
        self, session: Session, engine: Engine, column: Arith, by: int = 1
    ) -> Neighbour:
        """`column` less its lag, mod 2^64. Raises UsageError for `by` below 1."""
        exists = await self._reaching(session, engine, by)
        return Neighbour(column - column.moved(by), exists)

    async def row_number(self, session: Session, engine: Engine) -> Arith:
        """1, 2, ... within each partition, shape (rows,); junk in absent rows.

        With i the place of a row and s that of its partition's first row: 1 + (i - s), and 1 in a first row itself.
        """
        inside = (await engine.to_arith(session.narrow("inside"), ~self.starting))[0]
        places = np.arange(self.rows, dtype=np.uint64)
        own = inside.zeros(self.rows).plus(places)
        (first,) = await runs.from_starts(session.narrow("first"), engine, self.starting, [own])
        if not isinstance(first, Arith):
            raise InternalError("expected numbers to stay numbers")
        counted = await engine.multiply(session.narrow("counted"), inside, own - first)
        return counted.plus(1)

    async def restore(
        self, session: Session, engine: Engine, columns: Sequence[Column]
    ) -> list[Column]:
        """Columns of this order, in the original order of the rows."""
        return await self.arrangement.restore(session, engine, columns)

    async def _reaching(self, session: Session, engine: Engine, by: int) -> Bits:
        """One row: 1 where the row is present and no partition begins in it or in the by - 1 rows before."""
        if by < 1:
            raise UsageError(f"expected a distance of at least 1 row, got {by}")
        inside = ~self.starting  # 0 in the first row of all: nothing is before it
        rows = [inside.moved(m) for m in range(by)]
        if self.present is not None:
            rows.append(self.present)
        return await conjunction(session, engine, rows)


async def window(
    session: Session,
    engine: Engine,
    partition: Sequence[Bits],
    order: Sequence[Key],
    columns: Sequence[Column] = (),
    *,
    present: Bits | None = None,
) -> Windowed:
    """Sort by `partition`, then by `order`; rows equal in both keep their old order. `columns` come along.

    Without `partition` all present rows are one. NULLs are one partition if they are one key (a bit of its own, the
    others the same). A key of `order` that may be NULL has the bit of its NULLs as a key before it.
    Raises UsageError with neither, or for another number of bits of presence than of rows.
    """
    by = [*(Key(key) for key in partition), *order]
    if not by:
        raise UsageError("expected keys of a partition or of an order, got none")
    n = length_of([key.rows for key in by])
    if present is not None:
        if (present.length, present.width) != (n, 1):
            raise UsageError(f"expected one row of {n} bits of presence, got {present!r}")
        by.insert(0, Key(~present))
    found = await sort(session.narrow("sort"), engine, by, columns)
    before = len(by) - len(partition) - len(order)  # 1 if there is a key of absence
    telling = found.keys[: before + len(partition)]
    if telling:
        # Absence tells rows apart too: no partition goes on from the last present row to an absent one.
        starting = await runs.starts(session.narrow("runs"), engine, telling)
    else:
        first = np.arange(n)[None, :] == 0
        starting = found.keys[0].constant(slicing.pack(first))
    there = ~found.keys[0] if before else None
    return Windowed(found.keys[before:], found.columns, there, starting, found.arrangement)
