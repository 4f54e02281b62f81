"""The ledger: what is appended verifies; whatever is changed, moved, removed, rolled back or signed anew is named."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records.canonical import BODY_LIMIT, canonical
from mpcstats.records.ledger import KINDS, Entry, Ledger, Report, entries, file, merkle, verify
from mpcstats.records.ledger.checkpoint import (
    Checkpoint,
    checkpoint_digest,
    cosign,
    own_signature,
    read_checkpoint,
)
from mpcstats.records.ledger.log import kept, latest
from mpcstats.records.ledger.note import Note, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER_PUBLIC = OTHER_KEY.public_key().public_bytes_raw()
EMPTY = merkle.EMPTY.hex()
CHAIN = (
    "expected the digest of the checkpoint before it as previous, got another: the chain is broken"
)
CHANGED = "expected the hash of its content, got another: it was changed"
UNSIGNED = "expected the party's signature over the log with it, got another"


def opened(path: Path, party: str = "bureau", key: Ed25519PrivateKey = KEY) -> Ledger:
    return Ledger.open(path, party=party, signing_key=key)


def body(number: int) -> dict[str, Any]:
    return {
        "question": f"{number:064x}",
        "cells": number,
        "to": ["bureau", "保险"],
        "ok": True,
        "x": None,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of five entries; its checkpoint of four is cosigned, and it has cosigned one of the hospital."""
    where = tmp_path / "bureau ledger?#%.sqlite"
    with opened(where) as ledger:
        for number, kind in enumerate(("request", "decision", "start", "finish")):
            ledger.append(kind, body(number))
        _, point = read_checkpoint(ledger.checkpoint(), "bureau", PUBLIC)
        ledger.add_cosignature(4, cosign(point, "hospital", OTHER_KEY, 1_700_000_000))
        theirs = Checkpoint("mpcstats/hospital", 7, bytes(32))
        ledger.keep_seen(theirs, theirs.signed_by(OTHER_KEY), after=None)
    return where


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """The file with its triggers dropped."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db
        db.execute("COMMIT")


def rebuild(path: Path, made: Sequence[Entry | str], key: Ed25519PrivateKey | None) -> None:
    """Put other entries into the file, with every hash and digest as it should be.

    `key` signs every checkpoint; None keeps the signatures that are there, as who has not the key must.
    """
    with closing(sqlite3.connect(path)) as db:
        old = [row[0] for row in db.execute("SELECT signature FROM checkpoint ORDER BY size")]
    nodes: dict[tuple[int, int], bytes] = {}
    points: list[tuple[int, bytes, bytes]] = []
    contents = []

    def put(size: int) -> Note:
        point = Checkpoint("mpcstats/bureau", size, merkle.root(size, lambda *at: nodes[at]))
        value = old[size] if key is None else sign(point.text, point.origin, key).value
        points.append((size, point.root, value))
        return Note(point.text, (own_signature("bureau", PUBLIC, value),))

    note = put(0)
    for index, given in enumerate(made):
        content = given
        if isinstance(given, Entry):
            previous = checkpoint_digest(note, "bureau", PUBLIC)
            content = replace(given, index=index, previous=previous).content
        assert isinstance(content, str)
        contents.append((index, json.loads(content)["kind"], content))
        leaf = merkle.leaf_hash(content.encode())
        for level, number, node in merkle.grown(index, leaf, lambda *at: nodes[at]):
            nodes[level, number] = node
        note = put(index + 1)
    with tampering(path) as db:
        for table in ("entry", "node", "checkpoint"):
            db.execute(f"DELETE FROM {table}")
        db.executemany("INSERT INTO entry VALUES (?, ?, ?)", contents)
        db.executemany("INSERT INTO node VALUES (?, ?, ?)", [(*at, n) for at, n in nodes.items()])
        db.executemany("INSERT INTO checkpoint VALUES (?, ?, ?)", points)


def whole(path: Path) -> Report:
    return verify(path, PUBLIC, party="bureau", cosigners={"hospital": OTHER_PUBLIC})


def test_what_is_appended_is_read_and_verifies(path: Path) -> None:
    found = entries(path)
    assert [e.index for e in found] == [0, 1, 2, 3, 4]
    assert [e.kind for e in found] == ["request", "decision", "start", "finish", "cosigned"]
    assert [dict(e.body) for e in found[:4]] == [body(n) for n in range(4)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", e.time) for e in found)
    report = whole(path)
    assert (report.entries, report.fault, report.cosigned) == (5, None, 4)
    with opened(path) as ledger:
        assert ledger.root.hex() == report.root
        assert ledger.size == 5
        assert ledger.entries() == found
        assert [ledger.entry(i) for i in range(5)] == list(found)


def test_each_entry_names_the_signed_checkpoint_before_it(path: Path) -> None:
    with opened(path) as ledger:
        for entry in entries(path):
            note, point = read_checkpoint(ledger.checkpoint(entry.index), "bureau", PUBLIC)
            assert point.size == entry.index
            assert entry.previous == checkpoint_digest(note, "bureau", PUBLIC)


def test_the_leaf_is_the_documented_one(path: Path) -> None:
    entry = entries(path)[1]
    text = json.dumps(entry.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert entry.content == text
    assert entry.leaf == hashlib.sha256(b"\0" + text.encode()).digest()


def test_proofs_hold_for_every_entry_and_every_earlier_size(path: Path) -> None:
    with opened(path) as ledger:
        roots = [ledger.root_at(size) for size in range(6)]
        for size in range(6):
            for entry in ledger.entries()[:size]:
                proof = ledger.inclusion(entry.index, size)
                assert merkle.included(entry.leaf, entry.index, size, proof, roots[size])
            for old in range(size + 1):
                proof = ledger.consistency(old, size)
                assert merkle.consistent(old, size, roots[old], roots[size], proof)
        with pytest.raises(UsageError, match=r"expected a size of 0 to 5, got 6$"):
            ledger.consistency(1, 6)
        with pytest.raises(UsageError, match=r"^expected an entry below 5, got 5$"):
            ledger.inclusion(5)
        with pytest.raises(UsageError, match=r"expected an entry 5, got none$"):
            ledger.entry(5)


def test_a_checkpoint_has_the_cosignatures_of_its_size(path: Path) -> None:
    with opened(path) as ledger:
        names = {s: [x.name for x in Note.parse(ledger.checkpoint(s)).signatures] for s in (3, 4)}
        assert ledger.checkpoint() == latest(path)
    assert names == {3: ["mpcstats/bureau"], 4: ["mpcstats/bureau", "mpcstats/hospital"]}
    assert kept(path, "hospital").startswith("mpcstats/hospital\n7\n")
    with pytest.raises(UsageError, match=r"expected a checkpoint of insurer, got none$"):
        kept(path, "insurer")


def test_append_returns_the_entry_that_is_stored(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger") as ledger:
        assert ledger.root == merkle.EMPTY
        entry = ledger.append("fault", {"step": ("gate", "sign")})
        assert ledger.root == entry.leaf
    assert entries(tmp_path / "ledger") == (entry,)
    assert entry.body == {"step": ["gate", "sign"]}


def test_an_empty_ledger_verifies(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    opened(path).close()
    assert entries(path) == ()
    assert verify(path, PUBLIC, kept=[latest(path)]) == Report(0, EMPTY, None)
    with tampering(path) as db:
        db.execute("UPDATE checkpoint SET signature = zeroblob(64)")
    assert verify(path, PUBLIC) == Report(0, EMPTY, f"entry 0: {UNSIGNED}")


def test_entries_of_a_kind_are_found_by_the_index(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger") as ledger:
        for n in range(200):
            ledger.append("opening" if n % 2 else "start", {"n": n})
        assert [e.body["n"] for e in ledger.entries("start", since=190)] == [
            190,
            192,
            194,
            196,
            198,
        ]
        assert [e.body["n"] for e in ledger.newest("opening")] == list(range(199, 0, -2))
        assert [e.index for e in ledger.newest("opening", below=4)] == [3, 1]
        assert list(ledger.newest("fault")) == []
    with closing(sqlite3.connect(tmp_path / "ledger")) as db:
        plan = db.execute(
            "EXPLAIN QUERY PLAN SELECT content FROM entry WHERE kind = ? AND number >= ?", ("a", 1)
        ).fetchall()
    assert "USING INDEX entry_kind" in plan[0][-1]


def test_the_file_is_the_owners_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ledger_goes_on_when_opened_again(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.append("request", {}).index == 5
    assert whole(path).entries == 6


def test_reading_leaves_the_file_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    path.chmod(0o400)
    verify(path, PUBLIC)
    entries(path)
    latest(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_threads_may_share_a_ledger(path: Path) -> None:
    with opened(path) as ledger, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: ledger.append("opening", {"n": n}), range(40)))
    assert sorted(e.index for e in made) == list(range(5, 45))
    assert whole(path).entries == 45


def half_an_append(ledger: Ledger) -> None:
    with ledger.writing():
        refused: Any = {"n": ledger.append("fault", {}).index / 2}
        ledger.append("fault", refused)


def test_what_fails_within_a_transaction_leaves_nothing(path: Path) -> None:
    before = path.read_bytes()
    with opened(path) as ledger:
        theirs = Checkpoint("mpcstats/hospital", 9, bytes(32))
        with pytest.raises(UsageError, match=r"^expected to be the only one who cosigns"):
            ledger.keep_seen(theirs, theirs.signed_by(OTHER_KEY), after=None)
        with pytest.raises(UsageError, match=r"got float$"):
            half_an_append(ledger)
        assert ledger.size == 5
    assert path.read_bytes() == before


def test_what_fails_within_leaves_the_outer_transaction_whole(path: Path) -> None:
    with opened(path) as ledger:
        with ledger.writing():
            ledger.append("start", {})
            with pytest.raises(UsageError, match=r"got float$"):
                half_an_append(ledger)
            ledger.append("finish", {})
        assert [e.kind for e in ledger.entries(since=5)] == ["start", "finish"]
    assert whole(path).fault is None


def test_what_was_cosigned_is_written_by_keep_seen_alone(path: Path) -> None:
    with opened(path) as ledger, pytest.raises(UsageError, match=r"^expected a kind that is not c"):
        ledger.append("cosigned", {})


APPENDER = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mpcstats.records.ledger import Ledger
key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
sys.stdin.readline()
with Ledger.open(Path(sys.argv[1]), party="bureau", signing_key=key) as ledger:
    for n in range(10):
        ledger.append("opening", {"n": n})
"""


