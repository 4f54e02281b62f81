"""Aggregates: what is summed or spread out for them row by row, and the columns that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.party.tables.table import Table, bounds
from mpcstats.plan.tables import Aggregate
from mpcstats.protocols.derive import Value, as_bits, as_number, masked
from mpcstats.protocols.group_by import Spread, Values
from mpcstats.session import Session, parallel

Summed = tuple[
    str, ...
]  # kind and name of the column, and of that which says which rows, if there is one


async def summands(
    session: Session, engine: Engine, aggregates: Sequence[Aggregate], table: Table
) -> dict[Summed, Arith]:
    """The number of each row that is added up, for each count or sum over a column.

    A count over a column that is never NULL is one of rows, and is not among them.
    """
    over = list(dict.fromkeys((a.kind, a.of) for a in aggregates if a.of is not None))
    names = [name for kind, name in over if kind == "sum"]
    known = {
        n: k for kind, n in over if kind == "count" and (k := table.value(n).known) is not None
    }
    step = session.narrow("masked")
    sums = await parallel(
        *(
            masked(step.narrow(str(i)), engine, table.value(name), None)
            for i, name in enumerate(names)
        )
    )
    found: dict[Summed, Arith] = {("sum", n): s for n, s in zip(names, sums, strict=True)}
    if known:
        rows = Bits.stack(list(known.values()))
        flags = await engine.to_arith(session.narrow("known"), rows)
        found |= {("count", name): flags[i] for i, name in enumerate(known)}
    return found


def spread_names(aggregates: Sequence[Aggregate]) -> list[str]:
    """The columns whose extremes or distinct values are wanted."""
    wanted = (a.of for a in aggregates if a.kind in ("min", "max", "distinct") and a.of is not None)
    return list(dict.fromkeys(wanted))


async def spreadable(
    session: Session, engine: Engine, aggregates: Sequence[Aggregate], table: Table
) -> list[Values]:
    """The columns of `spread_names` as a group-by takes them, in this order."""
    extremes = {a.of for a in aggregates if a.kind in ("min", "max")}
    return await parallel(
        *(
            _values(session.narrow(str(i)), engine, table.value(name), numbers=name in extremes)
            for i, name in enumerate(spread_names(aggregates))
        )
    )


async def _values(session: Session, engine: Engine, value: Value, *, numbers: bool) -> Values:
    bits = await as_bits(session.narrow("bits"), engine, value)
    if not numbers:  # distinct values alone: what they are is not asked
        return Values(bits, bits.numbers(np.zeros(bits.length, dtype=np.uint64)), value.known)
    return Values(bits, await as_number(session.narrow("number"), engine, value), value.known)


def aggregated(
    aggregates: Sequence[Aggregate],
    rows: Arith,
    sums: Mapping[Summed, Arith],
    spreads: Mapping[str, Spread],
) -> dict[str, Value]:
    """The columns by name, from the number of `rows`, the sums of `summands` and the spreads by column."""
    found = {}
    for aggregate in aggregates:
        number = told_only(aggregate, _number(aggregate, rows, sums, spreads))
        found[aggregate.column.name] = Value(*bounds(aggregate.column), number, None, None)
    return found


def told_only(aggregate: Aggregate, cells: Arith) -> Arith:
    """The numbers of the cells of which the aggregate is told, and 0 in all others."""
    if aggregate.only is None:
        return cells
    chosen = np.zeros(cells.shape, dtype=np.uint64)
    chosen[list(aggregate.only)] = 1
    return cells.scaled(chosen)


def _number(
    aggregate: Aggregate,
    rows: Arith,
    sums: Mapping[Summed, Arith],
    spreads: Mapping[str, Spread],
) -> Arith:
    of = "" if aggregate.of is None else aggregate.of
    match aggregate.kind:
        case "count":
            if aggregate.where is not None:
                return sums["count", of, aggregate.where]
            return sums.get(("count", of), rows)
        case "sum":
            return sums["sum", of] if aggregate.where is None else sums["sum", of, aggregate.where]
        case "min":
            return spreads[of].least
        case "max":
            return spreads[of].greatest
        case "distinct":
            return spreads[of].distinct
