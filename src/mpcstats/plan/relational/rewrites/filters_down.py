"""Rewrite: a filter goes down to the rows that it is about, never below a window or a check of what it reads."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.logical import conjuncts
from mpcstats.plan.relational import leaf
from mpcstats.plan.relational.algebra import (
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    columns_of,
    renamed,
)


def filters_down(rel: Rel, context: Context) -> Rel:
    """`rel` with the filter at its top as far down as it can go."""
    if not isinstance(rel, Filter) or rel.guards:
        return rel
    found = rel.input
    kept: list[Expr] = []
    waiting = conjuncts(rel.condition)
    if isinstance(found, Owned):
        return leaf.filtered(found, waiting, context)
    for condition in waiting:
        below = _below(found, condition, context)
        if below is None:
            kept.append(condition)
        else:
            found = below
    if len(kept) == len(waiting):
        return rel
    for condition in kept:
        found = Filter(found, condition)
    return found


def _below(rel: Rel, condition: Expr, context: Context) -> Rel | None:
    """`rel` with the condition inside; None where it must stay on top."""
    used = columns_of(condition)
    match rel:
        case Owned():
            return leaf.filtered(rel, [condition], context)
        case Union():
            return Union(
                tuple(filters_down(Filter(part, condition), context) for part in rel.parts)
            )
        case Filter() if used & rel.guards:
            return None
        case Filter():
            inner = _below(rel.input, condition, context)
            return None if inner is None else replace(rel, input=inner)
        case Extend():
            passed = renamed(condition, dict(rel.columns))
            return replace(rel, input=filters_down(Filter(rel.input, passed), context))
        case Group() if used <= set(rel.keys):
            return replace(rel, input=filters_down(Filter(rel.input, condition), context))
        case Join() if used <= rel.left.facts.keys():
            return replace(rel, left=filters_down(Filter(rel.left, condition), context))
        case Join() if rel.kind == "inner" and used <= rel.right.facts.keys():
            return replace(rel, right=filters_down(Filter(rel.right, condition), context))
    return None
