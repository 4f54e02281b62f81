"""The dummies of a private join: no size may tell more than the rule says; what they cost, conditions.noise holds."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.physical import PaddedJoin
from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason


def padded(case: Case) -> Iterator[Reason]:
    """What is wrong with the dummies that the plan has; that the exact size may not be told, its card says."""
    step, rule = case.plan.aggregate, case.rule
    if not isinstance(step, PaddedJoin) or rule is None or not rule.permit:
        return
    if rule.padding is None:
        yield Reason(
            "gate",
            f"rule {rule.name} does not say how much a noisy size of an intersection may tell: give it "
            'padding = { epsilon = "...", delta = "..." }',
        )
    elif not rule.padding.holds(step.law):
        yield Reason(
            "gate",
            f"rule {rule.name} asks for {rule.padding}, and those of the plan cost more: {step.law.loss}",
        )
