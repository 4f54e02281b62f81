"""An intersection-sum by the book, row by row on whole numbers: what two parties send, and what comes of it.

Independent of src: ristretto255 by tests/ristretto, Paillier by its first formulas, sets by comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from tests import ristretto
from tests.ristretto import Point

DOMAIN = b"mpcstats private_join 1 key"


def masked(scalar: int, points: Sequence[Point]) -> list[bytes]:
    return [ristretto.encode(ristretto.multiply(scalar, point)) for point in points]


def again(scalar: int, encodings: Sequence[bytes]) -> list[bytes]:
    """What has been masked, masked once more."""
    found = []
    for encoding in encodings:
        point = ristretto.decode(encoding)
        assert point is not None
        found.append(ristretto.encode(ristretto.multiply(scalar, point)))
    return found


def hashed(prefix: bytes, keys: Sequence[bytes]) -> list[Point]:
    return [ristretto.hash_to_group(prefix + key, DOMAIN) for key in keys]


def encrypted(n: int, plain: int, blind: int) -> int:
    """(1 + n)^plain times the n-th residue `blind`."""
    return pow(1 + n, plain % n, n * n) * blind % (n * n)


def decrypted(p: int, q: int, c: int) -> int:
    n, order = p * q, lcm(p - 1, q - 1)
    return (pow(c, order, n * n) - 1) // n * pow((pow(1 + n, order, n * n) - 1) // n, -1, n) % n


def intersection_sum(
    keys: Sequence[bytes], rows: Sequence[tuple[bytes, int]], p: int, q: int, scalars: Sequence[int]
) -> tuple[int, int]:
    """The number of common keys and the sum of the rows that have one, found under both masks."""
    alpha, beta = scalars
    n = p * q
    ours = set(again(beta, masked(alpha, hashed(b"", keys))))
    theirs = again(alpha, masked(beta, hashed(b"", [key for key, _ in rows])))
    product, size = 1, 0
    for element, (_, value) in zip(theirs, rows, strict=True):
        if element in ours:
            product = product * encrypted(n, value, pow(size + 2, n, n * n)) % (n * n)
            size += 1
    total = decrypted(p, q, product)
    return size, total - n if total > n // 2 else total
