"""Rewrite: what one owner has all columns of goes into that owner's query, joins too."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.relational import leaf
from mpcstats.plan.relational.algebra import Extend, Group, Join, Owned, Rel, Union


def collapse(rel: Rel, context: Context) -> Rel:
    """`rel` with the node at its top inside its owner's query, or inside each part of a union."""
    match rel:
        case Extend(input=Owned() as inner):
            return leaf.extended(inner, rel.columns, context)
        case Extend(input=Union() as union):
            return Union(
                tuple(collapse(Extend(part, rel.columns), context) for part in union.parts)
            )
        case Group(input=Owned() as inner):
            return leaf.grouped(inner, rel, context)
        case Join(left=Owned() as left, right=Owned() as right) if left.owner == right.owner:
            return leaf.joined(rel, left, right, context)
        case Union():
            if any(isinstance(part, Union) for part in rel.parts):
                flat = [
                    p
                    for part in rel.parts
                    for p in (part.parts if isinstance(part, Union) else (part,))
                ]
                return replace(rel, parts=tuple(flat))
    return rel
