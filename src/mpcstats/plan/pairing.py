"""A question as a private join: two owners' rows met on the person key, counted, and summed at one of them."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.errors import UsageError
from mpcstats.plan import physical as plans
from mpcstats.plan.context import Context
from mpcstats.plan.contributing import everyone_contributes
from mpcstats.plan.fragment import fragment
from mpcstats.plan.logical import Block, Local, locals_of
from mpcstats.plan.lower import criterion_of, totals_of
from mpcstats.plan.private import PrivateJoin

STEP = "join"


def paired(
    block: Block, context: Context, recipients: tuple[str, ...]
) -> tuple[tuple[plans.Fragment, ...], PrivateJoin]:
    """The fragments and the step of `block`. Raises UsageError where two parties alone cannot compute it."""
    left, right = _sides(block, context, recipients)
    source = {left.name: plans.SPINE, right.name: STEP}
    if criterion_of(block, source) != plans.Hit(STEP):
        raise _refusal(
            context, "one owner's persons that the other one has, and no other condition"
        )
    if context.persons and not all(everyone_contributes(m) for m in block.measures):
        raise _refusal(context, "totals to which every person contributes: no CASE in them")
    totals = totals_of(block, source)
    for total in totals:
        if len(total.terms) != 1 or len(total.terms[0].factors) > 1:
            raise _refusal(context, f"sums of one column each, and {total.name} is another")
    join = PrivateJoin(STEP, left.name, right.name, totals)
    return (fragment(left, context), fragment(right, context)), join


def _sides(block: Block, context: Context, recipients: tuple[str, ...]) -> tuple[Local, Local]:
    """Who finds the matches, and who has the columns; without columns the first recipient finds them."""
    everyone = [own for s in (*block.sources, *block.tests) for own in locals_of(s)]
    if len(everyone) != 2 or everyone[0].owner == everyone[1].owner or block.groups:
        raise _refusal(context, "one relation of each of two owners, and no groups")
    if any(own.key is None for own in everyone):
        raise _refusal(context, "a join on the person key")
    holders = set(_summed(block))
    if len(holders) > 1:
        raise _refusal(context, "columns of one of the two owners alone")
    first, second = everyone
    holder = holders.pop() if holders else None
    found = first.name == holder or (holder is None and second.owner in recipients[:1])
    return (second, first) if found else (first, second)


def _summed(block: Block) -> Iterator[str]:
    """The locals whose columns the measures are about."""
    for measure in block.measures:
        for term in measure.terms:
            yield from (ref.source for ref in term.factors)


def _refusal(context: Context, wanted: str) -> UsageError:
    return context.refuse(None, f"engine pair computes {wanted}: ask for another engine")
