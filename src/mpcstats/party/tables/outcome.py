"""Outcome: what the gate may open of a table of cells."""

from __future__ import annotations

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.party.tables.form import numbers_of
from mpcstats.party.tables.margins import margins_of
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import passing
from mpcstats.protocols.gate import Cells
from mpcstats.session import Session


async def outcome(session: Session, engine: Engine, step: plans.Outcome, table: Table) -> Cells:
    """The cells as the gate takes them: a total is NULL where its column is, and shown only where `appears` is true."""
    totals = [table.value(total.name) for total in step.totals]
    names = [*step.persons, *step.contributors, *(s for s in step.supports if s is not None)]
    counts = await numbers_of(session.narrow("counts"), engine, [table.value(n) for n in names])
    values = await numbers_of(session.narrow("values"), engine, totals)
    number = dict(zip(names, counts, strict=True))
    known = tuple(total.known for total in totals)
    return Cells(
        table.rows,
        len(totals),
        tuple(number[name] for name in step.persons),
        Arith.concatenate(values) if values else counts[0].zeros(0),
        contributors=tuple(number[name] for name in step.contributors),
        magnitudes=step.magnitudes,
        supports=tuple(None if name is None else number[name] for name in step.supports),
        known=known if any(row is not None for row in known) else (),
        appears=await _appears(session.narrow("appears"), engine, step, table),
        margins=margins_of(step),
    )


async def _appears(
    session: Session, engine: Engine, step: plans.Outcome, table: Table
) -> Bits | None:
    if step.appears is None:
        return table.present
    return await passing(session, engine, table.present, table.value(step.appears))
