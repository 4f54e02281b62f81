"""Plans whose shares outlive a loss of parties, and the plan of those who are left."""

from __future__ import annotations

from collections.abc import Iterator
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

    Two who are left can test nothing; they open it as it is where the plan asks for no test. Raises UsageError where
    the plan's shares were not kept, or too few are left to open anything, or to test what must be tested.
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
    untested = len(compute) < SMALLEST
    if untested and (asked := list(_tests(plan))):
        raise UsageError(
            f"expected {SMALLEST} compute parties to be left to test cells, got {', '.join(compute)}: the policy asks "
            f"for {', '.join(asked)}, and two can test nothing on shares"
        )
    lost = Lost(run, plan.digest(), without, plan.compute, plan.threshold)
    names = tuple(each.name for each in fragments)
    own = replace(step, fragments=names, lost=lost)
    # Two compute nothing, and open what they hold: shares any t = 1 of the dealing's parties learn nothing of.
    threshold = plan.threshold if untested else min(plan.threshold, (len(compute) - 1) // 2)
    left = _with_sum(replace(plan, compute=compute, fragments=fragments, threshold=threshold), own)
    return _untested(left) if untested else left


def _tests(plan: plans.Physical) -> Iterator[str]:
    """What the gate and the steps before it do on shares, in words; nothing if the sum may be opened as it is."""
    for release in plan.gate.releases:
        if release.k > 1:
            yield f"{release.k} persons of a cell"
        if release.contributors > 1:
            yield f"{release.contributors} contributors of an amount"
        if release.on_contributions:
            yield "no dominant contributor"
        if release.rounding > 1:
            yield f"counts rounded to {release.rounding}"
        if release.exempt is not None:
            yield "a release of its own by an approval"
        elif release.columns is not None or release.cells is not None:
            yield "a release of some cells alone"
    if plan.noise is not None:
        yield "noise"
    if plan.comparison is not None:
        yield "a comparison with earlier cells"


def _untested(plan: plans.Physical) -> plans.Physical:
    (release,) = plan.gate.releases  # more than one are of some cells alone, or exempted
    return replace(
        plan, steps=(*plan.steps[:-1], plans.KeptGate(plan.gate.name, plan.gate.of, (release,)))
    )


def _with_sum(plan: plans.Physical, step: PartialSum) -> plans.Physical:
    if plan.gate.of != step.name:
        raise InternalError("expected the gate to open the sum")
    steps = tuple(step if each.name == step.name else each for each in plan.steps)
    return replace(plan, steps=steps)


def without_of(plan: plans.Physical) -> tuple[str, ...]:
    """The parties without which the plan goes on with an earlier run; none of a plan that does not."""
    step = plan.aggregate
    return step.lost.without if isinstance(step, PartialSum) and step.lost is not None else ()
