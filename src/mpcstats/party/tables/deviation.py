"""Deviation: what a variance is the quotient of, for each cell of a shared table."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError
from mpcstats.party.tables.form import both
from mpcstats.party.tables.ranks import in_cells
from mpcstats.party.tables.table import Broad, Table
from mpcstats.party.tables.tally import cell_codes
from mpcstats.plan import tables as plans
from mpcstats.protocols import moments as sums
from mpcstats.protocols.derive import Value, as_number
from mpcstats.protocols.group_by_public import group_by_public
from mpcstats.session import Session, parallel


@dataclass(frozen=True, slots=True)
class _Cells:
    """Of each cell the number of values, their sum and that of their squares."""

    count: Arith
    x: sums.Number
    xx: sums.Number


async def deviation(session: Session, engine: Engine, step: plans.Deviation, table: Table) -> Table:
    """One row a cell.

    A variance is that of values less a constant: less the middle of their bounds they are smallest.
    """
    value = table.value(step.value)
    middle = (value.minimum + value.maximum) // 2
    number = (await as_number(session.narrow("number"), engine, value)).plus(-middle)
    bounds = sums.Bounds(table.rows, value.maximum - middle, value.maximum - middle)
    narrow = sums.ring_bits(bounds.rows, bounds.x, bounds.x) == 64
    if narrow and step.cell is not None and step.cells > 1:
        cells = await _by_code(session, engine, step, step.cell, table, value, number)
    else:
        cells = await _by_mask(session, engine, step, table, value, number, bounds)
    found = await sums.deviation(
        session.narrow("deviation"), engine, cells.count, cells.x, cells.x, cells.xx, bounds=bounds
    )
    columns = {
        column.name: Broad(column.minimum, column.maximum, wide)
        for column, wide in (
            (step.numerator, found.numerator),
            (step.denominator, found.denominator),
        )
    }
    return Table(step.cells, None, columns)


async def _by_code(
    session: Session,
    engine: Engine,
    step: plans.Deviation,
    cell: str,
    table: Table,
    value: Value,
    number: Arith,
) -> _Cells:
    """All cells at once, where sums of squares fit 64 bits."""
    codes = await cell_codes(session.narrow("cell"), engine, table, cell, step.cells)
    there = await both(session.narrow("there"), engine, table.present, value.known)
    square = await engine.multiply(session.narrow("square"), number, number)
    found = await group_by_public(
        session.narrow("group"), engine, codes, [number, square], groups=step.cells, valid=there
    )
    return _Cells(found.counts, found.sums[0], found.sums[1])


async def _by_mask(
    session: Session,
    engine: Engine,
    step: plans.Deviation,
    table: Table,
    value: Value,
    number: Arith,
    bounds: sums.Bounds,
) -> _Cells:
    """Cell by cell, in 128 bits where the bounds say so."""
    masks = await in_cells(session.narrow("cells"), engine, table, value, step.cell, step.cells)
    found = await parallel(
        *(
            sums.moments(session.narrow(f"cell{c}"), engine, number, bounds=bounds, valid=mask)
            for c, mask in enumerate(masks)
        )
    )
    return _Cells(
        Arith.concatenate([each.count for each in found]),
        _joined([each.x for each in found]),
        _joined([each.xx for each in found]),
    )


def _joined(numbers: list[sums.Number]) -> sums.Number:
    narrow = [number for number in numbers if isinstance(number, Arith)]
    wide = [number for number in numbers if isinstance(number, Wide)]
    if narrow and wide:
        raise InternalError("expected moments of one width")
    return Arith.concatenate(narrow) if narrow else Wide.concatenate(wide)
