"""ristretto255: the published vectors of its hash and its multiples, and what is no element."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import ristretto

from mpcstats.algebra import group
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Stream, Words

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "crypto_vectors"
# RFC 9496, appendix A.1: multiples of the generator.
GENERATOR = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"
TWICE = "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919"
# RFC 9496, appendix A.2: encodings that must be refused: not canonical, negative, no square, negative t, y = 0.
REFUSED = (
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


def words(*texts: str) -> Words:
    plain = np.frombuffer(bytes.fromhex("".join(texts)), dtype="<u8").astype(np.uint64)
    rows: Words = plain.reshape(len(texts), -1)
    return rows


def text(row: Words) -> str:
    return bytes(row.astype("<u8").tobytes()).hex()


def of_int(value: int) -> Words:
    return words(value.to_bytes(32, "little").hex()).reshape(-1)


def shared(*parts: str) -> Any:
    path = VECTORS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the published vectors are not beside this checkout: {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_hash_and_its_multiples_are_those_of_rfc_9497() -> None:
    checked = 0
    for suite in shared("rfc9497", "voprf_ristretto255_p256.json"):
        if suite["identifier"] != "ristretto255-SHA512":
            continue
        domain, key = bytes.fromhex(suite["groupDST"]), words(suite["skSm"])[0]
        for vector in suite["vectors"]:
            names = ("Input", "Blind", "BlindedElement", "EvaluationElement")
            for plain, blind, blinded, evaluated in zip(
                *(vector[name].split(",") for name in names), strict=True
            ):
                (spread,) = group.expanded([bytes.fromhex(plain)], b"", domain)
                element = group.from_uniform(words(spread.hex()))
                found = group.multiply(element, words(blind)[0])
                assert text(found[0]) == blinded
                if suite["mode"] != 2:  # POPRF's key depends on the vector's info
                    assert text(group.multiply(found, key)[0]) == evaluated
                    checked += 1
    assert checked >= 6


def test_expansion_is_that_of_rfc_9380() -> None:
    suite = shared("rfc9380", "expand_message_xmd_SHA512_38.json")
    message, domain = b"abc", suite["DST"].encode()
    (found,) = group.expanded([message[1:]], message[:1], domain)
    assert found == slow_expansion(message, domain, 64)
    for test in suite["tests"]:
        n = int(test["len_in_bytes"], 16)
        expected = bytes.fromhex(test["uniform_bytes"])
        assert slow_expansion(test["msg"].encode(), domain, n) == expected


def slow_expansion(message: bytes, domain: bytes, n: int) -> bytes:
    """RFC 9380, section 5.3.1, for any length."""
    tag = domain + bytes([len(domain)])
    first = hashlib.sha512(bytes(128) + message + n.to_bytes(2, "big") + b"\0" + tag).digest()
    blocks = [hashlib.sha512(first + b"\1" + tag).digest()]
    while 64 * len(blocks) < n:
        mixed = bytes(a ^ b for a, b in zip(first, blocks[-1], strict=True))
        blocks.append(hashlib.sha512(mixed + bytes([len(blocks) + 1]) + tag).digest())
    return b"".join(blocks)[:n]


def test_rows_are_hashed_with_their_prefix() -> None:
    rows = np.arange(6, dtype=np.uint64).reshape(3, 2)
    found = group.hash_to_group(rows, prefix=b"run", domain=b"test")
    for row, element in zip(rows, found, strict=True):
        plain = slow_expansion(b"run" + row.astype("<u8").tobytes(), b"test", 64)
        assert text(group.from_uniform(words(plain.hex()))[0]) == text(element)
    assert len({text(row) for row in found}) == 3
    assert not np.any(group.hash_to_group(rows, prefix=b"run2", domain=b"test") == found)
    assert group.hash_to_group(rows[:0], prefix=b"", domain=b"test").shape == (0, 4)


def test_multiples_of_the_generator_are_those_of_rfc_9496() -> None:
    scalars = np.stack([of_int(1), of_int(2), of_int(group.ORDER - 1)])
    found = group.of_base(scalars)
    assert [text(row) for row in found[:2]] == [GENERATOR, TWICE]
    assert text(group.add(found[:1], found[:1])[0]) == TWICE
    assert text(group.subtract(found[1:2], found[:1])[0]) == GENERATOR
    assert group.neutral(group.add(found[:1], found[2:])).all()


def test_elements_are_those_of_the_formulas() -> None:
    uniform = Stream(b"elements of test").words(8, 8)
    factor = ristretto.ORDER // 3
    found = group.from_uniform(uniform)
    products = group.multiply(found, of_int(factor))
    sums, differences = group.add(found, products), group.subtract(found, products)
    for i, plain in enumerate(uniform.astype("<u8")):
        x = ristretto.from_uniform(plain.tobytes())
        y = ristretto.multiply(factor, x)
        assert ristretto.encode(x).hex() == text(found[i])
        assert ristretto.encode(y).hex() == text(products[i])
        assert ristretto.encode(ristretto.add(x, y)).hex() == text(sums[i])
        minus = ristretto.multiply(ristretto.ORDER - 1, y)
        assert ristretto.encode(ristretto.add(x, minus)).hex() == text(differences[i])
        assert ristretto.decode(bytes.fromhex(text(found[i]))) is not None
    assert [ristretto.decode(bytes.fromhex(encoding)) for encoding in REFUSED] == [None] * 8


def test_one_scalar_or_one_element_stands_for_all() -> None:
    base = group.of_base(np.stack([of_int(i) for i in (1, 5, 7)]))
    each = group.multiply(base, np.stack([of_int(3)] * 3))
    assert np.array_equal(group.multiply(base, of_int(3)), each)
    scalars = np.stack([of_int(i) for i in (1, 5, 7)])
    assert np.array_equal(group.multiply(base[0], scalars), base)
    assert np.array_equal(group.add(base, base[0]), group.of_base(scalars + of_int(1)))


@pytest.mark.parametrize("encoding", [*REFUSED, "00" * 32])
def test_what_is_no_element_or_neutral_gives_zeros(encoding: str) -> None:
    good = group.of_base(np.stack([of_int(9)]))
    rows = np.concatenate([good, words(encoding), good])
    assert group.neutral(group.multiply(rows, of_int(5))).tolist() == [False, True, False]


def test_a_good_encoding_is_not_refused() -> None:
    """Negative control."""
    assert not group.neutral(group.multiply(words(GENERATOR, TWICE), of_int(5))).any()


def test_a_scalar_is_below_the_order_and_not_zero() -> None:
    assert text(group.scalar(np.array([5, 0, 0, 0, 0, 0, 0, 0], dtype=np.uint64))) == text(
        of_int(5)
    )
    largest = np.full(8, 2**64 - 1, dtype=np.uint64)
    assert (
        int.from_bytes(bytes.fromhex(text(group.scalar(largest))), "little")
        == ((1 << 512) - 1) % group.ORDER
    )
    with pytest.raises(InternalError, match="randomness is bad"):
        group.scalar(np.zeros(8, dtype=np.uint64))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 8)])
def test_rows_of_another_width_are_never_read(shape: tuple[int, ...]) -> None:
    with pytest.raises(InternalError, match="rows of 4 words"):
        group.of_base(np.ones(shape, dtype=np.uint64))


def test_arrays_of_other_lengths_are_refused() -> None:
    base = group.of_base(np.stack([of_int(i) for i in (1, 5, 7)]))
    with pytest.raises(InternalError, match="as many rows"):
        group.multiply(base, base[:2])


def test_without_rbcl_it_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    group._library.cache_clear()
    monkeypatch.setitem(sys.modules, "rbcl._sodium", None)
    with pytest.raises(UsageError, match="extra `pair`"):
        group.check_installed()
    monkeypatch.undo()
    group.check_installed()
