"""Asking a question from the initiator's node: decide at home, read at home, invite the others, run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.invite import Invitations
from mpcstats.party.node import Node, OnStep
from mpcstats.party.question import Question
from mpcstats.party.sources import Audited
from mpcstats.policy.permit import Permit


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run as the initiator sees it: the answer if it is a recipient, and what the run took everywhere."""

    answer: Answer | None
    permit: Permit
    label: str
    audits: tuple[Audited, ...]
    spent: Mapping[str, Mapping[str, int]] = field(repr=False)  # party -> figure -> number


def ask(
    node: Node,
    question: Question,
    *,
    on_plan: Callable[[Permit], None] = lambda _: None,
    on_step: OnStep = lambda _: None,
) -> Result:
    """The answer to `question`. `on_plan` sees the permit before anything is sent, `on_step` each step when done.

    Raises PolicyRefused (this party's policy, or another's), UsageError (question or data), PeerFault and
    TransportFault.
    """
    if question.initiator != node.me:
        raise UsageError(f"expected a question of {node.me}, got one of {question.initiator}")
    permit = node.decide(question)
    on_plan(permit)
    own = node.read(permit, on_step=on_step)
    label = secrets.token_hex(16)
    peers = [node.peers[name] for name in permit.plan.parties if name != node.me]
    with Invitations(
        node.identity, peers, silence=node.silence, plan_digest=permit.plan_digest
    ) as invitations:
        invitations.ask(label, question, on_step=on_step)
        invitations.go()
        played = node.take_part(question, permit, own.rows, label, on_step=on_step)
        spent = {node.me: played.spent.to_json(), **invitations.collect()}
    return Result(played.answer, permit, label, own.audits, spent)
