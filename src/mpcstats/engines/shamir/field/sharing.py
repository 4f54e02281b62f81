"""Shamir's scheme over a prime field: elements as words, shares of them, and the secret of enough shares.

Party i of n (from 0) holds f(i + 1) for a polynomial f of degree t with f(0) the secret. Shamir, How to share a
secret, Communications of the ACM 22, 1979.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from mpcstats.session import Stream, Words

WORD = 64
_SPARE_WORDS = 2  # a number of 128 bits more than p, reduced mod p, is uniform but for 2^-128


def width(p: int) -> int:
    """Words of an element below p."""
    return -(-p.bit_length() // WORD)


def encode(values: Sequence[int], p: int) -> Words:
    """Elements in [0, p) as words, `width(p)` each, the lowest first."""
    size = width(p) * WORD // 8
    data = b"".join(value.to_bytes(size, "little") for value in values)
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def decode(words: Words, p: int) -> list[int] | None:
    """The elements of `encode`; None if one of them is not below p."""
    size = width(p) * WORD // 8
    data = np.ascontiguousarray(words, dtype="<u8").tobytes()
    values = [
        int.from_bytes(data[start : start + size], "little") for start in range(0, len(data), size)
    ]
    return values if all(value < p for value in values) else None


def uniform(stream: Stream, n: int, p: int) -> list[int]:
    """n elements of [0, p)."""
    size = (width(p) + _SPARE_WORDS) * WORD // 8
    data = stream.words(n * size * 8 // WORD).astype("<u8").tobytes()
    return [
        int.from_bytes(data[start : start + size], "little") % p
        for start in range(0, len(data), size)
    ]


def split(secrets: Sequence[int], *, t: int, n: int, p: int, stream: Stream) -> list[list[int]]:
    """Shares of each of `secrets`, one list a party; any t of the n lists are uniform."""
    count = len(secrets)
    drawn = uniform(stream, t * count, p)
    shares = []
    for point in range(1, n + 1):
        powers = [pow(point, j, p) for j in range(1, t + 1)]
        shares.append(
            [
                (secret + sum(c * w for c, w in zip(drawn[i::count], powers, strict=True))) % p
                for i, secret in enumerate(secrets)
            ]
        )
    return shares


@lru_cache(maxsize=1024)
def weights(points: tuple[int, ...], at: int, p: int) -> tuple[int, ...]:
    """Lagrange's coefficients: f(at) = sum of weight times f(point), for every f of degree below len(points)."""
    found = []
    for i, point in enumerate(points):
        above = below = 1
        for other in points[:i] + points[i + 1 :]:
            above = above * (at - other) % p
            below = below * (point - other) % p
        found.append(above * pow(below, -1, p) % p)
    return tuple(found)


def combine(shares: Mapping[int, Sequence[int]], p: int, at: int = 0) -> list[int]:
    """f(at) of each element, from party -> its shares; as many parties as the degree and one more, at least."""
    lagrange = weights(tuple(party + 1 for party in shares), at, p)
    columns = zip(*shares.values(), strict=True)
    return [sum(w * s for w, s in zip(lagrange, column, strict=True)) % p for column in columns]


def agree(shares: Mapping[int, Sequence[int]], t: int, p: int) -> bool:
    """Whether all shares of each element lie on one polynomial of degree t."""
    parties = list(shares)
    first = {party: shares[party] for party in parties[: t + 1]}
    return all(combine(first, p, party + 1) == list(shares[party]) for party in parties[t + 1 :])
