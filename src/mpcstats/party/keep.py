"""What a party keeps of a run, beside its ledger: the answer of a recipient that did not ask, and the receipt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mpcstats.errors import UsageError
from mpcstats.party.files.config import PartyFile
from mpcstats.party.node import Played
from mpcstats.party.question import Question


def keep_answer(files: PartyFile, question: Question, played: Played) -> Path | None:
    """Where the answer is now, in answers/; None if this party learned none. Raises UsageError with the path.

    Its name has the party: where ledgers share a folder, each recipient keeps what it has been shown.
    """
    if played.answer is None or played.salt is None:
        return None
    content = {
        "question": question.to_json(),
        **played.answer.to_json(),
        "salt": played.salt.hex(),  # with it, the answer can be held against the receipt
    }
    return _kept(files, "answers", f"{played.label}-{files.party}", content)


def keep_receipt(files: PartyFile, played: Played) -> Path | None:
    """Where the receipt is now, in receipts/; None if this party got none. Raises UsageError with the path."""
    receipt = played.closed.receipt
    if receipt is None:
        return None
    return _kept(files, "receipts", played.label, receipt.to_json())


def _kept(files: PartyFile, folder: str, name: str, content: Mapping[str, Any]) -> Path:
    path = files.ledger.parent / folder / f"{name}.json"
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    try:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        what = folder.removesuffix("s")
        raise UsageError(
            f"{path}: expected a place for the {what}, got: {error.strerror}"
        ) from None
    return path.resolve()
