"""The rewrites of relational plans, in the order in which they are tried, until none changes anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import (
    INSTITUTION,
    Aggregated,
    Answer,
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    Window,
)
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.rewrites.answers_apart import answers_apart
from mpcstats.plan.relational.rewrites.carry_filters import carry_filters
from mpcstats.plan.relational.rewrites.collapse import collapse
from mpcstats.plan.relational.rewrites.filters_down import filters_down
from mpcstats.plan.relational.rewrites.groups_apart import groups_apart
from mpcstats.plan.relational.rewrites.left_to_inner import left_to_inner
from mpcstats.plan.relational.rewrites.preaggregate import preaggregate
from mpcstats.plan.relational.rewrites.pushing import Pusher
from mpcstats.plan.relational.rewrites.semi_from_inner import semi_from_inner
from mpcstats.plan.relational.rewrites.spine import spine
from mpcstats.plan.relational.rewrites.unions_left import unions_left

Rewrite = Callable[[Rel, Context], Rel]
TIDYING: tuple[Rewrite, ...] = (
    left_to_inner,
    filters_down,
    carry_filters,
    collapse,
    groups_apart,
    preaggregate,
)
REWRITES = (*TIDYING, spine, unions_left)
MOST_PASSES = 100


def rewritten(answer: Answer, context: Context, names: Names) -> Answer:
    """`answer` with all rewrites made, and every expression computed by an owner where one can."""
    tidied = replace(answer, input=rewrite(answer.input, context, TIDYING))
    rel = rewrite(semi_from_inner(tidied).input, context, REWRITES)
    pusher = Pusher(context, names)
    found = _with_keys(replace(answer, input=rel), pusher)
    return _with_operands(answers_apart(found, context, names), pusher)


def computed_by_owners(answer: Answer, context: Context, names: Names) -> Answer:
    """`answer` with every expression computed by an owner where one can."""
    pusher = Pusher(context, names)
    return _with_operands(_with_keys(answer, pusher), pusher)


def _with_keys(answer: Answer, pusher: Pusher) -> Answer:
    rel, keys = answer.input, []
    for name, key in answer.keys:
        rel, node = pusher.placed(rel, key)
        keys.append((name, node))
    return replace(answer, input=rel, keys=tuple(keys))


def _with_operands(answer: Answer, pusher: Pusher) -> Answer:
    rel, aggregates = answer.input, []
    for aggregate in answer.aggregates:
        rel, placed = _aggregate(rel, aggregate, pusher)
        aggregates.append(placed)
    return replace(answer, input=placed_within(rel, pusher), aggregates=tuple(aggregates))


def rewrite(rel: Rel, context: Context, rules: Sequence[Rewrite] = REWRITES) -> Rel:
    """`rel` after all of `rules`, children first, until none changes anything (or MOST_PASSES have).

    Every pass leaves the same question, so that it may end anywhere.
    """
    for _ in range(MOST_PASSES):
        rel = _with_children(rel, context, rules)
        changed = (rule(rel, context) for rule in rules)
        found = next((new for new in changed if new is not rel), rel)
        if found is rel:
            break
        rel = found
    return rel


def _with_children(rel: Rel, context: Context, rules: Sequence[Rewrite]) -> Rel:
    match rel:
        case Owned():
            return rel
        case Union():
            parts = tuple(rewrite(part, context, rules) for part in rel.parts)
            same = all(a is b for a, b in zip(parts, rel.parts, strict=True))
            return rel if same else replace(rel, parts=parts)
        case Join():
            left, right = rewrite(rel.left, context, rules), rewrite(rel.right, context, rules)
            same = left is rel.left and right is rel.right
            return rel if same else replace(rel, left=left, right=right)
        case Extend() | Filter() | Group() | Window():
            inner = rewrite(rel.input, context, rules)
            return rel if inner is rel.input else replace(rel, input=inner)


def placed_within(rel: Rel, pusher: Pusher) -> Rel:
    """`rel` with the expressions of all its nodes over columns that owners compute."""
    match rel:
        case Owned():
            return rel
        case Union():
            return replace(rel, parts=tuple(placed_within(part, pusher) for part in rel.parts))
        case Filter() if rel.guards:
            return replace(rel, input=placed_within(rel.input, pusher))
        case Filter():
            inner, node = pusher.placed(rel.input, rel.condition)
            return replace(rel, input=placed_within(inner, pusher), condition=node)
        case Extend():
            inner, columns = rel.input, []
            for name, expression in rel.columns:
                if INSTITUTION in name and isinstance(inner, Group):
                    columns.append((name, expression))  # a key says it: no key more
                    continue
                inner, node = pusher.placed(inner, expression)
                columns.append((name, node))
            return replace(rel, input=placed_within(inner, pusher), columns=tuple(columns))
        case Group():
            inner, aggregates = rel.input, []
            for aggregate in rel.aggregates:
                inner, placed = _aggregate(inner, aggregate, pusher)
                aggregates.append(placed)
            return replace(rel, input=placed_within(inner, pusher), aggregates=tuple(aggregates))
        case Window():
            return replace(rel, input=placed_within(rel.input, pusher))
        case Join():
            return _join(rel, pusher)


def _join(join: Join, pusher: Pusher) -> Join:
    left, right = placed_within(join.left, pusher), placed_within(join.right, pusher)
    residual: list[Expr] = []
    for condition in join.residual:
        whole, node = pusher.placed(replace(join, kind="inner", left=left, right=right), condition)
        if isinstance(whole, Join):
            left, right = whole.left, whole.right
        residual.append(node)
    return replace(join, left=left, right=right, residual=tuple(residual))


def _aggregate(rel: Rel, aggregate: Aggregated, pusher: Pusher) -> tuple[Rel, Aggregated]:
    if aggregate.support is not None:
        rel, condition = pusher.placed(rel, aggregate.support)
        aggregate = replace(aggregate, support=condition)
    if aggregate.of is None or isinstance(aggregate.of, exp.Column):
        return rel, aggregate
    rel, node = pusher.placed(rel, aggregate.of)
    return rel, replace(aggregate, of=node)
