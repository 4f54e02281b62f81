"""The check of a whole ledger: every entry, hash, signature and checkpoint, and where the first fault is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import file, merkle
from mpcstats.records.ledger.checkpoint import (
    ORIGIN,
    Checkpoint,
    cosigned,
    origin_of,
    read_checkpoint,
)
from mpcstats.records.ledger.entry import COSIGNED, Entry, cosigned_body, read_entry
from mpcstats.records.ledger.note import (
    ED25519,
    KEY_ID_BYTES,
    Note,
    Signature,
    key_id,
    line_of,
    verified,
)

# What stands for a value that is no text: the byte ff, which no UTF-8 has, so that no hash fits it.
NO_TEXT = "\udcff"


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found: how many `entries` are good from the first on, their Merkle `root` in hex, the first
    `fault` (None if there is none), and the largest size that a given cosigner has `cosigned` (None: none).

    With a fault of an entry, `entries` is the index of the first bad one.
    """

    entries: int
    root: str
    fault: str | None
    cosigned: int | None = None


def verify(
    path: Path,
    public_key: bytes,
    *,
    party: str | None = None,
    kept: Sequence[str] = (),
    cosigners: Mapping[str, bytes] | None = None,
) -> Report:
    """Check all of the ledger at `path` against the Ed25519 key of 32 bytes; the file is only read.

    `party` is whose ledger it should be; `kept` are notes of its checkpoints that somebody has kept, which it must
    still contain: without one, a ledger that was rolled back as a whole is not noticed. `cosigners` are other
    parties' keys: with them every cosignature is checked, and must be of one of them. Time may run backwards.
    Raises UsageError if there is no file, it is no ledger, or an argument has another form or signature.
    """
    if len(public_key) != merkle.HASH_BYTES:
        raise UsageError(f"expected a public key of 32 bytes, got {len(public_key)}")
    content = file.read(path)
    owner = content.party if party is None else party
    points = [read_checkpoint(note, owner, public_key)[1] for note in kept]
    if content.party != owner:
        return _nothing(f"expected the ledger of {owner}, got that of {content.party[:40]!r}")
    if content.key != public_key:
        return _nothing("expected the ledger of the given key, got that of another")
    return _Walk(content, owner, public_key).report(points, cosigners)


def _nothing(fault: str) -> Report:
    return Report(0, merkle.EMPTY.hex(), fault)


