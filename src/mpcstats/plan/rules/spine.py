"""Rule: one owner's source becomes the spine, in whose rows all others are looked up with a helper that may help."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.plan.context import Context
from mpcstats.plan.local import known
from mpcstats.plan.logical import Block, Local, Look, locals_of

# Bytes over all parties of a lookup join, by row of the left side, and by row and column of the
# right one (protocols/lookup_join): good enough to choose, the cards say what it costs.
LEFT_BYTES = 84
RIGHT_BYTES = 10


def spine(block: Block, context: Context) -> Block:
    """The block with its cheapest admissible spine. Raises UsageError, with every reason, if there is none."""
    if locals_of(block.sources[0])[0].key is None:
        return block
    reasons: list[str] = []
    found: list[tuple[int, Block]] = []
    for source in block.sources:
        if isinstance(source, Local):
            chosen = _looks(block, source, context, reasons)
            if chosen is not None:
                cost = _cost(block, source)
                found.append((cost, replace(block, spine=source.name, looks=chosen)))
    if not found:
        why = "; ".join(dict.fromkeys(reasons)) or (
            "every relation is spread over several owners: join them with a relation of one owner "
            "that has all persons"
        )
        raise context.refuse(None, f"no relation can be the spine of the joins: {why}")
    return min(found, key=lambda entry: entry[0])[1]


def _looks(
    block: Block, left: Local, context: Context, reasons: list[str]
) -> tuple[Look, ...] | None:
    """How all other locals are looked up in the rows of `left`; None, with the reasons noted, if one cannot be."""
    looks = []
    others = [
        own for s in (*block.sources, *block.tests) for own in locals_of(s) if own is not left
    ]
    for right in others:
        if right.owner == left.owner:
            reasons.append(f"{left.name} and {right.name} are both of {left.owner}")
            return None
        accepted = context.helpers(left.owner, right.owner)
        helpers = [
            h for h in context.compute if h in accepted and h not in (left.owner, right.owner)
        ]
        if not helpers:
            reasons.append(
                f"no compute party is accepted as helper by both {left.owner} and {right.owner} "
                f"(to look {right.name} up in {left.name})"
            )
            return None
        looks.append(Look(right.name, helpers[0]))
    return tuple(looks)


def _cost(block: Block, left: Local) -> int:
    rows = known(left).keys
    total = 0
    for source in (*block.sources, *block.tests):
        for right in locals_of(source):
            if right is not left:
                width = 1 + len(right.values) + len(right.codes)
                total += LEFT_BYTES * rows + RIGHT_BYTES * width * known(right).keys
    return total
