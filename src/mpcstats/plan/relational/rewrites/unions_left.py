"""Rewrite: a join whose left side is a union is made for each of the left owners, where all can look up."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import (
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    Window,
)


def unions_left(rel: Rel, context: Context) -> Rel:
    """The union of the parts' joins. Filters and computed columns above a union go into its parts."""
    if isinstance(rel, Filter | Extend) and isinstance(rel.input, Union):
        # Checks stay above, so that others can look up in the union; each owner's rows are checked apart all the same.
        return rel if isinstance(rel, Filter) and rel.guards else _apart(rel)
    if not isinstance(rel, Join):
        return rel
    left = _apart(rel.left)
    right = leaf_owners(rel.right)
    if right is None or not isinstance(left, Union):
        return rel
    for part in left.parts:
        owner = spine_owner(part)
        if owner is None or any(
            not helpers(owner, other, context) for other in right if other != owner
        ):
            return rel
    return Union(tuple(replace(rel, left=part) for part in left.parts))


def _apart(rel: Rel) -> Rel:
    """Filters and computed columns above a union inside its parts."""
    if not isinstance(rel, Filter | Extend):
        return rel
    below = _apart(rel.input)
    if not isinstance(below, Union):
        return rel
    return Union(tuple(replace(rel, input=part) for part in below.parts))


def helpers(left: str, right: str, context: Context) -> list[str]:
    """The compute parties that may help `left` to look up at `right`, in order."""
    accepted = context.helpers(left, right)
    return [h for h in context.compute if h in accepted and h not in (left, right)]


def spine_owner(rel: Rel) -> str | None:
    """The owner whose rows the rows of `rel` are one by one, if that is one."""
    match rel:
        case Owned():
            return rel.owner
        case Filter() | Extend():
            return spine_owner(rel.input)
        case Join() if rel.kind == "mark" or rel.most == 1:
            return spine_owner(rel.left)
    return None


def leaf_owners(rel: Rel) -> list[str] | None:
    """The owners in whose rows a left owner could look up: one, or those of a grouped union; None if it is neither."""
    match rel:
        case Owned():
            return [rel.owner]
        case Union():
            return (
                [p.owner for p in rel.parts if isinstance(p, Owned)]
                if all(isinstance(p, Owned) for p in rel.parts)
                else None
            )
        case Filter() | Extend() | Group():
            return leaf_owners(rel.input)
        case Window() | Join():
            return None
