"""The query budget: how many questions of the project or template have been permitted before this one."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.conditions.approval import approved
from mpcstats.policy.reason import Reason


def budget(case: Case) -> Iterator[Reason]:
    """Why one question more is too many; where nobody has counted, any is."""
    rule = case.rule
    if rule is None or not rule.permit or rule.budget is None:
        return
    if rule.budget.per == "project" and case.project is None:
        yield Reason(
            "project",
            f"rule {rule.name} permits {rule.budget}; this question names no project",
        )
    if rule.budget.per == "template" and not approved(case):
        yield Reason(
            "approval",
            f"rule {rule.name} permits {rule.budget}; this question is of no approved template",
        )
    if case.spent is None:
        # Not "over-budget", which is a violation: it is this party that has not counted.
        yield Reason(
            "denied",
            f"rule {rule.name} permits {rule.budget}, and the earlier ones were not counted: what is "
            "unknown is denied",
        )
    elif case.spent >= rule.budget.questions:
        alone = case.spent if case.spent_alone is None else case.spent_alone
        yield Reason(
            "over-budget" if alone >= rule.budget.questions else "used-up",
            f"rule {rule.name} permits {rule.budget}, and {case.spent} have been permitted before",
        )
