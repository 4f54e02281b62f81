"""What the rule asks about rows that fail the catalogue's checks: the plan makes them, and is no milder."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.strictness import STRICTNESS
from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason


def checked(case: Case) -> Iterator[Reason]:
    """Whether the plan checks less than the rule asks for."""
    rule, plan = case.rule, case.plan
    if rule is not None and rule.permit and STRICTNESS[plan.checks] < STRICTNESS[rule.checks]:
        yield Reason(
            "checks",
            f"rule {rule.name} asks for checks = {rule.checks!r} of what owners put in, the plan has {plan.checks!r}",
        )
