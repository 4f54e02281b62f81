"""Outcome: what the gate may open of a table of cells."""

from __future__ import annotations

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.party.tables.form import numbers_of
from mpcstats.party.tables.margins import margins_of
from mpcstats.party.tables.table import Table
from mpcstats.plan import tables as plans
from mpcstats.protocols.cells import Amount, Behind, Cells
from mpcstats.protocols.derive import passing
from mpcstats.session import Session


async def outcome(session: Session, engine: Engine, step: plans.Outcome, table: Table) -> Cells:
    """The cells as the gate takes them: a total is NULL where its column is, and shown only where `appears` is true."""
    totals = [table.value(total.name) for total in step.totals]
    counts = await numbers_of(
        session.narrow("counts"), engine, [table.value(name) for name in step.numbers]
    )
    values = await numbers_of(session.narrow("values"), engine, totals)
    number = dict(zip(step.numbers, counts, strict=True))
    backing = step.backing or tuple(plans.Backing() for _ in totals)
    return Cells(
        table.rows,
        tuple(number[name] for name in step.persons),
        Arith.concatenate(values) if values else counts[0].zeros(0),
        tuple(
            Behind(
                None if each.support is None else step.counts.index(each.support),
                tuple(step.counts.index(name) for name in each.rests),
                total.known,
                each.rank,
                each.amounts,
            )
            for each, total in zip(backing, totals, strict=True)
        ),
        tuple(number[name] for name in step.counts),
        tuple(tuple(number[name] for name in each.rows) for each in step.institutions),
        tuple(
            Amount(
                None if amount.total is None else number[amount.total],
                tuple(number[name] for name in amount.parts),
                amount.of,
            )
            for amount in step.amounts
        ),
        await _appears(session.narrow("appears"), engine, step, table),
        margins_of(step),
    )


async def _appears(
    session: Session, engine: Engine, step: plans.Outcome, table: Table
) -> Bits | None:
    if step.appears is None:
        return table.present
    return await passing(session, engine, table.present, table.value(step.appears))
