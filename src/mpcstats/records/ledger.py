"""The ledger: what one party was asked, decided and opened, as a signed chain of entries in SQLite.

Each entry carries the hash of the one before it and the party's signature over its own. The file's
triggers stop accidents; chain and signatures show tampering. Entries cut off at the end can be seen
only by who kept a later `head`. Bodies hold names, counts and digests, never a value of anybody's data.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON, canonical
from mpcstats.records.entry import GENESIS, KINDS, Entry, Row

WAIT = 30.0  # seconds that an append waits for another process's
APPLICATION = 0x6D706C31  # "mpl1" in the file's head: a ledger of this form
_HASH = re.compile(r"[0-9a-f]{64}")

# INSERT OR REPLACE deletes without asking the triggers for DELETE, hence those for INSERT.
_SCHEMA = """
CREATE TABLE owner (party TEXT NOT NULL, key TEXT NOT NULL);

CREATE TABLE entry (number INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
  body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL, signature TEXT NOT NULL);

CREATE TRIGGER owner_insert BEFORE INSERT ON owner WHEN EXISTS (SELECT 1 FROM owner)
  BEGIN SELECT RAISE(ABORT, 'a ledger has one owner'); END;

CREATE TRIGGER entry_insert BEFORE INSERT ON entry
  WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM entry)
  BEGIN SELECT RAISE(ABORT, 'entries are only appended'); END;

CREATE TRIGGER owner_update BEFORE UPDATE ON owner BEGIN SELECT RAISE(ABORT, 'append-only'); END;

CREATE TRIGGER owner_delete BEFORE DELETE ON owner BEGIN SELECT RAISE(ABORT, 'append-only'); END;

CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'append-only'); END;

CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""
_INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT number, time, kind, body, previous, hash, signature FROM entry ORDER BY number"
# What stands for a value that is no text: the byte ff, which no UTF-8 has, so that no hash fits it.
NO_TEXT = "\udcff"


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found: how many `entries` are good from the first on, the hash of the last of them
    as `head`, and the first `fault`, None if there is none."""

    entries: int
    head: str
    fault: str | None


class Ledger:
    """One party's open ledger. Threads may share it, and processes may each open the file."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        *,
        party: str,
        signing_key: Ed25519PrivateKey,
    ) -> None:
        self.path = path
        self.party = party
        self._key = signing_key
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, party: str, signing_key: Ed25519PrivateKey) -> Ledger:
        """The ledger of `party` at `path`, made with mode 0600 if there is none; close it, or use `with`.

        Raises UsageError if the file is no ledger, is another party's or key's, cannot be written,
        or if its last entry is not what this party has signed.
        """
        _make(path)
        connection = _connect(path, "rw")
        try:
            ledger = cls(path, connection, party=party, signing_key=signing_key)
            with ledger._transaction():
                ledger._claim()
                ledger._last()
        except BaseException:
            connection.close()
            raise
        return ledger

    def append(self, kind: str, body: Mapping[str, JSON]) -> Entry:
        """Sign and store an entry; it is on disk when this returns.

        Raises UsageError for an unknown kind, for a body that has floats or other things that are no
        JSON or is above 64 KiB, if the file cannot be written, or if its last entry was tampered with.
        """
        if kind not in KINDS:
            raise UsageError(f"expected a kind of {', '.join(KINDS)}, got {kind[:40]!r}")
        text = canonical(body)
        with self._transaction():
            last = self._last()
            time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            index, previous = (1, GENESIS) if last is None else (last.index + 1, last.hash)
            digest = Row(index, time, kind, text, previous, "", "").digest(self.party)
            signature = self._key.sign(bytes.fromhex(digest)).hex()
            row = (index, time, kind, text, previous, digest, signature)
            self._connection.execute(_INSERT, row)
        return _entry(self.path, Row(*row))

    @property
    def head(self) -> str:
        """Hash of the last entry, in hex; who keeps it can see later whether entries were cut off."""
        with self._transaction():
            last = self._last()
        return GENESIS if last is None else last.hash

    def close(self) -> None:
        """Close the file; nothing happens if it is closed."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # IMMEDIATE: whoever reads the last entry also holds the right to write the next one.
        with self._lock, _as_usage(self.path, "a ledger to write"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def _claim(self) -> None:
        """Make an empty file this party's ledger; refuse one that is somebody else's."""
        if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            # Not executescript: it would end the transaction first.
            for statement in _SCHEMA.split("\n\n"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            key = self._key.public_key().public_bytes_raw().hex()
            self._connection.execute(
                "INSERT INTO owner (party, key) VALUES (?, ?)", (self.party, key)
            )
        party, key = _owner(self.path, self._connection)
        if party != self.party:
            raise UsageError(
                f"{self.path}: expected the ledger of {self.party}, got that of {party[:40]!r}"
            )
        if key != self._key.public_key().public_bytes_raw().hex():
            raise UsageError(
                f"{self.path}: expected the ledger of this signing key, got that of another; "
                "keep it and name a new file"
            )

    def _last(self) -> Row | None:
        rows = _rows(self._connection, " DESC LIMIT 1")
        for row in rows:
            fault = row.fault(self.party, self._key.public_key())
            if fault is not None:
                raise UsageError(
                    f"{self.path}, entry {row.index}: {fault}; keep the file and verify it"
                )
        return rows[0] if rows else None


def entries(path: Path) -> tuple[Entry, ...]:
    """All entries of the ledger at `path` in order, unverified; the file is only read.

    Raises UsageError if there is no file, it is no ledger, or an entry's body cannot be read.
    """
    with _reading(path) as connection:
        _owner(path, connection)
        return tuple(_entry(path, row) for row in _rows(connection))


def verify(
    path: Path, public_key: bytes, *, party: str | None = None, head: str | None = None
) -> Report:
    """Check every entry of the ledger at `path` against the Ed25519 key of 32 bytes; the file is only read.

    `party` is whose ledger it should be, and `head` a hash kept from earlier that it should contain;
    without `head`, entries cut off at the end are not noticed. Time may run backwards: clocks do.
    Raises UsageError if there is no file, it is no ledger, or an argument has another form.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise UsageError(f"expected a public key of 32 bytes, got {len(public_key)}") from None
    if head is not None and _HASH.fullmatch(head) is None:
        raise UsageError(f"expected a head of 64 lower-case hex digits, got {head[:80]!r}")
    with _reading(path) as connection:
        owner, owner_key = _owner(path, connection)
        rows = _rows(connection)
    if party is not None and owner != party:
        return Report(0, GENESIS, f"expected the ledger of {party}, got that of {owner[:40]!r}")
    if owner_key != public_key.hex():
        return Report(0, GENESIS, "expected the ledger of the given key, got that of another")
    return _walked(rows, owner, key, head)


