"""What is read from any log and written to any: a record of a kind, at an index, by who keeps the log.

A ledger's entry and a replicated log's block are both records; rules that are folded from records do not know
which one they read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from mpcstats.records.canonical import JSON, canonical

DOMAIN = b"mpcstats record 1"


class Record(Protocol):
    """One record of a log."""

    @property
    def index(self) -> int:
        """Its place in the log: each is one more than the one before."""
        ...

    @property
    def time(self) -> str:
        """UTC in seconds."""
        ...

    @property
    def kind(self) -> str:
        """Of what kind it is."""
        ...

    @property
    def body(self) -> Mapping[str, JSON]:
        """What it says."""
        ...


class Appender(Protocol):
    """A log that can be written: the record is on disk when `append` returns."""

    def append(self, kind: str, body: Mapping[str, JSON], /) -> Record:
        """Store a record and return it. Raises UsageError for a body that has no canonical form."""
        ...


class Log(Appender, Protocol):
    """A log that can be read too."""

    def entries(self, kind: str | None = None, *, since: int = 0) -> Iterable[Record]:
        """The records of one kind, or of all, from index `since` on, in order."""
        ...


def record_digest(kind: str, body: Mapping[str, JSON]) -> str:
    """SHA-256 of kind and body, in hex: the record's name in whichever log it stands."""
    parts = (DOMAIN, kind.encode(), canonical(body).encode())
    return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()
