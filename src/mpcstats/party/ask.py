"""Asking a question from the initiator's node: decide at home, read at home, invite the others, run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mpcstats.errors import PolicyRefused, TransportFault, UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.closing import Closed
from mpcstats.party.compared import Compared, compared
from mpcstats.party.compile import Papers
from mpcstats.party.data.halt import Halt, in_background
from mpcstats.party.data.sources import Audited
from mpcstats.party.files.kept import receipt_path
from mpcstats.party.goingon import going_on
from mpcstats.party.invite import Invitations
from mpcstats.party.keep import keep_answer, keep_receipt
from mpcstats.party.networks import NETWORKS
from mpcstats.party.node import Brought, Node, OnStep, Played
from mpcstats.party.question import Question
from mpcstats.party.repeat import kept_answer, kept_receipt, remembers, salt_of, same_at
from mpcstats.party.shown.page import notebook
from mpcstats.plan.cost import Estimate, estimate
from mpcstats.policy.permit import Permit
from mpcstats.protocols.private_join import Progress
from mpcstats.records.ledger.receipt import Receipt
from mpcstats.transport.control import dial

if TYPE_CHECKING:
    import altair
    import pandas
    import pyarrow

ENDING = 2.0  # seconds for DuckDB to stop when it is told to


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run as the initiator sees it: the answer if it is a recipient, and what the run took everywhere."""

    answer: Answer | None
    permit: Permit
    label: str
    audits: tuple[Audited, ...]
    spent: Mapping[str, Mapping[str, int]] = field(repr=False)  # party -> figure -> number
    salt: bytes | None = field(repr=False)  # with it, the answer can be held against the receipt
    closed: Closed = field(repr=False)
    kept: Path | None  # where the receipt is
    # party -> dataset -> how many persons do not consent, as far as that may be known
    left_out: Mapping[str, Mapping[str, int | str]] = field(repr=False)
    cost: Estimate = field(repr=False)  # by the cards, before the run

    @property
    def receipt(self) -> Receipt | None:
        """What proves how the answer came about; None if the parties could not close the run (`closed.troubles`)."""
        return self.closed.receipt

    def compared(self) -> Compared:
        """The estimate beside what the run took, party by party: rounds, payload bytes sent, seconds."""
        return compared(self.cost, self.spent, NETWORKS)

    def __str__(self) -> str:
        """The table; or whom it has gone to."""
        if self.answer is not None:
            return str(self.answer)
        return f"the answer is with {', '.join(self.permit.plan.gate.recipients)}"

    def to_json(self) -> dict[str, object]:
        """The finished run as plain data; without columns, rows, states and units where this party is no recipient."""
        table = {} if self.answer is None else self.answer.to_json()
        salt = {} if self.salt is None else {"salt": self.salt.hex()}
        # A temporary folder goes with its run, and the receipt with it.
        kept = self.kept is not None and self.kept.exists()
        return {
            **table,
            **salt,
            "receipt": str(self.kept) if kept else None,
            "run": self.label,
            "plan": self.permit.plan_digest,
            "spent": self.spent,
            "compared": self.compared().to_json(),
            "own_rows": [asdict(audit) for audit in self.audits],
        }

    def to_csv(self, path: str | Path) -> None:
        """As `Answer.to_csv`; raises UsageError too if the answer is not here."""
        self._here().to_csv(path)

    def to_pandas(self, *, states: bool = False) -> pandas.DataFrame:
        """As `Answer.to_pandas`; raises UsageError too if the answer is not here."""
        return self._here().to_pandas(states=states)

    def to_arrow(self, *, states: bool = False) -> pyarrow.Table:
        """As `Answer.to_arrow`; raises UsageError too if the answer is not here."""
        return self._here().to_arrow(states=states)

    def plot(self, *, x: str, y: str, color: str | None = None) -> altair.LayerChart:
        """As `Answer.plot`; raises UsageError too if the answer is not here."""
        return self._here().plot(x=x, y=y, color=color)

    def _repr_html_(self) -> str:
        return notebook(self)

    def _here(self) -> Answer:
        if self.answer is None:
            raise UsageError(f"expected an answer at {self.permit.party}, got none: {self}")
        return self.answer


