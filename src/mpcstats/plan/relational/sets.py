"""GROUP BY CUBE, ROLLUP and GROUPING SETS: the keys of a question, and which of them each set of cells keeps."""

from __future__ import annotations

from itertools import combinations, product

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.relational.algebra import Expr

MOST_KEYS = 6

Sets = tuple[tuple[int, ...], ...]  # of each grouping set the positions of its keys, in order


def taken_sets(tree: exp.Select, context: Context) -> Sets:
    """The grouping sets of `tree`, whose GROUP BY is left with all of their keys, each once; () if it has none.

    Several of them in one GROUP BY are multiplied, as in SQL. Raises UsageError for a set within a set, for more than
    MOST_KEYS keys, and unless some set keeps all keys.
    """
    group = tree.args.get("group")
    if group is None or not any(isinstance(item, KINDS) for item in group.expressions):
        return ()
    keys: list[Expr] = []
    chosen = [_sets(item, keys, context) for item in group.expressions]
    if len(keys) > MOST_KEYS:
        raise context.refuse(
            group, f"expected at most {MOST_KEYS} keys with totals, got {len(keys)}"
        )
    found = {frozenset[int]().union(*parts) for parts in product(*chosen)}
    if frozenset(range(len(keys))) not in found:
        raise context.refuse(
            group,
            "expected a grouping set of all keys among the others: without it nothing says what they have in common; "
            "add it, or ask for each set by a question of its own",
            "GROUPING SETS",
        )
    group.set("expressions", [key.copy() for key in keys])
    return tuple(sorted((tuple(sorted(s)) for s in found), key=lambda s: (-len(s), s)))


KINDS = (exp.Cube, exp.Rollup, exp.GroupingSets)


def _sets(item: Expr, keys: list[Expr], context: Context) -> list[frozenset[int]]:
    match item:
        case exp.Cube():
            parts = [_one(part, keys, context) for part in item.expressions]
            picks = (c for n in range(len(parts) + 1) for c in combinations(parts, n))
            return [frozenset[int]().union(*pick) for pick in picks]
        case exp.Rollup():
            parts = [_one(part, keys, context) for part in item.expressions]
            return [frozenset[int]().union(*parts[:n]) for n in range(len(parts) + 1)]
        case exp.GroupingSets():
            return [_one(part, keys, context) for part in item.expressions]
    return [_one(item, keys, context)]


def _one(part: Expr, keys: list[Expr], context: Context) -> frozenset[int]:
    """A key, or several in parentheses."""
    if isinstance(part, KINDS):
        raise context.refuse(part, "CUBE, ROLLUP or GROUPING SETS inside another is not supported")
    inside = part.expressions if isinstance(part, exp.Tuple) else [part.unnest()]
    for key in inside:
        if key not in keys:
            keys.append(key)
    return frozenset(keys.index(key) for key in inside)
