"""Rewrite: the side of an inner join in whose rows the other can be looked up more cheaply comes left."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Join, Rel, repeats
from mpcstats.plan.relational.rewrites.unions_left import helpers, leaf_owners, spine_owner

# Bytes over all parties of a lookup join, by row of the left side, and by row and column of the right one
# (protocols/lookup_join): good enough to choose, the cards say what it costs.
LEFT_BYTES = 84
RIGHT_BYTES = 10


def spine(rel: Rel, context: Context) -> Rel:
    """An inner join with its sides exchanged, if that costs less."""
    if not isinstance(rel, Join) or rel.kind != "inner":
        return rel
    back = replace(rel, left=rel.right, right=rel.left, on=tuple((b, a) for a, b in rel.on))
    here, there = _cost(rel, context), _cost(back, context)
    if there is None or (here is not None and here <= there):
        return rel
    return back


def _cost(join: Join, context: Context) -> int | None:
    """Bytes of the lookups, None if they cannot be made."""
    left, right = spine_owner(join.left), leaf_owners(join.right)
    times = repeats(join.right, [b for _, b in join.on])
    if left is None or right is None or times is None:
        return None
    if any(not helpers(left, owner, context) for owner in right if owner != left):
        return None
    width = 1 + len(join.right.facts) * times
    return LEFT_BYTES * join.left.rows * len(right) * times + RIGHT_BYTES * width * join.right.rows
