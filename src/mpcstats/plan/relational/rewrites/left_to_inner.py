"""Rewrite: a left join of whose right side a filter asks something is an inner join."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.logical import conjuncts
from mpcstats.plan.relational.algebra import Filter, Join, Rel, columns_of

COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.Like)
OPERANDS = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Paren),
    *(exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs),
)


def left_to_inner(rel: Rel, _: Context) -> Rel:
    """A filter over a left join that no row without a match passes, over the inner join."""
    if not isinstance(rel, Filter) or not isinstance(rel.input, Join) or rel.input.kind != "left":
        return rel
    join = rel.input
    right = join.right.facts.keys()
    if not any(_rejects_null(c, right) for c in conjuncts(rel.condition)):
        return rel
    found: Rel = replace(join, kind="inner", residual=())
    for node in join.residual:
        found = Filter(found, node)
    return Filter(found, rel.condition)


def _rejects_null(condition: exp.Expr, right: Collection[str]) -> bool:
    """Whether `condition` is not true where all columns of `right` are NULL."""
    node = condition.unnest()
    if isinstance(node, exp.Not) and isinstance(node.this.unnest(), exp.Is):
        inner = node.this.unnest()
        if not isinstance(inner.expression, exp.Null):
            return False
        return _strict(inner.this) and bool(columns_of(inner.this) & set(right))
    if isinstance(node, exp.In) and node.args.get("query") is None:
        return _strict(node.this) and bool(columns_of(node.this) & set(right))
    if isinstance(node, COMPARED):
        parts = list(node.iter_expressions())
        named = columns_of(node) & set(right)
        return all(_strict(part) for part in parts) and bool(named)
    return False


def _strict(node: exp.Expr) -> bool:
    """Whether `node` is NULL where one of its columns is."""
    return all(isinstance(part, OPERANDS) for part in node.walk())
