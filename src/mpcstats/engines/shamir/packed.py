"""Vectors of numbers, four in one element of the ring, for what is only added: one word a number instead of four.

The secret of a packed element is all of its four parts, number 4 i + j of the vector part j of element i. Sums and
products with public numbers stay packed; products of secrets do not, as they mix the parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra.galois import DEGREE, NUMBERS, interpolation
from mpcstats.engines.shamir.dealing import deal, summed
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.share import Arith, Secret
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, Words


class Packed(Secret):
    """A vector of `length` secrets in Z_2^64; parts have shape (ceil(length / 4),)."""

    __slots__ = ("length",)

    def __init__(self, length: int, share: Words | None) -> None:
        super().__init__(() if share is None else tuple(share), None)
        self.length = length

    def __repr__(self) -> str:
        return f"<packed vector of {self.length} secrets>"

    def __add__(self, other: Packed) -> Packed:
        """The sum, in an array of its own."""
        return Packed.sum([self, other])

    @staticmethod
    def sum(secrets: Sequence[Packed]) -> Packed:
        """The sum of vectors of one length."""
        first = secrets[0]
        if {s.length for s in secrets} != {first.length}:
            raise InternalError(f"expected secrets of one length, got {list(secrets)}")
        if not first.parts:
            return Packed(first.length, None)
        total = np.stack(first.parts)
        for secret in secrets[1:]:
            for part, other in zip(total, secret.parts, strict=True):
                part += other
        return Packed(first.length, total)


def elements(length: int) -> int:
    """Ring elements that a vector takes."""
    return -(-length // DEGREE)


async def share(
    session: Session, group: Group, values: Words | None, *, owner: str, length: int
) -> Packed:
    """The secret vector that `owner` puts in; `values` of shape (length,) at the owner, None elsewhere. One round."""
    shape = (elements(length),)
    if session.me not in (*group.compute, owner):
        return Packed(length, None)
    given = None
    if session.me == owner and values is not None:
        given = np.zeros((shape[0], DEGREE), dtype=np.uint64)
        given.reshape(-1)[:length] = values
        given = np.ascontiguousarray(given.T)
    shares = await deal(session, group, NUMBERS, given, dealers=(owner,), shape=shape)
    return Packed(length, next(shares, None))


def unfolded(value: Words, length: int) -> Words:
    """The vector whose numbers are the parts of elements, shape (4, elements(length))."""
    return value.T.reshape(-1)[:length]


async def unpacked(session: Session, held: Group, packed: Packed, group: Group) -> Arith:
    """The same secrets one an element, as shares among `group`, for products and comparisons. One round.

    `held` is the group that the shares in `packed` are of, t + 1 of whom are in `group`: these share their summands.
    Raises UsageError if there are fewer.
    """
    shape = (packed.length,)
    holders = tuple(party for party in held.compute if party in group.compute)
    holders = holders[: held.threshold + 1]
    if len(holders) <= held.threshold:
        raise UsageError(f"expected {held.threshold + 1} parties with shares, got {len(holders)}")
    if session.me not in group.compute:
        return Arith(shape, (), None)
    own = None
    if session.me in holders:
        row = interpolation(NUMBERS, held.points(holders), (0,))[0]
        factor = row[holders.index(session.me)]
        value = NUMBERS.applied(((factor,),), [np.stack(packed.parts)])[0]
        own = unfolded(value, packed.length)[None]
    shares = await deal(session, group, NUMBERS, own, dealers=holders, shape=shape)
    return Arith(shape, tuple(summed(NUMBERS, shares)), 0)
