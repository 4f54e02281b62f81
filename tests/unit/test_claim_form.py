"""A claim's form: both sides must read the same circuit out of it, whatever order the insurer's file has."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpcstats.party.adjudication.claim import Claim, ClaimForm, claim_of
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.question import Question

NAME = "0" * 64
RULE = """
version = 1
secret = "6b1f0c4e9a7d2835b0c6e1f47a9d3852c0e4f6a81b7d395e2c6f80a4d1b3e597"

[claim]
dataset = "bureau.settlement"
event = "setl_id"
amounts = ["psn_cash_pay", "preselfpay_amt"]
[claim.reasons]
{reasons}

[rule]
deductible = 0
ratio = 10000
cap = 1000000
[rule.excluded]
med_type = [52]
"""
ORDERS = [
    "med_type = [11, 52]\nhosp_lv = [1, 2, 3]",
    "hosp_lv = [1, 2, 3]\nmed_type = [11, 52]",
]


def loaded(folder: Path, reasons: str) -> RuleFile:
    path = folder / "rule.toml"
    path.write_text(RULE.format(reasons=reasons), encoding="utf-8")
    return RuleFile.load(path)


def at_the_holder(form: ClaimForm) -> ClaimForm:
    """The form as it arrives there: read from the question's text."""
    claim = Claim(form=form, person=NAME, matter=NAME, token=NAME, rule=NAME, context=NAME)
    return claim_of(
        Question(claim.text, "claims", "a test", "insurer", ("insurer",), "2026-01-01")
    ).form


@pytest.mark.parametrize("reasons", ORDERS)
def test_an_excluded_value_is_the_same_bit_at_both(tmp_path: Path, reasons: str) -> None:
    rule = loaded(tmp_path, reasons)
    excluded = [at_the_holder(rule.claim).pairs[i] for i in rule.terms().excluded_reasons]
    assert excluded == [("med_type", 52)]


def test_two_orders_of_one_form_are_one_rule(tmp_path: Path) -> None:
    one, other = (loaded(tmp_path, reasons) for reasons in ORDERS)
    assert one.claim.about == other.claim.about
    assert one.terms() == other.terms()
    # Negative control: another excluded value is another rule.
    changed = other.model_copy(
        update={"rule": other.rule.model_copy(update={"excluded": {"med_type": (11,)}})}
    )
    assert changed.terms() != one.terms()
