"""How cells are hidden beside others stands in the policy: its rule's method and room are the plan's, or it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.test_noise_limits import question, records

from mpcstats.party.compile import case_of, planned
from mpcstats.plan.physical import Outcome
from mpcstats.plan.tables import Beside
from mpcstats.policy.conditions.gate_rules import gate_rules
from mpcstats.policy.rule import Rule, wider

TEXT = (
    "SELECT p.ward, COUNT(*) AS n FROM a.people p JOIN (SELECT pid, SUM(days) AS d FROM b.stays GROUP BY pid) s "
    "USING (pid) GROUP BY CUBE (p.ward)"
)
PLAIN: dict[str, Any] = {"noise": "none", "privacy": None}
OPTIMAL = {"method": "optimal", "percent": 30}


def beside(**rule: Any) -> Beside:
    step = planned(question(TEXT), records(**PLAIN, **rule)).aggregate
    assert isinstance(step, Outcome)
    assert step.beside is not None
    return step.beside


def test_a_rule_names_the_method_and_the_room() -> None:
    assert (beside().method, beside().percent) == ("greedy", 10)
    found = beside(suppression=OPTIMAL)
    assert (found.method, found.percent) == ("optimal", 30)


def test_a_plan_with_another_is_refused() -> None:
    asked, plain, ruled = question(TEXT), records(**PLAIN), records(**PLAIN, suppression=OPTIMAL)
    case = case_of(planned(asked, plain), asked, plain)
    assert not any("of room" in reason.text for reason in gate_rules(case))
    (said,) = (r.text for r in gate_rules(replace(case, policy=ruled.policy)) if "room" in r.text)
    assert said.endswith(
        "asks for the optimal method with 30 % of room beside totals, the plan has the greedy method with 10 %"
    )


def rule(**said: Any) -> Rule:
    told = {"leakage": ["a"], "recipients": ["*"], "engines": ["rep3"], "permit": True}
    return Rule.model_validate({"scenario": "audit", "level": "LOW", **told, **said})


def test_less_room_permits_more_and_a_method_permits_nothing() -> None:
    assert list(wider(rule(), rule(suppression=OPTIMAL))) == ["less room of hidden amounts"]
    assert not list(wider(rule(suppression=OPTIMAL), rule()))
    assert not list(wider(rule(suppression={"method": "optimal"}), rule()))
    with pytest.raises(ValueError, match="percent"):
        rule(suppression={"percent": 0})
