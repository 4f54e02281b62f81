"""What the steps on shared tables do, in words."""

from __future__ import annotations

from collections.abc import Iterable

from mpcstats.plan import tables
from mpcstats.plan.figures import counted
from mpcstats.plan.physical import Outcome, Physical
from mpcstats.plan.tables import Aggregate, TableStep

KINDS = {
    "inner": "rows with a match",
    "left": "rows, with or without a match",
    "semi": "rows that have a match",
    "anti": "rows that have no match",
}


def words(plan: Physical, step: TableStep | Outcome) -> str:
    """What `step` computes."""
    match step:
        case tables.Give():
            owners = [plan.fragment(name).owner for name in step.fragments]
            rows = sum(plan.fragment(name).rows for name in step.fragments)
            return f"at most {rows:,} rows of {', '.join(dict.fromkeys(owners))} as shares"
        case tables.Stack():
            return f"the rows of {' and '.join(step.of)} under one another"
        case tables.Find():
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            brings = f" and brings {_listed(c.name for c in step.columns)}" if step.columns else ""
            return (
                f"looks the keys {step.left_key} ({left}) up in {step.right} ({right}){brings}, "
                f"{step.helper} helps"
            )
        case tables.Match():
            pairs = _listed(f"{one} = {other}" for one, other in step.on)
            more = f", at most {step.most} a row" if step.most > 1 else ""
            return f"{KINDS[step.kind]} of {step.left} in {step.right} by {pairs}{more}"
        case tables.Derive():
            return _derived(step)
        case tables.Group() | tables.GroupOwned():
            keys = _listed(key.name for key in step.keys)
            return (
                f"{_aggregates(step.aggregates)} by {keys}, at most {counted(step.groups, 'group')}"
            )
        case tables.Firsts():
            keys = _listed(key.name for key in step.keys) or str(step.starts)
            return f"{_listed(f.column.name for f in step.flags)} once for each {keys}"
        case tables.Neighbours():
            same = f" with the same {_listed(step.partition)}" if step.partition else ""
            return f"{_listed(f.column.name for f in step.functions)} from the rows around{same}"
        case _:
            return _of_cells(plan, step)


def _of_cells(plan: Physical, step: tables.Cellwise | Outcome) -> str:
    match step:
        case tables.Tally() | tables.Spread():
            return f"{_aggregates(step.aggregates)} in {counted(step.cells, 'cell')}"
        case tables.Quantile():
            at = f"{step.numerator}/{step.denominator}"
            return f"the {at} quantile of {step.value} in {counted(step.cells, 'cell')}"
        case tables.Deviation():
            return f"the two terms of the variance of {step.value} in {counted(step.cells, 'cell')}"
        case tables.Divide():
            pairs = _listed(f"{q.numerator} / {q.denominator}" for q in step.quotients)
            return f"{pairs} in {counted(plan.cells, 'cell')}"
        case tables.Margins():
            added = sum(total for _, total in step.axes)
            return f"adds up cells over {counted(added, 'key')}"
        case Outcome():
            having = f", where {step.appears}" if step.appears is not None else ""
            totals = counted(len(step.totals), "total")
            return f"{totals} in {counted(plan.cells, 'cell')} for the gate{having}"


def _derived(step: tables.Derive) -> str:
    made = [computed.column.name for computed in step.columns]
    parts = [f"computes {_listed(made)}"] if made else []
    if step.keep is not None:
        parts.append("keeps the rows that meet a condition")
    if len(step.of) > 1:
        parts.insert(0, f"puts {_listed(step.of)} side by side")
    return " and ".join(parts) or "passes its rows on"


def _aggregates(aggregates: Iterable[Aggregate]) -> str:
    kinds = dict.fromkeys(
        (f"{each.kind} of {each.of}" if each.of is not None else "number of rows") + _where(each)
        for each in aggregates
    )
    return _listed(kinds)


def _where(aggregate: Aggregate) -> str:
    flagged = "" if aggregate.where is None else f" where {aggregate.where}"
    return flagged if aggregate.only is None else f"{flagged} in some cells"


def _listed(names: Iterable[str]) -> str:
    """The names, of many the first ones."""
    found = list(names)
    shown = found if len(found) <= 6 else [*found[:5], f"{len(found) - 5} more"]
    return ", ".join(shown)
