"""One node's copies of all nodes' logs, in one SQLite file: its own, which it appends to, and everybody else's.

It sends nothing itself: `since` and `take` give and take JSON. After a crash the node opens its file and takes
what the others have; whoever serves it something that is not what its keeper sealed is named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from mpcstats.errors import PeerFault, UsageError
from mpcstats.records.canonical import JSON, canonical, read_canonical
from mpcstats.records.principals import Principals
from mpcstats.records.replication.block import (
    EMPTY,
    STEP,
    Block,
    Copies,
    Seal,
    head_after,
    place,
)
from mpcstats.records.signed import KIND

APPLICATION = 0x6D707231  # "mpr1" in the file's head
PAGE = 500  # blocks of a log in one answer, and how far behind those seals are sent again
ALL = -1
WAIT = 30.0  # seconds that a write waits for another process's
UNREADABLE = "unreadable"  # what a block's kind is shown as if it is no text of a kind

_SCHEMA = """
CREATE TABLE node (name TEXT NOT NULL);

CREATE TABLE block (log TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
  head TEXT NOT NULL, PRIMARY KEY (log, number)) WITHOUT ROWID;

CREATE TABLE seal (log TEXT NOT NULL, number INTEGER NOT NULL, node TEXT NOT NULL, head TEXT NOT NULL,
  signature TEXT NOT NULL, PRIMARY KEY (log, number, node)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Replica:
    """The copies of node `me` in an open SQLite file. One thread and process at a time writes it."""

    me: str
    nodes: tuple[str, ...]
    principals: Principals
    _key: Ed25519PrivateKey
    _path: Path
    _connection: sqlite3.Connection

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        me: str,
        key: Ed25519PrivateKey,
        nodes: tuple[str, ...],
        principals: Principals,
    ) -> Self:
        """The copies at `path`, made if there is no file; close them. Raises UsageError if they are another node's."""
        if me not in nodes or len(set(nodes)) != len(nodes):
            raise UsageError(f"expected {me} once among the nodes, got {', '.join(nodes)}")
        with _as_usage(path):
            connection = _connect(path, "rwc")
        replica = cls(me, nodes, principals, key, path, connection)
        try:
            with replica._transaction():
                replica._claim()
        except BaseException:
            connection.close()
            raise
        return replica

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def append(self, kind: str, body: Mapping[str, JSON], /) -> Block:
        """Add a record to this node's own log, sealed by it; it is on disk when this returns.

        A node that has lost its file, or has an old one, must first `take` what the others have of its log:
        else it seals a second block for one index, which convicts it.

        Raises UsageError for a body without `at` as a UTC second, without a canonical form, or with a
        statement that is not signed as it says.
        """
        if KIND.fullmatch(kind) is None:
            raise UsageError(
                f"expected a kind of lower-case letters, digits and -, got {kind[:80]!r}"
            )
        with self._transaction():
            number, head = self._end(self.me)
            text = canonical(body)
            after = head_after(self.me, head, number + 1, kind, text)
            plain = dict(read_canonical(text) or {})
            block = Block(log=self.me, index=number + 1, kind=kind, body=plain, head=after)
            fault = block.fault(self.principals)
            if fault is not None:
                raise UsageError(f"{place(block)}: {fault}")
            self._store(block)
            self._add_seal(self._seal(self.me, block.index, after))
        return block

    def entries(self, kind: str | None = None, *, since: int = 0) -> tuple[Block, ...]:
        """The blocks of one kind, or of all, of this node's own log from index `since` on, in order."""
        found = self.log(self.me, max(since, 1) - 1)
        return tuple(block for block in found if kind in (None, block.kind))

    def log(self, name: str, after: int = 0) -> tuple[Block, ...]:
        """The copy of the log of `name`, behind block `after`. Raises UsageError if a body cannot be read."""
        with _as_usage(self._path):
            rows = _rows(self._connection, name, after, ALL)
        return tuple(_block(row, self._path) for row in rows)

    def have(self) -> dict[str, int]:
        """How many blocks of each log are here: what another node's `since` wants to know."""
        return {name: self._end(name)[0] for name in self.nodes}

    def since(self, have: object, *, blocks: int = PAGE) -> dict[str, JSON]:
        """At most `blocks` blocks of each log that a node with `have` lacks, and seals of those and the PAGE before."""
        counts = _counts(have, self.nodes)
        found: list[Block] = []
        seals: list[Seal] = []
        for name in self.nodes:
            first = counts.get(name, 0)
            with _as_usage(self._path):
                page = [_shown(row) for row in _rows(self._connection, name, first, blocks)]
                last = page[-1].index if page else first
                seals += _seals(self._connection, name, first - PAGE, last)
            found += page
        return Copies(node=self.me, blocks=tuple(found), seals=tuple(seals)).model_dump(mode="json")

    def take(self, copies: object, *, sender: str) -> dict[str, JSON]:
        """Take in what the `since` of node `sender` gave; the answer is this node's seals, for the others' `take`.

        Raises PeerFault, naming the node at fault: who sent something that is not as its maker signed it, or
        the maker who signed two blocks for one index ("a or b" if it is one of two). What was taken in before
        that stays.
        """
        given = Copies.read(copies, sender=sender)
        most = 2 * PAGE * len(self.nodes)
        if len(given.blocks) > most or len(given.seals) > most * len(self.nodes):
            raise PeerFault(
                sender, STEP, f"expected at most {most} blocks and their seals, got more"
            )
        keepers = {(s.log, s.index): s for s in given.seals if s.node == s.log}
        made: list[Seal] = []
        for block in given.blocks:
            with self._transaction():
                seal = self._take_block(block, keepers.get((block.log, block.index)), sender)
            made += [] if seal is None else [seal]
        with self._transaction():
            # The keeper's first: where it has sealed two heads, those who sealed what they were shown are honest.
            for other in sorted(given.seals, key=lambda seal: seal.node != seal.log):
                self._take_seal(other, sender)
        return Copies(node=self.me, blocks=(), seals=tuple(made)).model_dump(mode="json")

    def sealed_by(self, log: str, index: int) -> tuple[str, ...]:
        """Which nodes have sealed this node's copy at block `index`, as far as is known here."""
        with _as_usage(self._path):
            rows = self._connection.execute(
                "SELECT seal.node FROM seal JOIN block USING (log, number, head) "
                "WHERE log = ? AND number = ? ORDER BY seal.node",
                (log, index),
            ).fetchall()
        return tuple(str(node) for (node,) in rows)

    def _take_block(self, block: Block, keeper: Seal | None, sender: str) -> Seal | None:
        """This node's seal under the block, None if it had the block before."""
        if block.log not in self.nodes:
            raise PeerFault(sender, STEP, f"expected a node's log, got that of {block.log}")
        number, head = self._end(block.log)
        if keeper is None or keeper.head != block.head or not keeper.good(self.principals):
            raise PeerFault(
                sender, STEP, f"{place(block)}: expected the seal of {block.log}, got none"
            )
        if block.index <= number:
            held = self._head_at(block.log, block.index)
            if held != block.head:
                raise PeerFault(
                    block.log,
                    STEP,
                    f"{place(block)}: expected one block, got two, both with its seal",
                )
            return None
        if block.index != number + 1:
            raise PeerFault(
                sender, STEP, f"expected block {number + 1} of {block.log}, got {place(block)}"
            )
        if block.after(head) != block.head:
            raise PeerFault(
                sender, STEP, f"{place(block)}: expected the head of its content, got another"
            )
        fault = block.fault(self.principals)
        if fault is not None:
            raise PeerFault(block.log, STEP, f"{place(block)}: {fault}")
        self._store(block)
        seal = self._seal(block.log, block.index, block.head)
        self._add_seal(keeper)
        self._add_seal(seal)
        return seal

    def _take_seal(self, seal: Seal, sender: str) -> None:
        if seal.node not in self.nodes or not seal.good(self.principals):
            raise PeerFault(
                sender, STEP, f"{place(seal)}: expected a seal of {seal.node}, got another's"
            )
        held = self._head_at(seal.log, seal.index)
        if held is None:
            return  # of a block that has not come yet: its seal comes again with it
        if held != seal.head:
            # The keeper has shown two logs, or the node has sealed what it was not shown: one seal does not say.
            who = seal.log if seal.node == seal.log else f"{seal.log} or {seal.node}"
            raise PeerFault(
                who, STEP, f"{place(seal)}: expected a seal under the head here, got another"
            )
        self._add_seal(seal)

    def _seal(self, log: str, index: int, head: str) -> Seal:
        return Seal.of(log, index, head, node=self.me, key=self._key)

    def _store(self, block: Block) -> None:
        row = (block.log, block.index, block.kind, canonical(block.body), block.head)
        self._connection.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?)", row)

    def _add_seal(self, seal: Seal) -> None:
        row = (seal.log, seal.index, seal.node, seal.head, seal.signature)
        self._connection.execute("INSERT OR IGNORE INTO seal VALUES (?, ?, ?, ?, ?)", row)

    def _end(self, log: str) -> tuple[int, str]:
        """How many blocks the log has, and its head."""
        with _as_usage(self._path):
            row = self._connection.execute(
                "SELECT number, head FROM block WHERE log = ? ORDER BY number DESC LIMIT 1", (log,)
            ).fetchone()
        return (0, EMPTY) if row is None else (int(row[0]), str(row[1]))

    def _head_at(self, log: str, index: int) -> str | None:
        row = self._connection.execute(
            "SELECT head FROM block WHERE log = ? AND number = ?", (log, index)
        ).fetchone()
        return None if row is None else str(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _as_usage(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def _claim(self) -> None:
        if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in _SCHEMA.split("\n\n"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self._connection.execute("INSERT INTO node VALUES (?)", (self.me,))
        name = _node(self._connection, self._path)
        if name != self.me:
            raise UsageError(
                f"{self._path}: expected the copies of {self.me}, got those of {name[:40]!r}"
            )


def read_copies(path: Path) -> Copies:
    """All that the file at `path` holds, as its node would show it; the file is only read.

    What is no block any more is shown as one that fits no head. Raises UsageError if there are no copies.
    """
    if not path.is_file():
        raise UsageError(f"{path}: expected a node's copies of logs, got no file")
    with _as_usage(path), closing(_connect(path, "ro")) as connection:
        node = _node(connection, path)
        logs = [str(log) for (log,) in connection.execute("SELECT DISTINCT log FROM block")]
        blocks = [_shown(row) for log in logs for row in _rows(connection, log, 0, ALL)]
        seals = [seal for log in logs for seal in _seals(connection, log, 0, 1 << 40)]
    return Copies(node=node, blocks=tuple(blocks), seals=tuple(seals))


def holds_copies(path: Path) -> bool:
    """Whether the file at `path` is a node's copies, rather than a ledger or something else."""
    if not path.is_file():
        return False
    try:
        with closing(_connect(path, "ro")) as connection:
            return bool(connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,))
    except sqlite3.Error:
        return False


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=WAIT, isolation_level=None
    )
    # Text that is no UTF-8 must reach the check of heads, not end in an error of sqlite3.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    return connection


_Row = tuple[object, object, object, object, object]


def _rows(connection: sqlite3.Connection, log: str, after: int, most: int) -> list[_Row]:
    return connection.execute(
        "SELECT log, number, kind, body, head FROM block WHERE log = ? AND number > ? "
        "ORDER BY number LIMIT ?",
        (log, after, most),
    ).fetchall()


def _block(row: _Row, path: Path) -> Block:
    log, number, kind, text, head = row
    body = read_canonical(text) if isinstance(text, str) else None
    try:
        form = {"log": log, "index": number, "kind": kind, "body": body, "head": head}
        return Block.model_validate(form)
    except ValidationError:
        raise UsageError(
            f"{path}, block {number} of {log}: expected a block, got something else: it was changed"
        ) from None


def _shown(row: _Row) -> Block:
    try:
        return _block(row, Path())
    except UsageError:
        index = row[1] if isinstance(row[1], int) else 1
        return Block(log=str(row[0]), index=index, kind=UNREADABLE, body={}, head=EMPTY)


def _seals(connection: sqlite3.Connection, log: str, after: int, last: int) -> Iterator[Seal]:
    rows = connection.execute(
        "SELECT log, number, head, node, signature FROM seal WHERE log = ? AND number > ? "
        "AND number <= ? ORDER BY number, node",
        (log, after, last),
    ).fetchall()
    for row in rows:
        form = dict(zip(("log", "index", "head", "node", "signature"), row, strict=True))
        try:
            yield Seal.model_validate(form)
        except ValidationError:
            continue  # what is no seal any more is as good as none


def _counts(have: object, nodes: tuple[str, ...]) -> Mapping[str, int]:
    if not isinstance(have, Mapping) or not all(
        name in nodes and type(count) is int and count >= 0 for name, count in have.items()
    ):
        raise UsageError(f"expected numbers of blocks of {', '.join(nodes)}, got something else")
    return have


def _node(connection: sqlite3.Connection, path: Path) -> str:
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
        raise UsageError(f"{path}: expected a node's copies of logs, got another database")
    found = connection.execute("SELECT name FROM node").fetchall()
    if len(found) != 1 or not isinstance(found[0][0], str):
        raise UsageError(f"{path}: expected the name of one node, got {len(found)}")
    return found[0][0]


@contextmanager
def _as_usage(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: expected a node's copies of logs, got: {error}") from None
