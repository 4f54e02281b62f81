"""The history as a bound of policy: what is compared, what is refused because nothing can compare it, and the order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.test_compile import question, records

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Records, compile_question, permitted, planned
from mpcstats.party.explained import explained
from mpcstats.party.question import Question
from mpcstats.plan.comparison import EVERYBODY, STEP
from mpcstats.plan.cost import estimate
from mpcstats.plan.physical import Comparison, Physical, Release
from mpcstats.policy.history import History
from mpcstats.policy.rule import Policy, Rule, wider

KEPT = {"persons": 200_000, "cells": 16}


def remembering(**history: Any) -> Records:
    """The demo's records, whose rules have a history."""
    found = records()
    rules = [
        Rule.model_validate(
            {
                **rule.model_dump(mode="json"),
                "level": rule.level.name,
                "history": {**KEPT, **history},
            }
        )
        for rule in found.policy.rules
    ]
    return replace(found, policy=Policy.of(tuple(rules), found.policy.accepted))


def test_a_cohort_is_compared_before_its_gate() -> None:
    permit = compile_question(question(), remembering())
    step = permit.plan.comparison
    assert step == Comparison(STEP, "cohort", EVERYBODY, 200_000, 16, 11)
    assert permit.plan.steps[-2] == step
    everybody, spine = permit.plan.fragment(EVERYBODY), permit.plan.fragment("i")
    assert everybody.owner == spine.owner
    assert {item.use for item in everybody.items} == {"key"}
    assert everybody.rows == 200_000


def test_without_a_history_in_the_rule_nothing_is_compared() -> None:
    """Negative control."""
    assert planned(question(), records()).comparison is None


def test_the_comparison_is_in_the_estimate_and_in_words() -> None:
    plan, cards = planned(question(), remembering()), records().cards
    (cost,) = [step for step in estimate(plan, cards).steps if step.card == "differencing"]
    assert cost.exact
    assert set(cost.bytes_sent) == {"bureau", "hospital", "insurer"}
    without = planned(question(), records())
    assert estimate(plan, cards).rounds > estimate(without, cards).rounds + cost.rounds - 1
    assert "none that differs in 1 to 10 persons" in str(explained(question(), remembering()))


@pytest.mark.parametrize(
    "text", ["SELECT insutype, COUNT(*) AS n FROM bureau.settlement GROUP BY insutype"]
)
def test_what_cannot_be_compared_is_refused_or_left_to_the_budget(text: str) -> None:
    other = Question(text, "supervision", "a test", "bureau", ("bureau",), "2026-01-01")
    with pytest.raises(PolicyRefused, match="only cohorts of persons"):
        compile_question(other, remembering())
    compile_question(other, records())


def test_an_index_that_is_too_small_is_refused() -> None:
    with pytest.raises(
        PolicyRefused, match="over 1,000 persons; the spine of this question has 50,000"
    ):
        compile_question(question(), remembering(persons=1000))


def reasons(plan: Physical) -> list[str]:
    try:
        permitted(plan, question(), remembering())
    except PolicyRefused as refusal:
        return list(refusal.reasons)
    return []


def test_a_plan_with_another_comparison_is_refused() -> None:
    plan = planned(question(), remembering())
    assert reasons(plan) == []
    step = plan.comparison
    assert step is not None
    for other in (replace(step, cells=15), replace(step, persons=100_000), replace(step, k=2)):
        found = replace(plan, steps=(*plan.steps[:-2], other, plan.gate))
        assert any("the plan has another one" in reason for reason in reasons(found))
    alone = replace(plan, steps=(*plan.steps[:-2], plan.gate))
    assert any("asks for a comparison with 16" in reason for reason in reasons(alone))


def test_no_approval_exempts_cells_from_it() -> None:
    plan = planned(question(), remembering())
    exempt = Release(("bureau",), 1, exempt="0" * 64)
    found = replace(
        plan, steps=(*plan.steps[:-1], replace(plan.gate, releases=(*plan.gate.releases, exempt)))
    )
    assert any("no approval exempts cells from it" in reason for reason in reasons(found))


def rule(history: dict[str, Any] | None, **more: Any) -> Rule:
    return Rule.model_validate(
        {
            "scenario": "a",
            "level": "LOW",
            "permit": True,
            "leakage": ["gated-cell"],
            "recipients": ["*"],
            "engines": ["rep3"],
            "history": history,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, KEPT, True),
        (KEPT, None, False),
        (KEPT, KEPT, False),
        ({**KEPT, "cells": 17}, KEPT, True),
        ({**KEPT, "cells": 15}, KEPT, False),
        ({**KEPT, "persons": 10}, KEPT, False),
    ],
)
def test_the_order_of_histories(one: Any, other: Any, *, expected: bool) -> None:
    assert any("history" in words for words in wider(rule(one), rule(other))) == expected


def test_all_histories_of_a_policy_have_one_index() -> None:
    one = rule(KEPT, level="NONE")
    other = rule({**KEPT, "persons": 5}, scenario="b", level="NONE")
    with pytest.raises(UsageError, match="one number of persons in all histories, got 5, 200000"):
        Policy.of((one, other), ())
    Policy.of((one, rule(KEPT, scenario="b", level="NONE")), ())


def test_what_is_left_to_a_budget_needs_one() -> None:
    left = {**KEPT, "otherwise": "budget"}
    assert History.model_validate(left).wider(History.model_validate(KEPT))
    with pytest.raises(ValidationError, match="to have a budget where its history"):
        rule(left)
    rule(left, requires=["project"], budget={"questions": 3})
