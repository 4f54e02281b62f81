"""Rewrite: owners group their own rows first, and shares are grouped of groups only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import (
    Aggregated,
    AggregateKind,
    Group,
    Owned,
    Rel,
    Union,
    column,
)
from mpcstats.plan.relational.rewrites.collapse import collapse

MERGED: Mapping[AggregateKind, AggregateKind] = {
    "count": "sum",
    "sum": "sum",
    "min": "min",
    "max": "max",
    "any": "any",
}


def preaggregate(rel: Rel, context: Context) -> Rel:
    """Groups over a union of owners' rows as groups of the owners' groups: counts and sums add up, and so on.

    A number of distinct values adds up only where every value is one owner's: of the party column it is the number
    of owners that have the group.
    """
    if not isinstance(rel, Group) or not isinstance(rel.input, Union):
        return rel
    parts = rel.input.parts
    if not all(isinstance(part, Owned) for part in parts) or all(
        any(unique <= set(rel.keys) for unique in part.unique) for part in parts
    ):
        return rel
    told = frozenset.intersection(*(p.party for p in parts if isinstance(p, Owned)))
    merged = []
    for aggregate in rel.aggregates:
        apart = aggregate.of is not None and getattr(aggregate.of, "name", None) in told
        if aggregate.kind == "distinct" and apart:
            merged.append(Aggregated(aggregate.name, "sum", column(aggregate.name)))
        elif aggregate.kind in MERGED:
            merged.append(
                Aggregated(aggregate.name, MERGED[aggregate.kind], column(aggregate.name))
            )
        else:
            return rel
    inner = tuple(collapse(replace(rel, input=part), context) for part in parts)
    return Group(Union(inner), rel.keys, tuple(merged))
