"""Rewrite: an inner join that is asked only whether there is a match, under aggregates that count nothing twice."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.relational.algebra import (
    Answer,
    Extend,
    Filter,
    Join,
    Rel,
    column,
    columns_of,
)

ONCE = frozenset({"distinct", "min", "max"})


def semi_from_inner(answer: Answer) -> Answer:
    """The answer over rows that have a match, if no column of a join's right side is asked for."""
    if not answer.aggregates or not all(a.kind in ONCE for a in answer.aggregates):
        return answer
    asked = {answer.person} if answer.person is not None else set()
    for node in [
        *(key for _, key in answer.keys),
        *(a.of for a in answer.aggregates if a.of is not None),
    ]:
        asked |= columns_of(node)
    return replace(answer, input=_without(answer.input, frozenset(asked)))


def _without(rel: Rel, asked: frozenset[str]) -> Rel:
    match rel:
        case Filter():
            return replace(rel, input=_without(rel.input, asked | columns_of(rel.condition)))
        case Extend():
            inner = asked | {name for _, node in rel.columns for name in columns_of(node)}
            return replace(rel, input=_without(rel.input, inner))
        case Join(kind="inner") if not asked & rel.right.facts.keys():
            return Filter(replace(rel, kind="mark"), column(rel.flag))
    return rel
