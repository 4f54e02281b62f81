"""Looking at a party's ledger from outside: is it whole, and what does it say?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from mpcstats.party.files.config import Consortium
from mpcstats.records.ledger import Report, entries, verify


def check_ledger(
    consortium: Consortium, party: str, path: Path, *, head: str | None = None
) -> Report:
    """The report on the ledger at `path` against the key that the consortium file gives `party`."""
    return verify(path, consortium.member(party).signing_key, party=party, head=head)


def read_ledger(path: Path) -> Iterator[str]:
    """The entries of the ledger at `path`, oldest first, as JSON; unchecked."""
    for entry in entries(path):
        yield json.dumps(asdict(entry), ensure_ascii=False)
