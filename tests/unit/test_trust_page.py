"""docs/trust.md: its files are read as it says, its figures are the code's, its links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mpcstats.cards.load import load_cards
from mpcstats.party.files.enginefiles import EnginesTable, check_engines, engine_lines
from mpcstats.plan.offer import COLLUDING, PAIR, SEATS, SHAMIR, Offer
from mpcstats.plan.partial import SMALLEST
from mpcstats.policy.dummies import Dummies
from mpcstats.policy.rule import PolicyFile
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.loss import NOTHING

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "trust.md").read_text(encoding="utf-8")
ENGINES, RULE, PADDED = (
    tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
)


def test_the_file_offers_three_engines() -> None:
    engines = EnginesTable.model_validate(ENGINES["engines"])
    check_engines(ENGINES["compute"], engines, {*engines.offers[0].compute})
    five = ("bureau", "hospital", "insurer", "clinic", "city")
    assert engines.offers == (Offer(SHAMIR, five, 2), Offer(PAIR))
    again = tomllib.loads("\n".join(engine_lines(ENGINES["compute"], engines.offers)))
    assert again == ENGINES
    with pytest.raises(ValueError, match="among the parties, got city"):
        check_engines(ENGINES["compute"], engines, {*five} - {"city"})
    with pytest.raises(ValueError, match="expected engines shamir or pair, got spdz"):
        EnginesTable.model_validate({"spdz": {}, "pair": {}})
    with pytest.raises(ValueError, match=r"expected rep3's parties as compute = \[...\]"):
        EnginesTable.model_validate({"rep3": {}})
    with pytest.raises(ValueError, match="expected who computes"):
        check_engines(None, EnginesTable())


def test_the_rule_leaves_shamir_with_five_parties_or_more() -> None:
    (rule,) = PolicyFile.model_validate({"version": 1, **RULE}).rule
    assert COLLUDING["rep3"] < rule.minimum_corruptions
    assert next(n for n in range(3, 16) if (n - 1) // 2 >= rule.minimum_corruptions) == 5


def test_a_size_has_the_noise_that_the_page_says() -> None:
    padding = Dummies.model_validate(PADDED["padding"])
    assert f"noise of at most {padding.law.shift} (2.8 as a rule)" in PAGE
    (budget,) = (PrivacyBudget.model_validate(each) for each in PADDED["privacy"])
    assert budget.refusal(NOTHING, padding.law.loss) is None
    assert set(PADDED["leakage"]) == load_cards()["private_join_padded"].leakage.ids


def test_the_figures_are_the_codes() -> None:
    assert SEATS == {"rep3": (3, 3), "shamir": (3, 15), "pair": (2, 2)}
    assert "3 to 15, by default every owner" in PAGE
    assert SMALLEST == 3
    cards = load_cards()
    assert cards["private_join"].leakage.opened[0].id == "intersection-size"
    assert cards["lookup_join"].parties.helper_must_not_collude_with == ("left", "right")
    assert "partial-sum" in cards["partial_sum"].leakage.ids
    assert all(len({card.parties.adversary}) == 1 for card in cards.values())


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (DOCS / link).resolve().exists(), link
