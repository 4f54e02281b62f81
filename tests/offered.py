"""A consortium of six that offers three engines, with cards that say the n-party engine computes sums too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mpcstats.cards.card import Card, Setting
from mpcstats.cards.formula import Formula
from mpcstats.cards.load import Cards, load_cards
from mpcstats.party.compile import Records
from mpcstats.party.question import Question
from mpcstats.plan.offer import Offer
from mpcstats.policy.rule import Policy

SIX = Path(__file__).parents[1] / "demos" / "six_parties"
PARTIES = ("bureau", "h1", "h2", "h3", "p", "q")
ENGINES = ("rep3", "shamir", "pair")
SHAMIR, PAIR = Offer("shamir"), Offer("pair")
SUM = "SELECT COUNT(*) AS n, SUM(tot_fee) AS fee FROM hospitals.cases"
JOIN = (
    "SELECT COUNT(*) AS n, SUM(e.paid_amt) AS paid "
    "FROM p.policies c JOIN bureau.enrolment e USING (certno)"
)


def question(text: str = SUM, engine: str | None = None, **changes: Any) -> Question:
    asked = Question(
        text, "supervision", "a test", "bureau", ("bureau",), "2026-01-01", engine=engine
    )
    return replace(asked, **changes)


def records(
    party: str = "bureau",
    *,
    compute: tuple[str, ...] = ("bureau", "h1", "p"),
    offers: tuple[Offer, ...] = (SHAMIR, PAIR),
    cards: Cards | None = None,
    **rule: Any,
) -> Records:
    """What `party` decides by; every rule permits all engines, and is changed by `rule`."""
    loaded = Records.load(
        party,
        catalogue=SIX / "catalogue.toml",
        policy=SIX / "policies" / "open.toml",
        compute=compute,
        members=PARTIES,
        engines=offers,
    )
    asked = {"engines": list(ENGINES), "minimum_parties": 2, **rule}
    rules = tuple(
        each.model_copy(
            update={"leakage": [*each.leakage, "intersection-size"], **asked},
        )
        for each in loaded.policy.rules
    )
    policy = Policy.of(rules, loaded.policy.accepted)
    return replace(loaded, policy=policy, cards=loaded.cards if cards is None else cards)


def carded(rounds: str = "2", **changes: Any) -> Cards:
    """The shipped cards; those of sum and gate run on shamir, in `rounds` rounds and one byte each."""
    cards: dict[str, Card] = dict(load_cards())
    for name in ("sum", "gate"):
        card = cards[name]
        cost = replace(
            card.cost,
            rounds=Formula(rounds),
            bytes=dict.fromkeys(card.cost.bytes, Formula("1")),
            sizes={},
        )
        setting = Setting(3, 15, Formula("threshold"), "semi-honest", "undetected", (), cost)
        parties = replace(card.parties, engines=("rep3", "shamir", "clear"))
        cards[name] = replace(
            card, parties=parties, settings={"shamir": replace(setting, **changes)}
        )
    return Cards(cards, load_cards().leakage)
