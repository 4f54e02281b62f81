"""The decision: a plan, the cards and the records against one party's policy give a permit, or every reason why not."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.cards.card import Card
from mpcstats.cards.load import Cards
from mpcstats.errors import PolicyRefused
from mpcstats.plan.physical import Lookup, Physical
from mpcstats.policy.permit import Permit, issue
from mpcstats.policy.rule import ANYBODY, STRENGTH, Policy, Rule
from mpcstats.policy.sensitivity import Sensitivity, sensitivity
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level

SHOWN = 4  # columns that a reason names


def check(
    plan: Physical, *, party: str, catalogue: Catalogue, policy: Policy, cards: Cards
) -> Permit:
    """The permit of `party` for `plan`. Raises PolicyRefused with every reason; what is unknown is denied."""
    found = sensitivity(plan, catalogue)
    rule = policy.rule(plan.scenario, found.level)
    reasons = [*_no_rule(plan, found, rule, policy), *_wrong_helpers(plan, policy)]
    if rule is not None and rule.permit:
        reasons += _outside(plan, found, rule, cards)
    if reasons or rule is None:
        raise PolicyRefused(party, tuple(reasons))
    return issue(plan, party=party, level=found.level, rule=rule.name, policy_digest=policy.digest)


def least_persons(plan: Physical, *, catalogue: Catalogue, policy: Policy) -> int:
    """The k that the policy asks of a plan like this one; 1 where it permits none at all."""
    rule = policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    return 1 if rule is None else rule.minimum_persons


def _no_rule(
    plan: Physical, found: Sensitivity, rule: Rule | None, policy: Policy
) -> Iterator[str]:
    level = f"{found.level.name} {found.level.chinese}"
    columns = _named(found.columns)
    if rule is None:
        known = ", ".join(policy.scenarios)
        yield (
            f"the question is of level {level} ({columns}), and no rule speaks of scenario "
            f"{plan.scenario!r} at that level (scenarios: {known}): what is unknown is denied"
        )
    elif not rule.permit:
        yield f"the question is of level {level} because of {columns}; rule {rule.name}: {rule.because}"
        yield f"nearest question that could pass: {_nearest(plan, found, policy)}"


def _nearest(plan: Physical, found: Sensitivity, policy: Policy) -> str:
    below = [policy.rule(plan.scenario, level) for level in Level if level < found.level]
    permitted = [rule for rule in below if rule is not None and rule.permit]
    if permitted:
        best = max(permitted, key=lambda rule: rule.level)
        return (
            f"one without {', '.join(found.columns)}, at level {best.level.name} "
            f"{best.level.chinese}, for cells of {best.minimum_persons} persons or more"
        )
    others = [
        scenario
        for scenario in policy.scenarios
        if (rule := policy.rule(scenario, found.level)) is not None and rule.permit
    ]
    return f"the same in scenario {' or '.join(others)}" if others else "none"


def _outside(plan: Physical, found: Sensitivity, rule: Rule, cards: Cards) -> Iterator[str]:
    """In which of the rule's bounds the plan is not."""
    if plan.gate.k < rule.minimum_persons:
        yield (
            f"rule {rule.name} opens cells of at least {rule.minimum_persons} persons, the plan "
            f"those of {plan.gate.k}"
        )
    for recipient in plan.gate.recipients:
        if ANYBODY not in rule.recipients and recipient not in rule.recipients:
            known = ", ".join(rule.recipients)
            yield f"rule {rule.name} permits {known} as recipient; this question is for {recipient}"
    if plan.engine not in rule.engines:
        yield f"rule {rule.name} permits engines {', '.join(rule.engines)}, the plan has {plan.engine}"
    parties = len(set(plan.compute))
    if parties < rule.minimum_parties:
        yield (
            f"rule {rule.name} asks for at least {rule.minimum_parties} compute parties, the plan "
            f"has {parties}"
        )
    if found.blind_keys and not rule.blind_keys:
        yield f"rule {rule.name} permits no join on a person key, the plan has one"
    for name in dict.fromkeys(step.card for step in plan.steps):
        if name not in cards:
            yield f"protocol {name} has no card: what is unknown is denied"
        else:
            yield from _outside_card(plan, rule, cards[name])
    yield from _too_weak(plan, found, rule, cards)


def _too_weak(plan: Physical, found: Sensitivity, rule: Rule, cards: Cards) -> Iterator[str]:
    """One reason for all protocols that withstand less than the rule asks for, and why it asks."""
    names = [name for name in dict.fromkeys(step.card for step in plan.steps) if name in cards]
    parties = {name: cards[name].parties for name in names}
    weak = [name for name in names if STRENGTH[parties[name].adversary] < STRENGTH[rule.adversary]]
    if weak:
        yield (
            f"the question is of level {found.level.name} {found.level.chinese} because of "
            f"{_named(found.columns)}; rule {rule.name} asks for {rule.adversary} "
            f"security, which {', '.join(weak)} do not have yet"
        )


def _outside_card(plan: Physical, rule: Rule, card: Card) -> Iterator[str]:
    if card.status == "withdrawn":
        yield f"protocol {card.id} v{card.version} has been withdrawn"
    if plan.engine not in card.parties.engines:
        yield f"protocol {card.id} runs on {', '.join(card.parties.engines)}, not on {plan.engine}"
    more = sorted(card.leakage.ids - set(rule.leakage))
    if more:
        yield f"rule {rule.name} does not permit the leakage {', '.join(more)} of protocol {card.id}"


def _wrong_helpers(plan: Physical, policy: Policy) -> Iterator[str]:
    for step in plan.steps:
        if isinstance(step, Lookup):
            left, right = plan.fragment(step.left).owner, plan.fragment(step.right).owner
            if step.helper in (left, right) or step.helper not in policy.helpers(left, right):
                yield f"{step.helper} is no helper that {left} and {right} both accept"


def _named(columns: tuple[str, ...]) -> str:
    """The columns in words, the first few of many."""
    if not columns:
        return "no column"
    more = len(columns) - SHOWN
    return ", ".join(columns[:SHOWN]) + (f" and {more} more" if more > 0 else "")
