"""What a party keeps of a run, beside its ledger: the answer, where nobody shows it or it may be asked again, and the
receipt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.closing import Closed
from mpcstats.party.files.config import PartyFile
from mpcstats.party.files.kept import answer_path, receipt_path
from mpcstats.party.question import Question


class Run(Protocol):
    """A finished run: of a question (party.node.Played), or of a claim (party.adjudication.play.Ended)."""

    @property
    def answer(self) -> Answer | None:
        """What this party has learned."""

    @property
    def salt(self) -> bytes | None:
        """Of its commitment to that."""

    @property
    def label(self) -> str:
        """The run's label."""

    @property
    def closed(self) -> Closed:
        """What came of the closing."""


def keep_answer(files: PartyFile, question: Question, played: Run) -> Path | None:
    """Where the answer is now; None if this party learned none. Raises UsageError with the path."""
    if played.answer is None or played.salt is None:
        return None
    content = {
        "question": question.to_json(),
        **played.answer.to_json(),
        "salt": played.salt.hex(),  # with it, the answer can be held against the receipt
    }
    return _kept(answer_path(files, played.label), "answer", content)


def keep_receipt(files: PartyFile, played: Run) -> Path | None:
    """Where the receipt is now; None if this party got none. Raises UsageError with the path."""
    receipt = played.closed.receipt
    if receipt is None:
        return None
    return _kept(receipt_path(files, played.label), "receipt", receipt.to_json())


def _kept(path: Path, what: str, content: Mapping[str, Any]) -> Path:
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    try:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path}: expected a place for the {what}, got: {error.strerror}"
        ) from None
    return path.resolve()
