"""Private joins with dummies as questions: when they are planned, what they cost of privacy, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused
from mpcstats.party.compile import NOTHING, Records, case_of, permitted, planned
from mpcstats.party.data.sources import Rows, Sources
from mpcstats.party.explained import explained
from mpcstats.party.question import Question
from mpcstats.party.run import play
from mpcstats.plan.cost import estimate
from mpcstats.plan.learned import learned
from mpcstats.plan.offer import Offer
from mpcstats.plan.padded import padded
from mpcstats.plan.physical import JoinGate, PaddedGate, PaddedJoin, Physical
from mpcstats.policy.check import reasons
from mpcstats.policy.dummies import MOST_SHIFT, Dummies
from mpcstats.policy.noise import lost
from mpcstats.policy.rule import Policy, Rule, wider
from mpcstats.protocols import private_join_padded as protocol
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.loss import Loss
from mpcstats.records.privacy.padding import Padding
from mpcstats.records.privacy.spending import Losses
from mpcstats.testing import Outcome, lockstep

KEY = '{ type = "text", level = "LOW", person = true, key = "trim-upper", unique = true, nullable = false }'
CATALOGUE = f"""version = 1
[[dataset]]
name = "bureau.enrolment"
owner = "bureau"
rows = 40
[dataset.columns]
certno = {KEY}
paid = {{ type = "integer", level = "LOW", minimum = -1000, maximum = 1000, nullable = false }}
[[dataset]]
name = "insurer.policies"
owner = "insurer"
rows = 30
[dataset.columns]
certno = {KEY}
"""
COUNT = "SELECT COUNT(*) AS n FROM bureau.enrolment e JOIN insurer.policies p USING (certno)"
SUMMED = COUNT.replace("AS n", "AS n, SUM(e.paid) AS paid")
PAID = {f"K{i}": 7 * i - 200 for i in range(35)}
COMMON = [f"K{i}" for i in range(5, 35)]
LAW = Padding(Fraction(2), Fraction(1, 100))
SHIFT = 3  # e^-6 < 1/100 < e^-4
RULE: dict[str, Any] = {
    "scenario": "study",
    "permit": True,
    "minimum_persons": 4,
    "minimum_parties": 2,
    "leakage": ["size-bound", "gated-cell", "suppression-pattern", "noisy-intersection-size"],
    "recipients": ["*"],
    "engines": ["pair"],
    "padding": {"epsilon": "2", "delta": "1/100"},
}
BUDGETS = [
    {"dataset": name, "epsilon": "6", "delta": "1/10"}
    for name in ("bureau.enrolment", "insurer.policies")
]
PARTIES = ("bureau", "insurer")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("padded")
    (found / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    paid = [f"{key},{value}" for key, value in PAID.items()]
    (found / "bureau.enrolment.csv").write_text("\n".join(["certno,paid", *paid]) + "\n", "utf-8")
    (found / "insurer.policies.csv").write_text("\n".join(["certno", *COMMON]) + "\n", "utf-8")
    return found


Make = Callable[..., Records]


@pytest.fixture
def records(folder: Path) -> Make:
    """What a party decides by; `rule` changes every rule, `budgets` are those of privacy."""
    catalogue = Catalogue.load(folder / "catalogue.toml")

    def make(*, party: str = "bureau", budgets: Any = BUDGETS, **rule: Any) -> Records:
        levels = (Level.NONE, Level.LOW)
        rules = tuple(Rule.model_validate({**RULE, **rule, "level": each.name}) for each in levels)
        policy = Policy.of(rules, (), tuple(PrivacyBudget.model_validate(b) for b in budgets))
        offers = (Offer("pair"),)
        return Records(party, catalogue, policy, load_cards(), (), PARTIES, engines=offers)

    return make


def question(text: str = SUMMED, *to: str) -> Question:
    return Question(text, "study", "a test", "bureau", to or ("bureau",), "2026-01-01")


def counted() -> Any:
    """This party has counted what was told before: nothing."""
    return replace(NOTHING, losses=Losses())


def run(make: Make, folder: Path, text: str, *to: str, **rule: Any) -> Outcome[Any]:
    asked = question(text, *to)

    def body(party: str) -> Any:
        of = make(party=party, **rule)
        permit = permitted(planned(asked, of), asked, of, known=counted())
        name = "bureau.enrolment" if party == "bureau" else "insurer.policies"
        sources = Sources(party, {name: folder / f"{name}.csv"}, of.catalogue)
        rows: dict[str, Rows] = dict(sources.read(permit.plan).rows)
        return lambda session: play(session, permit, rows)

    return lockstep({party: body(party) for party in PARTIES})


def plan_of(make: Make, text: str = SUMMED, *to: str, **rule: Any) -> Physical:
    return planned(question(text, *to), make(**rule))


# Which join is planned.


def test_dummies_are_planned_where_the_exact_size_may_not_be_told(records: Make) -> None:
    plan = plan_of(records)
    assert isinstance(plan.aggregate, PaddedJoin)
    assert isinstance(plan.gate, PaddedGate)
    assert [step.card for step in plan.steps] == ["private_join_padded"] * 2
    assert (plan.aggregate.law, plan.aggregate.law.shift) == (LAW, SHIFT)
    both = [*RULE["leakage"], "intersection-size"]
    exact = plan_of(records, leakage=both)
    assert [step.card for step in exact.steps] == ["private_join"] * 2
    assert padded(exact, LAW).canonical() == plan.canonical()
    assert exact.digest() != plan.digest()
    other = plan_of(records, padding={"epsilon": "2", "delta": "1/99"})
    assert other.digest() != plan.digest()


def test_without_padding_a_noisy_size_is_not_planned(records: Make) -> None:
    of = records(padding=None)
    plan = planned(question(), of)
    assert type(plan.gate) is JoinGate
    with pytest.raises(PolicyRefused, match="leakage intersection-size of protocol private_join"):
        permitted(plan, question(), of, known=counted())


def test_the_policy_holds_dummies_against_the_rule(records: Make) -> None:
    plan = plan_of(records)

    def found(plan: Physical, **rule: Any) -> str:
        return str(reasons(case_of(plan, question(), records(**rule), known=counted())))

    assert "cost more" not in found(plan)
    assert "epsilon 2, delta 1/100 of each size" in found(
        padded(plan, Padding(Fraction(3), LAW.delta))
    )
    assert "cost more" in found(padded(plan, Padding(LAW.epsilon, Fraction(1, 99))))
    assert "cost more" not in found(padded(plan, Padding(Fraction(1), Fraction(1, 101))))
    assert "does not say how much a noisy size" in found(plan, padding=None)


# What it costs.


def test_a_size_costs_every_dataset_its_loss(records: Make) -> None:
    plan = plan_of(records)
    loss = Loss(Fraction(2), Fraction(2), Fraction(1, 100))
    assert lost(plan) == {"bureau.enrolment": loss, "insurer.policies": loss}
    both = [*RULE["leakage"], "intersection-size"]
    assert lost(plan_of(records, leakage=both)) == {}


@pytest.mark.parametrize(
    ("budgets", "said"),
    [
        (BUDGETS[:1], "insurer.policies has no budget of privacy"),
        ([{**each, "delta": "1/100"} for each in BUDGETS], "delta alone would be 1/100"),
        ([{"dataset": e["dataset"], "epsilon": "9"} for e in BUDGETS], "delta alone would be"),
        ([{**each, "epsilon": "2"} for each in BUDGETS], "ask for less, or with more noise"),
    ],
)
def test_who_has_no_budget_for_it_refuses(records: Make, budgets: Any, said: str) -> None:
    of = records(budgets=budgets)
    with pytest.raises(PolicyRefused, match=said):
        permitted(planned(question(), of), question(), of, known=counted())
    fine = records()
    permitted(planned(question(), fine), question(), fine, known=counted())
    with pytest.raises(PolicyRefused, match="was not counted"):
        permitted(planned(question(), fine), question(), fine)


# What comes out.


def test_the_number_has_noise_and_the_sum_has_none(records: Make, folder: Path) -> None:
    outcome = run(records, folder, SUMMED)
    (row,) = outcome.results["bureau"].rows
    assert abs(row[0] - len(COMMON)) <= SHIFT
    assert row[1] == sum(PAID[key] for key in COMMON)
    assert outcome.results["insurer"] is None
    cost = estimate(plan_of(records), load_cards())
    assert dict(outcome.traffic.bytes_sent) == cost.bytes_sent


def test_each_of_two_who_are_told_is_faced_with_dummies(records: Make, folder: Path) -> None:
    plan = plan_of(records, COUNT, *PARTIES)
    one = plan_of(records, COUNT)
    assert [dict(estimate(each, load_cards()).bytes_sent)["insurer"] for each in (one, plan)] == [
        32 * (40 + 6 + 30 + 6),
        32 * (40 + 12 + 30 + 12),
    ]
    outcome = run(records, folder, COUNT, *PARTIES)
    found = {outcome.results[party].rows for party in PARTIES}
    assert len(found) == 1
    assert abs(found.pop()[0][0] - len(COMMON)) <= 2 * SHIFT


@pytest.mark.parametrize("k", [1, 5])
def test_too_few_are_suppressed_and_never_said_to_be_none(
    records: Make, folder: Path, k: int
) -> None:
    few = COUNT.replace(
        "bureau.enrolment e", "(SELECT certno FROM bureau.enrolment WHERE paid < -165) e"
    )
    assert sum(PAID[key] < -165 for key in COMMON) == 0
    answer = run(records, folder, few, minimum_persons=k).results["bureau"]
    assert answer.states == (("suppressed",),)


def test_explain_says_what_is_told_and_what_it_costs(records: Make) -> None:
    said = str(explained(question(), records(), known=counted()))
    assert "number with noise of -3 to 3" in said
    assert "costs epsilon 2, rho 2, delta 1/100 of each dataset; sums are exact" in said
    assert "the policy does not let the exact size be told" in said
    words = [str(each) for each in learned(plan_of(records), load_cards())]
    assert any("number of matches and noise" in each for each in words)
    assert not any(each.endswith(": the number of matches") for each in words)


# The rule.


def test_a_rule_says_what_its_padding_is_for() -> None:
    assert MOST_SHIFT == protocol.MOST_SHIFT
    Dummies.model_validate({"epsilon": "1/1000", "delta": "1/100000"})
    for wrong, said in (
        ({"epsilon": "1/100000", "delta": "1/1000000"}, "expected an epsilon and a delta for"),
        ({"epsilon": "0", "delta": "1/2"}, "expected an epsilon above 0"),
        ({"epsilon": "1", "delta": "1"}, "expected an epsilon above 0"),
        ({"epsilon": "1"}, "delta"),
    ):
        with pytest.raises(ValidationError, match=said):
            Dummies.model_validate(wrong)
    with pytest.raises(ValidationError, match="which its padding is for"):
        Rule.model_validate({**RULE, "level": "LOW", "leakage": ["gated-cell"]})


def test_a_rule_with_more_loss_is_wider() -> None:
    def rule(**changes: Any) -> Rule:
        return Rule.model_validate({**RULE, "level": "LOW", **changes})

    exact = rule(leakage=[*RULE["leakage"], "intersection-size"])
    louder = rule(padding={"epsilon": "3", "delta": "1/100"})
    said = "dummies for a larger loss"
    assert said in list(wider(louder, rule()))
    assert said in list(wider(rule(), rule(padding=None)))
    assert said not in list(wider(rule(), louder))
    assert list(wider(rule(), rule())) == list(wider(rule(), exact)) == []
    assert "more leakage (intersection-size)" in list(wider(exact, rule()))


def test_a_policy_that_says_nothing_of_it_keeps_its_digest() -> None:
    def digest(**changes: Any) -> str:
        levels = ("NONE", "LOW")
        rules = tuple(Rule.model_validate({**RULE, **changes, "level": each}) for each in levels)
        return Policy.of(rules, ()).digest

    assert digest(padding=None) != digest() != digest(padding={"epsilon": "1", "delta": "1/100"})
