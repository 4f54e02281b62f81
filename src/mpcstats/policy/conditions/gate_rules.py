"""What rule and profile ask of the gate: each must be offered by the gate's card, and asked for by the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from mpcstats.cards.card import Card, Offer
from mpcstats.plan.physical import Outcome, Physical, Release
from mpcstats.policy.case import Case
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Rule
from mpcstats.policy.suppression import DEFAULT


@dataclass(frozen=True, slots=True)
class Demand:
    """Something that a rule asks of the gate; `words` end "asks for ..."; `magnitudes`: of amounts alone.

    `held` says whether a release of the plan asks it of the gate.
    """

    offer: Offer
    words: str
    held: Callable[[Release], bool]
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
    """What `rule` asks of the gate; noise is added before it (conditions.noise)."""
    found = [*thresholds(rule)]
    concentration = rule.concentration
    if concentration is not None:
        asked = concentration.largest, concentration.percent
        held = partial(_is, "largest", asked)
        found.append(Demand("dominance", f"{concentration} of a magnitude", held, magnitudes=True))
    if rule.complement and rule.minimum_persons > 1:
        words = f"no complement of 1 to {rule.minimum_persons - 1} persons"
        found.append(Demand("complement", words, partial(_is, "complement", True)))
    if rule.rounding > 1:
        words = f"counts rounded to {rule.rounding}"
        found.append(Demand("rounding", words, partial(_is, "rounding", rule.rounding)))
    return tuple(found)


def thresholds(asking: Asking) -> tuple[Demand, ...]:
    """The thresholds that a rule or a profile asks the gate to hold."""
    found = []
    persons, contributors, p = (
        asking.minimum_persons,
        asking.minimum_contributors,
        asking.dominance,
    )
    if persons > 1:
        # Of how many persons is asked in bounds.py and profile.py.
        found.append(
            Demand("minimum-persons", f"at least {persons} persons of a cell", lambda _: True)
        )
    if contributors > 1:
        words = f"at least {contributors} contributors of a magnitude"
        held = partial(_at_least, "contributors", contributors)
        found.append(Demand("minimum-contributors", words, held, magnitudes=True))
    if p > 0:
        held = partial(_at_least, "p", p)
        words = f"a p-ratio of {p} % of a magnitude"
        found.append(Demand("dominance", words, held, magnitudes=True))
    return tuple(found)


def _is(name: str, value: object, release: Release) -> bool:
    return bool(getattr(release, name) == value)


def _at_least(name: str, value: int, release: Release) -> bool:
    return bool(getattr(release, name) >= value)


def gate_rules(case: Case) -> Iterator[Reason]:
    """Which of the rule's demands on the gate nobody would hold."""
    if case.rule is not None and case.rule.permit:
        ruled = case.plan.gate.ruled
        yield from unheld(case, f"rule {case.rule.name}", demands(case.rule), ruled)
        if case.rule.zeros == "suppressed" and any(release.zeros for release in ruled):
            yield Reason("gate", f"rule {case.rule.name} has zeros suppressed, the plan shows them")
        yield from _beside(case, case.rule)


def _beside(case: Case, rule: Rule) -> Iterator[Reason]:
    """That cells beside totals are hidden otherwise than the rule says."""
    step, wanted = case.plan.aggregate, rule.suppression or DEFAULT
    found = step.beside if isinstance(step, Outcome) else None
    if found is not None and (found.method, found.percent) != (wanted.method, wanted.percent):
        yield Reason(
            "gate",
            f"rule {rule.name} asks for {wanted} beside totals, the plan has the {found.method} method with "
            f"{found.percent} %",
        )


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
    """Whether the plan asks its gate for what is demanded, and has what the gate must know for it."""
    totals, backing = plan.aggregate.totals, plan.tests.backing
    about = set(range(len(totals)))
    if demand.magnitudes:
        about = {i for i, total in enumerate(totals) if total.name in amounts}
        # A name that no total has stands for a step that is not known here: what it makes is not tested.
        if not set(amounts) <= {total.name for total in totals}:
            return False
        if not about <= set(plan.gate.magnitudes) or not all(backing[i].amounts for i in about):
            return False
    if demand.offer == "dominance" and any(amount.total is None for amount in plan.tests.amounts):
        return False
    if demand.offer == "complement" and any(b.support and not b.rests for b in backing):
        return False
    return all(
        demand.held(release)
        for release in releases
        if release.columns is None or about & set(release.columns)
    )


def not_offered(who: str, demand: Demand, card: Card) -> str:
    """That `card` lacks what `who` demands, in words."""
    return f"{who} asks for {demand.words}, which {card.id} v{card.version} does not test yet"
