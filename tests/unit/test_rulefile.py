"""The files of an adjudication: the insurer's rule, the claim's form against the catalogue, and its text."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mpcstats.errors import UsageError
from mpcstats.party.adjudication.claim import WORD, Claim, claim_of
from mpcstats.party.adjudication.plan import form_of
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.question import Question
from mpcstats.protocols.adjudication import Form
from mpcstats.records.catalogue import Catalogue, Dataset

EXAMPLE = Path(__file__).parents[2] / "examples" / "governance" / "rule.toml"
CATALOGUE = """
version = 1

[[dataset]]
name = "bureau.settlement"
owner = "bureau"
rows = 60
[dataset.columns]
setl_id = { type = "text", level = "MODERATE" }
med_type = { type = "integer", level = "MODERATE", domain = [11, 14, 21, 52] }
psn_cash_pay = { type = "integer", level = "MODERATE", minimum = 0, maximum = 60_000_000, unit = "fen" }
preselfpay_amt = { type = "integer", level = "MODERATE", minimum = 0, maximum = 60_000_000, unit = "fen" }
setl_day = { type = "integer", level = "MODERATE", unit = "day" }
"""


def dataset_of(folder: Path) -> Dataset:
    path = folder / "catalogue.toml"
    path.write_text(CATALOGUE, "utf-8")
    return Catalogue.load(path).dataset("bureau.settlement")


BAD_RULES = [
    ("ratio = 8000", "ratio = 10_001", "rule.ratio"),
    ("deductible = 50_000", "deductible = -1", "rule.deductible"),
    ("cap = 1_000_000", "", "rule.cap"),
    (
        'excluded_amounts = ["preselfpay_amt"]',
        'excluded_amounts = ["drg_code"]',
        "excluded_amounts",
    ),
    ("med_type = [52]", "med_type = [53]", "excluded values of med_type"),
    ("med_type = [11, 14, 21, 52]", "med_type = [11, 11]", "once"),
    ("version = 1", "version = 2", "version"),
    ("[rule]", "[rule", "expected TOML"),
]


@pytest.mark.parametrize(("old", "new", "place"), BAD_RULES)
def test_a_bad_rule_is_named_with_its_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    path = tmp_path / "rule.toml"
    text = EXAMPLE.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(UsageError, match=place) as caught:
        RuleFile.load(path)
    assert str(path) in str(caught.value)
    assert "50000" not in str(caught.value)


BAD_CLAIMS = [
    ("amounts", ("psn_cash_pay", "setl_day"), 'to have unit = "fen"'),
    ("amounts", ("nothing",), "expected a column of the catalogue"),
    ("event", "nothing", "expected a column of the catalogue"),
    ("reasons", {"med_type": (99,)}, "in its domain"),
    ("reasons", {"med_type": ("11",)}, "of type integer"),
    ("settled", "med_type", "expected unit = day or second"),
]


@pytest.mark.parametrize(("name", "value", "told"), BAD_CLAIMS)
def test_a_claim_that_does_not_fit_the_catalogue_is_named(
    tmp_path: Path, name: str, value: Any, told: str
) -> None:
    dataset = dataset_of(tmp_path)
    rule = RuleFile.load(EXAMPLE)
    assert form_of(rule.claim, dataset) == Form(2, 4, 27)
    with pytest.raises(UsageError, match=told):
        form_of(rule.claim.model_copy(update={name: value}), dataset)


def test_a_claim_is_read_from_its_question_and_from_no_other_text() -> None:
    claim = Claim(
        form=RuleFile.load(EXAMPLE).claim,
        person="a" * 64,
        matter="b" * 64,
        token="c" * 64,
        rule="d" * 64,
    )
    asked = Question(claim.text, "commercial", "a claim", "insurer", ("insurer",), "2026-01-01")
    assert claim_of(asked) == claim
    for text in (
        "SELECT 1",
        WORD,
        f"{WORD}[]",
        f"{WORD}{{}}",
        claim.text.replace(":", ": ", 1),
        claim.text.replace("setl_id", "other", 1).replace("b" * 64, "B" * 64),
        f"{claim.text} ",
        WORD + "[" * 50_000,
    ):
        with pytest.raises(UsageError):
            claim_of(replace(asked, text=text))


def test_the_commitment_is_to_rule_and_salt() -> None:
    rule = RuleFile.load(EXAMPLE)
    other = rule.model_copy(update={"salt": secrets.token_hex(32)})
    cheaper = rule.model_copy(update={"rule": rule.rule.model_copy(update={"cap": 7})})
    assert len({rule.commitment, other.commitment, cheaper.commitment}) == 3
    assert replace(rule.terms(), cap=7) == cheaper.terms()
