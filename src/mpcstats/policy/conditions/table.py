"""The decision table: is there a rule for the question's scenario and level, and does it permit anything?"""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.policy.words import level_words, named
from mpcstats.records.levels import Level


def table(case: Case) -> Iterator[Reason]:
    """Unknown means no; a rule that denies says why, and what could be asked instead."""
    found, rule = case.found, case.rule
    columns = named(found.columns)
    if rule is None:
        known = ", ".join(sorted(case.policy.scenarios))
        yield Reason(
            "no-rule",
            f"the question is of level {level_words(found.level)} ({columns}), and no rule speaks of "
            f"scenario {case.plan.scenario!r} at that level (scenarios: {known}): what is unknown is "
            "denied",
        )
    elif not rule.permit:
        yield Reason(
            "denied",
            f"the question is of level {level_words(found.level)} because of {columns}; rule "
            f"{rule.name}: {rule.because}",
        )
        yield Reason("nearest", f"nearest question that could pass: {_nearest(case)}")


def _nearest(case: Case) -> str:
    plan, found, policy = case.plan, case.found, case.policy
    below = [policy.rule(plan.scenario, level) for level in Level if level < found.level]
    permitted = [rule for rule in below if rule is not None and rule.permit]
    if permitted:
        best = max(permitted, key=lambda rule: rule.level)
        return (
            f"one without {', '.join(found.columns)}, at level {level_words(best.level)}, for cells "
            f"of {best.minimum_persons} persons or more"
        )
    others = [
        scenario
        for scenario in sorted(policy.scenarios)
        if (rule := policy.rule(scenario, found.level)) is not None and rule.permit
    ]
    return f"the same in scenario {' or '.join(others)}" if others else "none"
