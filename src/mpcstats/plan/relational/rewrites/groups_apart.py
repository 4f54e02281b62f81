"""Rewrite: a group-by that a key with the party's name splits by owner is each owner's own."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Group, Owned, Rel, Union
from mpcstats.plan.relational.rewrites.collapse import collapse


def groups_apart(rel: Rel, context: Context) -> Rel:
    """Groups over a union, none of which has rows of two parts, as the union of the parts' groups."""
    if not isinstance(rel, Group) or not isinstance(rel.input, Union):
        return rel
    parts = rel.input.parts
    if not all(isinstance(part, Owned) and part.party & set(rel.keys) for part in parts):
        return rel
    return Union(tuple(collapse(replace(rel, input=part), context) for part in parts))