def test_processes_may_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    command = [sys.executable, "-c", APPENDER, str(path)]
    environment = {"PYTHONPATH": str(Path(file.__file__).parents[3])}
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    report = verify(path, PUBLIC)
    assert (report.entries, report.fault) == (30, None)


@pytest.mark.parametrize("table", ["owner", "entry", "node", "checkpoint", "cosignature", "seen"])
def test_the_triggers_only_let_a_table_grow(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        first = db.execute(f"SELECT * FROM {table}").fetchone()
        marks = ", ".join("?" * len(columns))
        for statement, given in (
            (f"UPDATE {table} SET {columns[-1]} = 'x'", ()),
            (f"DELETE FROM {table}", ()),
            (f"INSERT OR REPLACE INTO {table} VALUES ({marks})", first),
        ):
            with pytest.raises(sqlite3.IntegrityError, match=r"^append-only$"):
                db.execute(statement, given)


@pytest.mark.parametrize("number", [-1, 2, 4, 6])
def test_the_triggers_refuse_an_entry_elsewhere_than_at_the_end(path: Path, number: int) -> None:
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.IntegrityError, match=r"^append-only$"),
    ):
        db.execute("INSERT OR REPLACE INTO entry VALUES (?, 'fault', '{}')", (number,))


VALUES: tuple[Any, ...] = ("other", "fault", "", "{}", b"blob", bytes(32), bytes(64), 3, 99, -1)
COLUMNS = [
    (table, column)
    for table, columns in {
        "entry": ("number", "kind", "content"),
        "node": ("level", "number", "hash"),
        "checkpoint": ("size", "root", "signature"),
        "cosignature": ("size", "cosigner", "key_id", "signature"),
        "seen": ("origin", "size", "note"),
        "owner": ("party", "key"),
    }.items()
    for column in columns
]


