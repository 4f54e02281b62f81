"""The ledger: what is appended verifies; whatever is changed, moved, removed or signed anew is named."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import UsageError
from mpcstats.records import ledger as module
from mpcstats.records.canonical import BODY_LIMIT, canonical
from mpcstats.records.entry import GENESIS, KINDS, Entry, Row
from mpcstats.records.ledger import Ledger, Report, entries, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER_PUBLIC = OTHER_KEY.public_key().public_bytes_raw()
CHAIN = "entry 3: expected the hash of the entry before it as previous, got another: the chain is broken"
CHANGED = "expected the hash of its content, got another: it was changed, or is another party's"


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
    """A ledger of four entries."""
    where = tmp_path / "bureau ledger?#%.sqlite"
    with opened(where) as ledger:
        for number, kind in enumerate(("request", "decision", "start", "finish")):
            ledger.append(kind, body(number))
    return where


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """The file with its triggers dropped."""
    with closing(sqlite3.connect(path)) as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db
        db.commit()


def seal(
    entry: Entry, party: str = "bureau", key: Ed25519PrivateKey = KEY, text: str | None = None
) -> tuple[Any, ...]:
    """The row of `entry`, hashed and signed anew."""
    text = canonical(entry.body) if text is None else text
    row = Row(entry.index, entry.time, entry.kind, text, entry.previous, "", "")
    digest = row.digest(party)
    signature = key.sign(bytes.fromhex(digest)).hex()
    return (entry.index, entry.time, entry.kind, text, entry.previous, digest, signature)


def put(db: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def test_what_is_appended_is_read_and_verifies(path: Path) -> None:
    found = entries(path)
    assert [e.index for e in found] == [1, 2, 3, 4]
    assert [e.kind for e in found] == ["request", "decision", "start", "finish"]
    assert [dict(e.body) for e in found] == [body(n) for n in range(4)]
    assert [e.previous for e in found] == [GENESIS, *(e.hash for e in found[:-1])]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", e.time) for e in found)
    assert verify(path, PUBLIC) == Report(4, found[-1].hash, None)
    for entry in found:
        assert verify(path, PUBLIC, party="bureau", head=entry.hash) == Report(
            4, found[-1].hash, None
        )


def test_append_returns_the_entry_that_is_stored(tmp_path: Path) -> None:
    with opened(tmp_path / "ledger") as ledger:
        assert ledger.head == GENESIS
        entry = ledger.append("fault", {"step": ("gate", "sign")})
        assert ledger.head == entry.hash
    assert entries(tmp_path / "ledger") == (entry,)
    assert entry.body == {"step": ["gate", "sign"]}


def test_an_empty_ledger_verifies(tmp_path: Path) -> None:
    opened(tmp_path / "ledger").close()
    assert entries(tmp_path / "ledger") == ()
    assert verify(tmp_path / "ledger", PUBLIC, head=GENESIS) == Report(0, GENESIS, None)


def test_the_hash_is_the_documented_one(path: Path) -> None:
    entry = entries(path)[1]
    texts = (
        "mpcstats ledger entry 1",
        "bureau",
        "2",
        entry.time,
        entry.kind,
        canonical(entry.body),
        entry.previous,
    )
    parts = [text.encode() for text in texts]
    expected = hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()
    assert entry.hash == expected
    KEY.public_key().verify(bytes.fromhex(entry.signature), bytes.fromhex(expected))


def test_the_file_is_the_owners_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ledger_goes_on_when_opened_again(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.append("request", {}).index == 5
    assert verify(path, PUBLIC).entries == 5


def test_reading_leaves_the_file_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    path.chmod(0o400)
    verify(path, PUBLIC)
    entries(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_threads_may_share_a_ledger(path: Path) -> None:
    with opened(path) as ledger, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: ledger.append("opening", {"n": n}), range(40)))
    assert sorted(e.index for e in made) == list(range(5, 45))
    assert verify(path, PUBLIC).entries == 44


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
    environment = {"PYTHONPATH": str(Path(module.__file__).parents[2])}
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert verify(path, PUBLIC) == Report(30, entries(path)[-1].hash, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET kind = 'fault' WHERE number = 2",
        "DELETE FROM entry WHERE number = 4",
        "UPDATE owner SET party = 'insurer'",
        "DELETE FROM owner",
    ],
)
def test_the_triggers_refuse_to_change_or_delete(path: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.IntegrityError, match=r"^append-only$"),
    ):
        db.execute(statement)


@pytest.mark.parametrize("number", [0, 2, 4, 6])
def test_the_triggers_refuse_an_entry_elsewhere_than_at_the_end(path: Path, number: int) -> None:
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.IntegrityError, match=r"only appended"),
    ):
        put(db, (number, "", "", "", "", "", ""))
    with (
        closing(sqlite3.connect(path)) as db,
        pytest.raises(sqlite3.IntegrityError, match=r"one owner"),
    ):
        db.execute("INSERT OR REPLACE INTO owner VALUES ('insurer', '')")


@pytest.mark.parametrize("number", [1, 2, 4])
@pytest.mark.parametrize("column", ["time", "kind", "body", "previous", "hash"])
@pytest.mark.parametrize(
    "value", ["other", "fault", "{}", "0" * 63 + "1", "", b"blob", "2026-01-01T00:00:00Z"]
)
def test_a_changed_column_is_found(
    path: Path, number: int, column: str, value: str | bytes
) -> None:
    with tampering(path) as db:
        db.execute(f"UPDATE entry SET {column} = ? WHERE number = ?", (value, number))
    previous = entries_before(path, number)
    assert verify(path, PUBLIC) == Report(number - 1, previous, f"entry {number}: {CHANGED}")


def entries_before(path: Path, number: int) -> str:
    """Hash of the entry before `number`, straight from the file."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT hash FROM entry WHERE number = ?", (number - 1,)).fetchone()
    return GENESIS if found is None else str(found[0])


