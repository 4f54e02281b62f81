"""Quantile: an order statistic of each cell of a shared table."""

from __future__ import annotations

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.party.tables.form import both
from mpcstats.party.tables.table import Table, bounds
from mpcstats.party.tables.tally import cell_codes
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import Value, as_bits
from mpcstats.protocols.group_by_public import one_hot
from mpcstats.protocols.quantile import quantile
from mpcstats.session import Session, parallel


async def quantiles(session: Session, engine: Engine, step: plans.Quantile, table: Table) -> Table:
    """One row a cell."""
    value = table.value(step.value)
    bits = await as_bits(session.narrow("bits"), engine, value)
    masks = await in_cells(session.narrow("cells"), engine, table, value, step.cell, step.cells)
    found = await parallel(
        *(
            quantile(
                session.narrow(f"cell{c}"),
                engine,
                bits,
                [(step.numerator, step.denominator)],
                present=mask,
            )
            for c, mask in enumerate(masks)
        )
    )
    number = Arith.concatenate([each.numbers for each in found]).plus(value.minimum)
    return Table(
        step.cells, None, {step.column.name: Value(*bounds(step.column), number, None, None)}
    )


async def in_cells(
    session: Session, engine: Engine, table: Table, value: Value, cell: str | None, cells: int
) -> list[Bits | None]:
    """For each cell one row: which of the table's rows are there, are in the cell and have a value that is not NULL.

    None: all of them.
    """
    there = await both(session.narrow("there"), engine, table.present, value.known)
    if cell is None or cells == 1:
        return [there]
    codes = await cell_codes(session.narrow("cell"), engine, table, cell, cells)
    hot = await one_hot(session.narrow("hot"), engine, codes, cells)
    if there is not None:
        (hot,) = await engine.conj(session.narrow("both"), [(hot, there.repeat(cells))])
    return [hot.rows(c) for c in range(cells)]