def _walked(rows: list[Row], party: str, key: Ed25519PublicKey, head: str | None) -> Report:
    previous, found = GENESIS, head in (None, GENESIS)
    for good, row in enumerate(rows):
        fault = row.fault(party, key)
        if row.index != good + 1:
            fault = f"expected the next entry, got entry {row.index}: entries are missing or moved"
        elif row.previous != previous and fault is None:
            fault = "expected the hash of the entry before it as previous, got another: the chain is broken"
        if fault is not None:
            return Report(good, previous, f"entry {good + 1}: {fault}")
        previous = row.hash
        found = found or row.hash == head
    if not found:
        fault = f"expected head {head} among {len(rows)} entries, got none: the ledger was cut off or replaced"
        return Report(len(rows), previous, fault)
    return Report(len(rows), previous, None)


def _entry(path: Path, row: Row) -> Entry:
    try:
        return row.entry()
    except UsageError as error:
        raise UsageError(f"{path}, entry {row.index}: {error}") from None


def _make(path: Path) -> None:
    """An empty file of mode 0600, unless there is a file."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise UsageError(f"{path}: expected a place for a ledger, got: {error.strerror}") from None


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    with _as_usage(path, "a ledger"):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=WAIT,
            isolation_level=None,
            check_same_thread=False,  # Ledger has a lock
        )
    # Text that is no UTF-8 must reach the check of hashes, not end in an error of sqlite3.
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    return connection


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise UsageError(f"{path}: expected a ledger, got no file")
    with closing(_connect(path, "ro")) as connection, _as_usage(path, "a ledger"):
        yield connection


@contextmanager
def _as_usage(path: Path, expected: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: expected {expected}, got: {error}") from None


def _owner(path: Path, connection: sqlite3.Connection) -> tuple[str, str]:
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
        raise UsageError(f"{path}: expected a ledger of mpcstats, got another database")
    found = connection.execute("SELECT party, key FROM owner").fetchall()
    if len(found) != 1 or not all(isinstance(part, str) for part in found[0]):
        raise UsageError(f"{path}: expected one owner of the ledger, got {len(found)} or no text")
    return found[0][0], found[0][1]


def _rows(connection: sqlite3.Connection, which: str = "") -> list[Row]:
    # All at once: a cursor left open would keep other processes from writing.
    return [
        Row(
            number if isinstance(number, int) else 0,
            *(part if isinstance(part, str) else NO_TEXT for part in parts),
        )
        for number, *parts in connection.execute(_SELECT + which).fetchall()
    ]