def rows_of(db: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    return db.execute(f"SELECT * FROM {table}").fetchall()


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_changed_value_is_found_in_every_row(path: Path, table: str, column: str) -> None:
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        rows = rows_of(db, table)
    at = names.index(column)
    tried = 0
    for row in rows:
        for value in (*flipped(row[at]), *VALUES):
            path.write_bytes(content)
            where = " AND ".join(f"{name} = ?" for name in names)
            try:
                with tampering(path) as db:
                    db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *row))
                    if rows_of(db, table) == rows:
                        continue
            except sqlite3.IntegrityError:  # another row has this key, or the type is an integer's
                continue
            tried += 1
            assert found(path), (table, column, row[at], value)
    assert tried >= len(rows)


def flipped(value: Any) -> list[Any]:
    """`value` with one bit changed at each of its first, middle and last bytes."""
    if isinstance(value, int):
        return [value ^ 1, value + 64]
    raw = value if isinstance(value, bytes) else value.encode()
    found = []
    for at in {0, len(raw) // 2, len(raw) - 1}:
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        found.append(
            changed if isinstance(value, bytes) else changed.decode(errors="surrogateescape")
        )
    return [v for v in found if isinstance(v, bytes) or v.isascii()]


def found(path: Path) -> bool:
    try:
        return whole(path).fault is not None
    except UsageError:  # a file that is no ledger any more
        return True


@pytest.mark.parametrize(
    ("table", "good"), [("entry", 0), ("node", 0), ("checkpoint", 0), ("seen", 0), ("owner", 0)]
)
def test_a_dropped_row_is_found_in_every_table(path: Path, table: str, good: int) -> None:
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        rows = rows_of(db, table)
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    for row in rows:
        path.write_bytes(content)
        where = " AND ".join(f"{name} = ?" for name in names)
        with tampering(path) as db:
            db.execute(f"DELETE FROM {table} WHERE {where}", row)
        assert found(path), row


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("content", ["other", "{}", b"blob", ""])
def test_a_changed_entry_is_named(path: Path, number: int, content: str | bytes) -> None:
    with opened(path) as ledger:
        root = ledger.root_at(number).hex()
    with tampering(path) as db:
        db.execute("UPDATE entry SET content = ? WHERE number = ?", (content, number))
    assert verify(path, PUBLIC) == Report(number, root, f"entry {number}: {CHANGED}")


def test_text_that_is_no_utf8_is_found(path: Path) -> None:
    with tampering(path) as db:
        db.execute("UPDATE entry SET content = CAST(x'7bff7d' AS TEXT) WHERE number = 3")
    assert verify(path, PUBLIC).fault == f"entry 3: {CHANGED}"


def test_an_entry_changed_with_its_leaf_is_named(path: Path) -> None:
    """Who changes a leaf's hash too is found by the node over it, here the one over entries 2 and 3."""
    entry = replace(entries(path)[2], body={"parties": []})
    with tampering(path) as db:
        db.execute("UPDATE entry SET content = ? WHERE number = 2", (entry.content,))
        db.execute("UPDATE node SET hash = ? WHERE level = 0 AND number = 2", (entry.leaf,))
    report = verify(path, PUBLIC)
    assert report.entries == 2
    assert report.fault is not None
    assert report.fault.startswith("entry 2: expected a checkpoint of the root over 3 entries")


@pytest.mark.parametrize("number", range(5))
def test_an_entry_changed_with_all_hashes_is_named_by_the_signatures(
    path: Path, number: int
) -> None:
    """Who has not the key can make every hash anew, but no signature from the changed entry on."""
    made = list(entries(path))
    made[number] = replace(made[number], time="2001-01-01T00:00:00Z")
    rebuild(path, made, None)
    report = verify(path, PUBLIC)
    assert (report.entries, report.fault) == (number, f"entry {number}: {UNSIGNED}")


@pytest.mark.parametrize("size", range(6))
def test_a_changed_signature_is_named(path: Path, size: int) -> None:
    with tampering(path) as db:
        db.execute("UPDATE checkpoint SET signature = zeroblob(64) WHERE size = ?", (size,))
    said = f"entry {size}: {CHAIN}" if size < 5 else f"entry 4: {UNSIGNED}"
    assert verify(path, PUBLIC).fault == said


def test_a_moved_entry_is_found(path: Path) -> None:
    with tampering(path) as db:
        db.execute("UPDATE entry SET number = 9 WHERE number = 1")
    expected = "entry 1: expected the next entry, got entry 2: entries are missing or moved"
    assert verify(path, PUBLIC).fault == expected


def test_swapped_entries_are_found(path: Path) -> None:
    with tampering(path) as db:
        for old, new in ((2, 9), (3, 2), (9, 3)):
            db.execute("UPDATE entry SET number = ? WHERE number = ?", (new, old))
    assert verify(path, PUBLIC).fault == f"entry 2: {CHANGED}"
    made = list(entries(path))
    rebuild(path, [*made[:2], made[2], made[3], *made[4:]], None)
    assert verify(path, PUBLIC).fault == f"entry 2: {UNSIGNED}"


@pytest.mark.parametrize("number", range(4))
def test_a_removed_entry_is_found(path: Path, number: int) -> None:
    made = list(entries(path))
    with tampering(path) as db:
        db.execute("DELETE FROM entry WHERE number = ?", (number,))
    said = f"expected the next entry, got entry {number + 1}: entries are missing or moved"
    assert verify(path, PUBLIC).fault == f"entry {number}: {said}"
    rebuild(path, [*made[:number], *made[number + 1 :]], None)
    assert verify(path, PUBLIC).fault == f"entry {number}: {UNSIGNED}"


def test_a_removed_last_entry_is_found(path: Path) -> None:
    with tampering(path) as db:
        db.execute("DELETE FROM entry WHERE number = 4")
    said = "expected 5 checkpoints of 4 entries, got 6: entries were cut off, or checkpoints put in"
    assert verify(path, PUBLIC).fault == f"entry 4: {said}"
    with tampering(path) as db:
        db.execute("DELETE FROM checkpoint WHERE size = 5")
    said = "expected 7 nodes over 4 entries, got 8: entries were cut off, or nodes put in"
    assert verify(path, PUBLIC).fault == f"entry 4: {said}"


def cut(path: Path, size: int) -> None:
    """Roll the whole file back to `size` entries, its checkpoints with it."""
    with tampering(path) as db:
        db.execute("DELETE FROM entry WHERE number >= ?", (size,))
        db.execute("DELETE FROM checkpoint WHERE size > ?", (size,))
        db.execute("DELETE FROM node WHERE (number + 1) << level > ?", (size,))
        db.execute("DELETE FROM cosignature WHERE size > ?", (size,))
        db.execute("DELETE FROM seen")


def test_a_rollback_of_everything_is_found_by_a_kept_checkpoint(path: Path) -> None:
    note = latest(path)
    with opened(path) as ledger:
        notes = [ledger.checkpoint(size) for size in range(6)]
        root = ledger.root_at(3).hex()
    assert verify(path, PUBLIC, kept=notes).fault is None
    cut(path, 3)
    assert verify(path, PUBLIC) == Report(3, root, None)  # by itself it looks whole
    assert verify(path, PUBLIC, kept=notes[:4]).fault is None
    said = (
        "entry 3: expected 5 entries as a kept checkpoint says, got 3: the ledger was cut off or "
        "replaced by an older one"
    )
    assert verify(path, PUBLIC, kept=[note]).fault == said
    assert verify(path, PUBLIC, kept=[*notes[:4], note]).fault == said


def test_another_history_signed_by_the_party_itself_is_found_by_a_kept_checkpoint(
    path: Path,
) -> None:
    with opened(path) as ledger:
        notes = [ledger.checkpoint(size) for size in (2, 4)]
    made = list(entries(path))
    made[3] = replace(made[3], body={"parties": []})
    rebuild(path, made, KEY)
    assert verify(path, PUBLIC).fault is None  # whoever has the key can write any history
    said = (
        "entry 2: expected entries 2 to 3 as a kept checkpoint says, got others: the ledger was "
        "replaced"
    )
    report = verify(path, PUBLIC, kept=notes)
    assert (report.entries, report.fault) == (2, said)
    assert verify(path, PUBLIC, kept=notes[:1]).fault is None
    # The hospital's cosignature of four entries, still in the file, says it as well.
    fault = whole(path).fault
    assert fault is not None
    assert "cosignature of 'mpcstats/hospital' over 4 entries: expected a cosignature" in fault


def test_a_kept_checkpoint_that_the_party_has_not_signed_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match=r"^expected a checkpoint signed by the key of mpcstats/b"):
        verify(
            path,
            PUBLIC,
            kept=[str(Checkpoint("mpcstats/bureau", 9, bytes(32)).signed_by(OTHER_KEY))],
        )
    with pytest.raises(UsageError, match=r"^expected a signed note"):
        verify(path, PUBLIC, kept=["x"])


