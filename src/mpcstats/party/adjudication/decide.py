"""What each side holds a claim against: its own policy table, who may still ask, and the terms that both sign."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.errors import PolicyRefused
from mpcstats.party.adjudication.claim import Claim
from mpcstats.party.adjudication.plan import CARD, ClaimPlan
from mpcstats.party.data.consent import person_column
from mpcstats.party.node import Node
from mpcstats.party.question import Question
from mpcstats.party.version import version
from mpcstats.plan.physical import Item
from mpcstats.policy.authorise import ADJUDICATION, PAYABLE_AMOUNT, Wish, authorise
from mpcstats.policy.conditions.standing import lost
from mpcstats.policy.sensitivity import weighed
from mpcstats.records.canonical import JSON
from mpcstats.records.levels import Level


def decided_by(node: Node, question: Question, claim: Claim) -> tuple[Level, str, tuple[str, ...]]:
    """The level of the claim, the rule that speaks of it, and every reason of this party's policy against it.

    Of one person's event the person counts as a column that is read, not as a blind key.
    """
    records = node.records
    catalogue = records.registers.graded(records.catalogue, question.day)
    dataset = catalogue.dataset(claim.form.dataset)
    columns = {name.rpartition(".")[2] for name in claim.form.fields} | {person_column(dataset)}
    level = weighed([Item(dataset.name, name, "value") for name in columns], catalogue).level
    wish = Wish(
        question.scenario,
        level.name,
        "party",
        ADJUDICATION,
        PAYABLE_AMOUNT,
        question.initiator,
    )
    said = authorise(records.policy, wish)
    found = [str(said.reason)] if said.verdict == "deny" else []
    found += [str(reason) for reason in lost(node.known(question).standing)]
    rule = records.policy.rule(question.scenario, level)
    return level, "none" if rule is None else rule.name, tuple(found)


def permitted(
    plan: ClaimPlan, level: Level, rule: str, node: Node, dataset: str
) -> dict[str, JSON]:
    """What this party's ledger says of a claim that it permits."""
    return {
        "plan": plan.digest(),
        "policy": node.records.policy.digest,
        "level": level.name,
        "rule": rule,
        "approvals": [],
        "template": None,
        "exempted": [],
        "datasets": [dataset],
    }


def refuse(me: str, reasons: Sequence[str], violations: tuple[str, ...] = ()) -> None:
    """Raises PolicyRefused if there are reasons."""
    if reasons:
        raise PolicyRefused(me, tuple(reasons), violations)


def agreed_terms(node: Node, question: Question, plan: ClaimPlan) -> dict[str, str]:
    """What both must agree on before a message is sent, by the name that an error gives it."""
    records = node.records
    return {
        "mpcstats version": version(),
        "question": question.digest(),
        "catalogue": records.catalogue.digest(),
        "policy": records.policy.digest,
        **records.registers.heads,
        "plan": plan.digest(),
        f"card {CARD}": records.cards.versions[CARD],
    }
