"""Rewrite: where nothing is joined, owners count and sum up cell by cell at home, and shares are added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational import leaf
from mpcstats.plan.relational.algebra import (
    Aggregated,
    Answer,
    Expr,
    Group,
    Owned,
    Union,
    column,
    known,
)
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.rewrites.preaggregate import MERGED


def answers_apart(answer: Answer, context: Context, names: Names) -> Answer:
    """The answer over owners' groups by its keys, which are columns, if its aggregates are made of theirs."""
    parts = answer.input.parts if isinstance(answer.input, Union) else (answer.input,)
    if not all(isinstance(part, Owned) for part in parts):
        return answer
    if any(a.kind not in MERGED for a in answer.aggregates) or answer.person is None:
        return answer
    if answer.sets:  # persons of totals can be told only where rows are persons
        return answer
    keys = tuple(dict.fromkeys(key.name for _, key in answer.keys if isinstance(key, exp.Column)))
    tests: list[tuple[str, Expr]] = []
    for aggregate in answer.aggregates if context.persons else ():
        test = None if aggregate.hidden else _test(aggregate, answer)
        if test is not None:
            tests.append((aggregate.name, test))
    inner: list[Owned] = []
    columns = [[names.fresh("persons") for _ in parts] for _ in (None, *tests)]
    for position, part in enumerate(parts):
        if not isinstance(part, Owned):
            return answer
        inner.append(
            _grouped(part, answer, keys, [test for _, test in tests], columns, position, context)
        )
    merged = tuple(
        Aggregated(a.name, MERGED[a.kind], column(a.name), hidden=a.hidden, counts=a.counts)
        for a in answer.aggregates
    )
    backed = {name: tuple(columns[1 + i]) for i, (name, _) in enumerate(tests)}
    return replace(
        answer,
        input=inner[0] if len(inner) == 1 else Union(tuple(inner)),
        aggregates=merged,
        person=None,
        counted=tuple(columns[0]),
        backed=tuple(backed.get(a.name, ()) for a in answer.aggregates),
    )


def _grouped(
    part: Owned,
    answer: Answer,
    keys: tuple[str, ...],
    tests: Sequence[Expr],
    columns: Sequence[Sequence[str]],
    position: int,
    context: Context,
) -> Owned:
    """An owner's groups, with its persons in its own columns, and 0 in those of the others."""
    person = column(answer.person or "")
    behind = [person, *(exp.Case(ifs=[exp.If(this=t.copy(), true=person.copy())]) for t in tests)]
    counts = tuple(
        Aggregated(names[position], "distinct", node)
        for names, node in zip(columns, behind, strict=True)
    )
    told = tuple(Aggregated(n, "sum", column(n)) for names in answer.institutions for n in names)
    plain = (replace(a, support=None) for a in answer.aggregates)
    own = Group(part, keys, (*plain, *counts, *told))
    found = leaf.grouped(part, own, context)
    others = [
        (name, exp.Literal.number(0))
        for names in columns
        for i, name in enumerate(names)
        if i != position
    ]
    return leaf.extended(found, others, context) if others else found


def _test(aggregate: Aggregated, answer: Answer) -> Expr | None:
    """Which rows contribute to the aggregate; None: all."""
    if aggregate.support is not None or aggregate.of is None:
        return aggregate.support
    if not known(aggregate.of, answer.input).nullable:
        return None
    return exp.Not(this=exp.Is(this=aggregate.of.copy(), expression=exp.Null()))