@pytest.mark.parametrize("cosigners", [{}, {"insurer": OTHER_PUBLIC}, {"hospital": PUBLIC}])
def test_a_cosignature_of_nobody_known_is_found(path: Path, cosigners: dict[str, bytes]) -> None:
    assert verify(path, PUBLIC).fault is None
    fault = verify(path, PUBLIC, cosigners=cosigners).fault
    assert fault is not None
    assert fault.startswith("cosignature of 'mpcstats/hospital' over 4 entries: expected one of")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"kind":"finish"', '"kind":"rumour"', f"expected a kind of {', '.join(KINDS)}, got 'rumour'"),
        ('Z"}', '"}', "expected a time as YYYY-MM-DDThh:mm:ssZ"),
        ('"index":3', '"index":4', "expected index 3, got 4"),
        ('{"body"', '{ "body"', "expected an entry of canonical JSON, got other text"),
        ('"ok":true', '"ok":1.5', "body.ok: expected text, whole numbers"),
        ('"ok":true', '"ok":true,"ok":true', "expected an entry of canonical JSON, got other text"),
        ('"previous":"', '"previous":"A', "expected previous as 64 lower-case hex digits"),
    ],
)  # fmt: skip
def test_an_entry_of_another_form_is_found_though_signed(
    path: Path, old: str, new: str, said: str
) -> None:
    made: list[str] = [entry.content for entry in entries(path)[:4]]
    assert old in made[3]
    made[3] = made[3].replace(old, new)
    rebuild(path, made, KEY)
    fault = verify(path, PUBLIC).fault
    assert fault is not None
    assert fault.startswith(f"entry 3: {said}")
    if "index" not in old:
        with pytest.raises(UsageError, match=rf"entry 3: {re.escape(said)}"):
            entries(path)


