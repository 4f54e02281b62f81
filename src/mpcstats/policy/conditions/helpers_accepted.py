"""The helper of every lookup join must be one that both owners accept by name."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.physical import Lookup
from mpcstats.plan.tables import Find
from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason


def helpers_accepted(case: Case) -> Iterator[Reason]:
    """A helper that colluded with either owner would learn the join: each names whom it trusts so."""
    plan = case.plan
    for step in plan.steps:
        if isinstance(step, Lookup | Find):
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            accepted = case.policy.helpers(left, right)
            if step.helper in (left, right) or step.helper not in accepted:
                yield Reason(
                    "helper", f"{step.helper} is no helper that {left} and {right} both accept"
                )
