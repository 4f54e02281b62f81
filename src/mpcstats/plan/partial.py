"""Plans whose shares outlive a loss of parties, and the plan of those who are left."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.errors import InternalError, UsageError
from mpcstats.plan import physical as plans
from mpcstats.plan.offer import SHAMIR
from mpcstats.plan.sums import Lost, PartialSum, Sum

SMALLEST = 3  # parties that can compare shares: products ask for an honest majority


def outliving(plan: plans.Physical) -> plans.Physical:
    """The plan with a sum that outlives a loss; another plan, or one on another engine, as it is."""
    step = plan.aggregate
    if plan.engine != SHAMIR or type(step) is not Sum:
        return plan
    kept = PartialSum(step.name, step.fragments, step.groups, step.totals)
    return _with_sum(plan, kept)


def resumed(plan: plans.Physical, run: str, without: tuple[str, ...]) -> plans.Physical:
    """The plan of those who are left of run `run` of `plan`: what they have put in, opened as ever.

    Raises UsageError where the plan's shares were not kept, or too few are left to open anything.
    """
    step = plan.aggregate
    if not isinstance(step, PartialSum) or plan.threshold is None:
        raise UsageError(
            "expected a question whose shares were kept: the policy's rule says partial = true"
        )
    absent = [party for party in without if party not in plan.parties]
    if absent or not without:
        raise UsageError(
            f"expected parties of the run that it has lost, got {', '.join(absent) or 'none'}"
        )
    compute = tuple(party for party in plan.compute if party not in without)
    fragments = tuple(each for each in plan.fragments if each.owner not in without)
    if len(compute) <= plan.threshold or not fragments:
        raise UsageError(
            f"expected {plan.threshold + 1} compute parties to be left, and an owner, got "
            f"{', '.join(compute) or 'none'}"
        )
    if len(compute) < SMALLEST:
        raise UsageError(
            f"expected {SMALLEST} compute parties to be left to test cells, got {', '.join(compute)}"
        )
    lost = Lost(run, plan.digest(), without, plan.compute, plan.threshold)
    names = tuple(each.name for each in fragments)
    own = replace(step, fragments=names, lost=lost)
    threshold = min(plan.threshold, (len(compute) - 1) // 2)
    left = replace(plan, compute=compute, fragments=fragments, threshold=threshold)
    return _with_sum(left, own)


def _with_sum(plan: plans.Physical, step: PartialSum) -> plans.Physical:
    if plan.gate.of != step.name:
        raise InternalError("expected the gate to open the sum")
    steps = tuple(step if each.name == step.name else each for each in plan.steps)
    return replace(plan, steps=steps)


def without_of(plan: plans.Physical) -> tuple[str, ...]:
    """The parties without which the plan goes on with an earlier run; none of a plan that does not."""
    step = plan.aggregate
    return step.lost.without if isinstance(step, PartialSum) and step.lost is not None else ()
