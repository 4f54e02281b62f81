"""A result receipt: one JSON file that says how a result came about, with every party's signature and proofs.

It holds the question, the hash of the plan, the terms that all agreed on, the approvals, and of each party: its signed
agreement with the commitments to its inputs, its ledger's entries about the run with proofs that they are in its log,
and its checkpoint with the others' cosignatures. It holds no value of anybody's data. What it proves is said by
`finding.verify_receipt`; who made an answer's commitment is the recipient, in its entry `finish`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, PlainValidator, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.day import Day
from mpcstats.records.ledger.entry import Entry
from mpcstats.records.ledger.form import NoteText, Proof, as_model, to_proof
from mpcstats.records.ledger.log import Ledger
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table, Version

FILE_LIMIT = 16 * 1024 * 1024  # bytes
AGREEMENT = "agreement"  # the kind of the statement that a party signs before a run
OF_A_RUN = ("start", "opening", "finish", "fault", "violation")  # kinds whose body names the run


def _entry(value: object) -> Entry:
    try:
        entry = Entry.from_json(value)
        _ = entry.content  # a body that has no canonical text has no leaf
    except UsageError as error:
        raise ValueError(str(error)) from None
    return entry


def _statement(value: object) -> Statement:
    try:
        return Statement.from_json(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


Text = Annotated[str, Field(min_length=1, max_length=256)]
if TYPE_CHECKING:
    LedgerEntry = Entry
    Signed = Statement
else:  # pydantic would look into the classes, and cannot resolve the recursive type of a body
    LedgerEntry = Annotated[Any, PlainValidator(_entry)]
    Signed = Annotated[Any, PlainValidator(_statement)]


class Resumed(Table):
    """The run that a question goes on with, and the parties that it does without."""

    run: Text
    without: Annotated[tuple[PrincipalName, ...], Field(min_length=1, max_length=64), Listed]

    def to_json(self) -> dict[str, JSON]:
        """As plain data."""
        return {"run": self.run, "without": list(self.without)}


class Question(Table):
    """The question as its initiator has put it: on which engine, and going on with which run, if it says so."""

    text: Annotated[str, Field(min_length=1, max_length=256 * 1024)]
    scenario: Text
    purpose: Annotated[str, Field(min_length=1, max_length=4096)]
    initiator: PrincipalName
    recipients: Annotated[tuple[PrincipalName, ...], Field(min_length=1, max_length=64), Listed]
    day: Day
    user: PrincipalName | None
    project: Text | None
    engine: Text | None = None
    resumes: Resumed | None = None

    def to_json(self) -> dict[str, JSON]:
        """The question as plain data; what it does not say is not there."""
        return {
            "text": self.text,
            "scenario": self.scenario,
            "purpose": self.purpose,
            "initiator": self.initiator,
            "recipients": list(self.recipients),
            "day": self.day,
            "user": self.user,
            "project": self.project,
            **({} if self.engine is None else {"engine": self.engine}),
            **({} if self.resumes is None else {"resumes": self.resumes.to_json()}),
        }

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the question as JSON: as every party computes it for its ledger."""
        plain = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()


class Agreement(Table):
    """The body of a party's statement `agreement`: which run it takes part in, on which terms, with which inputs."""

    run: Text
    question: Digest
    plan: Digest
    terms: dict[Text, Text]
    commitments: dict[Text, Digest]  # to its input of each fragment of the plan that it owns


class Logged(Table):
    """An entry of a ledger, and the proof that it is in the log of the party's checkpoint."""

    entry: LedgerEntry
    proof: Proof


class PartyPart(Table):
    """What one party gives to a receipt: its agreement, its ledger's entries about the run, its checkpoint."""

    party: PrincipalName
    agreement: Signed
    entries: Annotated[tuple[Logged, ...], Field(min_length=1, max_length=4096), Listed]
    checkpoint: NoteText

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The part in `value`, which may come from another party. Raises UsageError with every fault's place."""
        return as_model(value, cls, "part of a receipt")

    def to_json(self) -> dict[str, JSON]:
        """The part as plain data; `from_json` reads it."""
        return {
            "party": self.party,
            "agreement": self.agreement.to_json(),
            "entries": [
                {"entry": logged.entry.to_json(), "proof": list(logged.proof)}
                for logged in self.entries
            ],
            "checkpoint": self.checkpoint,
        }

    def of_kind(self, kind: str) -> tuple[Entry, ...]:
        """Its entries of one kind, in the receipt's order."""
        return tuple(logged.entry for logged in self.entries if logged.entry.kind == kind)


