"""After a run: the parties cosign one another's ledgers, and whoever learns the answer gets a receipt.

The answer is there by then: what goes wrong here is written down and told, and takes nothing from it.

held, offer, answer    each to each: which checkpoint of yours I hold; mine, with the proof that it extends that;
                       my cosignature of yours, or the two that do not fit together (records.ledger.witness)
part                   each to the recipients and the initiator: what it gives to the receipt
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mpcstats.errors import MpcstatsError, PeerFault
from mpcstats.party.agreement import Outline
from mpcstats.party.question import Question
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger.receipt import PartyPart, Receipt, part_of
from mpcstats.records.ledger.witness import SplitView, Witness
from mpcstats.records.signed import Statement

STEP = "closing"


class Exchanger(Protocol):
    """What the closing needs of a mesh."""

    def exchange_json_each(
        self, fields: Mapping[str, Mapping[str, Any]], *, check: Any = None
    ) -> dict[str, dict[str, Any]]:
        """Send every other party its object, return the one of each; `check` sees each as it comes."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The receipt, for those who get one, and what went wrong: by party, in words."""

    receipt: Receipt | None
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended well here: its plan, its question and papers, and this party's signed agreement."""

    label: str
    plan: Outline
    question: Question
    papers: tuple[Statement, ...]
    terms: Mapping[str, str]
    agreement: Statement


def close(mesh: Exchanger, witness: Witness, run: Finished) -> Closed:
    """Cosign and have cosigned, give and get the parts of the receipt. Never raises for what others do."""
    me = witness.ledger.party
    others = [party for party in run.plan.parties if party != me]
    size = witness.ledger.size
    troubles: list[str] = []
    try:
        _cosign(mesh, witness, others, size, troubles)
        parts = _parts(mesh, witness, run, others, size)
        receipt = None if parts is None else _receipt(run, parts)
    except MpcstatsError as error:
        return Closed(None, (*troubles, str(error)))
    return Closed(receipt, tuple(troubles))


def _cosign(
    mesh: Exchanger, witness: Witness, others: list[str], size: int, troubles: list[str]
) -> None:
    held = mesh.exchange_json_each({peer: witness.held(peer) for peer in others})
    offers = mesh.exchange_json_each(
        {peer: witness.offer(peer, held[peer], size=size) for peer in others}
    )
    answers: dict[str, dict[str, JSON]] = {}
    for peer in others:
        try:
            answers[peer] = witness.answer(peer, offers[peer])
        except SplitView as split:
            answers[peer] = split.answer()
            troubles.append(str(split))
            witness.ledger.append("fault", {"fault": "SplitView", **split.body()})
    given = mesh.exchange_json_each(answers)
    for peer in others:
        try:
            witness.accept(peer, given[peer], size=size)
        except PeerFault as fault:
            troubles.append(str(fault))


def _parts(
    mesh: Exchanger, witness: Witness, run: Finished, others: list[str], size: int
) -> list[PartyPart] | None:
    """Everybody's part, in the plan's order, at those who get a receipt; None at the others."""
    mine = part_of(witness.ledger, run.agreement, size=size)
    entitled = {*run.plan.gate.recipients, run.plan.initiator}
    said = mesh.exchange_json_each(
        {peer: {"part": mine.to_json() if peer in entitled else None} for peer in others}
    )
    me = witness.ledger.party
    if me not in entitled:
        return None
    return [mine if party == me else _part(party, said[party]) for party in run.plan.parties]


def _part(peer: str, said: Mapping[str, Any]) -> PartyPart:
    try:
        part = PartyPart.from_json(said.get("part"))
    except MpcstatsError as error:
        raise PeerFault(peer, STEP, str(error)) from None
    if part.party != peer:
        raise PeerFault(peer, STEP, "expected its own part of the receipt, got another party's")
    return part


def _receipt(run: Finished, parts: Iterable[PartyPart]) -> Receipt:
    listed = list(parts)
    relied = {
        digest
        for part in listed
        for entry in part.of_kind("decision")
        for digest in _texts(entry.body.get("approvals"))
    }
    return Receipt.from_json(
        {
            "version": 1,
            "run": run.label,
            "question": run.question.to_json(),
            "plan": run.plan.digest(),
            "terms": dict(run.terms),
            "approvals": [paper.to_json() for paper in run.papers if paper.digest in relied],
            "parties": [part.to_json() for part in listed],
        }
    )


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
