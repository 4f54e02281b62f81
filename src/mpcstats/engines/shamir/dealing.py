"""Sharing: dealers, each with a value of its own, give every compute party a share; t of these are drawn from streams.

A dealer's polynomial f of degree t has f(0) = its value and, at the points of t receivers, what the streams that it
shares with them say: uniform, and known to them without a message. The shares of all others follow by interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from mpcstats.algebra.galois import DEGREE, ONE, Constant, Extension, Matrix, interpolation
from mpcstats.engines.shamir.group import Group
from mpcstats.session import Session, Words


async def deal(
    session: Session,
    group: Group,
    ring: Extension,
    value: Words | None,
    *,
    dealers: Sequence[str],
    shape: tuple[int, ...],
    factor: Constant = ONE,
) -> Iterator[Words]:
    """This party's share of what each of `dealers` deals, shape (4, *shape), one after the other; one round.

    `value` at a dealer: `factor` times this is shared, of shape (4, *shape), or (1, *shape) for part 0 alone. Nothing
    at parties that do not compute.
    """
    me = session.me
    own: Words | None = None
    sent: dict[str, Words] = {}
    if me in dealers and value is not None:
        own, sent = _split(session, group, ring, value, shape, factor)
    senders = [d for d in dealers if me in group.sent(d)]
    replies = await session.exchange(send=sent, receive=dict.fromkeys(senders, (DEGREE, *shape)))

    def shares() -> Iterator[Words]:
        for dealer in dealers if me in group.compute else ():
            if dealer == me and own is not None:
                yield own
            elif dealer in replies:
                yield replies[dealer]
            else:
                yield session.stream(dealer).words(DEGREE, *shape)

    return shares()


def summed(ring: Extension, shares: Iterator[Words]) -> Words:
    """The sum of what several dealers dealt, in an array of its own."""
    total = next(shares).copy()
    for share in shares:
        ring.add(total, share)
    return total


@lru_cache(maxsize=1024)
def _shares(
    ring: Extension, known: tuple[int, ...], wanted: tuple[int, ...], factor: Constant
) -> Matrix:
    """Shares at `wanted` from the value at the first of `known`, times `factor`, and those at the others."""
    rows = interpolation(ring, known, wanted)
    return tuple((ring.times(first, factor), *rest) for first, *rest in rows)


def _split(
    session: Session,
    group: Group,
    ring: Extension,
    value: Words,
    shape: tuple[int, ...],
    factor: Constant,
) -> tuple[Words | None, dict[str, Words]]:
    """The dealer's own share (None outside), and those that are sent."""
    me = session.me
    streamed, sent = group.streamed(me), group.sent(me)
    inside = (me,) if me in group.compute else ()
    drawn = [session.stream(party).words(DEGREE, *shape) for party in streamed]
    known, wanted = (0, *group.points(streamed)), group.points((*inside, *sent))
    found = ring.applied(_shares(ring, known, wanted, factor), [value, *drawn])
    own = np.array(found[0]) if inside else None
    return own, dict(zip(sent, found[len(inside) :], strict=True))
