"""RFC 6962 trees: roots, every proof of every small tree, the published vectors, and proofs that must fail."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mpcstats.errors import UsageError
from mpcstats.records.ledger import merkle

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "crypto_vectors" / "rfc6962"
MOST = 64
LEAVES = [merkle.leaf_hash(n.to_bytes(2, "big")) for n in range(MOST + 1)]
there = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the vectors ../shared/data/crypto_vectors are not beside this"
)


def plain_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = max(2**i for i in range(8) if 2**i < len(leaves))
    return hashlib.sha256(b"\1" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def plain_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = max(2**i for i in range(8) if 2**i < len(leaves))
    if m < k:
        return [*plain_path(m, leaves[:k]), plain_root(leaves[k:])]
    return [*plain_path(m - k, leaves[k:]), plain_root(leaves[:k])]


def plain_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [plain_root(leaves)]
    k = max(2**i for i in range(8) if 2**i < len(leaves))
    if m <= k:
        return [*plain_subproof(m, leaves[:k], whole), plain_root(leaves[k:])]
    return [*plain_subproof(m - k, leaves[k:], False), plain_root(leaves[:k])]


def grow() -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    for index, leaf in enumerate(LEAVES):
        for level, number, made in merkle.grown(index, leaf, lambda *at: nodes[at]):
            assert (level, number) not in nodes
            nodes[level, number] = made
    return nodes


NODES = grow()
ROOTS = [plain_root(LEAVES[:size]) for size in range(MOST + 1)]


def node(level: int, number: int) -> bytes:
    return NODES[level, number]


def flips(parts: Sequence[bytes]) -> list[list[bytes]]:
    """`parts` with one bit changed, for every byte."""
    found = []
    for i, part in enumerate(parts):
        for at in range(len(part)):
            changed = part[:at] + bytes([part[at] ^ 1 << at % 8]) + part[at + 1 :]
            found.append([*parts[:i], changed, *parts[i + 1 :]])
    return found


def test_the_root_is_the_plain_one_at_every_size() -> None:
    assert [merkle.root(size, node) for size in range(MOST + 1)] == ROOTS
    assert [merkle.root(0, node)] == [merkle.EMPTY]


def test_a_leaf_is_no_node() -> None:
    left, right = LEAVES[:2]
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


def test_every_inclusion_proof_is_the_plain_one_and_holds_for_nothing_else() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            proof = merkle.inclusion(index, size, node)
            assert list(proof) == plain_path(index, LEAVES[:size])
            assert merkle.included(LEAVES[index], index, size, proof, ROOTS[size])
            assert not merkle.included(LEAVES[index + 1], index, size, proof, ROOTS[size])
            assert not merkle.included(LEAVES[index], index ^ 1, size, proof, ROOTS[size])
            assert not merkle.included(LEAVES[index], index, size, proof[:-1], ROOTS[size]) or (
                size == 1
            )
            longer = (*proof, LEAVES[0])
            assert not merkle.included(LEAVES[index], index, size, longer, ROOTS[size])
            assert not merkle.included(LEAVES[index], index, size, proof, ROOTS[size - 1])


def test_every_consistency_proof_is_the_plain_one_and_holds_for_nothing_else() -> None:
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            proof = merkle.consistency(old, new, node)
            assert list(proof) == plain_subproof(old, LEAVES[:new], True)
            assert merkle.consistent(old, new, ROOTS[old], ROOTS[new], proof)
            assert not merkle.consistent(old, new, ROOTS[old - 1], ROOTS[new], proof)
            assert not merkle.consistent(old, new, ROOTS[old], ROOTS[new - 1], proof)
            longer = (*proof, LEAVES[0])
            assert not merkle.consistent(old, new, ROOTS[old], ROOTS[new], longer)
            if old < new:
                assert not merkle.consistent(old, new, ROOTS[old], ROOTS[new], proof[:-1])


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (4, 7), (63, 64), (5, 64), (40, 41)])
def test_an_inclusion_proof_with_any_byte_changed_fails(index: int, size: int) -> None:
    parts = [LEAVES[index], ROOTS[size], *merkle.inclusion(index, size, node)]
    for leaf, root, *proof in flips(parts):
        assert not merkle.included(leaf, index, size, proof, root)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (32, 64), (33, 63)])
def test_a_consistency_proof_with_any_byte_changed_fails(old: int, new: int) -> None:
    parts = [ROOTS[old], ROOTS[new], *merkle.consistency(old, new, node)]
    for old_root, new_root, *proof in flips(parts):
        assert not merkle.consistent(old, new, old_root, new_root, proof)


def test_an_empty_log_is_the_beginning_of_every_one() -> None:
    assert merkle.consistent(0, 5, merkle.EMPTY, ROOTS[5], ())
    assert merkle.consistent(0, 0, merkle.EMPTY, merkle.EMPTY, ())
    assert not merkle.consistent(0, 5, ROOTS[1], ROOTS[5], ())
    assert not merkle.consistent(0, 5, merkle.EMPTY, ROOTS[5], (LEAVES[0],))
    assert not merkle.consistent(0, 0, merkle.EMPTY, ROOTS[1], ())


def test_a_shorter_log_is_no_extension() -> None:
    assert not merkle.consistent(3, 2, ROOTS[3], ROOTS[2], ())
    with pytest.raises(UsageError, match=r"^expected an earlier size of at most 2, got 3$"):
        merkle.consistency(3, 2, node)
    with pytest.raises(UsageError, match=r"^expected an entry below 2, got 2$"):
        merkle.inclusion(2, 2, node)


def test_hashes_of_another_length_are_refused() -> None:
    assert not merkle.included(LEAVES[0][:31], 0, 1, (), LEAVES[0][:31])
    assert not merkle.consistent(1, 1, b"x", b"x", ())


def test_an_append_and_a_proof_ask_for_few_nodes() -> None:
    asked = []

    def counting(level: int, number: int) -> bytes:
        asked.append((level, number))
        return NODES[level, number]

    merkle.root(63, counting)
    assert len(asked) == 6
    asked.clear()
    merkle.inclusion(0, 63, counting)
    assert len(asked) <= 15
    asked.clear()
    list(merkle.grown(63, LEAVES[63], counting))
    assert len(asked) == 6


def vectors(kind: str) -> list[Any]:
    return [
        pytest.param(json.loads(path.read_text("utf-8")), id=path.stem)
        for path in sorted((VECTORS / kind).glob("*.json"))
    ]


def raw(text: str) -> bytes:
    return base64.b64decode(text)


@there
@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_published_inclusion(vector: dict[str, Any]) -> None:
    given = [raw(vector[n]) for n in ("leafHash", "root")]
    proof = [raw(part) for part in vector["proof"] or []]
    at = (vector["leafIdx"], vector["treeSize"])
    assert merkle.included(given[0], *at, proof, given[1]) != vector["wantErr"]
    for leaf, root, *changed in flips([*given, *proof]):
        assert not merkle.included(leaf, *at, changed, root)


@there
@pytest.mark.parametrize("vector", vectors("consistency"))
def test_published_consistency(vector: dict[str, Any]) -> None:
    first, second = (raw(vector[n]) for n in ("root1", "root2"))
    proof = [raw(part) for part in vector["proof"] or []]
    at = (vector["size1"], vector["size2"])
    assert merkle.consistent(*at, first, second, proof) != vector["wantErr"]
    for old, new, *changed in flips([first, second, *proof]):
        assert not merkle.consistent(*at, old, new, changed)


@there
def test_the_published_vectors_are_all_there() -> None:
    assert len(vectors("inclusion")) == len(vectors("consistency")) == 5