def test_time_may_run_backwards(path: Path) -> None:
    made = list(entries(path))[:4]
    made[3] = replace(made[3], time="1999-01-01T00:00:00Z")
    rebuild(path, made, KEY)
    with tampering(path) as db:
        db.execute("DELETE FROM seen")
    assert verify(path, PUBLIC).fault is None


def test_another_partys_ledger_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the ledger of insurer, got that of 'bureau'$"):
        opened(path, party="insurer")
    assert verify(path, PUBLIC, party="insurer") == Report(
        0, EMPTY, "expected the ledger of insurer, got that of 'bureau'"
    )


def test_another_keys_ledger_is_refused(path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"expected the ledger of this signing key, got that of another; "
    ):
        opened(path, key=OTHER_KEY)
    fault = "expected the ledger of the given key, got that of another"
    assert verify(path, OTHER_PUBLIC) == Report(0, EMPTY, fault)


def test_a_forged_owner_does_not_help(path: Path) -> None:
    with tampering(path) as db:
        db.execute("UPDATE owner SET party = 'insurer', key = ?", (OTHER_PUBLIC,))
    assert verify(path, OTHER_PUBLIC, party="insurer").fault == f"entry 0: {CHAIN}"
    with pytest.raises(UsageError, match=r"expected a checkpoint of 5 entries signed by the party"):
        opened(path, party="insurer", key=OTHER_KEY)
    with tampering(path) as db:
        db.execute("DELETE FROM owner")
    with pytest.raises(UsageError, match=r"expected one owner of the ledger"):
        verify(path, PUBLIC)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entry SET content = '{}' WHERE number = 4",
        "DELETE FROM entry WHERE number = 4",
        "DELETE FROM node WHERE level = 0 AND number = 4",
        "UPDATE node SET hash = zeroblob(32) WHERE level = 2",
        "UPDATE checkpoint SET signature = zeroblob(64) WHERE size = 5",
        "UPDATE checkpoint SET root = zeroblob(32) WHERE size = 5",
        "DELETE FROM checkpoint WHERE size = 5",
    ],
)
def test_a_ledger_whose_end_was_changed_does_not_go_on(path: Path, change: str) -> None:
    with opened(path) as ledger:
        with tampering(path) as db:
            db.execute(change)
        changed = path.read_bytes()
        with pytest.raises(
            UsageError,
            match=r"; keep the file and verify it$|expected an entry of|expected an entry with",
        ):
            ledger.append("fault", {})
    with pytest.raises(UsageError):
        opened(path)
    assert path.read_bytes() == changed


