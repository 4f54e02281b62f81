"""Tally: counts and sums of each cell of a shared table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.party.tables.aggregate import Summed, aggregated, summands
from mpcstats.party.tables.form import bits_of, both
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import Value, as_number
from mpcstats.protocols.group_by_public import code_width, group_by_public
from mpcstats.session import Session, parallel


async def tally(session: Session, engine: Engine, step: plans.Tally, table: Table) -> Table:
    """One row a cell."""
    if step.cell is None or step.cells == 1:
        return await _whole(session, engine, step.aggregates, table)
    codes = await cell_codes(session.narrow("cell"), engine, table, step.cell, step.cells)
    summed = await summands(session.narrow("sums"), engine, step.aggregates, table)
    found = await group_by_public(
        session.narrow("group"),
        engine,
        codes,
        list(summed.values()),
        groups=step.cells,
        valid=table.present,
    )
    sums = dict(zip(summed, found.sums, strict=True))
    return Table(step.cells, None, aggregated(step.aggregates, found.counts, sums, {}))


async def cell_codes(session: Session, engine: Engine, table: Table, cell: str, cells: int) -> Bits:
    """The number of each row's cell as bits, as many as `cells` of them need."""
    bits = await bits_of(session, engine, table.value(cell), 0, cells - 1)
    return bits.rows(slice(0, code_width(cells)))


async def _whole(
    session: Session, engine: Engine, aggregates: Sequence[plans.Aggregate], table: Table
) -> Table:
    """One cell of all rows that are there: it takes a flag as a number for each column that may be NULL."""
    over = list(dict.fromkeys((a.kind, a.of) for a in aggregates if a.of is not None))
    names = list(dict.fromkeys(name for _, name in over))
    rows, weight = await _weights(session.narrow("flags"), engine, table, names)
    summed = [name for kind, name in over if kind == "sum"]
    totals = await parallel(
        *(
            _dot(session.narrow(f"sum{i}"), engine, table.value(name), weight[name])
            for i, name in enumerate(summed)
        )
    )
    sums: dict[Summed, Arith] = {
        ("count", name): weight[name].total() for kind, name in over if kind == "count"
    }
    sums |= {("sum", name): total for name, total in zip(summed, totals, strict=True)}
    return Table(1, None, aggregated(aggregates, rows.total(), sums, {}))


async def _dot(session: Session, engine: Engine, value: Value, weight: Arith) -> Arith:
    number = await as_number(session.narrow("number"), engine, value)
    return await engine.dot(session.narrow("dot"), weight, number)


async def _weights(
    session: Session, engine: Engine, table: Table, names: Sequence[str]
) -> tuple[Arith, dict[str, Arith]]:
    """1 in each row that is there, 0 in others; by name, 1 only where the value is known, too."""
    nullable = {name: known for name in names if (known := table.value(name).known) is not None}
    joint = await parallel(
        *(
            both(session.narrow(str(i)), engine, table.present, known)
            for i, known in enumerate(nullable.values())
        )
    )
    there = [] if table.present is None else [table.present]
    flags = [*there, *(row for row in joint if row is not None)]
    numbers: list[Arith] = []
    if flags:
        matrix = await engine.to_arith(session.narrow("numbers"), Bits.stack(flags))
        numbers = [matrix[i] for i in range(len(flags))]
    rows = numbers.pop(0) if there else engine.public(session, np.ones(table.rows, np.uint64))
    found = dict(zip(nullable, numbers, strict=True))
    return rows, {name: found.get(name, rows) for name in names}
