"""The plan may compute only what the rule names."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.operations import operations
from mpcstats.policy.reason import Reason


def operations_permitted(case: Case) -> Iterator[Reason]:
    """One reason for every operation of the plan that the rule's closed list does not have."""
    rule = case.rule
    if rule is None or not rule.permit or rule.operations is None:
        return
    for operation in operations(case.plan, case.catalogue):
        if operation not in rule.operations:
            yield Reason(
                "operation",
                f"rule {rule.name} permits {', '.join(sorted(rule.operations))}; this question needs "
                f"{operation}",
            )