class _Walk:
    """One pass over the entries, in which everything that is stored is computed anew."""

    def __init__(self, content: file.Content, party: str, key: bytes) -> None:
        self.content = content
        self.key = key
        self.origin = origin_of(party)
        self.key_id = key_id(self.origin, ED25519, key)
        self.nodes: dict[tuple[Any, Any], Any] = {
            (level, number): made for level, number, made in content.nodes
        }
        self.points: dict[Any, tuple[Any, Any]] = {
            size: (root, signature) for size, root, signature in content.checkpoints
        }
        self.roots = [merkle.EMPTY]  # of the first entries, by size
        self.cosigned: dict[tuple[JSON, JSON], Entry] = {}
        self.made = 0  # nodes

    def report(self, kept: Sequence[Checkpoint], cosigners: Mapping[str, bytes] | None) -> Report:
        """The report; the checks are in the order in which they can say most about where the fault is."""
        good = 0
        fault = self._signed_point(0)
        for i, row in enumerate(self.content.entries):
            fault = fault or self._entry(i, row)
            if fault is not None:
                return Report(good, self.roots[good].hex(), f"entry {i}: {fault}")
            good = i + 1
        size = len(self.content.entries)
        fault = fault or self._left_over(size)
        if fault is not None:
            return Report(size, self.roots[size].hex(), f"entry {size}: {fault}")
        bad = self._first_unsigned(size)
        if bad is not None:
            fault = f"entry {bad}: expected the party's signature over the log with it, got another"
            return Report(bad, self.roots[bad].hex(), fault)
        most, wrong = self._cosignatures(cosigners)
        late = self._seen() or self._kept(kept)
        if late is not None:
            bad, fault = late
            return Report(bad, self.roots[bad].hex(), f"entry {bad}: {fault}", most)
        return Report(size, self.roots[size].hex(), wrong, most)

    def _entry(self, i: int, row: tuple[Any, Any, Any]) -> str | None:
        """What is wrong with entry `i`, or with what its append has stored beside it."""
        number, kind, text = row
        if number != i:
            return f"expected the next entry, got entry {number}: entries are missing or moved"
        text = text if isinstance(text, str) else NO_TEXT
        leaf = merkle.leaf_hash(text.encode(errors="surrogateescape"))
        if self.nodes.get((0, i)) != leaf:
            return "expected the hash of its content, got another: it was changed"
        try:
            entry = read_entry(text)
        except UsageError as error:
            return str(error)
        if entry.index != i:
            return f"expected index {i}, got {entry.index}"
        if entry.kind != kind:
            return f"expected to be filed as {entry.kind}, got {str(kind)[:40]!r}"
        if entry.previous != self._digest(i):
            return (
                "expected the digest of the checkpoint before it as previous, got another: the "
                "chain is broken"
            )
        if entry.kind == COSIGNED:
            self.cosigned[entry.body.get("origin"), entry.body.get("size")] = entry
        return self._grown(i, leaf) or self._signed_point(i + 1)

    def _grown(self, i: int, leaf: bytes) -> str | None:
        for level, number, made in merkle.grown(i, leaf, self._node):
            self.made += 1
            if self.nodes.get((level, number)) != made:
                return f"expected the hash of node {level}/{number} over it, got another"
        self.roots.append(merkle.root(i + 1, self._node))
        return None

    def _node(self, level: int, number: int) -> bytes:
        found: bytes = self.nodes[level, number]
        return found

    def _signed_point(self, size: int) -> str | None:
        """What is wrong with the stored checkpoint, its signature's form included but not yet the signature."""
        root, signature = self.points.get(size, (None, None))
        if root != self.roots[size]:
            return f"expected a checkpoint of the root over {size} entries, got another or none"
        if not isinstance(signature, bytes) or len(signature) != 64:
            return f"expected a signature of 64 bytes over {size} entries, got another form"
        return None

    def _digest(self, size: int) -> str:
        """Of the stored checkpoint, as the entry after it says it; not yet believed."""
        line = line_of(self.origin, self.key_id + self.points[size][1])
        text = Checkpoint(self.origin, size, self.roots[size]).text
        return hashlib.sha256(f"{text}\n{line}".encode()).hexdigest()

    def _left_over(self, size: int) -> str | None:
        """What is stored of entries that are not there."""
        if len(self.content.checkpoints) != size + 1:
            return (
                f"expected {size + 1} checkpoints of {size} entries, got "
                f"{len(self.content.checkpoints)}: entries were cut off, or checkpoints put in"
            )
        if len(self.content.nodes) != self.made:
            return (
                f"expected {self.made} nodes over {size} entries, got {len(self.content.nodes)}: "
                "entries were cut off, or nodes put in"
            )
        return None

    def _first_unsigned(self, size: int) -> int | None:
        """The first entry that the party's signatures do not cover; None if there is none, 0 of an empty log too.

        The newest signature covers all: it is over the root, the root over every entry, and each entry over the
        checkpoint before it with its signature. Only if it fails are the others asked: those up to the first bad
        entry hold, those after it do not.
        """
        if self._signed(size):
            return None
        good, bad = -1, size
        while bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if self._signed(middle) else (good, middle)
        return max(bad - 1, 0)

    def _signed(self, size: int) -> bool:
        text = Checkpoint(self.origin, size, self.roots[size]).text
        return verified(self.key, self.points[size][1], text.encode())

    def _seen(self) -> tuple[int, str] | None:
        """Each checkpoint of another party that was cosigned stands in the file and, by its digest, in an entry.

        The first entry that does not fit, and why.
        """
        left = dict(self.cosigned)
        bad: list[tuple[int, str]] = []
        for origin, size, text in self.content.seen:
            entry = left.pop((origin, size), None)
            text = text if isinstance(text, str) else NO_TEXT
            if entry is None:
                why = f"expected an entry for the checkpoint of {str(origin)[:60]!r} that is kept, got none"
                bad.append((len(self.roots) - 1, why))
            elif not _says(entry, text):
                bad.append(
                    (entry.index, "expected the checkpoint that it says was cosigned, got another")
                )
        none = "expected the checkpoint that it says was cosigned, got none"
        bad += [(entry.index, none) for entry in left.values()]
        return min(bad, default=None)

    def _kept(self, kept: Sequence[Checkpoint]) -> tuple[int, str] | None:
        """The first entry with which the log may not begin as a kept checkpoint says, and why."""
        size = len(self.roots) - 1
        good = 0
        for point in sorted(kept, key=lambda point: point.size):
            if point.size > size:
                return size, (
                    f"expected {point.size} entries as a kept checkpoint says, got {size}: the ledger "
                    "was cut off or replaced by an older one"
                )
            if self.roots[point.size] != point.root:
                return good, (
                    f"expected entries {good} to {point.size - 1} as a kept checkpoint says, got "
                    "others: the ledger was replaced"
                )
            good = point.size
        return None

    def _cosignatures(self, cosigners: Mapping[str, bytes] | None) -> tuple[int | None, str | None]:
        """The largest size with a cosignature by one of `cosigners`, and what is wrong with the first that is bad."""
        if cosigners is None:
            return None, None
        found: list[int] = []
        for size, name, identity, value in self.content.cosignatures:
            who = str(name).removeprefix(ORIGIN)
            where = f"cosignature of {str(name)[:60]!r} over {size} entries"
            if size not in self.points or name != f"{ORIGIN}{who}" or who not in cosigners:
                why = (
                    "expected one of a party whose key is given, also of one that has left, over a "
                    "size that the log had; got another"
                )
                return None, f"{where}: {why}"
            if (
                not isinstance(identity, bytes)
                or len(identity) != KEY_ID_BYTES
                or not isinstance(value, bytes)
            ):
                return None, f"{where}: expected a key's id and a signature, got other content"
            text = Checkpoint(self.origin, size, self.roots[size]).text
            try:
                time = cosigned(
                    Note(text, (Signature(name, identity, value),)), who, cosigners[who]
                )
            except UsageError as error:
                return None, f"{where}: {error}"
            if time is None:
                return None, f"{where}: expected one of the party's key, got one of another"
            found.append(size)
        return max(found, default=None), None


def _says(entry: Entry, note: str) -> bool:
    """Whether the entry is that of the cosigned checkpoint in `note`."""
    try:
        point = Checkpoint.of_text(Note.parse(note).text)
    except UsageError:
        return False
    return dict(entry.body) == cosigned_body(point, note)
