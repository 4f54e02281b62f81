"""The choice of an engine: what is offered, what the policy permits, what is fastest, and that all parties agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.offered import JOIN, PAIR, PARTIES, SHAMIR, SUM, carded, question, records

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.candidates import Plannable, Unplannable
from mpcstats.party.compile import Records, candidates, compile_question, planned
from mpcstats.party.explained import explained
from mpcstats.plan.offer import Offer, tolerated
from mpcstats.plan.owners import owners_of
from mpcstats.plan.private import PrivateJoin

HOSPITALS = ("h1", "h2", "h3")
COUNT = "SELECT COUNT(*) AS n FROM p.policies"


def against(engine: str, of: Records, text: str = SUM) -> str:
    """Why `text` cannot run on `engine`, in one line; empty if it can."""
    (found,) = (each for each in candidates(question(text), of) if each.engine == engine)
    return "; ".join(found.against)


# Offers.


@pytest.mark.parametrize(
    ("engine", "compute", "threshold", "said"),
    [
        (
            "rep3",
            ("a", "b"),
            None,
            "expected 3 different compute parties for engine rep3, got a, b",
        ),
        ("rep3", ("a", "b"), None, "got a, b: two alone have engine pair"),
        ("rep3", tuple("abcd"), None, "got a, b, c, d: so many have engine shamir"),
        ("rep3", ("a", "b", "b"), None, "expected 3 different compute parties"),
        ("rep3", ("a", "b", "c"), 1, "expected a threshold for shamir alone, got one for rep3"),
        (
            "shamir",
            ("a", "b"),
            None,
            "expected 3 to 15 different compute parties for engine shamir",
        ),
        ("shamir", tuple("abcdefghijklmnop"), None, "expected 3 to 15"),
        (
            "shamir",
            ("a", "b", "c", "d"),
            2,
            "at most 1 of 4 compute parties, got 2: fewer than half may",
        ),
        ("shamir", (), 0, "expected a threshold of at least 1, got 0"),
        ("pair", ("a", "b", "c"), None, "expected 2 different compute parties for engine pair"),
    ],
)
def test_an_engine_is_offered_among_parties_that_it_can_have(
    engine: str, compute: tuple[str, ...], threshold: int | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        Offer(engine, compute, threshold)  # type: ignore[arg-type]


def test_an_offer_without_parties_is_among_the_owners_of_what_is_asked() -> None:
    seats = SHAMIR.seats(HOSPITALS)
    assert (seats.compute, seats.threshold) == (HOSPITALS, 1)
    assert SHAMIR.seats(tuple("abcdefg")).threshold == 3
    assert Offer("shamir", threshold=2).seats(tuple("abcdefg")).threshold == 2
    with pytest.raises(
        UsageError,
        match="owners of the question's data for engine shamir, got a: name compute parties",
    ):
        SHAMIR.seats(("a",))
    with pytest.raises(UsageError, match="at most 1 of 3"):
        Offer("shamir", threshold=2).seats(HOSPITALS)


def test_how_many_may_collude_is_the_thresholds_or_the_engines() -> None:
    known = [tolerated(*each) for each in (("rep3", None), ("shamir", 4), ("pair", None))]
    assert known == [1, 4, 1]
    assert tolerated("an engine that nobody knows", None) == 0


def test_the_owners_of_a_question_are_those_of_the_tables_in_its_text() -> None:
    catalogue = records().catalogue
    assert owners_of(SUM, catalogue) == HOSPITALS
    assert owners_of(JOIN.upper().replace("CERTNO", "certno"), catalogue) == ("p", "bureau")
    assert owners_of("SELECT COUNT(*) FROM nowhere.rows", catalogue) == ()
    nested = "SELECT COUNT(*) FROM h1.cases c WHERE c.certno IN (SELECT certno FROM p.policies)"
    assert owners_of(nested, catalogue) == ("h1", "p")
    with pytest.raises(UsageError, match="expected one SELECT"):
        owners_of("DROP TABLE h1.cases", catalogue)


# The choice.


def test_without_a_card_for_it_an_engine_is_not_permitted() -> None:
    nested = "SELECT COUNT(*) AS n FROM h1.cases a JOIN h2.cases b USING (certno) JOIN h3.cases USING (certno)"
    assert "expected protocols of engine shamir, got lookup_join" in against(
        "shamir", records(offers=(Offer("shamir", ("bureau", "h1", "p", "q")),)), nested
    )


def test_a_secret_order_is_not_for_an_engine_that_has_none() -> None:
    of = records(offers=(SHAMIR,), minimum_persons=1)
    ordered = ("MIN(tot_fee)", "MEDIAN(tot_fee)", "COUNT(DISTINCT certno)")
    said = "; it counts, adds and compares cells, and brings no rows into a secret order"
    for what in ordered:
        assert said in against("shamir", of, f"SELECT {what} AS x FROM hospitals.cases")
    for what in ("VAR_SAMP(tot_fee)", "AVG(tot_fee)", "SUM(tot_fee * act_ipt_days)"):
        assert against("shamir", of, f"SELECT {what} AS x FROM hospitals.cases") == ""


def test_the_fastest_permitted_engine_is_chosen() -> None:
    slow, fast = records(cards=carded("900")), records(cards=carded("2"))
    assert against("shamir", slow) == against("shamir", fast) == ""
    assert planned(question(), slow).engine == "rep3"
    plan = planned(question(), fast)
    assert (plan.engine, plan.compute, plan.threshold, plan.tolerated) == (
        "shamir",
        HOSPITALS,
        1,
        1,
    )


def test_of_two_that_cost_the_same_the_first_offered_is_chosen() -> None:
    twice = (Offer("shamir", ("bureau", "p", "q")), SHAMIR)
    assert planned(question(), records(cards=carded(), compute=(), offers=twice)).compute == (
        "bureau",
        *("p", "q"),
    )


def test_every_party_chooses_the_same_plan_whatever_it_alone_knows() -> None:
    of = [records(party, cards=carded()) for party in PARTIES]
    assert len({planned(question(), each).digest() for each in of}) == 1


def test_a_plan_on_an_engine_without_a_choice_keeps_its_digest() -> None:
    alone = planned(question(), records(offers=()))
    assert alone.threshold is None
    assert "threshold" not in alone.canonical()
    other = replace(alone, threshold=1)
    assert '"threshold":1' in other.canonical()
    assert other.digest() != alone.digest()


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"engines": ["rep3"]}, "permits engines rep3, the plan has shamir"),
        ({"minimum_parties": 4}, "asks for at least 4 compute parties, the plan has 3"),
        (
            {"minimum_corruptions": 2},
            "asks for 2 compute parties that may collude; protocol sum on shamir withstands 1 of 3",
        ),
        ({"leakage": ["size-bound"]}, "does not permit the leakage gated-cell"),
    ],
)
def test_the_policy_permits_engines_by_its_rule(rule: dict[str, Any], why: str) -> None:
    assert why in against("shamir", records(cards=carded(), **rule))
    assert against("shamir", records(cards=carded())) == ""


def test_the_adversary_is_the_one_that_the_card_names_for_the_engine() -> None:
    of = records(cards=carded(adversary="malicious"), adversary="malicious")
    assert "asks for malicious security, which sum, gate do not" in against("rep3", of)
    assert against("shamir", of) == ""
    assert planned(question(), of).engine == "shamir"


def test_a_card_says_among_how_many_its_protocol_has_been_made_to_run() -> None:
    of = records(cards=carded(least=4))
    assert "protocol sum runs among 4 to 15 parties on shamir, the plan has 3" in against(
        "shamir", of
    )


def test_more_parties_withstand_more() -> None:
    five = Offer("shamir", ("bureau", *HOSPITALS, "p"))
    of = records(cards=carded(), offers=(five,), minimum_corruptions=2)
    assert "withstands 1 of 3" in against("rep3", of)
    plan = planned(question(), of)
    assert (plan.engine, plan.tolerated) == ("shamir", 2)


def test_if_none_is_permitted_the_first_says_why() -> None:
    of = records(cards=carded(), offers=(SHAMIR,), minimum_parties=9)
    with pytest.raises(PolicyRefused, match="at least 9 compute parties, the plan has 3"):
        compile_question(question(), of)
    assert planned(question(), of).engine == "rep3"


def test_if_none_can_be_planned_each_says_why() -> None:
    text = JOIN.replace("p.policies", "q.policies")
    of = records(compute=("bureau", "h1", "q"), offers=(SHAMIR,))
    nobody = replace(of, policy=replace(of.policy, accepted=()))
    assert isinstance(candidates(question(text), nobody)[1], Unplannable)
    with pytest.raises(UsageError, match="on shamir: expected 3 to 15 different owners"):
        planned(question("SELECT COUNT(*) FROM nowhere.rows"), of)


def test_no_plan_that_opens_more_is_taken_for_being_faster() -> None:
    of = records(cards=carded("1"), offers=(SHAMIR, PAIR))
    average = SUM.replace("SUM(", "AVG(")
    rep3, shamir, _ = candidates(question(average), of)
    assert isinstance(rep3, Plannable)
    assert isinstance(shamir, Plannable)
    assert rep3.cost is not None
    assert shamir.cost is not None
    assert shamir.cost.rounds < rep3.cost.rounds
    assert shamir.opens > rep3.opens
    assert planned(question(average), of).engine == "rep3"
    alone = records(cards=carded("1"), offers=(SHAMIR,), compute=())
    plan = planned(question(average), alone)
    assert [column.kind for column in plan.output] == ["total", "quotient"]


# Asked for by name.


def test_a_question_may_name_its_engine() -> None:
    of = records(cards=carded("900"))
    assert planned(question(engine="shamir"), of).engine == "shamir"
    assert [each.engine for each in candidates(question(engine="shamir"), of)] == ["shamir"]
    assert question(engine="shamir").digest() != question().digest()


def test_an_engine_that_is_not_offered_is_refused() -> None:
    with pytest.raises(UsageError, match=r"offers \(rep3, shamir\), got pair: .*\[engines.pair\]"):
        planned(question(engine="pair"), records(offers=(SHAMIR,)))
    with pytest.raises(UsageError, match="expected an engine of rep3, shamir, pair, got 'clear'"):
        question(engine="clear")


def test_a_question_travels_with_its_engine() -> None:
    asked = question(engine="shamir")
    assert asked.from_json(asked.to_json()) == asked
    assert "engine" not in question().to_json()
    with pytest.raises(UsageError, match="expected the parts of a question as text"):
        asked.from_json({**asked.to_json(), "engine": 3})
    with pytest.raises(UsageError, match="expected a question with"):
        asked.from_json({**asked.to_json(), "motor": "shamir"})


# The comparison.


def test_explain_compares_the_engines() -> None:
    found = explained(question(), records(cards=carded("900")))
    assert [each.engine for each in found.alternatives] == ["rep3", "shamir", "pair"]
    rep3, shamir, pair = found.alternatives
    assert (rep3.chosen, shamir.chosen, pair.chosen) == (True, False, False)
    assert (rep3.decision, shamir.decision) == ("chosen", "possible")
    assert pair.decision.startswith("no: expected 2 different owners of the question's data")
    assert (shamir.compute, shamir.rounds) == (HOSPITALS, 1800)
    assert shamir.tolerates == "any 1 of 3 compute parties"
    assert (pair.rounds, pair.bytes_sent, pair.seconds) == (None, None, None)
    said = str(found)
    assert (
        "engines compared\n  rep3: chosen\n      among bureau, h1, p; tolerates any 1 of 3" in said
    )
    assert "  shamir: possible\n" in said
    engines = found.to_json()["engines"]
    assert [each["chosen"] for each in engines] == [True, False, False]
    assert "<h2>Engines compared</h2>" in found.to_html()


def test_of_an_engine_that_a_protocol_has_no_card_for_explain_says_that_alone() -> None:
    found = explained(question(JOIN), records(offers=(Offer("shamir", PARTIES),)))
    rep3, shamir = found.alternatives
    assert rep3.compute
    assert rep3.learned
    assert shamir.decision == (
        "no: expected protocols of engine shamir, got lookup_join, cohort_count: they are of rep3; "
        "it counts, adds and compares cells, and brings no rows into a secret order"
    )
    assert (shamir.compute, shamir.tolerates, shamir.learned, shamir.seconds) == ((), "", (), None)


@pytest.mark.parametrize("rule", [{}, {"permit": False, "because": "a test"}])
def test_what_no_engine_can_run_is_never_chosen_whatever_the_policy_says(
    rule: dict[str, Any],
) -> None:
    offers = (Offer("shamir", PARTIES),)
    assert explained(question(JOIN), records(offers=offers, **rule)).plan.engine == "rep3"
    for of in (records(offers=offers, **rule), records(compute=(), offers=offers, **rule)):
        with pytest.raises(UsageError, match="expected protocols of engine shamir, got lookup"):
            explained(question(JOIN, engine="shamir"), of)


def test_a_helper_stands_among_whom_the_engine_withstands() -> None:
    rep3 = explained(question(JOIN), records()).alternatives[0]
    assert rep3.tolerates == "any 1 of 3 compute parties; h1 apart from p and bureau"


def test_one_engine_is_compared_with_nothing() -> None:
    found = explained(question(), records(offers=()))
    assert "engines compared" not in str(found)
    assert "Engines compared" not in found.to_html()


# Two parties.


def test_a_join_of_two_owners_is_planned_without_a_helper() -> None:
    (found,) = candidates(question(JOIN, engine="pair"), records(offers=(PAIR,)))
    assert isinstance(found, Plannable)
    assert [step.card for step in found.plan.steps] == ["private_join", "private_join"]
    assert found.plan.compute == ("p", "bureau")
    assert [fragment.owner for fragment in found.plan.fragments] == ["p", "bureau"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (JOIN + " GROUP BY e.insutype", "one relation of each of two owners, and no groups"),
        (
            JOIN.replace("SUM(e.paid_amt)", "SUM(e.paid_amt + c.premium)"),
            "columns of one of the two",
        ),
        (
            f"{COUNT} c WHERE c.certno NOT IN (SELECT certno FROM bureau.enrolment)",
            "no other condition",
        ),
        (JOIN.replace("SUM(e.paid_amt)", "SUM(e.paid_amt * e.insutype)"), ""),
    ],
)
def test_what_two_parties_cannot_compute_says_so(text: str, why: str) -> None:
    (found,) = candidates(question(text, engine="pair"), records(offers=(PAIR,)))
    if why:
        assert isinstance(found, Unplannable)
        assert why in found.against[0]
    else:
        assert isinstance(found, Plannable)


def test_who_has_no_columns_finds_the_matches_and_else_the_first_recipient() -> None:
    def finder(text: str, *to: str) -> str:
        asked = question(text, engine="pair", recipients=to)
        (found,) = candidates(asked, records(offers=(PAIR,)))
        assert isinstance(found, Plannable)
        assert isinstance(found.plan.aggregate, PrivateJoin)
        return found.plan.fragment(found.plan.aggregate.left).owner

    count = JOIN.replace(", SUM(e.paid_amt) AS paid", "")
    assert finder(JOIN, "bureau") == finder(JOIN, "p") == "p"
    assert [finder(count, to) for to in ("bureau", "p", "h1")] == ["bureau", "p", "p"]
