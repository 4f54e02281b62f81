"""The vectors of building blocks: the library does as they say, and so does a second, plainer way to compute it.

Here the second way is written from the text of the specifications alone: Python's integers and hashlib, no numpy.
"""

from __future__ import annotations

import base64
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
from tests.property.test_galois import slow_product
from tests.vectors.blocks import (
    DEMO,
    and_of_zeros,
    demo_plan,
    key_text,
    normal,
    refusal,
    store_rows,
)
from tests.vectors.files import CHECKOUT
from tests.vectors.plays import block
from tests.vectors.world import from_hex, private_key, to_hex

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import keyvalue
from mpcstats.errors import UsageError
from mpcstats.records.ledger.checkpoint import cosigned, read_checkpoint
from mpcstats.records.ledger.entry import read_entry
from mpcstats.records.ledger.note import Note
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
    note, leaves = vector["empty"], []
    check_note(note, public, 0, hashlib.sha256().digest())
    for case in vector["cases"]:
        entry = case["entry"]
        plain = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert plain == case["content"]
        assert read_entry(plain).to_json() == entry
        assert entry["previous"] == hashlib.sha256(note.encode()).hexdigest()
        leaves.append(hashlib.sha256(b"\0" + plain.encode()).digest())
        assert read_entry(plain).leaf.hex() == leaves[-1].hex() == case["leaf"]
        assert plain_root(leaves).hex() == case["root"]
        note = case["checkpoint"]
        check_note(note, public, len(leaves), plain_root(leaves))
    for case in vector["cosigned"]:
        check_cosigned(case, note)
    for case in vector["refused"]:
        if case["what"] == "entry":
            said = refusal(read_entry, case["text"])
        else:
            said = refusal(read_checkpoint, case["text"], "bureau", public)
        assert said == case["reason"], case["name"]


def plain_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = max(2**i for i in range(8) if 2**i < len(leaves))
    return hashlib.sha256(b"\1" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def check_note(note: str, public: bytes, size: int, root: bytes) -> None:
    name = "mpcstats/bureau"
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
    key_id = hashlib.sha256(f"{name}\n\1".encode() + public).digest()[:4]
    head = f"{text}\n\u2014 {name} "
    assert note.startswith(head)
    assert note.endswith("\n")
    line = base64.b64decode(note[len(head) : -1], validate=True)
    assert line[:4] == key_id
    Ed25519PublicKey.from_public_bytes(public).verify(line[4:], text.encode())
    assert str(read_checkpoint(note, "bureau", public)[0]) == note


def check_cosigned(case: Vector, note: str) -> None:
    public = bytes.fromhex(case["public_key"])
    name = f"mpcstats/{case['cosigner']}"
    head = f"{note}\u2014 {name} "
    assert case["checkpoint"].startswith(head)
    line = base64.b64decode(case["checkpoint"][len(head) : -1], validate=True)
    assert line[:4] == hashlib.sha256(f"{name}\n\4".encode() + public).digest()[:4]
    assert line[4:12] == case["time"].to_bytes(8, "big")
    text = f"cosignature/v1\ntime {case['time']}\n" + note.partition("\n\n")[0] + "\n"
    Ed25519PublicKey.from_public_bytes(public).verify(line[12:], text.encode())
    read = Note.parse(case["checkpoint"])
    assert cosigned(read, case["cosigner"], public) == case["time"]


def test_what_is_refused_has_one_fault() -> None:
    """Each is near a good entry or checkpoint, and no two are the same."""
    vector = read("ledger")
    good = {vector["cases"][1]["content"], vector["cosigned"][0]["checkpoint"]}
    texts = [case["text"] for case in vector["refused"]]
    assert len(set(texts) - good) == len(texts) > 20
    assert len({case["name"] for case in vector["refused"]}) == len(texts)


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

MODULI = {"numbers": 1 << 64, "bits": 2, "wide": 1 << 128}


def check_galois(vector: Vector) -> None:
    """Polynomials in Python's integers; what is said to be an inverse, or a row of coefficients, by what it must do."""

    def read_all(*texts: Sequence[str]) -> list[Any]:
        return [tuple(int(text, 16) for text in each) for each in texts]

    for case in vector["products"]:
        x, y, product = read_all(case["x"], case["y"], case["product"])
        assert slow_product(x, y, MODULI[case["ring"]]) == product
    for case in vector["inverses"]:
        x, inverse = read_all(case["x"], case["inverse"])
        assert slow_product(x, inverse, MODULI[case["ring"]]) == (1, 0, 0, 0)
    for case in vector["lagrange"]:
        modulus, row = MODULI[case["ring"]], read_all(*case["row"])
        points = [tuple((i >> k) & 1 for k in range(4)) for i in (*case["known"], case["wanted"])]
        # The row is right if it is for all powers of X: sum of c_i p_i^k = w^k.
        powers: list[Any] = [(1, 0, 0, 0)] * len(points)
        for _ in case["known"]:
            total = [0] * 4
            for c, power in zip(row, powers[:-1], strict=True):
                for k, v in enumerate(slow_product(c, power, modulus)):
                    total[k] = (total[k] + v) % modulus
            assert tuple(total) == powers[-1]
            powers = [slow_product(q, p, modulus) for q, p in zip(powers, points, strict=True)]


CHECKS: dict[str, Callable[[Vector], None]] = {
    "keys": check_keys,
    "wire": check_wire,
    "streams": check_streams,
    "bits": check_bits,
    "store": check_store,
    "masks": check_masks,
    "ledger": check_ledger,
    "plan": check_plan,
    "galois": check_galois,
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
    ("galois", "products", "product"),
    ("galois", "inverses", "inverse"),
    ("galois", "lagrange", "row"),
    ("ledger", "cases", "content"),
    ("ledger", "cases", "leaf"),
    ("ledger", "cases", "root"),
    ("ledger", "cases", "checkpoint"),
    ("ledger", "cosigned", "checkpoint"),
    ("ledger", "cosigned", "time"),
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
        with pytest.raises((AssertionError, InvalidSignature, UsageError, ValueError)):
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
