"""The matrix of a policy: for each scenario and level, which protocols are permitted, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mpcstats.cards.card import Card
from mpcstats.cards.load import Cards
from mpcstats.policy.conditions.gate_rules import demands, not_offered
from mpcstats.policy.conditions.noise import unsaid
from mpcstats.policy.conditions.protocols import outside, too_weak
from mpcstats.policy.operations import OF_CARD
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Policy, Rule
from mpcstats.records.levels import Level


@dataclass(frozen=True, slots=True)
class Cell:
    """A protocol at a scenario and level: permitted if there is no reason against it."""

    scenario: str
    level: Level
    card: str
    reasons: tuple[Reason, ...]

    @property
    def permitted(self) -> bool:
        """Whether a plan may use the protocol there, as far as the protocol alone decides."""
        return not self.reasons


def matrix(policy: Policy, cards: Cards) -> tuple[Cell, ...]:
    """A cell for every scenario of the policy, every level and every card, in this order.

    What only a plan can show (recipients, persons of a cell, papers) is not in it.
    """
    return tuple(
        Cell(scenario, level, name, tuple(_against(policy, scenario, level, card)))
        for scenario in policy.scenarios
        for level in Level
        for name, card in cards.items()
    )


def remarks(rule: Rule, gate: Card) -> tuple[Reason, ...]:
    """What `rule` asks of the gate that its card does not offer yet, or does not say, so that plans are refused."""
    held = tuple(
        Reason("gate", not_offered(f"rule {rule.name}", demand, gate))
        for demand in demands(rule)
        if demand.offer not in gate.offers
    )
    return (*held, *unsaid(rule))


def _against(policy: Policy, scenario: str, level: Level, card: Card) -> Iterator[Reason]:
    rule = policy.rule(scenario, level)
    if rule is None:
        yield Reason("no-rule", "no rule speaks of it: what is unknown is denied")
        return
    if not rule.permit:
        yield Reason("denied", rule.because)
        return
    yield from outside(rule, card, sorted(rule.engines))
    engines = sorted(set(rule.engines) & set(card.parties.engines)) or card.parties.engines
    if too_weak(rule, card, engines):
        yield Reason(
            "adversary",
            f"rule {rule.name} asks for {rule.adversary} security; protocol {card.id} has "
            f"{' or '.join(dict.fromkeys(map(card.adversary_on, engines)))}",
        )
    operation = OF_CARD.get(card.id)
    if rule.operations is not None and operation is not None and operation not in rule.operations:
        yield Reason(
            "operation",
            f"rule {rule.name} permits {', '.join(sorted(rule.operations))}; protocol {card.id} is for "
            f"{operation}",
        )
