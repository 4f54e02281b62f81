"""What rule and profile ask of the gate: each must be offered by the gate's card, and asked for by the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

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


class Asking(Protocol):
    """What asks something of the gate: a rule, or a jurisdiction's profile."""

    @property
    def minimum_persons(self) -> int:
        """Of a cell."""

    @property
    def minimum_contributors(self) -> int:
        """Of a magnitude."""

    @property
    def dominance(self) -> int:
        """The p-ratio of a magnitude, in per cent."""


def demands(rule: Rule) -> tuple[Demand, ...]:
    """What `rule` asks of the gate."""
    noise = (Demand("noise-counts", "noise on counts"),) if rule.noise == "counts" else ()
    return (*thresholds(rule), *noise)


def thresholds(asking: Asking) -> tuple[Demand, ...]:
    """The thresholds that a rule or a profile asks the gate to hold."""
    found = []
    if asking.minimum_persons > 1:
        found.append(
            Demand("minimum-persons", f"at least {asking.minimum_persons} persons of a cell")
        )
    if asking.minimum_contributors > 1:
        words = f"at least {asking.minimum_contributors} contributors of a magnitude"
        found.append(Demand("minimum-contributors", words, magnitudes=True))
    if asking.dominance > 0:
        words = f"a p-ratio of {asking.dominance} % of a magnitude"
        found.append(Demand("dominance", words, magnitudes=True))
    return tuple(found)


def gate_rules(case: Case) -> Iterator[Reason]:
    """Which of the rule's demands on the gate nobody would hold."""
    if case.rule is not None and case.rule.permit:
        yield from unheld(case, f"rule {case.rule.name}", demands(case.rule))


def unheld(case: Case, who: str, asked: tuple[Demand, ...]) -> Iterator[Reason]:
    """What `who` asks of the gate and nobody would hold; what is asked of magnitudes only if the plan has one.

    When contributor rules apply: see policy.magnitude. A plan's gate carries k alone so far (plan.physical.Gate),
    so a card that offered more would not be asked for it: that is refused too.
    """
    gate = case.plan.gate
    if gate.card not in case.cards:
        return
    card = case.cards[gate.card]
    amounts = magnitudes(case.plan, case.catalogue)
    for demand in asked:
        if demand.magnitudes and not amounts:
            continue
        about = f" ({', '.join(amounts)})" if demand.magnitudes else ""
        if demand.offer not in card.offers:
            yield Reason("gate", not_offered(who, demand, card) + about)
        elif demand.offer != "minimum-persons":  # which bounds.py and profile.py hold against k
            yield Reason(
                "gate",
                f"{who} asks for {demand.words}, which the plan does not ask of "
                f"{card.id} v{card.version}{about}",
            )


def not_offered(who: str, demand: Demand, card: Card) -> str:
    """That `card` lacks what `who` demands, in words."""
    return (
        f"{who} asks for {demand.words}, which {card.id} v{card.version} does not "
        f"{'add' if demand.offer == 'noise-counts' else 'test'} yet"
    )
