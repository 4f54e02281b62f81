"""Adjudication: any claim under any rule gives what the plain rule gives, to the insurer alone, at the card's cost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adjudicated import claims, payable, rules, run

from mpcstats.cards.load import load_cards
from mpcstats.errors import UsageError
from mpcstats.protocols.adjudication import LEAK, Form, Rule, Settled, circuit
from mpcstats.session import Opening

FORM = Form(3, 2)
FORMS = (FORM, Form(1, 0), Form(4, 1, 12), Form(2, 3, 48))
RULE = Rule(50_000, 8000, 1_000_000, frozenset({1}), frozenset({1}))
CARD = load_cards()["adjudication"]


def plainly(form: Form, settled: Settled, rule: Rule) -> int:
    """The circuit, in the clear."""
    bits = circuit(form).evaluate(settled.bits(form), rule.bits(form))
    return sum(int(bit) << place for place, bit in enumerate(bits))


@settings(max_examples=200)
@given(st.data())
def test_the_circuit_computes_the_rule(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMS))
    settled, rule = data.draw(claims(form)), data.draw(rules(form))
    assert plainly(form, settled, rule) == payable(settled, rule)


EDGES = [
    # amounts, reasons, rule, payable
    ((0, 0, 0), (0, 0), RULE, 0),
    ((50_000, 0, 0), (0, 0), RULE, 0),
    ((50_001, 0, 0), (0, 0), RULE, 0),  # 0.8 fen
    ((50_001, 0, 1), (0, 0), RULE, 1),  # 1.6 fen
    ((1_299_999, 0, 0), (0, 0), RULE, 999_999),  # 999,999.2
    ((1_300_000, 0, 0), (0, 0), RULE, 1_000_000),
    ((1_300_002, 0, 0), (0, 0), RULE, 1_000_000),  # the cap
    ((1_300_000, 7, 0), (0, 0), RULE, 1_000_000),  # an excluded amount
    ((0, 1_300_000, 0), (0, 0), RULE, 0),
    ((1_300_000, 0, 0), (1, 0), RULE, 1_000_000),  # a reason that is not excluded
    ((1_300_000, 0, 0), (1, 1), RULE, 0),
    ((FORM.largest, 0, 0), (0, 0), Rule(0, 10_000, FORM.largest), FORM.largest),
    ((FORM.largest, 0, 0), (0, 0), Rule(0, 10_000, 10 * FORM.largest), FORM.largest),
    ((FORM.largest, 0, 0), (0, 0), Rule(10 * FORM.largest, 10_000, 5), 0),
    ((FORM.largest, 0, 0), (0, 0), Rule(0, 9_999, FORM.largest), 68_712_604_787),
    ((FORM.largest, 0, 0), (0, 0), Rule(0, 0, FORM.largest), 0),
]


@pytest.mark.parametrize(("amounts", "reasons", "rule", "expected"), EDGES)
def test_the_edges_of_a_rule(
    amounts: tuple[int, ...], reasons: tuple[int, ...], rule: Rule, expected: int
) -> None:
    settled = Settled(amounts, tuple(bool(each) for each in reasons))
    assert payable(settled, rule) == expected
    assert plainly(FORM, settled, rule) == expected


@settings(max_examples=15)
@given(st.data())
def test_the_insurer_alone_learns_the_amount_and_nothing_else(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(FORMS))
    settled, rule = data.draw(claims(form)), data.draw(rules(form))
    results = run(form, settled, rule).results
    openings = (Opening("run/circuit", LEAK, ("insurer",), (form.money_bits,)),)
    assert results == {
        "bureau": (None, openings),
        "insurer": (payable(settled, rule), openings),
    }


@pytest.mark.parametrize("form", FORMS)
def test_cost_is_the_cards_whatever_row_and_rule(form: Form) -> None:
    small = Settled((0,) * form.amounts, (False,) * form.reasons)
    large = Settled((form.largest, *(0,) * (form.amounts - 1)), (True,) * form.reasons)
    sizes = {"amounts": form.amounts, "reasons": form.reasons, "money_bits": form.money_bits}
    for settled, rule in ((small, Rule(0, 0, 0)), (large, Rule(0, 10_000, form.largest))):
        traffic = run(form, settled, rule).traffic
        assert traffic.rounds == CARD.cost.rounds.evaluate(sizes)
        assert dict(traffic.bytes_sent) == {
            "bureau": CARD.cost.bytes["holder"].evaluate(sizes),
            "insurer": CARD.cost.bytes["insurer"].evaluate(sizes),
        }


def test_the_card_names_what_is_opened() -> None:
    assert [opening.id for opening in CARD.leakage.opened] == [LEAK]


BAD_INPUTS = [
    (Settled((1, 2), (False, False)), "expected 3 amounts and 2 reasons, got 2 and 2"),
    (Settled((1, 2, 3), (False,)), "expected 3 amounts and 2 reasons, got 3 and 1"),
    (Settled((1, -2, 3), (False, False)), "of at least 0 and below 2"),
    (Settled((FORM.largest, 1, 0), (False, False)), "of at least 0 and below 2"),
    (Rule(-1, 0, 0), "a deductible and a cap of at least 0 fen"),
    (Rule(0, 10_001, 0), "a ratio of 0 to 10000 basis points"),
    (Rule(0, 0, 0, frozenset({3})), "exclusions of amounts and reasons of the claim"),
    (Rule(0, 0, 0, frozenset(), frozenset({2})), "exclusions of amounts and reasons of the claim"),
]


@pytest.mark.parametrize(("given_", "told"), BAD_INPUTS)
def test_an_input_out_of_range_is_its_owners_error(given_: Settled | Rule, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        given_.bits(FORM)
    assert "-2" not in str(caught.value)


@pytest.mark.parametrize("sizes", [(0, 1), (65, 0), (1, 257), (1, 0, 1), (1, 0, 49)])
def test_a_form_out_of_range_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Form(*sizes)


def test_row_and_rule_do_not_show() -> None:
    assert "50" not in repr(RULE)
    assert "7" not in repr(Settled((7,), (True,)))
