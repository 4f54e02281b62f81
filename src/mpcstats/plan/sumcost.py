"""What sums of cells that owners have counted at home cost: the sizes and roles of their cards."""

from __future__ import annotations

from collections import Counter

from mpcstats.plan.grouproles import group_roles
from mpcstats.plan.physical import Aggregated, KeptGate, PartialSum, Physical, Sum
from mpcstats.plan.sizing import Sizing, everyone


def sum_sizing(plan: Physical, step: Sum) -> Sizing:
    """Every provider puts in its persons and totals, cell by cell; adding them up costs nothing."""
    owners = [plan.fragment(name).owner for name in step.fragments]
    roles = Counter(("inside" if o in plan.compute else "outside", o) for o in owners)
    outside = sum(owner not in plan.compute for owner in owners)
    sizes = {
        "elements": (1 + len(step.totals)) * plan.cells,
        "inside_providers": len(owners) - outside,
        "outside_providers": outside,
    }
    return Sizing(step.name, step.card, sizes, {**roles, **everyone(plan)})


def partial_sum_sizing(plan: Physical, step: PartialSum) -> Sizing:
    """The dealing, unless it was done in the run that is gone on with; then each vector is shared anew for the gate,
    or its gate opens them.
    """
    owners = [plan.fragment(name).owner for name in step.fragments]
    dealt, threshold = plan.compute, plan.tolerated
    roles: Counter[tuple[str, str]] = Counter()
    if step.lost is None:
        roles.update(("inside" if o in plan.compute else "outside", o) for o in owners)
    else:
        dealt, threshold = step.lost.dealt, step.lost.threshold
    holders = [party for party in dealt if party in plan.compute][: threshold + 1]
    if not isinstance(plan.gate, KeptGate):
        roles.update({("resumes", party): len(owners) for party in holders})
    sizes = _sizes(plan, step)
    return Sizing(step.name, step.card, sizes, dict(roles), exact=step.lost is None)


def opened(plan: Physical, gate: KeptGate) -> Sizing:
    """The sum of what those who are left have put in, opened as it is to each recipient."""
    roles = group_roles(plan.compute, plan.tolerated, recipients=gate.recipients)
    return Sizing(gate.name, gate.card, _sizes(plan, plan.aggregate), dict(roles), exact=False)


def _sizes(plan: Physical, step: Aggregated) -> dict[str, int]:
    return {
        "elements": (1 + len(step.totals)) * plan.cells,
        "left": len(plan.compute),
        "tolerated": plan.tolerated,
    }