@pytest.mark.parametrize(
    "change",
    ["upper(signature)", "'00' || substr(signature, 3)", "''", "x'00'", "signature || ' '"],
)
def test_a_changed_signature_is_found(path: Path, change: str) -> None:
    with tampering(path) as db:
        db.execute(f"UPDATE entry SET signature = {change} WHERE number = 2")
    report = verify(path, PUBLIC)
    assert report.fault == "entry 2: expected a signature by the party's key, got another"
    assert report.entries == 1


def test_text_that_is_no_utf8_is_found(path: Path) -> None:
    with tampering(path) as db:
        db.execute("UPDATE entry SET body = CAST(x'7bff7d' AS TEXT) WHERE number = 3")
    assert verify(path, PUBLIC).fault == f"entry 3: {CHANGED}"


def test_a_moved_entry_is_found(path: Path) -> None:
    with tampering(path) as db:
        db.execute("UPDATE entry SET number = 9 WHERE number = 2")
    expected = "entry 2: expected the next entry, got entry 3: entries are missing or moved"
    assert verify(path, PUBLIC).fault == expected


def test_swapped_entries_are_found(path: Path) -> None:
    with tampering(path) as db:
        for old, new in ((2, 9), (3, 2), (9, 3)):
            db.execute("UPDATE entry SET number = ? WHERE number = ?", (new, old))
    assert verify(path, PUBLIC).fault == f"entry 2: {CHANGED}"


@pytest.mark.parametrize(("number", "got"), [(1, 2), (2, 3), (3, 4)])
def test_a_removed_entry_is_found(path: Path, number: int, got: int) -> None:
    with tampering(path) as db:
        db.execute("DELETE FROM entry WHERE number = ?", (number,))
    expected = (
        f"entry {number}: expected the next entry, got entry {got}: entries are missing or moved"
    )
    assert verify(path, PUBLIC).fault == expected


def test_an_entry_left_out_and_the_rest_signed_anew_breaks_the_chain(path: Path) -> None:
    with tampering(path) as db:
        put(db, seal(replace(entries(path)[2], previous=GENESIS)))
    assert verify(path, PUBLIC).fault == CHAIN


def test_a_removed_last_entry_is_found_only_with_its_head(path: Path) -> None:
    *rest, last = entries(path)
    with tampering(path) as db:
        db.execute("DELETE FROM entry WHERE number = 4")
    assert verify(path, PUBLIC) == Report(3, rest[-1].hash, None)
    assert verify(path, PUBLIC, head=last.hash) == Report(
        3,
        rest[-1].hash,
        f"expected head {last.hash} among 3 entries, got none: the ledger was cut off or replaced",
    )


