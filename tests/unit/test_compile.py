"""From text to permit at one party: the policy's k, members only, the same digest at every party."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Records, compile_question, planned
from mpcstats.party.explained import explained
from mpcstats.party.question import Asking, Defaults, Question, question_of

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")


ASKING = Asking("2026-01-01")


def records(party: str = "bureau") -> Records:
    return Records.load(
        party,
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )


def question(
    name: str = "question", scenario: str = "supervision", asks: str = "bureau"
) -> Question:
    text = (DEMO / f"{name}.sql").read_text(encoding="utf-8")
    return Question(text, scenario, "a test", asks, (asks,), "2026-01-01")


def test_every_party_permits_one_and_the_same_plan() -> None:
    permits = [compile_question(question(), records(party)) for party in PARTIES]
    assert len({permit.plan_digest for permit in permits}) == 1
    assert [permit.party for permit in permits] == list(PARTIES)


def test_the_gate_has_the_k_of_the_policy() -> None:
    plan = planned(question(), records())
    rule = records().policy.rule("supervision", compile_question(question(), records()).level)
    assert rule is not None
    assert plan.gate.k == rule.minimum_persons == 11


@pytest.mark.parametrize("party", PARTIES)
def test_every_party_refuses_the_question_about_special_diseases(party: str) -> None:
    with pytest.raises(
        PolicyRefused, match=r"special codes of hospital\.cases\.diag_main"
    ) as caught:
        compile_question(question("refused", "commercial", "insurer"), records(party))
    assert caught.value.party == party
    assert "special diseases are not given to commercial insurers" in caught.value.reasons[0]


def test_supervision_refuses_it_for_want_of_malicious_security() -> None:
    with pytest.raises(PolicyRefused) as caught:
        compile_question(question("refused"), records())
    assert any("asks for malicious security" in reason for reason in caught.value.reasons)


def test_a_party_outside_the_consortium_is_refused_before_the_policy() -> None:
    strange = replace(question(), recipients=("bureau", "newspaper"))
    with pytest.raises(UsageError, match=r"expected parties of the consortium .*, got newspaper"):
        compile_question(strange, records())


def test_a_recipient_that_the_rule_does_not_name_is_refused() -> None:
    other = replace(question(), recipients=("hospital",))
    with pytest.raises(
        PolicyRefused, match="permits bureau as recipient; this question is for hospital"
    ):
        compile_question(other, records())


def test_explained_says_the_plan_and_the_decision() -> None:
    assert "permitted by the policy of bureau" in str(explained(question(), records()))
    refused = explained(question("refused", "commercial", "insurer"), records("insurer"))
    assert refused.refusal is not None
    assert "refused by the policy of insurer" in str(refused)
    assert "computed together" in str(refused)


def test_what_is_given_goes_before_the_header_and_the_default() -> None:
    text = "-- scenario: research\n-- to: insurer, bureau\nSELECT 1"
    none, defaults = Defaults(), Defaults("supervision", "by default")
    asked = question_of(text, initiator="bureau", asking=ASKING, given=none, defaults=defaults)
    assert (asked.scenario, asked.purpose) == ("research", "by default")
    assert asked.recipients == ("insurer", "bureau")
    given = Defaults("commercial", "a purpose")
    asked = question_of(
        text, initiator="bureau", asking=ASKING, given=given, defaults=defaults, to=["bureau"]
    )
    assert (asked.scenario, asked.purpose, asked.recipients) == (
        *("commercial", "a purpose"),
        ("bureau",),
    )
    with pytest.raises(
        UsageError,
        match=r"expected a purpose of the question: give it \(purpose=\.\.\., or --purpose",
    ):
        question_of(text, initiator="bureau", asking=ASKING, given=none, defaults=none)
