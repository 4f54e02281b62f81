"""An entry of the ledger: what it holds, the one text of its body, what its hash covers, who signed it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON, read_canonical

KINDS = (
    *("request", "decision", "start", "opening", "finish", "fault"),
    # What is done with an asset under its contract, and what a node holds against whom.
    *("contract", "access", "package", "action", "violation", "reinstatement"),
)
GENESIS = "0" * 64  # what the first entry has as `previous`, and the head of an empty ledger
DOMAIN = b"mpcstats ledger entry 1"
NOT_CANONICAL = "expected a body of canonical JSON, got other text"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `index` counts from 1, `time` is UTC in seconds, the last three are lower-case hex."""

    index: int
    time: str
    kind: str
    body: Mapping[str, JSON]
    previous: str
    hash: str
    signature: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as the file holds it, not yet believed; `body` is text."""

    index: int
    time: str
    kind: str
    body: str
    previous: str
    hash: str
    signature: str

    def digest(self, party: str) -> str:
        """SHA-256 over domain, party and all but hash and signature, each after its length in 8 bytes."""
        state = hashlib.sha256()
        texts = (party, str(self.index), self.time, self.kind, self.body, self.previous)
        for part in (DOMAIN, *(text.encode(errors="surrogateescape") for text in texts)):
            state.update(len(part).to_bytes(8, "big") + part)
        return state.hexdigest()

    def fault(self, party: str, key: Ed25519PublicKey) -> str | None:
        """What is wrong with the entry by itself; None if nothing is."""
        if self.hash != self.digest(party):
            return "expected the hash of its content, got another: it was changed, or is another party's"
        if not _signed(self, key):
            return "expected a signature by the party's key, got another"
        if self.kind not in KINDS:
            return f"expected a kind of {', '.join(KINDS)}, got {self.kind[:40]!r}"
        if _TIME.fullmatch(self.time) is None:
            return f"expected a time as YYYY-MM-DDThh:mm:ssZ, got {self.time[:40]!r}"
        return NOT_CANONICAL if read_canonical(self.body) is None else None

    def entry(self) -> Entry:
        """The entry, its body read. Raises UsageError if the body is not what `canonical` writes."""
        body = read_canonical(self.body)
        if body is None:
            raise UsageError(NOT_CANONICAL)
        return Entry(
            self.index, self.time, self.kind, body, self.previous, self.hash, self.signature
        )


def _signed(row: Row, key: Ed25519PublicKey) -> bool:
    # The pattern first: fromhex also takes blanks and capitals, so one signature would have many texts.
    if _SIGNATURE.fullmatch(row.signature) is None:
        return False
    try:
        key.verify(bytes.fromhex(row.signature), bytes.fromhex(row.hash))
    except InvalidSignature:
        return False
    return True
