"""The protocols of the plan against the rule: what their cards promise, and what they leak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mpcstats.cards.card import Card
from mpcstats.plan.cost import protocols as protocols_of
from mpcstats.plan.offer import SEATS, SHAMIR
from mpcstats.policy.case import Case
from mpcstats.policy.operations import OF_CARD
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import STRENGTH, Rule
from mpcstats.policy.words import level_words, named

# Operations whose protocols bring rows into a secret order, or move them.
ORDERED = frozenset({"join", "group-by", "quantile", "distinct", "top-k", "window"})


def protocols(case: Case) -> Iterator[Reason]:
    """Which protocols are unknown, withdrawn, leak more or withstand less than the rule says."""
    rule = case.rule
    if rule is None or not rule.permit:
        return
    for name in _played(case):
        if name not in case.cards:
            yield Reason("card", f"protocol {name} has no card: what is unknown is denied")
        else:
            yield from outside(rule, case.cards[name], (case.plan.engine,))
    yield from _too_weak(case, rule)
    yield from _too_few(case, rule)


def _played(case: Case) -> tuple[str, ...]:
    """The protocols of the plan's steps, each once, and those that steps are composed of."""
    return tuple(
        dict.fromkeys(card for played in protocols_of(case.plan).values() for card in played)
    )


def outside(rule: Rule, card: Card, engines: Sequence[str]) -> Iterator[Reason]:
    """Why a protocol is not permitted by `rule` on any of `engines`, its adversary aside."""
    if card.status == "withdrawn":
        yield Reason("card", f"protocol {card.id} v{card.version} has been withdrawn")
    if not set(engines) & set(card.parties.engines):
        yield Reason(
            "card",
            f"protocol {card.id} runs on {', '.join(_real(card))}, not on "
            f"{' or '.join(engines)}"
            f"{unordered([card.id], engines[0]) if len(engines) == 1 else ''}",
        )
    more = sorted(card.leakage.ids - set(rule.leakage))
    if more:
        yield Reason(
            "leakage",
            f"rule {rule.name} does not permit the leakage {', '.join(more)} of protocol {card.id}",
        )


def unordered(cards: Iterable[str], engine: str) -> str:
    """What engine `engine` lacks for protocols `cards` that it does not have, where that is known."""
    if engine != SHAMIR or not ORDERED & {OF_CARD.get(card) for card in cards}:
        return ""
    return "; it counts, adds and compares cells, and brings no rows into a secret order"


def _real(card: Card) -> Sequence[str]:
    """The engines of the card, without the one of tests: nobody is offered that."""
    return [engine for engine in card.parties.engines if engine in SEATS] or card.parties.engines


def _too_weak(case: Case, rule: Rule) -> Iterator[Reason]:
    """One reason for all protocols that withstand less than the rule asks for, and why it asks."""
    cards, found = case.cards, case.found
    names = [name for name in _played(case) if name in cards]
    weak = [name for name in names if too_weak(rule, cards[name], (case.plan.engine,))]
    if weak:
        yield Reason(
            "adversary",
            f"the question is of level {level_words(found.level)} because of {named(found.columns)}; "
            f"rule {rule.name} asks for {rule.adversary} security, which {', '.join(weak)} do not "
            "have yet",
        )


def _too_few(case: Case, rule: Rule) -> Iterator[Reason]:
    """Protocols that withstand fewer colluding compute parties than the rule asks for, or have not been made for as
    many as the plan has.
    """
    plan, cards = case.plan, case.cards
    count, wanted = len(plan.compute), rule.minimum_corruptions
    for name in (name for name in _played(case) if name in cards):
        promised = cards[name].promised(plan.engine, count, plan.tolerated)
        if promised.corruptions < wanted:
            yield Reason(
                "corruptions",
                f"rule {rule.name} asks for {wanted} compute parties that may collude; protocol {name} on "
                f"{plan.engine} withstands {promised.corruptions} of {promised.count}",
            )
        setting = cards[name].settings.get(plan.engine)
        if setting is not None and not setting.least <= count <= setting.most:
            yield Reason(
                "card",
                f"protocol {name} runs among {setting.least} to {setting.most} parties on {plan.engine}, the "
                f"plan has {count}",
            )


def too_weak(rule: Rule, card: Card, engines: Sequence[str]) -> bool:
    """Whether the protocol withstands less than the rule asks for on each of `engines`."""
    strengths = (STRENGTH[card.adversary_on(engine)] for engine in engines)
    return max(strengths, default=-1) < STRENGTH[rule.adversary]
