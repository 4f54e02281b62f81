"""Going on without a party: whose plan it is then, what is kept for how long, and what such a question may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.offered import SHAMIR, carded, question, records

from mpcstats.cards.load import load_cards
from mpcstats.engines.shamir import Shamir
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import case_of, compile_question, planned
from mpcstats.party.keeping import SECONDS, KeptRuns
from mpcstats.party.question import Question, Resumes
from mpcstats.plan.cost import estimate
from mpcstats.plan.learned import learned
from mpcstats.plan.offer import Offer
from mpcstats.plan.partial import outliving, resumed, without_of
from mpcstats.plan.physical import KeptGate, Physical
from mpcstats.plan.sums import Lost, PartialSum
from mpcstats.policy.check import reasons
from mpcstats.protocols.partial_sum import Kept

RUN = "0123456789abcdef" * 2
FIVE = Offer("shamir", ("bureau", "h1", "h2", "h3", "p"))
LEAKAGE = ["size-bound", "gated-cell", "suppression-pattern", "partial-sum"]


def plan(offer: Offer = FIVE, **rule: Any) -> Physical:
    """The plan of a sum on shamir, whose rule permits partial answers."""
    return planned(question(), records(compute=(), offers=(offer,), **{"partial": True, **rule}))


def asked(*without: str, **changes: Any) -> Question:
    return question(resumes=Resumes(RUN, without), **changes)


def test_the_rule_decides_whether_shares_are_kept() -> None:
    assert isinstance(plan().aggregate, PartialSum)
    assert not isinstance(plan(partial=False).aggregate, PartialSum)
    assert plan().steps[0].card == "partial_sum"
    rep3 = planned(question(), records(offers=(), partial=True))
    assert outliving(rep3) is rep3


def test_the_plan_of_who_is_left_is_theirs_alone() -> None:
    whole = plan()
    left = resumed(whole, RUN, ("h3",))
    assert (left.compute, left.threshold) == (("bureau", "h1", "h2", "p"), 1)
    assert [fragment.owner for fragment in left.fragments] == ["h1", "h2"]
    assert "h3" not in left.parties
    step = left.aggregate
    assert isinstance(step, PartialSum)
    assert step.lost == Lost(RUN, whole.digest(), ("h3",), FIVE.compute, 2)
    assert (without_of(left), without_of(whole)) == (("h3",), ())
    assert len({whole.digest(), left.digest(), resumed(whole, "f" * 32, ("h3",)).digest()}) == 3


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (("q",), "expected parties of the run that it has lost, got q"),
        (("p", "h3", "h2"), "expected 3 compute parties to be left, and an owner, got bureau, h1"),
        (("h1", "h2", "h3"), "expected 3 compute parties to be left"),
    ],
)
def test_too_few_who_are_left_cannot_go_on(without: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resumed(plan(), RUN, without)


FREE: dict[str, Any] = {"minimum_persons": 1}


def test_two_who_are_left_open_what_nobody_has_to_test() -> None:
    whole = plan(SHAMIR, **FREE)
    left = resumed(whole, RUN, ("h3",))
    assert (left.compute, left.threshold, left.tolerated) == (("h1", "h2"), 1, 1)
    assert isinstance(left.gate, KeptGate)
    assert not isinstance(whole.gate, KeptGate)
    # Three who are left have a gate, whatever the rule asks for.
    four = resumed(plan(Offer("shamir", FIVE.compute, 1), **FREE), RUN, ("h3", "p"))
    assert not isinstance(four.gate, KeptGate)
    cost = estimate(left, load_cards())
    # Both send their shares: one to the recipient, who has none, each 2 numbers and the persons in one element.
    assert cost.bytes_sent == {"h1": 32, "h2": 32}
    words = str([each.what for each in learned(left, load_cards())])
    assert "opened without the gate" in words


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ({"k": 2}, "asks for 2 persons of a cell, and two can test nothing on shares"),
        ({"contributors": 2}, "asks for 2 contributors of an amount, and"),
        ({"p": 10}, "asks for no dominant contributor, and"),
        ({"largest": (1, 80)}, "asks for no dominant contributor, and"),
        ({"rounding": 5}, "asks for counts rounded to 5, and"),
        ({"columns": (0,)}, "asks for a release of some cells alone, and"),
        ({"exempt": "f" * 64}, "asks for a release of its own by an approval, and"),
    ],
)
def test_two_who_are_left_open_nothing_that_must_be_tested(
    release: dict[str, Any], said: str
) -> None:
    whole = plan(SHAMIR, **FREE)
    (only,) = whole.gate.releases
    gate = replace(whole.gate, releases=(replace(only, **release),))
    with pytest.raises(UsageError, match=f"expected 3 compute .*, got h1, h2: the policy {said}"):
        resumed(replace(whole, steps=(*whole.steps[:-1], gate)), RUN, ("h3",))
    with pytest.raises(UsageError, match="expected 3 compute parties to be left to test cells"):
        resumed(plan(SHAMIR, minimum_persons=2), RUN, ("h3",))


def test_the_policy_decides_on_an_untested_sum_by_itself() -> None:
    of: dict[str, Any] = {"compute": (), "offers": (SHAMIR,), "leakage": LEAKAGE, "partial": True}
    left = compile_question(asked("h3"), records(**of, **FREE)).plan
    assert isinstance(left.gate, KeptGate)
    with pytest.raises(PolicyRefused, match="at least 3 compute parties, the plan has 2"):
        compile_question(asked("h3"), records(**of, **FREE, minimum_parties=3))
    # A planner that made such a plan all the same would be refused: the card offers no test.
    stricter = records(**of, minimum_persons=2)
    found = {reason.text for reason in reasons(case_of(left, asked("h3"), stricter))}
    assert any(
        "persons of a cell, which partial_sum v1 does not test yet" in text for text in found
    )
    untold = records(**{**of, "leakage": LEAKAGE[:-1]}, **FREE)
    assert any(
        "the leakage partial-sum" in each.text
        for each in reasons(case_of(left, asked("h3"), untold))
    )


def test_nothing_can_be_gone_on_with_that_was_not_kept() -> None:
    with pytest.raises(UsageError, match="the policy's rule says partial = true"):
        resumed(plan(partial=False), RUN, ("h3",))
    with pytest.raises(UsageError, match="the policy's rule says partial = true"):
        planned(asked("h3", engine="shamir"), records(offers=(FIVE,)))


def test_who_is_left_is_held_against_the_policy_as_everybody() -> None:
    of = {"compute": (), "offers": (FIVE,), "partial": True, "leakage": LEAKAGE}
    permit = compile_question(asked("h3"), records(**of))  # type: ignore[arg-type]
    assert without_of(permit.plan) == ("h3",)
    with pytest.raises(PolicyRefused, match="withstands 1 of 4"):
        compile_question(asked("h3"), records(**of, minimum_corruptions=2))  # type: ignore[arg-type]
    untold = {**of, "leakage": LEAKAGE[:-1]}
    with pytest.raises(PolicyRefused, match="does not permit the leakage partial-sum"):
        compile_question(asked("h3"), records(**untold))  # type: ignore[arg-type]


def test_a_plan_with_kept_shares_is_refused_where_the_rule_permits_none() -> None:

    of = records(compute=(), offers=(FIVE,), leakage=LEAKAGE, cards=carded())
    kept = outliving(planned(question(), of))
    found = {reason.code for reason in reasons(case_of(kept, question(), of))}
    assert "partial" in found


def test_such_a_question_is_one_of_its_own_and_travels() -> None:
    other = asked("h3")
    assert len({question().digest(), other.digest(), asked("h2").digest()}) == 3
    assert Question.from_json(other.to_json()) == other


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"run": RUN}, "expected the run that a question goes on with"),
        ({"run": 1, "without": ["a"]}, "expected the run that a question goes on with"),
        ({"run": RUN, "without": "a"}, "expected the run that a question goes on with"),
        ({"run": "x", "without": ["a"]}, "expected a run's label of 32 hex digits"),
        ({"run": RUN, "without": []}, "expected parties that a run has lost, each once"),
        ({"run": RUN, "without": ["a", "a"]}, "expected parties that a run has lost, each once"),
        ({"run": RUN, "without": ["A!"]}, "expected a party's name"),
    ],
)
def test_what_is_no_run_that_lost_parties_is_refused(value: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Question.from_json({**question().to_json(), "resumes": value})


def test_shares_are_kept_for_one_run_and_a_while() -> None:
    now = [0.0]
    runs = KeptRuns(lambda: now[0])
    kept = Kept(Shamir(("a", "b", "c")).group, ("a",), ())
    lost = Lost(RUN, "plan", ("c",), ("a", "b", "c"), 1)
    runs.of(RUN, "plan").keep(kept)
    assert runs.has(RUN)
    assert runs.of("f" * 32, "another plan").kept(lost) is kept
    for other in (replace(lost, plan="another"), replace(lost, run="f" * 32)):
        with pytest.raises(UsageError, match="expected shares of run"):
            runs.get(other)
    now[0] = SECONDS
    assert not runs.has(RUN)
    runs.of(RUN, "plan").keep(kept)
    assert runs.has(RUN)
    runs.forget()
    assert not runs.has(RUN)
    assert "Kept" not in repr(runs.of(RUN, "plan"))
