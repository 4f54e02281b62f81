"""The SQLite file of a node's copies: blocks and seals as rows, read one by one or shown as they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from mpcstats.errors import UsageError
from mpcstats.records.canonical import read_canonical
from mpcstats.records.replication.block import EMPTY, Block, Copies, Seal

APPLICATION = 0x6D707231  # "mpr1" in the file's head
ALL = -1
WAIT = 30.0  # seconds that a write waits for another process's
UNREADABLE = "unreadable"  # what a block's kind is shown as if it is no text of a kind

SCHEMA = """
CREATE TABLE node (name TEXT NOT NULL);

CREATE TABLE block (log TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  head TEXT NOT NULL, PRIMARY KEY (log, number)) WITHOUT ROWID;

CREATE TABLE seal (log TEXT NOT NULL, number INTEGER NOT NULL, node TEXT NOT NULL, head TEXT NOT NULL,
  signature TEXT NOT NULL, PRIMARY KEY (log, number, node)) WITHOUT ROWID;
"""


def read_copies(path: Path) -> Copies:
    """All that the file at `path` holds, as its node would show it; the file is only read.

    What is no block any more is shown as one that fits no head. Raises UsageError if there are no copies.
    """
    if not path.is_file():
        raise UsageError(f"{path}: expected a node's copies of logs, got no file")
    with as_usage(path), closing(connect(path, "ro")) as connection:
        node = node_of(connection, path)
        logs = [str(log) for (log,) in connection.execute("SELECT DISTINCT log FROM block")]
        blocks = [block for log in logs for block in shown(rows(connection, log, 0, ALL))]
        signed = [seal for log in logs for seal in seals(connection, log, 0, 1 << 40)]
    return Copies(node=node, blocks=tuple(blocks), seals=tuple(signed))


def holds_copies(path: Path) -> bool:
    """Whether the file at `path` is a node's copies, rather than a ledger or something else."""
    if not path.is_file():
        return False
    try:
        with closing(connect(path, "ro")) as connection:
            return bool(connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,))
    except sqlite3.Error:
        return False


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """The open file, `mode` as SQLite has it: ro, or rwc to make it if there is none."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT, isolation_level=None
    )
    # Text that is no UTF-8 must reach the check of heads, not end in an error of sqlite3.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    return connection


_Row = tuple[object, object, object, object, object]


def rows(connection: sqlite3.Connection, log: str, after: int, most: int) -> list[_Row]:
    """At most `most` blocks of `log` behind block `after`, in order, as the file has them."""
    return connection.execute(
        "SELECT log, number, kind, body, head FROM block WHERE log = ? AND number > ? "
        "ORDER BY number LIMIT ?",
        (log, after, most),
    ).fetchall()


def block_of(row: _Row, path: Path) -> Block:
    """The block in a row. Raises UsageError, with the file and its place, if it is no block any more."""
    log, number, kind, text, head = row
    body = read_canonical(text) if isinstance(text, str) else None
    try:
        form = {"log": log, "index": number, "kind": kind, "body": body, "head": head}
        return Block.model_validate(form)
    except ValidationError:
        raise UsageError(
            f"{path}, block {number} of {log}: expected a block, got something else: it was changed"
        ) from None


def shown(found: Iterable[_Row]) -> Iterator[Block]:
    """The blocks in rows: one that fits no head for what is no block any more, none for what has no place in a log."""
    for row in found:
        try:
            yield block_of(row, Path())
        except UsageError:
            form = {"log": row[0], "index": row[1], "kind": UNREADABLE, "body": {}, "head": EMPTY}
            with suppress(ValidationError):  # then its place is empty, which is a fault as well
                yield Block.model_validate(form)


def seals(connection: sqlite3.Connection, log: str, after: int, last: int) -> Iterator[Seal]:
    """The seals under blocks `after` + 1 to `last` of `log`; what is no seal any more is left out."""
    found = connection.execute(
        "SELECT log, number, head, node, signature FROM seal WHERE log = ? AND number > ? "
        "AND number <= ? ORDER BY number, node",
        (log, after, last),
    ).fetchall()
    for row in found:
        form = dict(zip(("log", "index", "head", "node", "signature"), row, strict=True))
        try:
            yield Seal.model_validate(form)
        except ValidationError:
            continue  # what is no seal any more is as good as none


def node_of(connection: sqlite3.Connection, path: Path) -> str:
    """Whose copies the file holds. Raises UsageError if it is another kind of file."""
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
        raise UsageError(f"{path}: expected a node's copies of logs, got another database")
    found = connection.execute("SELECT name FROM node").fetchall()
    if len(found) != 1 or not isinstance(found[0][0], str):
        raise UsageError(f"{path}: expected the name of one node, got {len(found)}")
    return found[0][0]


@contextmanager
def as_usage(path: Path) -> Iterator[None]:
    """Errors of SQLite as a UsageError that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: expected a node's copies of logs, got: {error}") from None
