"""The vectors of building blocks: the library does as they say, and so does a second, plainer way to compute it.

Here the second way is written from the text of the specifications alone: Python's integers and hashlib, no numpy.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tests.vectors.blocks import DEMO, and_of_zeros, demo_plan, key_text, normal, store_rows
from tests.vectors.files import CHECKOUT
from tests.vectors.plays import block
from tests.vectors.world import from_hex, private_key, to_hex

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import keyvalue
from mpcstats.errors import UsageError
from mpcstats.records.canonical import canonical
from mpcstats.records.entry import GENESIS, Row
from mpcstats.session import PairSeeds
from mpcstats.session.messages import digest, wire_tag

Vector = dict[str, Any]


def read(name: str) -> Vector:
    path = CHECKOUT / "tests" / "vectors" / f"{name}.json"
    vector: Vector = json.loads(path.read_text(encoding="utf-8"))
    return vector


# keys


def check_keys(vector: Vector) -> None:
    for case in (*vector["cases"], *vector["refused"]):
        kind, raw, key = (case[name] for name in ("normalisation", "given", "key"))
        assert normal(kind, raw) == key
        if kind == "resident-id":
            assert resident_id(raw) == key
    for case in vector["encodings"]:
        assert key_text(case["parts"]) == case["text"] == plain_text(case["parts"])
        if case["text"] is not None:
            whole = hashlib.sha256(case["text"].encode()).digest()
            halves = [int.from_bytes(whole[i : i + 8], "big") for i in (0, 8)]
            assert whole.hex() == case["sha256"]
            made = b"".join(half.to_bytes(8, "little") for half in halves).hex()
            assert made == case["block"] == block(case["text"])


def resident_id(raw: str | None) -> str | None:
    """GB 11643: the weighted sum mod 11 gives the check; the older form has neither century nor check."""
    text = "" if raw is None else raw.strip().upper()
    if not text.isascii() or not text[:15].isdigit():
        return None
    if len(text) == 15:
        body = text[:6] + "19" + text[6:]
        return body + check_character(body)
    if len(text) == 18 and text[:17].isdigit() and text[17] == check_character(text[:17]):
        return text
    return None


def check_character(body: str) -> str:
    return "10X98765432"[sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(body)) % 11]


def plain_text(parts: Sequence[str | int | None]) -> str | None:
    if None in parts:
        return None
    return "".join(f"{len(str(part))}:{part}" for part in parts)


def test_texts_of_different_keys_differ() -> None:
    texts = [(c["text"], [str(p) for p in c["parts"]]) for c in read("keys")["encodings"]]
    for text, parts in texts:
        assert all(other != text or same == parts for other, same in texts if text is not None)


def test_every_wrong_resident_id_is_null_and_some_are_right() -> None:
    vector = read("keys")
    assert all(case["key"] is None for case in vector["refused"])
    assert len(vector["refused"]) > 10
    assert sum(case["normalisation"] == "resident-id" for case in vector["cases"]) >= 4


# names on the wire, digests, streams


def check_wire(vector: Vector) -> None:
    for case in vector["tags"]:
        state = hashlib.blake2b(case["step"].encode(), digest_size=8).digest()
        assert f"{wire_tag(case['step']):016x}" == state[::-1].hex() == case["tag"]
    for case in vector["digests"]:
        run_id, step = bytes.fromhex(case["run_id"]), case["step"]
        text = b"".join(len(n).to_bytes(8, "little") + n for n in (run_id, step.encode()))
        for part in case["parts"]:
            text += (len(part) // 16).to_bytes(8, "little") + bytes.fromhex(part)
        parts = [from_hex(part) for part in case["parts"]]
        assert hashlib.blake2b(text, digest_size=32).hexdigest() == case["digest"]
        assert to_hex(digest(run_id, step, *parts)) == case["digest"]


def check_streams(vector: Vector) -> None:
    for case in vector["cases"]:
        seed, run_id = bytes.fromhex(case["seed"]), bytes.fromhex(case["run_id"])
        name = len(run_id).to_bytes(8, "little") + run_id + case["step"].encode()
        keys = {
            who: hashlib.blake2b(name, key=seed, digest_size=16, person=who).digest()
            for who in (b"mpcstats-pair", b"mpcstats-private")
        }
        assert keys[b"mpcstats-private"] == private_key(seed, run_id, case["step"])
        assert keys[b"mpcstats-private"].hex() == case["private_key"]
        assert ctr(keys[b"mpcstats-pair"], len(case["words"]) // 2).hex() == case["words"]
        stream = PairSeeds(run_id, {"b": seed}).stream("b", case["step"])
        assert to_hex(stream.words(len(case["words"]) // 16)) == case["words"]


def ctr(key: bytes, n: int) -> bytes:
    """AES-128 of the numbers 0, 1, ... as 16 bytes, highest first."""
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    numbers = range(-(-n // 16))
    return b"".join(encrypt.update(i.to_bytes(16, "big")) for i in numbers)[:n]


def test_no_two_streams_and_no_two_digests_are_the_same() -> None:
    for name, cases, field in (("streams", "cases", "words"), ("wire", "digests", "digest")):
        found = [case[field] for case in read(name)[cases]]
        assert len(set(found)) == len(found)


# bits and stores


def check_bits(vector: Vector) -> None:
    for case in vector["cases"]:
        values = from_hex(case["values"])
        elements = [int(v) for v in values]
        rows = []
        for b in range(case["width"]):
            row = sum((v >> b & 1) << e for e, v in enumerate(elements))
            rows.append(row.to_bytes(8 * -(-len(elements) // 64), "little").hex())
        assert rows == case["rows"]
        assert [to_hex(r) for r in slicing.slice_bits(values, case["width"])] == case["rows"]


def check_store(vector: Vector) -> None:
    for case in vector["sizes"]:
        n = case["keys"]
        assert (case["segment"], case["rows"]) == (segment_for(n), 3 * segment_for(n) + 48)
        shape = keyvalue.shape(n)
        assert (case["segment"], case["rows"]) == (shape.segment, shape.rows)
    for case in vector["cases"]:
        assert store_rows(case["seed"], case["keys"]) == case["rows"]
        assert plain_rows(case["seed"], segment_for(case["keys"])) == case["rows"]


def segment_for(n: int) -> int:
    return -(-(13 * n + 300) // 30)  # ceil((1.3 n + 30) / 3)


def plain_rows(seed: Sequence[int], segment: int) -> list[int]:
    sparse = [j * segment + (part * segment >> 32) for j, part in enumerate(seed)]
    x = ((seed[1] << 32 | seed[0]) + seed[2] * 0x9E3779B97F4A7C15) % (1 << 64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ x >> shift) * factor % (1 << 64)
    x ^= x >> 31
    return sparse + [3 * segment + b for b in range(48) if x >> 16 + b & 1]


# masks of ands


def check_masks(vector: Vector) -> None:
    run_id = bytes.fromhex(vector["run_id"])
    for case in vector["cases"]:
        rows, words = case["rows"], case["words"]
        streams = [
            PairSeeds(run_id, {"p": bytes.fromhex(seed)}).stream("p", vector["step"])
            for seed in vector["seeds"].values()
        ]
        width = max(256, (1 << 14) // rows)
        pieces = []
        for start in range(0, words, width):
            shape = (rows, min(width, words - start))
            one, two = (stream.words(*shape) for stream in streams)
            pieces.append(one ^ two)
        plain = bytes.fromhex(to_hex(np.concatenate(pieces, axis=1)))
        assert hashlib.sha256(plain).hexdigest() == case["sha256"]
        assert hashlib.sha256(and_of_zeros(rows, words)).hexdigest() == case["sha256"]


# ledger


def check_ledger(vector: Vector) -> None:
    public = bytes.fromhex(vector["public_key"])
    key = Ed25519PublicKey.from_public_bytes(public)
    previous = GENESIS
    for i, case in enumerate(vector["cases"], start=1):
        row = row_of(case)
        assert (row.index, row.previous) == (i, previous)
        assert row.fault(vector["party"], key) is None
        assert canonical(case["parsed"]) == row.body
        assert plain_hash(vector["party"], case) == row.hash
        key.verify(bytes.fromhex(row.signature), bytes.fromhex(row.hash))
        previous = row.hash
    for case in vector["refused"]:
        assert row_of(case).fault(vector["party"], key) == case["reason"], case["name"]


def row_of(case: Vector) -> Row:
    names = ("index", "time", "kind", "body", "previous", "hash", "signature")
    return Row(**{name: case[name] for name in names})


def plain_hash(party: str, case: Vector) -> str:
    texts = (party, str(case["index"]), case["time"], case["kind"], case["body"], case["previous"])
    parts = [b"mpcstats ledger entry 1", *(text.encode() for text in texts)]
    whole = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hashlib.sha256(whole).hexdigest()


def test_what_is_refused_has_one_fault() -> None:
    """Each differs from the good second entry; all but the changed ones have a right hash or signature."""
    vector = read("ledger")
    good = vector["cases"][1]
    for case in vector["refused"]:
        assert any(case[name] != good[name] for name in good if name != "parsed"), case["name"]
    assert len({case["name"] for case in vector["refused"]}) == len(vector["refused"]) > 10
    for case in vector["refused"]:
        if "canonical JSON" in case["reason"]:
            with pytest.raises((UsageError, AssertionError)):
                assert canonical(json.loads(case["body"])) == case["body"]


# plan


def check_plan(vector: Vector) -> None:
    text = (DEMO / "question.sql").read_text(encoding="utf-8")
    for case in vector["cases"]:
        found, k = demo_plan(text, case["recipients"], case["purpose"])
        said = "the plan of the demo has changed: if that is wanted, run scripts/vectors"
        assert (found, k) == (case["digest"], case["k"]), said


def test_another_question_has_another_plan() -> None:
    text = (DEMO / "question.sql").read_text(encoding="utf-8")
    known = {case["digest"] for case in read("plan")["cases"]}
    assert len(known) == len(read("plan")["cases"])
    for old, new in (("'E15'", "'E14'"), ("status = 1", "status = 2"), ("20088", "20087")):
        assert old in text
        found, _ = demo_plan(text.replace(old, new), ["bureau"], "vector")
        assert found not in known


# all of them

CHECKS: dict[str, Callable[[Vector], None]] = {
    "keys": check_keys,
    "wire": check_wire,
    "streams": check_streams,
    "bits": check_bits,
    "store": check_store,
    "masks": check_masks,
    "ledger": check_ledger,
    "plan": check_plan,
}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_block_is_what_its_vectors_say(name: str) -> None:
    CHECKS[name](read(name))


def test_every_file_is_checked() -> None:
    assert {p.stem for p in (CHECKOUT / "tests" / "vectors").glob("*.json")} == set(CHECKS)


FIELDS = [
    ("keys", "cases", "key"),
    ("keys", "encodings", "text"),
    ("keys", "encodings", "sha256"),
    ("keys", "encodings", "block"),
    ("wire", "tags", "tag"),
    ("wire", "digests", "digest"),
    ("streams", "cases", "words"),
    ("streams", "cases", "private_key"),
    ("bits", "cases", "rows"),
    ("store", "sizes", "segment"),
    ("store", "sizes", "rows"),
    ("store", "cases", "rows"),
    ("masks", "cases", "sha256"),
    ("ledger", "cases", "hash"),
    ("ledger", "cases", "signature"),
    ("ledger", "cases", "body"),
    ("ledger", "refused", "reason"),
    ("plan", "cases", "digest"),
    ("plan", "cases", "k"),
]


@pytest.mark.parametrize(("name", "cases", "field"), FIELDS)
def test_nothing_in_a_block_may_change(name: str, cases: str, field: str) -> None:
    """Negative control: each field changed in the first case, and in the last that has one."""
    vector = read(name)
    there = [i for i, case in enumerate(vector[cases]) if case[field] is not None]
    for i in (there[0], there[-1]):
        changed = copy.deepcopy(vector)
        changed[cases][i][field] = other_than(changed[cases][i][field])
        with pytest.raises((AssertionError, InvalidSignature)):
            CHECKS[name](changed)


def other_than(value: Any) -> Any:
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, list):
        return [*value[:-1], other_than(value[-1])]
    last = str(value)[-1:]
    return str(value)[:-1] + ("0" if last != "0" else "1")


def test_a_stream_ends_in_no_block_that_is_wrong() -> None:
    """The plain stream and the library's agree beyond a block's end and in pieces."""
    stream = PairSeeds(b"r", {"b": bytes(32)}).stream("b", "s")
    whole = PairSeeds(b"r", {"b": bytes(32)}).stream("b", "s").words(7)
    pieces = np.concatenate([stream.words(n) for n in (3, 1, 3)])
    assert to_hex(whole) == to_hex(pieces)
