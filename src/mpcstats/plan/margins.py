"""Totals beside the cells of an outcome: the layout of its table, and what its cells are totals over."""

from __future__ import annotations

from mpcstats.plan.physical import Physical
from mpcstats.plan.tables import Outcome
from mpcstats.suppression.layout import Layout, grouping_sets
from mpcstats.suppression.secondary import check_method


def layout_of(step: Outcome) -> Layout | None:
    """The layout of the table that the outcome is; None if it has no totals."""
    if step.beside is None:
        return None
    whole = _whole(step)
    sizes = [len(g.labels) - int(i in whole) for i, g in enumerate(step.groups)]
    return grouping_sets(sizes, step.beside.sets)


def left_out(plan: Physical) -> frozenset[int]:
    """Cells of the plan's answer that no grouping set asks for."""
    step = plan.aggregate
    layout = layout_of(step) if isinstance(step, Outcome) else None
    return frozenset() if layout is None else layout.left_out


def totals_over(plan: Physical, cell: int) -> frozenset[int]:
    """The positions of the group keys that the cell does not tell apart."""
    step = plan.aggregate
    layout = layout_of(step) if isinstance(step, Outcome) else None
    if layout is None:
        return frozenset()
    pairs = zip(layout.axes, layout.nodes(cell), strict=True)
    return frozenset(i for i, (axis, node) in enumerate(pairs) if node >= axis.size)


def check_chooses(plan: Physical, party: str) -> None:
    """Raises UsageError if `party` computes, and cannot choose hidden cells by the plan's method."""
    step = plan.aggregate
    if isinstance(step, Outcome) and step.beside is not None and party in plan.compute:
        check_method(step.beside.method)


def _whole(step: Outcome) -> frozenset[int]:
    sets = () if step.beside is None else step.beside.sets
    return frozenset(i for i in range(len(step.groups)) if any(i not in s for s in sets))
