"""Rewrite: what an inner join's filter says of a key holds of the equal key on the other side."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.logical import conjuncts
from mpcstats.plan.relational.algebra import (
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    Window,
    column,
    columns_of,
    renamed,
)

PLAIN = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Like)


def carry_filters(rel: Rel, context: Context) -> Rel:
    """An inner join with the filters on keys of either side on both; a mark or left join with those of the left one."""
    if not isinstance(rel, Join):
        return rel
    right = _filtered(rel.right, [(a, b) for a, b in rel.on], _filters(rel.left, context))
    left = rel.left
    if rel.kind == "inner":
        left = _filtered(rel.left, [(b, a) for a, b in rel.on], _filters(rel.right, context))
    if left is rel.left and right is rel.right:
        return rel
    return replace(rel, left=left, right=right)


def _filters(rel: Rel, context: Context) -> list[Expr]:
    """The plain conditions on its own columns that hold of every row of `rel`; a union's: those of all parts."""
    match rel:
        case Filter():
            return [*conjuncts(rel.condition), *_filters(rel.input, context)]
        case Union():
            each = [_filters(part, context) for part in rel.parts]
            return [c for c in each[0] if all(c in other for other in each[1:])]
        case Owned() if not rel.query.args.get("group"):
            where = rel.query.args.get("where")
            names = {
                item.unalias(): column(item.alias_or_name)
                for item in rel.query.expressions
                if isinstance(item.unalias(), exp.Column)
            }
            found = []
            for condition in conjuncts(where.this) if where is not None else ():
                outer = condition.copy().transform(lambda n: names[n].copy() if n in names else n)
                if columns_of(outer) <= rel.facts.keys() and all(
                    not c.table for c in outer.find_all(exp.Column)
                ):
                    found.append(outer)
            return found
    return []


def _filtered(rel: Rel, pairs: list[tuple[str, str]], conditions: list[Expr]) -> Rel:
    """`rel` where what `conditions` say of the first column of a pair holds of the second."""
    have = [*(conjuncts(rel.condition) if isinstance(rel, Filter) else ())]
    found = rel
    for mine, theirs in pairs:
        for condition in conditions:
            if isinstance(condition.unnest(), PLAIN) and columns_of(condition) == {mine}:
                carried = renamed(condition, {mine: column(theirs)})
                if carried not in have and not _holds(rel, carried):
                    have.append(carried)
                    found = Filter(found, carried)
    return found


def _holds(rel: Rel, condition: Expr) -> bool:
    """Whether `rel` has the condition inside, where filters_down puts it."""
    used = columns_of(condition)
    match rel:
        case Owned():
            where = rel.query.args.get("where")
            defined = {i.alias_or_name: i.unalias() for i in rel.query.expressions}
            wanted = renamed(condition, defined)
            return where is not None and wanted in conjuncts(where.this)
        case Union():
            return all(_holds(part, condition) for part in rel.parts)
        case Filter():
            return condition in conjuncts(rel.condition) or _holds(rel.input, condition)
        case Extend():
            return _holds(rel.input, renamed(condition, dict(rel.columns)))
        case Join():
            if used <= rel.left.facts.keys():
                return _holds(rel.left, condition)
            return used <= rel.right.facts.keys() and _holds(rel.right, condition)
        case Group() | Window():
            return used <= rel.input.facts.keys() and _holds(rel.input, condition)
