"""The file of a ledger: its tables in SQLite, the triggers that only let it grow, and how it is read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcstats.errors import UsageError

WAIT = 30.0  # seconds that an append waits for another process's
APPLICATION = 0x6D706C32  # "mpl2" in the file's head: a ledger of this form
CHAIN = 0x6D706C31  # "mpl1": the form before it, which this version does not read
_TABLES = ("owner", "entry", "node", "checkpoint", "cosignature", "seen")

# number, size: from 0. node: the hash of a complete sub-tree. signature: the party's own, 64 bytes; a cosigner's has
# 8 bytes of time before them. seen: what other parties' checkpoints this party has cosigned.
_CREATE = """
CREATE TABLE owner (party TEXT NOT NULL, key BLOB NOT NULL);

CREATE TABLE entry (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, content TEXT NOT NULL);

CREATE INDEX entry_kind ON entry (kind, number);

CREATE TABLE node (level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY (level, number)) WITHOUT ROWID;

CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, root BLOB NOT NULL, signature BLOB NOT NULL);

CREATE TABLE cosignature (size INTEGER NOT NULL, cosigner TEXT NOT NULL, key_id BLOB NOT NULL,
  signature BLOB NOT NULL, PRIMARY KEY (size, cosigner)) WITHOUT ROWID;

CREATE TABLE seen (origin TEXT NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (origin, size)) WITHOUT ROWID;
"""
# INSERT OR REPLACE deletes without asking the triggers for DELETE, hence those for INSERT.
_GROWS = {
    "owner": "EXISTS (SELECT 1 FROM owner)",
    "entry": "NEW.number IS NOT (SELECT coalesce(max(number) + 1, 0) FROM entry)",
    "node": "EXISTS (SELECT 1 FROM node WHERE level = NEW.level AND number = NEW.number)",
    "checkpoint": "NEW.size IS NOT (SELECT coalesce(max(size) + 1, 0) FROM checkpoint)",
    "cosignature": "EXISTS (SELECT 1 FROM cosignature WHERE size = NEW.size AND cosigner = NEW.cosigner)",
    "seen": "NEW.size <= (SELECT max(size) FROM seen WHERE origin = NEW.origin)",
}


def _schema() -> Iterator[str]:
    yield from _CREATE.split("\n\n")
    for table in _TABLES:
        yield (
            f"CREATE TRIGGER {table}_insert BEFORE INSERT ON {table} WHEN {_GROWS[table]} "
            "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
        )
        for event in ("update", "delete"):
            yield (
                f"CREATE TRIGGER {table}_{event} BEFORE {event.upper()} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
            )


@dataclass(frozen=True, slots=True)
class Content:
    """All rows of a ledger's file as they are, not yet believed: no value need have the type of its column."""

    party: str
    key: bytes
    entries: list[tuple[Any, Any, Any]]  # number, kind, content; by number
    nodes: list[tuple[Any, Any, Any]]  # level, number, hash
    checkpoints: list[tuple[Any, Any, Any]]  # size, root, signature; by size
    cosignatures: list[tuple[Any, Any, Any, Any]]  # size, cosigner, key_id, signature
    seen: list[tuple[Any, Any, Any]]  # origin, size, note


def make(path: Path) -> None:
    """An empty file of mode 0600, unless there is a file. Raises UsageError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise UsageError(f"{path}: expected a place for a ledger, got: {error.strerror}") from None


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """The file opened in `mode`, ro or rw. Raises UsageError."""
    with as_usage(path, "a ledger"):
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


def claim(connection: sqlite3.Connection, party: str, key: bytes) -> bool:
    """Make an empty file the ledger of `party`, within the open transaction; False if the file is not empty."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        return False
    # Not executescript: it would end the transaction first.
    for statement in _schema():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute("INSERT INTO owner (party, key) VALUES (?, ?)", (party, key))
    return True


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The file at `path`, opened to read, one state of it throughout. Raises UsageError if it is no ledger."""
    if not path.is_file():
        raise UsageError(f"{path}: expected a ledger, got no file")
    with closing(connect(path, "ro")) as connection, as_usage(path, "a ledger"):
        connection.execute("BEGIN")
        yield connection


def read(path: Path) -> Content:
    """Everything in the file at `path`. Raises UsageError if it is no ledger, or has not one owner."""
    with reading(path) as db:
        party, key = owner(path, db)
        # All at once: a cursor left open would keep other processes from writing.
        return Content(
            party,
            key,
            db.execute("SELECT number, kind, content FROM entry ORDER BY number").fetchall(),
            db.execute("SELECT level, number, hash FROM node").fetchall(),
            db.execute("SELECT size, root, signature FROM checkpoint ORDER BY size").fetchall(),
            db.execute("SELECT size, cosigner, key_id, signature FROM cosignature").fetchall(),
            db.execute("SELECT origin, size, note FROM seen").fetchall(),
        )


def owner(path: Path, connection: sqlite3.Connection) -> tuple[str, bytes]:
    """The party whose ledger it is, and its key. Raises UsageError if the file is no ledger."""
    (form,) = connection.execute("PRAGMA application_id").fetchone()
    if form == CHAIN:
        raise UsageError(
            f"{path}: expected a ledger of this form, got one of the form before it, a chain: keep it "
            "and name a new file"
        )
    if form != APPLICATION:
        raise UsageError(f"{path}: expected a ledger of mpcstats, got another database")
    found = connection.execute("SELECT party, key FROM owner").fetchall()
    if len(found) != 1 or not isinstance(found[0][0], str) or not isinstance(found[0][1], bytes):
        raise UsageError(f"{path}: expected one owner of the ledger, got {len(found)} or no text")
    return found[0][0], found[0][1]


@contextmanager
def as_usage(path: Path, expected: str) -> Iterator[None]:
    """Errors of SQLite as UsageError, with the path."""
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: expected {expected}, got: {error}") from None
