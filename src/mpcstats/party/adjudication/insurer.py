"""The insurer's side: it decides by its own policy, asks the holder, and keeps the payable amount and the receipt."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.adjudication.claim import ADJUDICATION, Claim
from mpcstats.party.adjudication.decide import agreed_terms, decided_by, permitted, refuse
from mpcstats.party.adjudication.plan import plan_of
from mpcstats.party.adjudication.play import Ended, Side, take_part
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.closing import Closed
from mpcstats.party.invite import Invitations
from mpcstats.party.keep import keep_answer, keep_receipt
from mpcstats.party.node import Node, OnStep
from mpcstats.party.question import Question, today
from mpcstats.records.consent.token import TOKEN_KIND, Token
from mpcstats.records.journal import body_as
from mpcstats.records.signed import Statement


@dataclass(frozen=True, slots=True)
class Adjudicated:
    """A finished adjudication at the insurer: `payable` in fen, and with `salt` what shows it to the person."""

    payable: int = field(repr=False)
    salt: str = field(repr=False)
    label: str
    holder: str
    closed: Closed = field(repr=False)
    kept: Path | None  # where amount and salt are
    receipt: Path | None
    spent: Mapping[str, Mapping[str, int]] = field(repr=False)

    def __str__(self) -> str:
        """The amount for a person to read, in yuan."""
        return f"payable {self.payable // 100}.{self.payable % 100:02d} yuan ({self.payable} fen)"

    def to_json(self) -> dict[str, object]:
        """The finished run as plain data."""
        return {
            "payable_fen": self.payable,
            "salt": self.salt,
            "run": self.label,
            "holder": self.holder,
            "kept": None if self.kept is None else str(self.kept),
            "receipt": None if self.receipt is None else str(self.receipt),
            "spent": self.spent,
        }


def adjudicate(
    node: Node,
    *,
    event: str,
    token: Statement,
    rule: RuleFile,
    on_step: OnStep = lambda _: None,
) -> Adjudicated:
    """What is payable for `event`, whose person has given `token`, by `rule`; scenario and purpose are the token's.

    Raises PolicyRefused (this party's policy, or the holder's with every reason), UsageError for files, PeerFault and
    TransportFault.
    """
    question, side = _decided(node, token, rule)
    label = secrets.token_hex(16)
    peer = node.peers.get(side.plan.holder)
    if peer is None:
        raise UsageError(f"expected {side.plan.holder} among the consortium's parties, got none")
    with Invitations(node.identity, [peer], silence=node.silence, terms=side.terms) as invitations:
        more = {"kind": ADJUDICATION, "event": event}
        invitations.ask(label, question, (token,), more=more, on_step=on_step)
        invitations.go()
        ended = take_part(node, side, label, on_step=on_step)
        figures, silent = invitations.collect()
    return _kept(node, question, side.plan.holder, ended, figures, silent)


def _decided(node: Node, token: Statement, rule: RuleFile) -> tuple[Question, Side]:
    """The question, and this party's decision on it, written to its ledger."""
    if token.kind != TOKEN_KIND:
        raise UsageError(f"expected a {TOKEN_KIND}, got {token.kind}")
    body = body_as(token, Token)
    claim = Claim(
        form=rule.claim,
        person=body.person,
        matter=body.matter,
        token=token.digest,
        rule=rule.commitment,
    )
    question = Question(claim.text, body.scenario, body.purpose, node.me, (node.me,), today())
    plan = plan_of(question, claim, node.records.catalogue, node.records.cards)
    with node.decisions.deciding(question, (token,)):
        level, name, reasons = decided_by(node, question, claim)
        refuse(node.me, reasons)
    why = permitted(plan, level, name, node, claim.form.dataset)
    node.decisions.write_permit(question, why)
    terms = agreed_terms(node, question, plan)
    secret = rule.terms()
    return question, Side(question, (token,), plan, terms, rule=secret, commitment=rule.commitment)


def _kept(
    node: Node,
    question: Question,
    holder: str,
    ended: Ended,
    figures: Mapping[str, Mapping[str, int]],
    silent: tuple[str, ...],
) -> Adjudicated:
    """The amount and the receipt in their files; what goes wrong with that takes nothing from the amount."""
    if ended.answer is None or ended.salt is None:
        raise PolicyRefused(node.me, ("expected a payable amount, got none",))
    answer = receipt = None
    troubles = (*ended.closed.troubles, *silent)
    try:
        answer = keep_answer(node.files, question, ended)
        receipt = keep_receipt(node.files, ended)
    except UsageError as error:
        troubles = (*troubles, str(error))
    amount = ended.answer.rows[0][0]
    return Adjudicated(
        amount if isinstance(amount, int) else 0,
        ended.salt.hex(),
        ended.label,
        holder,
        replace(ended.closed, troubles=troubles),
        answer,
        receipt,
        {node.me: ended.spent.to_json(), **figures},
    )
