"""What a step on shared tables needs and makes: the tables that it is made of, the columns that it reads and adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mpcstats.plan import tables as steps
from mpcstats.plan.tables import Column, Node, Outcome, TableStep


def tables_of(step: TableStep | Outcome) -> tuple[str, ...]:
    """The tables that the step is made of, by name."""
    match step:
        case steps.Give():
            return ()
        case steps.Stack() | steps.Derive():
            return step.of
        case steps.Match():
            return (step.left, step.right)
        case _:
            return (step.of,)


def columns_of(step: TableStep | Outcome) -> frozenset[str]:
    """The columns of its tables that the step reads, but for those that it only passes on."""
    return frozenset(_columns(step))


def made_by(step: TableStep | Outcome) -> tuple[Column, ...]:
    """The columns that the step adds to those of its tables; of a Find the columns found are NULL without a hit."""
    match step:
        case steps.Give():
            return step.columns
        case steps.Stack() | steps.Margins() | Outcome():
            return ()
        case steps.Find() | steps.Match():
            return (*step.columns, Column(step.hit, "flag", 0, 1))
        case steps.Derive():
            return tuple(computed.column for computed in step.columns)
        case steps.Group() | steps.GroupOwned():
            return (*step.keys, *(a.column for a in step.aggregates))
        case steps.Firsts():
            return tuple(flagged.column for flagged in step.flags)
        case steps.Neighbours():
            return tuple(function.column for function in step.functions)
        case steps.Tally() | steps.Spread():
            return tuple(a.column for a in step.aggregates)
        case steps.Quantile():
            return (step.column,)
        case steps.Deviation():
            return (step.numerator, step.denominator)
        case steps.Divide():
            return tuple(column for q in step.quotients for column in (q.whole, q.fraction))


def wanted_after(plan: Sequence[TableStep | Outcome], position: int) -> frozenset[str]:
    """The columns that the steps behind `position` read."""
    return frozenset(name for step in plan[position + 1 :] for name in _columns(step))


def _columns(step: TableStep | Outcome) -> Iterable[str]:
    match step:
        case steps.Give() | steps.Stack() | steps.Find() | steps.Margins():
            return ()
        case steps.Match():
            return [name for pair in step.on for name in pair]
        case steps.Derive():
            kept = () if step.keep is None else (step.keep,)
            nodes = [*(computed.node for computed in step.columns), *kept]
            return [name for node in nodes for name in _references(node)]
        case steps.Group():
            return [*(key.name for key in step.keys), *_aggregated(step.aggregates)]
        case steps.GroupOwned():
            return _aggregated(step.aggregates)
        case steps.Firsts():
            starts = () if step.starts is None else (step.starts,)
            return [*starts, *_cell(step.cell), *(f.of for f in step.flags if f.of is not None)]
        case steps.Neighbours():
            asked = [f.of for f in step.functions if f.of is not None]
            return [*step.partition, *(by.name for by in step.order), *asked]
        case steps.Tally() | steps.Spread():
            return [*_cell(step.cell), *_aggregated(step.aggregates)]
        case steps.Quantile() | steps.Deviation():
            return [*_cell(step.cell), step.value]
        case steps.Divide():
            return [name for q in step.quotients for name in (q.numerator, q.denominator)]
        case Outcome():
            totals = [total.name for total in step.totals]
            appears = () if step.appears is None else (step.appears,)
            return [*totals, *step.numbers, *appears]


def _references(node: Node) -> Iterable[str]:
    if isinstance(node, steps.Reference):
        return (node.name,)
    if isinstance(node, steps.Call):
        return [name for argument in node.args for name in _references(argument)]
    return ()


def _aggregated(aggregates: Sequence[steps.Aggregate]) -> list[str]:
    return [name for a in aggregates for name in (a.of, a.where) if name is not None]


def _cell(cell: str | None) -> tuple[str, ...]:
    return () if cell is None else (cell,)
