"""Spread: extremes and numbers of distinct values of each cell of a shared table."""

from __future__ import annotations

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.tables.aggregate import aggregated, spread_names, spreadable
from mpcstats.party.tables.form import both, every
from mpcstats.party.tables.table import Table, bounds
from mpcstats.party.tables.tally import cell_codes
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import Value, as_bits
from mpcstats.protocols.distinct import count_distinct
from mpcstats.protocols.group_by import Values, group_by
from mpcstats.session import Session, Words, parallel


async def spread(session: Session, engine: Engine, step: plans.Spread, table: Table) -> Table:
    """One row a cell."""
    if step.cells == 1 and all(a.kind == "distinct" for a in step.aggregates):
        return await _distinct(session, engine, step, table)
    values = await spreadable(session.narrow("spreads"), engine, step.aggregates, table)
    like = values[0].rows
    if step.cell is None or step.cells == 1:
        codes = _public(like, np.zeros(table.rows, dtype=np.uint64), 1)
    else:
        codes = await cell_codes(session.narrow("cell"), engine, table, step.cell, step.cells)
    # One more row for each cell, whose values are NULL: so every cell has a group, and group c is cell c.
    more = _public(like, np.arange(step.cells, dtype=np.uint64), codes.width)
    found = await group_by(
        session.narrow("group"),
        engine,
        [Bits.concatenate([codes, more])],
        groups=step.cells,
        spreads=[_longer(each, step.cells) for each in values],
        present=None
        if table.present is None
        else Bits.concatenate([table.present, every(like, step.cells)]),
    )
    spreads = dict(zip(spread_names(step.aggregates), found.spreads, strict=True))
    return Table(step.cells, None, aggregated(step.aggregates, found.persons, {}, spreads))


def _longer(values: Values, by: int) -> Values:
    """The values with `by` more that are NULL."""
    known = every(values.rows, values.rows.length) if values.known is None else values.known
    return Values(
        Bits.concatenate([values.rows, values.rows.zeros(by)]),
        Arith.concatenate([values.numbers, values.numbers.zeros(by)]),
        Bits.concatenate([known, known.zeros(by)]),
    )


def _public(like: Bits, numbers: Words, width: int) -> Bits:
    return like.public(slicing.slice_bits(numbers, width), numbers.size)


async def _distinct(session: Session, engine: Engine, step: plans.Spread, table: Table) -> Table:
    """One cell, of which only distinct values are wanted: they are counted without a group-by."""
    counts = await parallel(
        *(
            _count(session.narrow(str(i)), engine, table, aggregate.of)
            for i, aggregate in enumerate(step.aggregates)
        )
    )
    columns = {
        aggregate.column.name: Value(*bounds(aggregate.column), count, None, None)
        for aggregate, count in zip(step.aggregates, counts, strict=True)
    }
    return Table(1, None, columns)


async def _count(session: Session, engine: Engine, table: Table, name: str | None) -> Arith:
    if name is None:
        raise InternalError("expected a column whose distinct values are counted")
    value = table.value(name)
    bits = await as_bits(session.narrow("bits"), engine, value)
    present = await both(session.narrow("present"), engine, table.present, value.known)
    return await count_distinct(session.narrow("count"), engine, [bits], present=present)
