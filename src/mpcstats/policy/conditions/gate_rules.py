"""What rule and profile ask of the gate: each must be offered by the gate's card, and asked for by the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mpcstats.cards.card import Card, Offer
from mpcstats.plan.physical import Physical, Release
from mpcstats.policy.case import Case
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Rule


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that a rule asks of the gate; `words` end "asks for ..."; `magnitudes`: of amounts alone.

    `least` is the number that it asks for, where the plan must ask the same of the gate.
    """

    offer: Offer
    words: str
    magnitudes: bool = False
    least: int = 0


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
    """What `rule` asks of the gate; noise is added before it (conditions.noise)."""
    return thresholds(rule)


def thresholds(asking: Asking) -> tuple[Demand, ...]:
    """The thresholds that a rule or a profile asks the gate to hold."""
    found = []
    if asking.minimum_persons > 1:
        found.append(
            Demand("minimum-persons", f"at least {asking.minimum_persons} persons of a cell")
        )
    if asking.minimum_contributors > 1:
        words = f"at least {asking.minimum_contributors} contributors of a magnitude"
        least = asking.minimum_contributors
        found.append(Demand("minimum-contributors", words, magnitudes=True, least=least))
    if asking.dominance > 0:
        words = f"a p-ratio of {asking.dominance} % of a magnitude"
        found.append(Demand("dominance", words, magnitudes=True))
    return tuple(found)


def gate_rules(case: Case) -> Iterator[Reason]:
    """Which of the rule's demands on the gate nobody would hold."""
    if case.rule is not None and case.rule.permit:
        ruled = case.plan.gate.ruled
        yield from unheld(case, f"rule {case.rule.name}", demands(case.rule), ruled)


def unheld(
    case: Case, who: str, asked: tuple[Demand, ...], releases: tuple[Release, ...]
) -> Iterator[Reason]:
    """What `who` asks of the gate for `releases` and nobody would hold; of magnitudes only if the plan has one.

    When contributor rules apply: see policy.magnitude. What a card offers and the plan does not ask for is refused too.
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
        elif not _asked_for(case.plan, demand, amounts, releases):
            yield Reason(
                "gate",
                f"{who} asks for {demand.words}, which the plan does not ask of "
                f"{card.id} v{card.version}{about}",
            )


def _asked_for(
    plan: Physical, demand: Demand, amounts: tuple[str, ...], releases: tuple[Release, ...]
) -> bool:
    """Whether the plan asks its gate for what is demanded; bounds.py and profile.py hold k themselves."""
    if demand.offer != "minimum-contributors":
        return demand.offer == "minimum-persons"
    totals = plan.aggregate.totals
    about = {i for i, total in enumerate(totals) if total.name in amounts}
    # A name that no total has stands for a step that is not known here: what it makes is not tested.
    if not plan.tests.contributors or not set(amounts) <= {total.name for total in totals}:
        return False
    return about <= set(plan.gate.magnitudes) and all(
        release.contributors >= demand.least
        for release in releases
        if release.columns is None or about & set(release.columns)
    )


def not_offered(who: str, demand: Demand, card: Card) -> str:
    """That `card` lacks what `who` demands, in words."""
    return f"{who} asks for {demand.words}, which {card.id} v{card.version} does not test yet"
