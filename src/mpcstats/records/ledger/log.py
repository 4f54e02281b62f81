"""The ledger: what one party was asked, decided and opened, as a signed Merkle log in SQLite.

Each append stores the entry, the hashes of the sub-trees that it completes, and the party's signature over the
checkpoint of the log with it, all in one transaction. The log's origin is "mpcstats/<party>". The file's triggers
stop accidents; hashes and signatures show tampering; a rollback of the whole file shows against any checkpoint that
somebody else has kept or cosigned. Bodies hold names, counts and digests, never a value of anybody's data.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON, canonical
from mpcstats.records.ledger import file, merkle
from mpcstats.records.ledger.checkpoint import (
    Checkpoint,
    checkpoint_digest,
    origin_of,
    own_signature,
)
from mpcstats.records.ledger.entry import COSIGNED, KINDS, Entry, cosigned_body, read_entry
from mpcstats.records.ledger.note import Note, Signature, sign, verified

Clock = Callable[[], int]  # seconds since 1970
PAGE = 64  # entries that `newest` reads at a time
WITHIN = ("SAVEPOINT within", "RELEASE within", ("ROLLBACK TO within", "RELEASE within"))
KEEP = "keep the file and verify it"


def _now() -> int:
    return int(time.time())


class Ledger:
    """One party's open ledger. Threads may share it, and processes may each open the file."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        *,
        party: str,
        signing_key: Ed25519PrivateKey,
        clock: Clock = _now,
    ) -> None:
        self.path = path
        self.party = party
        self.origin = origin_of(party)
        self.public_key = signing_key.public_key().public_bytes_raw()
        self.signing_key = signing_key
        self.clock = clock
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls, path: Path, *, party: str, signing_key: Ed25519PrivateKey, clock: Clock = _now
    ) -> Ledger:
        """The ledger of `party` at `path`, made with mode 0600 if there is none; close it, or use `with`.

        Raises UsageError if the file is no ledger, is another party's or key's, cannot be written,
        or if its newest checkpoint is not what this party has signed.
        """
        origin_of(party)
        file.make(path)
        connection = file.connect(path, "rw")
        try:
            ledger = cls(path, connection, party=party, signing_key=signing_key, clock=clock)
            with ledger.writing():
                ledger._claim()
                ledger._last()
        except BaseException:
            connection.close()
            raise
        return ledger

    def append(self, kind: str, body: Mapping[str, JSON]) -> Entry:
        """Store an entry and sign the log with it; both are on disk when this returns.

        Raises UsageError for an unknown kind, for a body that has floats or other things that are no
        JSON or is above 64 KiB, if the file cannot be written, or if its end was tampered with.
        """
        if kind not in KINDS:
            raise UsageError(f"expected a kind of {', '.join(KINDS)}, got {kind[:40]!r}")
        if kind == COSIGNED:
            raise UsageError(
                f"expected a kind that is not {COSIGNED}, whose entries keep_seen makes"
            )
        canonical(body)  # refused before the file is locked
        with self.writing():
            return self._append(kind, body)

    @property
    def size(self) -> int:
        """Number of entries."""
        with self.reading():
            return self._size()

    @property
    def root(self) -> bytes:
        """The Merkle root of all entries, 32 bytes."""
        with self.reading():
            return merkle.root(self._size(), self._node)

    def root_at(self, size: int) -> bytes:
        """The Merkle root of the first `size` entries. Raises UsageError if there are fewer."""
        with self.reading():
            return merkle.root(self._within(size), self._node)

    def checkpoint(self, size: int | None = None) -> str:
        """The note of the checkpoint of the first `size` entries (all), with the cosignatures that it has so far.

        Raises UsageError if there are fewer entries.
        """
        with self.reading():
            checkpoint, signature = self._point(self._within(size))
            key = self.public_key
            return str(_cosigned(self._connection, checkpoint, self.party, key, signature))

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The proof that entry `index` is among the first `size` entries (all). Raises UsageError if it is not."""
        with self.reading():
            return merkle.inclusion(index, self._within(size), self._node)

    def consistency(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The proof that the log of `new` entries (all) begins with that of `old` entries. Raises UsageError."""
        with self.reading():
            return merkle.consistency(old, self._within(new), self._node)

    def entry(self, index: int) -> Entry:
        """Entry `index`, from 0. Raises UsageError if there is none, or it is no entry any more."""
        with self.reading():
            found = self._connection.execute(
                "SELECT content FROM entry WHERE number = ?", (index,)
            ).fetchone()
        if found is None:
            raise UsageError(f"{self.path}: expected an entry {index}, got none")
        return _entry(self.path, index, found[0])

    def entries(self, kind: str | None = None, *, since: int = 0) -> tuple[Entry, ...]:
        """The entries from index `since` on in order, of one kind or of all; those of a kind are found by an index."""
        where = "number >= ?" if kind is None else "kind = ? AND number >= ?"
        given = (since,) if kind is None else (kind, since)
        with self.reading():
            rows = self._connection.execute(
                f"SELECT number, content FROM entry WHERE {where} ORDER BY number",  # noqa: S608
                given,
            ).fetchall()
        return tuple(_entry(self.path, number, content) for number, content in rows)

    def newest(self, kind: str, *, below: int | None = None) -> Iterator[Entry]:
        """The entries of a kind from the newest on, below index `below`; as many are read as are asked for."""
        before = self.size if below is None else below
        while True:
            with self.reading():
                rows = self._connection.execute(
                    "SELECT number, content FROM entry WHERE kind = ? AND number < ? "
                    "ORDER BY number DESC LIMIT ?",
                    (kind, before, PAGE),
                ).fetchall()
            for before, content in rows:
                yield _entry(self.path, before, content)
            if len(rows) < PAGE:
                return

    def add_cosignature(self, size: int, cosignature: Signature) -> None:
        """Keep another party's cosignature of the checkpoint of `size` entries; the first of each cosigner stays.

        Whether it is one, the caller has checked.
        """
        given = (size, cosignature.name, cosignature.key_id, cosignature.value)
        with self.writing():
            self._within(size)
            there = self._connection.execute(
                "SELECT 1 FROM cosignature WHERE size = ? AND cosigner = ?", given[:2]
            ).fetchone()
            if there is None:
                self._connection.execute("INSERT INTO cosignature VALUES (?, ?, ?, ?)", given)

    def seen(self, origin: str) -> str | None:
        """The newest checkpoint of the log `origin` that this party has cosigned, as a note; None if there is none."""
        with self.reading():
            return _newest_seen(self._connection, origin)

    def keep_seen(self, checkpoint: Checkpoint, note: Note, *, after: str | None) -> Entry:
        """Keep `note`, of `checkpoint`, as the newest of its log, together with an entry that says so.

        `after` is what `seen` has said before. Raises UsageError if that has changed meanwhile.
        """
        text = str(note)
        body = cosigned_body(checkpoint, text)
        with self.writing():
            if self.seen(checkpoint.origin) != after:
                raise UsageError(
                    f"expected to be the only one who cosigns {checkpoint.origin}, got another: "
                    "ask again"
                )
            self._connection.execute(
                "INSERT INTO seen VALUES (?, ?, ?)", (checkpoint.origin, checkpoint.size, text)
            )
            return self._append(COSIGNED, body)

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

    def writing(self) -> AbstractContextManager[None]:
        """A transaction that writes: all that is done within it is on disk at its end, or nothing is."""
        # IMMEDIATE: whoever reads the end of the log also holds the right to write on.
        return self._transaction("BEGIN IMMEDIATE", "a ledger to write")

    def reading(self) -> AbstractContextManager[None]:
        """A transaction that reads one state of the file, whatever others write meanwhile."""
        return self._transaction("BEGIN", "a ledger to read")

    @contextmanager
    def _transaction(self, begin: str, expected: str) -> Iterator[None]:
        with self._lock, file.as_usage(self.path, expected):
            # Within another one of this thread: what fails here is undone, even if the outer one goes on.
            inner = self._connection.in_transaction
            start, end, undo = WITHIN if inner else (begin, "COMMIT", ("ROLLBACK",))
            self._connection.execute(start)
            try:
                yield
                self._connection.execute(end)
            except BaseException:
                for statement in undo:
                    self._connection.execute(statement)
                raise

    def _claim(self) -> None:
        """Make an empty file this party's ledger; refuse one that is somebody else's."""
        if file.claim(self._connection, self.party, self.public_key):
            self._sign(0)
        party, key = file.owner(self.path, self._connection)
        if party != self.party:
            raise UsageError(
                f"{self.path}: expected the ledger of {self.party}, got that of {party[:40]!r}"
            )
        if key != self.public_key:
            raise UsageError(
                f"{self.path}: expected the ledger of this signing key, got that of another; "
                "keep it and name a new file"
            )

    def _append(self, kind: str, body: Mapping[str, JSON]) -> Entry:
        size, note = self._last()
        moment = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        previous = checkpoint_digest(note, self.party, self.public_key)
        content = Entry(size, moment, kind, body, previous).content
        run = self._connection.execute
        run("INSERT INTO entry VALUES (?, ?, ?)", (size, kind, content))
        leaf = merkle.leaf_hash(content.encode())
        for level, number, made in merkle.grown(size, leaf, self._node):
            run("INSERT INTO node VALUES (?, ?, ?)", (level, number, made))
        self._sign(size + 1)
        return read_entry(content)

    def _sign(self, size: int) -> None:
        made = Checkpoint(self.origin, size, merkle.root(size, self._node))
        signature = sign(made.text, self.origin, self.signing_key).value
        self._connection.execute(
            "INSERT INTO checkpoint VALUES (?, ?, ?)", (size, made.root, signature)
        )

    def _last(self) -> tuple[int, Note]:
        """The size and the newest checkpoint, which must be of all entries and signed by this party."""
        size = self._size()
        newest = self._connection.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
        checkpoint, signature = self._point(size)
        good = newest == size and checkpoint.root == merkle.root(size, self._node)
        if not good or not verified(self.public_key, signature, checkpoint.text.encode()):
            raise UsageError(
                f"{self.path}: expected a checkpoint of {size} entries signed by the party's key, "
                f"got another; {KEEP}"
            )
        if size:
            (content,) = self._connection.execute(
                "SELECT content FROM entry WHERE number = ?", (size - 1,)
            ).fetchone()
            if _entry(self.path, size - 1, content).leaf != self._node(0, size - 1):
                raise UsageError(f"{self.path}, entry {size - 1}: it was changed; {KEEP}")
        return size, Note(checkpoint.text, (own_signature(self.party, self.public_key, signature),))

    def _size(self) -> int:
        found = self._connection.execute("SELECT max(number) FROM entry").fetchone()[0]
        return 0 if found is None else int(found) + 1

    def _within(self, size: int | None) -> int:
        most = self._size()
        if size is None:
            return most
        if not 0 <= size <= most:
            raise UsageError(f"{self.path}: expected a size of 0 to {most}, got {size}")
        return size

    def _point(self, size: int) -> tuple[Checkpoint, bytes]:
        """The stored checkpoint of that size and the party's signature."""
        found = self._connection.execute(
            "SELECT root, signature FROM checkpoint WHERE size = ?", (size,)
        ).fetchone()
        if found is None or not all(isinstance(part, bytes) for part in found):
            raise UsageError(f"{self.path}: expected a checkpoint of {size} entries; {KEEP}")
        return Checkpoint(self.origin, size, found[0]), found[1]

    def _node(self, level: int, number: int) -> bytes:
        found = self._connection.execute(
            "SELECT hash FROM node WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        if found is None or not isinstance(found[0], bytes):
            raise UsageError(f"{self.path}: expected the hash of node {level}/{number}; {KEEP}")
        return found[0]


def entries(path: Path) -> tuple[Entry, ...]:
    """All entries of the ledger at `path` in order, unverified; the file is only read.

    Raises UsageError if there is no file, it is no ledger, or an entry cannot be read.
    """
    return tuple(_entry(path, number, content) for number, _, content in file.read(path).entries)


def latest(path: Path) -> str:
    """The newest checkpoint in the ledger at `path`, as a note with the cosignatures it has, unverified.

    Raises UsageError if there is no file, or it is no ledger.
    """
    with file.reading(path) as db:
        party, key = file.owner(path, db)
        found = db.execute("SELECT * FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        if found is None:
            raise UsageError(f"{path}: expected a checkpoint, got none; {KEEP}")
        return str(_cosigned(db, Checkpoint(origin_of(party), *found[:2]), party, key, found[2]))


def kept(path: Path, party: str) -> str:
    """The newest checkpoint of another party's log that the ledger at `path` keeps, as a note, unverified.

    Raises UsageError if there is none, no file, or it is no ledger.
    """
    with file.reading(path) as db:
        file.owner(path, db)
        found = _newest_seen(db, origin_of(party))
    if found is None:
        raise UsageError(f"{path}: expected a checkpoint of {party[:40]}, got none")
    return found


def _newest_seen(db: sqlite3.Connection, origin: str) -> str | None:
    found = db.execute(
        "SELECT note FROM seen WHERE origin = ? ORDER BY size DESC LIMIT 1", (origin,)
    ).fetchone()
    return None if found is None else str(found[0])


def _cosigned(
    db: sqlite3.Connection, checkpoint: Checkpoint, party: str, key: bytes, signature: bytes
) -> Note:
    """The note of a checkpoint with the party's own signature and all that others have given for its size."""
    note = Note(checkpoint.text, (own_signature(party, key, signature),))
    for cosigner, key_id, value in db.execute(
        "SELECT cosigner, key_id, signature FROM cosignature WHERE size = ? ORDER BY cosigner",
        (checkpoint.size,),
    ).fetchall():
        note = note.with_(Signature(cosigner, key_id, value))
    return note


def _entry(path: Path, index: object, content: object) -> Entry:
    try:
        return read_entry(content if isinstance(content, str) else "")
    except UsageError as error:
        raise UsageError(f"{path}, entry {index}: {error}") from None
