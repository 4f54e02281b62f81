"""The SELECT that a frame stands for: its clauses as plain data, and the tree that they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_

from sqlglot import exp

from mpcstats.plan.expression import Expression, Origin, identifier

Output = tuple[str, Expression]  # the name of a column, and what it holds


@dataclass(frozen=True, slots=True)
class From:
    """FROM and WHERE: the relations whose columns may be named, and the trees that bring them in."""

    origins: tuple[Origin, ...]
    first: exp.Expr
    joins: tuple[exp.Join, ...] = ()
    where: tuple[Expression, ...] = ()

    @property
    def untouched(self) -> bool:
        """Whether it is one relation as it is."""
        return not self.joins and not self.where

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are taken, those of semi-joins too."""
        return (self.first.alias_or_name, *(join.alias_or_name for join in self.joins))


@dataclass(frozen=True, slots=True)
class Shown:
    """What is selected, and the clauses after WHERE; `outputs` is None where all columns are shown as they are.

    `origin` is the relation that the SELECT is to others. `order` holds keys, and whether they descend.
    """

    origin: Origin
    outputs: tuple[Output, ...] | None = None
    groups: tuple[Expression, ...] = ()
    distinct: bool = False
    order: tuple[tuple[exp.Expr, bool], ...] = ()
    limit: int | None = None


def written(source: From, shown: Shown | None) -> exp.Select:
    """The SELECT as a tree of its own; of all columns, where nothing has been selected."""
    outputs = None if shown is None else shown.outputs
    query = exp.Select(
        expressions=[exp.Star()] if outputs is None else [_item(*output) for output in outputs],
        from_=exp.From(this=source.first.copy()),
        joins=[join.copy() for join in source.joins],
    )
    if source.where:
        query.set("where", exp.Where(this=reduce(and_, source.where).tree))
    if shown is None:
        return query
    if shown.groups:
        query.set("group", exp.Group(expressions=[group.tree for group in shown.groups]))
    if shown.distinct:
        query.set("distinct", exp.Distinct())
    if shown.order:
        ordered = [exp.Ordered(this=key.copy(), desc=descends) for key, descends in shown.order]
        query.set("order", exp.Order(expressions=ordered))
    if shown.limit is not None:
        query.set("limit", exp.Limit(expression=exp.Literal.number(shown.limit)))
    return query


def _item(name: str, output: Expression) -> exp.Expr:
    """An item of SELECT: a column that keeps its name is given no other."""
    tree = output.tree
    if isinstance(tree, exp.Column) and tree.name == name:
        return tree
    return exp.Alias(this=tree, alias=identifier(name))
