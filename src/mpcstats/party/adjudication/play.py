"""The run of a claim between two nodes: terms, the token spent, agreements, the protocol, what is written down."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mpcstats.errors import InternalError, PeerFault, PolicyRefused, UsageError
from mpcstats.party.adjudication.plan import ClaimPlan
from mpcstats.party.agreement import Terms, exchange_agreements
from mpcstats.party.answer import Answer
from mpcstats.party.closing import Closed, Finished
from mpcstats.party.compile import Papers
from mpcstats.party.desk.consent import now
from mpcstats.party.node import RECEIPT, Node, OnStep, Spent, driven
from mpcstats.party.question import Question
from mpcstats.protocols.adjudication import Rule, Settled, adjudicate
from mpcstats.records.canonical import canonical
from mpcstats.records.consent.terms import Ask
from mpcstats.records.ledger.commitment import SALT_BYTES, commit
from mpcstats.records.ledger.receipt import answer_bytes
from mpcstats.records.names import Digest
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Table
from mpcstats.session import Session
from mpcstats.transport.handshake import agree
from mpcstats.transport.mesh import Mesh
from mpcstats.transport.transcript import Transcript

STEP = "delivery"
COLUMN = "payable_fen"


@dataclass(frozen=True, slots=True)
class Spend:
    """The holder's: the token to spend, what is asked of it, and when the event was settled."""

    token: Statement
    ask: Ask
    settled_at: str | None


@dataclass(frozen=True, slots=True)
class Side:
    """What a party takes part with: the holder has `settled` and `spend`, the insurer `rule` and a commitment to it.

    `terms` are what both must agree on.
    """

    question: Question
    papers: Papers
    plan: ClaimPlan
    terms: Mapping[str, str]
    settled: Settled | None = field(default=None, repr=False)
    spend: Spend | None = None
    rule: Rule | None = field(default=None, repr=False)
    commitment: str = ""

    def committed(self, node: Node, label: str, name: str) -> str:
        """The commitment to this party's input, called `name`, in the run `label`."""
        if self.settled is None:
            return self.commitment
        said = {"amounts": self.settled.amounts, "reasons": self.settled.reasons}
        return node.commit_input(label, name, canonical(said).encode())


@dataclass(frozen=True, slots=True)
class Ended:
    """A claim's run at one party: the payable amount at the insurer, with the salt of its commitment; what it took."""

    answer: Answer | None
    salt: bytes | None = field(repr=False)
    spent: Spent
    label: str
    closed: Closed


class Delivered(Table):
    """What the insurer says at the end: its commitment to the amount, for the person's safe box."""

    result: Digest


def take_part(node: Node, side: Side, label: str, *, on_step: OnStep = lambda _: None) -> Ended:
    """The run `label` of a claim.

    Raises PeerFault and TransportFault, and PolicyRefused where the token has been spent or revoked meanwhile; all are
    written down. The token is spent before anything of the row is sent, and stays so whatever comes after.
    """
    plan, question = side.plan, side.question
    others = [node.peers[name] for name in plan.parties if name != node.me]
    transcript = Transcript(peer.name for peer in others)
    with node.running(label, plan.digest(), others, transcript) as (mesh, run):
        node.decisions.check_still(label, question)
        seeds = agree(mesh, node.me, plan.parties, side.terms)
        agreed = {**side.terms, "run": seeds.run_id.hex()}
        terms = Terms(label, question.digest(), plan, agreed)
        if side.spend is not None:
            _spend(node, side.spend, label)
        own = _signed(node, terms, side)
        exchange_agreements(mesh, terms, own, node.me, node.records.registers.principals)
        on_step("handshake")
        session = Session(node.me, plan.parties, seeds, openings=run.openings)
        amount, spent = driven(mesh, _protocol(session.narrow("adjudicate"), side), node.me)
        node.ended(run)
        on_step("adjudication")
        answer = None if amount is None else _answer(amount)
        salt = None if answer is None else secrets.token_bytes(SALT_BYTES)
        result = _result(mesh, node, side, answer, salt)
        node.ledger.append(
            "finish",
            {
                "run": label,
                "plan": plan.digest(),
                **spent.to_json(),
                "gate": None,
                "result": result,
                "transcript": transcript.to_json(),
            },
        )
        closed = node.close_run(mesh, Finished(label, plan, question, side.papers, agreed, own))
        troubles = _deliver(node, side, label, result)
        closed = replace(closed, troubles=(*closed.troubles, *troubles))
        on_step(RECEIPT)
    if answer is not None:
        answer = replace(answer, receipt=closed.receipt)
    return Ended(answer, salt, spent, label, closed)


async def _protocol(session: Session, side: Side) -> int | None:
    plan = side.plan
    return await adjudicate(
        session,
        plan.form,
        holder=plan.holder,
        insurer=plan.insurer,
        settled=side.settled,
        rule=side.rule,
    )


def _spend(node: Node, spend: Spend, label: str) -> None:
    """Use the token up for this run, and no other. Raises PolicyRefused if that has become impossible meanwhile."""
    desk = node.consent
    if desk is None:
        raise InternalError("expected a desk of consents at the holder, got none")
    refused = desk.admit(spend.token, replace(spend.ask, second=now()), label)
    if refused:
        raise PolicyRefused(node.me, tuple(map(str, refused)))


def _signed(node: Node, terms: Terms, side: Side) -> Statement:
    """This party's agreement, written down before anybody sees it: it cannot sign two for one run."""
    (name,) = (each.name for each in side.plan.fragments if each.owner == node.me)
    own = node.sign(terms.statement({name: side.committed(node, terms.label, name)}))
    node.ledger.append(
        "start",
        {
            "run": terms.label,
            "plan": side.plan.digest(),
            "question": terms.question,
            "parties": list(side.plan.parties),
            "papers": [],
            "agreement": own.digest,
            "state": None,
            "consents": None if node.consent is None else node.consent.head,
        },
    )
    return own


def _answer(amount: int) -> Answer:
    """The amount as an answer of one cell: receipts and their checks are those of every other question."""
    return Answer((COLUMN,), ((amount,),), (("value",),), units=("fen",))


def _result(mesh: Mesh, node: Node, side: Side, answer: Answer | None, salt: bytes | None) -> str:
    """The insurer's commitment to the amount, at both. Raises PeerFault for what is none."""
    (peer,) = (name for name in side.plan.parties if name != node.me)
    if answer is not None and salt is not None:
        result = commit(answer_bytes(answer.to_json()), salt)
        mesh.exchange_json_each({peer: {"result": result}})
        return result
    said = mesh.exchange_json_each({peer: {}})
    try:
        return Delivered.model_validate(said[peer]).result
    except ValueError:
        raise PeerFault(
            peer, STEP, "expected a commitment to the amount, got another object"
        ) from None


def _deliver(node: Node, side: Side, label: str, result: str) -> tuple[str, ...]:
    """Write down for the person that the amount is there, and since when; what is wrong with that, in words."""
    if node.consent is None or side.spend is None:
        return ()
    try:
        node.consent.deliver(label, result, second=now(), settled=side.spend.settled_at)
    except UsageError as error:
        return (str(error),)
    return ()
