"""Looking at a party's ledger from outside: is it whole, and what does it say?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium
from mpcstats.records.ledger import Report, entries, verify
from mpcstats.records.ledger.log import kept, latest
from mpcstats.records.ledger.note import NOTE_LIMIT


def check_ledger(
    consortium: Consortium, party: str, path: Path, *, checkpoints: Sequence[Path] = ()
) -> Report:
    """The report on the ledger at `path` against the key that the consortium file gives `party`.

    `checkpoints` are files of checkpoints of it that were kept; cosignatures are checked against the other parties'
    keys. Raises UsageError with the file that cannot be used.
    """
    key = consortium.member(party).signing_key
    others = {name: m.signing_key for name, m in consortium.members.items() if name != party}
    notes = [_read_note(checkpoint) for checkpoint in checkpoints]
    return verify(path, key, party=party, kept=notes, cosigners=others)


def read_ledger(path: Path) -> Iterator[str]:
    """The entries of the ledger at `path`, oldest first, as JSON; unchecked."""
    for entry in entries(path):
        yield json.dumps(entry.to_json(), ensure_ascii=False)


def read_checkpoint(path: Path, of: str | None = None) -> str:
    """The newest checkpoint of the ledger at `path`, or the one that it keeps of party `of`; unchecked."""
    return latest(path) if of is None else kept(path, of)


def _read_note(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(NOTE_LIMIT + 1).decode()
    except OSError as error:
        raise UsageError(f"{path}: expected a checkpoint, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected a checkpoint in UTF-8, got something else") from None