class Receipt(Table):
    """The file: what was asked and agreed, and each party's part."""

    version: Version
    run: Text
    question: Question
    plan: Digest
    terms: dict[Text, Text]
    approvals: Annotated[tuple[Signed, ...], Field(max_length=256), Listed] = ()
    parties: Annotated[tuple[PartyPart, ...], Field(min_length=1, max_length=64), Listed]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [part.party for part in self.parties]
        if len(set(names)) != len(names):
            raise ValueError("expected one part of each party, got two of one")
        return self

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The receipt in `value`. Raises UsageError with the place of every fault; it checks no signature."""
        return as_model(value, cls, "receipt")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The receipt in the file at `path`. Raises UsageError with file and place."""
        return as_model(read_json(path, "a receipt"), cls, str(path))

    def to_json(self) -> dict[str, JSON]:
        """The receipt as plain data; `from_json` reads it."""
        return {
            "version": self.version,
            "run": self.run,
            "question": self.question.to_json(),
            "plan": self.plan,
            "terms": self.terms,
            "approvals": [approval.to_json() for approval in self.approvals],
            "parties": [part.to_json() for part in self.parties],
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex: what a ledger's entry `receipt` says of it."""
        plain = json.dumps(
            self.to_json(), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(plain.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the file. Raises UsageError with the path."""
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path}: expected a place for a receipt, got: {error.strerror}"
            ) from None


def agreement(
    *,
    run: str,
    question: str,
    plan: str,
    terms: Mapping[str, str],
    commitments: Mapping[str, str],
) -> Statement:
    """The statement, not yet signed, that a party agrees to run `plan` for `question` (digests) on these terms.

    Its digest belongs into the party's entry `start` (as `agreement`), so that it cannot sign two.
    """
    body: dict[str, JSON] = {
        "run": run,
        "question": question,
        "plan": plan,
        "terms": dict(terms),
        "commitments": dict(commitments),
    }
    as_model(body, Agreement, AGREEMENT)
    return Statement.of(AGREEMENT, body)


def part_of(ledger: Ledger, signed: Statement, *, size: int | None = None) -> PartyPart:
    """The party's part about the run of its signed agreement, from its ledger: the decision on the plan, and all that
    names the run; proofs are to its checkpoint of `size` entries (all).

    Raises UsageError if the ledger says nothing of such a run, or `size` does not reach its end.
    """
    said = as_model(signed.body, Agreement, AGREEMENT)
    begin = _newest(ledger, "start", ledger.size, run=said.run)
    decision = _newest(ledger, "decision", begin.index, question=said.question, plan=said.plan)
    found = [
        entry
        for entry in ledger.entries(since=begin.index)
        if entry.kind in OF_A_RUN and entry.body.get("run") == said.run
    ]
    upto = ledger.size if size is None else size
    logged = [
        {"entry": e.to_json(), "proof": to_proof(ledger.inclusion(e.index, upto))}
        for e in (decision, *found)
    ]
    return PartyPart.from_json(
        {
            "party": ledger.party,
            "agreement": signed.to_json(),
            "entries": logged,
            "checkpoint": ledger.checkpoint(upto),
        }
    )


def answer_bytes(answer: Mapping[str, Any]) -> bytes:
    """What a recipient commits to, of an answer as plain data: its columns, rows and states, whatever else it says."""
    names = ("columns", "rows", "states")
    if any(name not in answer for name in names):
        raise UsageError(f"expected an answer with {', '.join(names)}")
    plain = {name: answer[name] for name in names}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def read_json(path: Path, what: str) -> object:
    """The JSON in the file at `path`, of at most 16 MiB. Raises UsageError with the path."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_LIMIT + 1)
        value: object = json.loads(content.decode()) if len(content) <= FILE_LIMIT else None
    except OSError as error:
        raise UsageError(f"{path}: expected {what}, got: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: expected {what} as JSON in UTF-8, got other text") from None
    if len(content) > FILE_LIMIT:
        raise UsageError(f"{path}: expected {what} of at most {FILE_LIMIT} bytes, got more")
    return value


def _newest(ledger: Ledger, kind: str, below: int, **named: str) -> Entry:
    for entry in ledger.newest(kind, below=below):
        if all(entry.body.get(name) == value for name, value in named.items()):
            return entry
    said = ", ".join(f"{name} {value[:16]}" for name, value in named.items())
    raise UsageError(f"{ledger.path}: expected an entry {kind} of {said}, got none")
