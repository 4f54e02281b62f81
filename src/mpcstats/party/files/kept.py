"""Where a party keeps what comes of its runs: answers and receipts, beside its ledger."""

from __future__ import annotations

from pathlib import Path

from mpcstats.party.files.config import PartyFile


def answer_path(files: PartyFile, label: str) -> Path:
    """Where this party keeps the answer of the run `label`.

    Its name has the party: where ledgers share a folder, each recipient keeps what it has been shown.
    """
    return files.ledger.parent / "answers" / f"{label}-{files.party}.json"


def receipt_path(files: PartyFile, label: str) -> Path:
    """Where this party keeps the receipt of the run `label`."""
    return files.ledger.parent / "receipts" / f"{label}.json"
