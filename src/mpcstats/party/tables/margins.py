"""Margins: totals of a shared table of cells, and what the gate must know to open them beside the cells."""

from __future__ import annotations

from math import prod

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError
from mpcstats.party.tables.form import numbers_of
from mpcstats.party.tables.table import Broad, Table
from mpcstats.plan import tables as plans
from mpcstats.plan.margins import layout_of
from mpcstats.protocols.derive import Value
from mpcstats.protocols.margins import Margins
from mpcstats.session import Session
from mpcstats.suppression.layout import Axis


async def margins(session: Session, engine: Engine, step: plans.Margins, table: Table) -> Table:
    """The cells, and the totals over each axis that has one: sums of shares, without a message."""
    values = [table.value(name) for name in table.columns]
    if any(value.known is not None for value in values):
        raise InternalError(f"step {step.name}: expected columns without NULL")
    numbers = await numbers_of(session, engine, values)
    axes = [Axis.with_total(size) if total else Axis(size) for size, total in step.axes]
    found: dict[str, Value | Broad] = {}
    for name, value, number in zip(table.columns, values, numbers, strict=True):
        found[name] = Value(value.minimum, value.maximum, _totals(number, axes), None)
    return Table(prod(axis.nodes for axis in axes), None, found)


def _totals(number: Arith, axes: list[Axis]) -> Arith:
    """Each axis in turn becomes its nodes: the labels, then their sum."""
    before = 1
    for axis in axes:
        size, count = axis.size, number.shape[0]
        after = count // (before * size)
        grid = np.arange(count, dtype=np.intp).reshape(before, size, after)
        parts = [number.taken(grid[:, label].reshape(-1)) for label in range(size)]
        for group in axis.groups:
            total = parts[group[0]]
            for label in group[1:]:
                total = total + parts[label]
            parts.append(total)
        stacked = Arith.concatenate(parts)  # node by node; put back in order
        place = np.arange(stacked.shape[0], dtype=np.intp).reshape(axis.nodes, before, after)
        number = stacked.taken(np.swapaxes(place, 0, 1).reshape(-1))
        before *= axis.nodes
    return number


def margins_of(step: plans.Outcome) -> Margins | None:
    """What the gate must know of the outcome's totals; None if it has none."""
    layout = layout_of(step)
    if step.beside is None or layout is None:
        return None
    return Margins(layout, step.beside.method, step.beside.kinds, step.beside.percent)
