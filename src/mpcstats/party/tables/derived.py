"""Derive: computed columns of shared tables side by side, and a condition that rows must meet to stay."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.api import Engine
from mpcstats.errors import InternalError
from mpcstats.party.tables.table import Broad, Table
from mpcstats.plan import tables as plans
from mpcstats.plan.needs import columns_of
from mpcstats.protocols import expression as nodes
from mpcstats.protocols.derive import Value, derive, passing
from mpcstats.session import Session


async def derived(
    session: Session, engine: Engine, step: plans.Derive, tables: Sequence[Table]
) -> Table:
    """The tables side by side, of equally many rows; which are there is what the first says, and `keep` where given."""
    first = tables[0]
    if any(table.rows != first.rows for table in tables):
        raise InternalError(f"expected tables of {first.rows} rows side by side in {step.name}")
    columns: dict[str, Value | Broad] = {}
    for table in tables:
        columns |= table.columns
    asked = [computed.node for computed in step.columns]
    if step.keep is not None:
        asked.append(step.keep)
    read = columns_of(step)
    values = {n: c for n, c in columns.items() if n in read and isinstance(c, Value)}
    found = await derive(
        session.narrow("derive"), engine, [_node(node) for node in asked], values, rows=first.rows
    )
    present = first.present
    if step.keep is not None:
        present = await passing(session.narrow("keep"), engine, present, found.pop())
    names = [computed.column.name for computed in step.columns]
    return Table(first.rows, present, {**columns, **dict(zip(names, found, strict=True))})


def _node(node: plans.Node) -> nodes.Node:
    match node:
        case plans.Reference():
            return nodes.Column(node.name)
        case plans.Number():
            return nodes.Number(node.value)
        case plans.Null():
            return nodes.Null()
        case plans.Call():
            return nodes.Call(node.op, tuple(_node(argument) for argument in node.args))
