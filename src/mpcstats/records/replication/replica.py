"""One node's copies of all nodes' logs, in one SQLite file: its own, which it appends to, and everybody else's.

It sends nothing itself: `since` and `take` give and take JSON. After a crash the node opens its file and takes
what the others have; whoever serves it something that is not what its keeper sealed is named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import PeerFault, UsageError
from mpcstats.records.canonical import JSON, canonical, read_canonical
from mpcstats.records.principals import Principals
from mpcstats.records.replication import file
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

PAGE = 500  # blocks of a log in one answer, and how far behind those seals are sent again


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
        with file.as_usage(path):
            connection = file.connect(path, "rwc")
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
        with file.as_usage(self._path):
            rows = file.rows(self._connection, name, after, file.ALL)
        return tuple(file.block_of(row, self._path) for row in rows)

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
            with file.as_usage(self._path):
                page = list(file.shown(file.rows(self._connection, name, first, blocks)))
                last = page[-1].index if page else first
                seals += file.seals(self._connection, name, first - PAGE, last)
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
        with file.as_usage(self._path):
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
        with file.as_usage(self._path):
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
        with file.as_usage(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    def _claim(self) -> None:
        if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in file.SCHEMA.split("\n\n"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {file.APPLICATION}")
            self._connection.execute("INSERT INTO node VALUES (?)", (self.me,))
        name = file.node_of(self._connection, self._path)
        if name != self.me:
            raise UsageError(
                f"{self._path}: expected the copies of {self.me}, got those of {name[:40]!r}"
            )


def _counts(have: object, nodes: tuple[str, ...]) -> Mapping[str, int]:
    if not isinstance(have, Mapping) or not all(
        name in nodes and type(count) is int and count >= 0 for name, count in have.items()
    ):
        raise UsageError(f"expected numbers of blocks of {', '.join(nodes)}, got something else")
    return have
