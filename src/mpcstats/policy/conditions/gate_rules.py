"""What the rule asks of the gate: each must be offered by the gate's card, and asked for by the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mpcstats.cards.card import Card, Offer
from mpcstats.policy.case import Case
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Rule


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that a rule asks of the gate; `words` end "asks for ..."; `magnitudes`: of amounts alone."""

    offer: Offer
    words: str
    magnitudes: bool = False


def demands(rule: Rule) -> tuple[Demand, ...]:
    """What `rule` asks of the gate."""
    found = []
    if rule.minimum_persons > 1:
        found.append(
            Demand("minimum-persons", f"at least {rule.minimum_persons} persons of a cell")
        )
    if rule.minimum_contributors > 1:
        words = f"at least {rule.minimum_contributors} contributors of a magnitude"
        found.append(Demand("minimum-contributors", words, magnitudes=True))
    if rule.dominance > 0:
        words = f"a p-ratio of {rule.dominance} % of a magnitude"
        found.append(Demand("dominance", words, magnitudes=True))
    if rule.noise == "counts":
        found.append(Demand("noise-counts", "noise on counts"))
    return tuple(found)


def gate_rules(case: Case) -> Iterator[Reason]:
    """Which of the rule's demands on the gate nobody would hold; those on magnitudes only if the plan has one.

    When contributor rules apply: see policy.magnitude. A plan's gate carries k alone so far (plan.physical.Gate),
    so a card that offered more would not be asked for it: that is refused too.
    """
    rule, gate = case.rule, case.plan.gate
    if rule is None or not rule.permit or gate.card not in case.cards:
        return
    card = case.cards[gate.card]
    amounts = magnitudes(case.plan, case.catalogue)
    for demand in demands(rule):
        if demand.magnitudes and not amounts:
            continue
        about = f" ({', '.join(amounts)})" if demand.magnitudes else ""
        if demand.offer not in card.offers:
            yield Reason("gate", not_offered(rule, demand, card) + about)
        elif demand.offer != "minimum-persons":  # which bounds.py holds against the gate's k
            yield Reason(
                "gate",
                f"rule {rule.name} asks for {demand.words}, which the plan does not ask of "
                f"{card.id} v{card.version}{about}",
            )


def not_offered(rule: Rule, demand: Demand, card: Card) -> str:
    """That `card` lacks what `rule` demands, in words."""
    return (
        f"rule {rule.name} asks for {demand.words}, which {card.id} v{card.version} does not "
        f"{'add' if demand.offer == 'noise-counts' else 'test'} yet"
    )