def test_entries_signed_with_another_key_are_found(path: Path) -> None:
    with tampering(path) as db:
        put(db, seal(entries(path)[1], key=OTHER_KEY))
    expected = "entry 2: expected a signature by the party's key, got another"
    assert verify(path, PUBLIC).fault == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "rumour"}, f"expected a kind of {', '.join(KINDS)}, got 'rumour'"),
        (
            {"time": "2026-01-01 00:00:00"},
            "expected a time as YYYY-MM-DDThh:mm:ssZ, got '2026-01-01 00:00:00'",
        ),
    ],
)
def test_an_entry_of_another_form_is_found_though_signed(
    path: Path, change: dict[str, str], expected: str
) -> None:
    with tampering(path) as db:
        put(db, seal(replace(entries(path)[3], **change)))  # type: ignore[arg-type]
    assert verify(path, PUBLIC).fault == f"entry 4: {expected}"


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1,"a":2}',
        '{"a": 1}',
        '{"a":1.5}',
        '{"a":1,"a":1}',
        "[]",
        "1",
        "{",
        '{"a":NaN}',
        '{"a":"\\u0041"}',
        '{"a":' + "[" * 50000 + "]" * 50000 + "}",
        '{"a":' + "9" * 5000 + "}",
    ],
    ids=lambda text: text[:15],
)
def test_a_body_that_is_not_canonical_is_found_though_signed(path: Path, text: str) -> None:
    with tampering(path) as db:
        put(db, seal(entries(path)[3], text=text))
    assert (
        verify(path, PUBLIC).fault == "entry 4: expected a body of canonical JSON, got other text"
    )
    with pytest.raises(
        UsageError, match=r"entry 4: expected a body of canonical JSON, got other text$"
    ):
        entries(path)


def test_time_may_run_backwards(path: Path) -> None:
    with tampering(path) as db:
        put(db, seal(replace(entries(path)[3], time="1999-01-01T00:00:00Z")))
    assert verify(path, PUBLIC).fault is None


def test_another_partys_ledger_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the ledger of insurer, got that of 'bureau'$"):
        opened(path, party="insurer")
    assert verify(path, PUBLIC, party="insurer") == Report(
        0, GENESIS, "expected the ledger of insurer, got that of 'bureau'"
    )


def test_another_keys_ledger_is_refused(path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"expected the ledger of this signing key, got that of another; "
    ):
        opened(path, key=OTHER_KEY)
    fault = "expected the ledger of the given key, got that of another"
    assert verify(path, OTHER_PUBLIC) == Report(0, GENESIS, fault)


def test_a_forged_owner_does_not_help(path: Path) -> None:
    with tampering(path) as db:
        db.execute("UPDATE owner SET party = 'insurer', key = ?", (OTHER_PUBLIC.hex(),))
    assert verify(path, OTHER_PUBLIC, party="insurer").fault == f"entry 1: {CHANGED}"
    with pytest.raises(UsageError, match=rf"entry 4: {CHANGED}; keep the file and verify it$"):
        opened(path, party="insurer", key=OTHER_KEY)
    with tampering(path) as db:
        db.execute("DELETE FROM owner")
    with pytest.raises(UsageError, match=r"expected one owner of the ledger"):
        verify(path, PUBLIC)


def test_a_ledger_with_a_forged_last_entry_does_not_go_on(path: Path) -> None:
    with opened(path) as ledger:
        with tampering(path) as db:
            put(db, seal(entries(path)[3], key=OTHER_KEY))
        with pytest.raises(
            UsageError, match=r"entry 4: expected a signature by the party's key, got another; "
        ):
            ledger.append("fault", {})
    with pytest.raises(UsageError, match=r"entry 4: expected a signature"):
        opened(path)
    assert len(entries(path)) == 4


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
    assert verify(path, PUBLIC).entries == 4


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


@pytest.mark.parametrize(
    ("head", "key", "message"),
    [
        ("f" * 63, PUBLIC, "^expected a head of 64 lower-case hex digits, got 'f"),
        ("F" * 64, PUBLIC, "^expected a head of 64 lower-case hex digits, got 'F"),
        (None, b"short", "^expected a public key of 32 bytes, got 5$"),
    ],
)
def test_arguments_of_another_form_are_refused(
    path: Path, head: str | None, key: bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        verify(path, key, head=head)


def test_an_append_waits_only_so_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.01)
    with opened(path) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            UsageError, match=r"expected a ledger to write, got: database is locked$"
        ):
            ledger.append("request", {})
        db.execute("ROLLBACK")
        assert ledger.append("request", {}).index == 5
