"""Neighbours: the rows of a shared table in order, with what the rows before and behind them have."""

from __future__ import annotations

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError
from mpcstats.party.tables.carried import carried
from mpcstats.party.tables.form import both, key_of, keys_of
from mpcstats.party.tables.table import Table, bounds
from mpcstats.plan import tables as plans
from mpcstats.protocols.derive import Value
from mpcstats.protocols.sort import Key
from mpcstats.protocols.window import Windowed, window
from mpcstats.session import Session, parallel


async def neighbours(
    session: Session,
    engine: Engine,
    step: plans.Neighbours,
    table: Table,
    wanted: frozenset[str],
) -> Table:
    """The table in order, with those of its columns that are `wanted` and the columns of neighbours."""
    partition = await keys_of(
        session.narrow("partition"), engine, [table.value(name) for name in step.partition]
    )
    order = await parallel(
        *(
            _order(session.narrow(f"order{i}"), engine, by, table.value(by.name))
            for i, by in enumerate(step.order)
        )
    )
    asked = frozenset(f.of for f in step.functions if f.of is not None)
    moving = carried(table.values(wanted | asked))
    windowed = await window(
        session.narrow("window"),
        engine,
        partition,
        [key for keys in order for key in keys],
        moving.columns,
        present=table.present,
    )
    values = moving.values(windowed.columns)
    found = await parallel(
        *(
            _function(session.narrow(f"function{i}"), engine, windowed, function, values)
            for i, function in enumerate(step.functions)
        )
    )
    names = [function.column.name for function in step.functions]
    kept = {name: value for name, value in values.items() if name in wanted}
    return Table(table.rows, windowed.present, {**kept, **dict(zip(names, found, strict=True))})


async def _order(session: Session, engine: Engine, by: plans.Order, value: Value) -> list[Key]:
    """The sort keys of a column: where it may be NULL, first the bit that says on which side NULLs are."""
    key = await key_of(session, engine, value)
    if value.known is None:
        return [Key(key, by.descending)]
    bits, null = key.rows(slice(0, key.width - 1)), key.rows(key.width - 1)
    return [Key(~null if by.nulls_first else null), Key(bits, by.descending)]


async def _function(
    session: Session,
    engine: Engine,
    windowed: Windowed,
    function: plans.Neighbour,
    values: dict[str, Value],
) -> Value:
    least, greatest = bounds(function.column)
    if function.kind == "starts":
        return Value(least, greatest, None, windowed.starting, None)
    if function.of is None:
        return Value(least, greatest, await windowed.row_number(session, engine), None, None)
    value = values[function.of]
    by = function.by if function.kind == "lag" else -function.by
    exists = await _exists(session.narrow("exists"), engine, windowed, function)
    moved_known = None if value.known is None else value.known.moved(by)
    known = await both(session.narrow("known"), engine, exists, moved_known)
    return Value(
        value.minimum,
        value.maximum,
        None if value.number is None else value.number.moved(by),
        None if value.bits is None else value.bits.moved(by),
        known,
    )


async def _exists(
    session: Session, engine: Engine, windowed: Windowed, function: plans.Neighbour
) -> Bits:
    """One row: whether there is the neighbour that is asked for."""
    column = windowed.starting  # any column tells
    if function.kind == "lag":
        return (await windowed.lag(session, engine, column, function.by)).exists
    if function.kind == "lead":
        return (await windowed.lead(session, engine, column, function.by)).exists
    raise InternalError(f"expected a function of neighbours, got {function.kind}")