def ask(
    node: Node,
    question: Question,
    papers: Papers = (),
    *,
    on_plan: Callable[[Permit], None] = lambda _: None,
    on_step: OnStep = lambda _: None,
    on_progress: Progress | None = None,
) -> Result:
    """The answer to `question`, which comes with `papers`.

    `on_plan` sees the permit before anything is sent, `on_step` each step when done, `on_progress` how many rows
    of this party's work are done in a step that takes minutes.

    Where the policy lets those who are left of a run go on, and one is lost, they are asked to, and the answer says
    without whom it is. Raises PolicyRefused (this party's policy, or another's), UsageError (question or data),
    PeerFault and TransportFault.
    """
    if question.initiator != node.me:
        raise UsageError(f"expected a question of {node.me}, got one of {question.initiator}")
    again = _repeated(node, question, papers, on_plan)
    if again is not None:
        return again
    label = secrets.token_hex(16)
    try:
        return _asked(node, question, papers, label, on_plan, on_step, on_progress)
    except TransportFault as fault:
        left = going_on(node, question, papers, label, fault)
        if left is None:
            raise
    return ask(node, left, papers, on_plan=on_plan, on_step=on_step, on_progress=on_progress)


def _asked(
    node: Node,
    question: Question,
    papers: Papers,
    label: str,
    on_plan: Callable[[Permit], None],
    on_step: OnStep,
    on_progress: Progress | None,
) -> Result:
    """The answer of the run `label`."""
    permit = node.decide(question, papers)
    on_plan(permit)
    brought = _read(node, question, permit, on_step)
    peers = [node.peers[name] for name in permit.plan.parties if name != node.me]
    with Invitations(
        node.identity, peers, silence=node.silence, terms=node.terms(question, permit)
    ) as invitations:
        invitations.ask(label, question, papers, on_step=on_step)
        invitations.go()
        played = node.take_part(
            question, permit, brought, label, papers, on_step=on_step, on_progress=on_progress
        )
        figures, silent = invitations.collect()
        kept, unkept = _keep(node, question, permit, played)
    closed = replace(played.closed, troubles=(*played.closed.troubles, *silent, *unkept))
    return Result(
        answer=played.answer,
        permit=permit,
        label=label,
        audits=brought.own.audits,
        spent={node.me: played.spent.to_json(), **figures},
        salt=played.salt,
        closed=closed,
        kept=kept,
        left_out={node.me: brought.left_out(permit.plan.gate.k), **invitations.left_out},
        cost=estimate(permit.plan, node.records.cards),
    )


def _repeated(
    node: Node, question: Question, papers: Papers, on_plan: Callable[[Permit], None]
) -> Result | None:
    """The answer that the question has had, if everybody says that nothing has changed (party.repeat)."""
    try:
        found = node.repeat(question, papers)
        if found is None or not node.unchanged(question, found):
            return None
    except (PolicyRefused, UsageError):
        return None  # asked as a new one it says why, which is written down
    permit, label = found.permit, found.released.label
    request = {
        "label": label,
        "question": question.to_json(),
        "papers": [paper.to_json() for paper in papers],
    }
    for name in permit.plan.parties:
        if name != node.me:
            with dial(node.identity, node.peers[name], silence=node.silence) as control:
                if not same_at(control, request, node.silence):
                    return None
    on_plan(permit)
    path = receipt_path(node.files, label)
    learns = node.me in permit.plan.gate.recipients
    return Result(
        answer=kept_answer(node.files, permit.plan, found.released) if learns else None,
        permit=permit,
        label=label,
        audits=(),
        spent={},
        salt=salt_of(node.files, label) if learns else None,
        closed=Closed(kept_receipt(node.files, label)),
        kept=path if path.exists() else None,
        left_out={},
        cost=Estimate((), 0, {}),
    )


def _keep(
    node: Node, question: Question, permit: Permit, played: Played
) -> tuple[Path | None, tuple[str, ...]]:
    """Where the receipt is kept, and why it is not: that takes nothing from the answer."""
    try:
        if remembers(permit, node.records.policy):
            keep_answer(node.files, question, played)
            node.charge(question, permit, played)
        return keep_receipt(node.files, played), ()
    except UsageError as error:
        return None, (str(error),)


def _read(node: Node, question: Question, permit: Permit, on_step: OnStep) -> Brought:
    """What this party brings. Ctrl-C ends it soon, for which DuckDB itself would take until a query has ended."""
    halt = Halt()
    reading = in_background(
        lambda: node.read(question, permit, on_step=on_step, halt=halt), "mpcstats-read"
    )
    try:
        wait([reading])
    except BaseException:
        halt.end(reading, ENDING)
        raise
    return reading.result()


def step_count(permit: Permit) -> int:
    """How often `on_step` will be called in a run: own datasets, other parties, the handshake, the plan's steps, the
    receipt.
    """
    plan = permit.plan
    own = {i.dataset for f in plan.fragments if f.owner == permit.party for i in f.items}
    return len(own) + len(plan.parties) - 1 + 1 + len(plan.steps) + 1
