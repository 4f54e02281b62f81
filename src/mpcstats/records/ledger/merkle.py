"""The Merkle tree of RFC 6962: hashes, roots, and proofs that a leaf is in a tree or that a tree extends another.

Functions over hashes alone. A complete sub-tree is named by its level and its number at that level: it holds the
leaves number * 2^level up to (number + 1) * 2^level. Whoever keeps the hashes of the complete sub-trees (each is
final once its last leaf is there) gets root and proofs from O(log n) of them; the functions ask for one through
`node(level, number)`. Verification follows RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from mpcstats.errors import UsageError

HASH_BYTES = 32
EMPTY = hashlib.sha256().digest()  # the root of a tree without leaves
MOST_HASHES = 64  # of a proof for a tree below 2^63 leaves, and one more

Node: TypeAlias = Callable[[int, int], bytes]


def leaf_hash(content: bytes) -> bytes:
    """SHA-256(0x00 || content)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right): another first byte than a leaf's, so that neither passes for the other."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grown(index: int, leaf: bytes, node: Node) -> Iterator[tuple[int, int, bytes]]:
    """Level, number and hash of every sub-tree that leaf `index` completes, the leaf itself first."""
    level, made = 0, leaf
    yield 0, index, made
    while index >> level & 1:
        made = node_hash(node(level, (index >> level) - 1), made)
        level += 1
        yield level, index >> level, made


def peaks(size: int) -> list[tuple[int, int]]:
    """Level and number of the largest complete sub-trees that a tree of `size` leaves is made of, left to right."""
    found = []
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            found.append((level, (size >> level) - 1))
    return found


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of `peaks`, in their order."""
    if not hashes:
        return EMPTY
    made = hashes[-1]
    for left in reversed(hashes[:-1]):
        made = node_hash(left, made)
    return made


def root(size: int, node: Node) -> bytes:
    """The root of a tree of `size` leaves."""
    return folded([node(level, number) for level, number in peaks(size)])


def inclusion(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that leaf `index` is in the tree of `size` leaves, lowest sibling first. Raises UsageError."""
    if not 0 <= index < size:
        raise UsageError(f"expected an entry below {size}, got {index}")
    proof = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _left(end - begin)
        if index < middle:
            proof.append(_over(middle, end, node))
            end = middle
        else:
            proof.append(_over(begin, middle, node))
            begin = middle
    return tuple(reversed(proof))


def consistency(old: int, new: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the tree of `new` leaves begins with that of `old` leaves; none if they are equal or `old` is 0.

    Raises UsageError if `old` is the larger one.
    """
    if not 0 <= old <= new:
        raise UsageError(f"expected an earlier size of at most {new}, got {old}")
    if old in (0, new):
        return ()
    proof = []
    begin, end = 0, new
    while end != old:
        middle = begin + _left(end - begin)
        if old <= middle:
            proof.append(_over(middle, end, node))
            end = middle
        else:
            proof.append(_over(begin, middle, node))
            begin = middle
    # From the left edge on, what is left is the old tree itself, whose root the verifier has.
    if begin:
        proof.append(_over(begin, end, node))
    return tuple(reversed(proof))


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is leaf `index` of the tree of `size` leaves with that root."""
    if not 0 <= index < size or not _hashes(leaf, root, *proof):
        return False
    at, last, made = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            made = node_hash(sibling, made)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            made = node_hash(made, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and made == root


def consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the tree of `new` leaves begins with the tree of `old` leaves."""
    if not 0 <= old <= new or not _hashes(old_root, new_root, *proof):
        return False
    if old == 0:
        return not proof and old_root == EMPTY and (new > 0 or new_root == EMPTY)
    if old == new:
        return not proof and old_root == new_root
    # A complete old tree is a node of the new one, and its root is not in the proof.
    given = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not given:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old_made = new_made = given[0]
    for sibling in given[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old_made = node_hash(sibling, old_made)
            new_made = node_hash(sibling, new_made)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new_made = node_hash(new_made, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old_made == old_root and new_made == new_root


def _left(n: int) -> int:
    """The leaves on the left of a tree of n > 1: the largest power of two below n."""
    return 1 << ((n - 1).bit_length() - 1)


def _over(begin: int, end: int, node: Node) -> bytes:
    """The hash over leaves begin to end, which a split of the tree has given."""
    hashes = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        hashes.append(node(level, begin >> level))
        begin += 1 << level
    return folded(hashes)


def _hashes(*given: bytes) -> bool:
    return len(given) <= MOST_HASHES + 2 and all(len(part) == HASH_BYTES for part in given)
