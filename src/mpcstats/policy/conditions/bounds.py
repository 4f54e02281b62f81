"""The bounds of the rule: persons of a cell, recipients, engine, parties, blind keys."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.sums import PartialSum
from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import ANYBODY


def bounds(case: Case) -> Iterator[Reason]:
    """In which of the rule's bounds the plan itself is not."""
    plan, rule = case.plan, case.rule
    if rule is None or not rule.permit:
        return
    least = min((release.k for release in plan.gate.ruled), default=rule.minimum_persons)
    if least < rule.minimum_persons:
        yield Reason(
            "minimum-persons",
            f"rule {rule.name} opens cells of at least {rule.minimum_persons} persons, the plan "
            f"those of {least}",
        )
    # Exempted releases name their own recipients (conditions.exempted).
    for recipient in dict.fromkeys(name for r in plan.gate.ruled for name in r.recipients):
        if ANYBODY not in rule.recipients and recipient not in rule.recipients:
            known = ", ".join(sorted(rule.recipients))
            yield Reason(
                "recipient",
                f"rule {rule.name} permits {known} as recipient; this question is for {recipient}",
            )
    if plan.engine not in rule.engines:
        yield Reason(
            "engine",
            f"rule {rule.name} permits engines {', '.join(sorted(rule.engines))}, the plan has {plan.engine}",
        )
    parties = len(set(plan.compute))
    if parties < rule.minimum_parties:
        yield Reason(
            "minimum-parties",
            f"rule {rule.name} asks for at least {rule.minimum_parties} compute parties, the plan "
            f"has {parties}",
        )
    step = plan.aggregate
    if isinstance(step, PartialSum) and not rule.partial:
        yield Reason(
            "partial", f"rule {rule.name} permits no answer of those who are left of a run"
        )
    if case.found.blind_keys and not rule.blind_keys:
        yield Reason(
            "blind-key", f"rule {rule.name} permits no join on a person key, the plan has one"
        )