class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    "good", [{}, {"n": -(2**63)}, {"n": 2**63 - 1}, {"a": [], "b": {"c": [None, False]}}]
)
def test_canonical_keeps_what_is_json(good: dict[str, Any]) -> None:
    assert json.loads(canonical(good)) == good


def test_canonical_has_one_text_for_equal_bodies() -> None:
    assert canonical({"b": (1, "é"), "a": Colour.RED}) == '{"a":3,"b":[1,"é"]}'
    assert canonical({"a": True}) != canonical({"a": 1})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"a": {"b": [1, 1.5]}}, r"^body\.a\.b\[1\]: expected text, whole numbers .* got float$"),
        ({"a": 2**63}, r"^body\.a: expected .*, got a larger one$"),
        ({"a": b"x"}, "got bytes$"),
        ({"a": {1: 2}}, "got dict$"),
        ({1: 2}, "^body: expected .* got dict$"),
        ({"a": {1}}, "got set$"),
        ([1], "^expected a body that is a table, got list$"),
        ({"a": "\ud800"}, "^expected a body in valid Unicode, got lone surrogates$"),
        (
            {"a": "x" * BODY_LIMIT},
            f"^expected a body of at most {BODY_LIMIT} bytes, got {BODY_LIMIT + 8}$",
        ),
        ({"a": "保" * (BODY_LIMIT // 3)}, "^expected a body of at most"),
    ],
)
def test_a_body_that_is_not_json_is_refused(path: Path, bad: Any, message: str) -> None:
    with opened(path) as ledger, pytest.raises(UsageError, match=message):
        ledger.append("opening", bad)
    assert verify(path, PUBLIC).entries == 5


def test_a_body_of_the_limit_fits_and_a_deep_one_does_not(path: Path) -> None:
    with opened(path) as ledger:
        ledger.append("opening", {"a": "x" * (BODY_LIMIT - 8)})
        deep: Any = {}
        for _ in range(40):
            deep = {"a": deep}
        with pytest.raises(
            UsageError, match=r"^expected a body of depth at most 32, got a deeper one$"
        ):
            ledger.append("opening", deep)
    assert verify(path, PUBLIC).fault is None


def test_an_unknown_kind_is_refused(path: Path) -> None:
    with (
        opened(path) as ledger,
        pytest.raises(UsageError, match=rf"^expected a kind of {', '.join(KINDS)}, got 'x'$"),
    ):
        ledger.append("x", {})


def test_a_closed_ledger_is_refused(path: Path) -> None:
    with opened(path) as ledger:
        pass
    ledger.close()
    with pytest.raises(
        UsageError, match=r"expected a ledger to write, got: Cannot operate on a closed database"
    ):
        ledger.append("request", {})


@pytest.mark.parametrize("content", [b"", b"no database at all " * 100])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"ledger: expected a ledger"):
        verify(path, PUBLIC)
    with pytest.raises(UsageError, match=r"ledger: expected a ledger"):
        entries(path)
    if content:
        with pytest.raises(
            UsageError, match=r"expected a ledger to write, got: file is not a database$"
        ):
            opened(path)
    assert path.read_bytes() == content


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE owner (party TEXT, key TEXT)")
        db.commit()
    for use in (opened, entries, lambda where: verify(where, PUBLIC)):
        with pytest.raises(
            UsageError, match=r"expected a ledger of mpcstats, got another database$"
        ):
            use(path)


def test_a_ledger_of_the_form_before_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {0x6D706C31}")
    for use in (opened, entries, lambda where: verify(where, PUBLIC)):
        with pytest.raises(
            UsageError, match=r"got one of the form before it, a chain: keep it and"
        ):
            use(path)


def test_a_missing_file_is_refused_and_not_made(tmp_path: Path) -> None:
    for use in (entries, lambda where: verify(where, PUBLIC)):
        with pytest.raises(UsageError, match=r"ledger: expected a ledger, got no file$"):
            use(tmp_path / "ledger")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_hold_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"expected a place for a ledger, got: No such file or directory$"
    ):
        opened(tmp_path / "none" / "ledger")
    with pytest.raises(UsageError, match=r"expected a ledger, got: unable to open database file$"):
        opened(tmp_path)


def test_a_key_of_another_form_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match=r"^expected a public key of 32 bytes, got 5$"):
        verify(path, b"short")


def test_an_append_waits_only_so_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "WAIT", 0.01)
    with opened(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            UsageError, match=r"expected a ledger to write, got: database is locked$"
        ):
            ledger.append("request", {})
        db.execute("ROLLBACK")
        assert ledger.append("request", {}).index == 5
