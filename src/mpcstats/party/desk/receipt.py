"""A receipt at somebody's desk: read it, check it offline against the consortium's keys, put it into words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium
from mpcstats.party.registers import load_principals
from mpcstats.records.ledger.checkpoint import Checkpoint
from mpcstats.records.ledger.finding import Finding, verify_receipt
from mpcstats.records.ledger.note import Note
from mpcstats.records.ledger.receipt import Receipt, read_json

TEXT_SHOWN = 400  # characters of a question


def check_receipt(
    path: Path,
    consortium: Path,
    *,
    principals: Path | None = None,
    answer: Path | None = None,
    quorum: int | None = None,
) -> tuple[Finding, ...]:
    """Every finding on the receipt at `path`. `principals` names more people than the consortium file does.

    Raises UsageError for a file that cannot be used, with its path.
    """
    agreed = Consortium.load(consortium)
    known = load_principals(agreed, principals)
    receipt = Receipt.load(path)
    return verify_receipt(
        receipt, known, quorum=quorum, answer=None if answer is None else _answer(answer)
    )


def describe(path: Path) -> Iterator[tuple[str, str]]:
    """The receipt at `path` in words, as pairs of a name and what it says; nothing of it is checked.

    Raises UsageError if it is no receipt.
    """
    receipt = Receipt.load(path)
    question = receipt.question
    yield "run", plain(receipt.run)
    yield "asked by", f"{question.initiator}, for {', '.join(question.recipients)}"
    yield "purpose", plain(f"{question.scenario}: {question.purpose}")
    yield "question", plain(" ".join(question.text.split())[:TEXT_SHOWN])
    yield "plan", receipt.plan
    for name, value in receipt.terms.items():
        yield f"term {plain(name)}", plain(value)
    for approval in receipt.approvals:
        by = ", ".join(signature.signer for signature in approval.signatures)
        yield "approval", plain(f"{approval.digest} by {by}")
    for part in receipt.parties:
        kinds = ", ".join(f"{e.entry.index} {e.entry.kind}" for e in part.entries)
        yield part.party, f"entries {kinds}; {_point(part.checkpoint)}"


def plain(text: str) -> str:
    """`text` without signs that a terminal would obey: a receipt may come from anybody."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _point(note: str) -> str:
    try:
        read = Note.parse(note)
        point = Checkpoint.of_text(read.text)
    except UsageError:
        return "no checkpoint"
    names = ", ".join(plain(signature.name) for signature in read.signatures)
    return f"checkpoint of {point.size} entries under {names}"


def _answer(path: Path) -> dict[str, Any]:
    value = read_json(path, "an answer")
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected an answer as one JSON object")
    return value
