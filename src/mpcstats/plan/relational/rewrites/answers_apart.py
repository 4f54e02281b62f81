"""Rewrite: where nothing is joined, owners count and sum up cell by cell at home, and shares are added up."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational import leaf
from mpcstats.plan.relational.algebra import (
    Aggregated,
    Answer,
    Group,
    Owned,
    Union,
    column,
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
    keys = tuple(dict.fromkeys(key.name for _, key in answer.keys if isinstance(key, exp.Column)))
    counted = tuple(names.fresh("persons") for _ in parts)
    inner = []
    for position, part in enumerate(parts):
        if not isinstance(part, Owned):
            return answer
        persons = Aggregated(counted[position], "distinct", column(answer.person))
        grouped = leaf.grouped(part, Group(part, keys, (*answer.aggregates, persons)), context)
        zeros = [(name, exp.Literal.number(0)) for name in counted if name != counted[position]]
        inner.append(leaf.extended(grouped, zeros, context) if zeros else grouped)
    merged = tuple(
        Aggregated(a.name, MERGED[a.kind], column(a.name))  # type: ignore[arg-type]
        for a in answer.aggregates
    )
    found = inner[0] if len(inner) == 1 else Union(tuple(inner))
    return replace(answer, input=found, aggregates=merged, person=None, counted=counted)
