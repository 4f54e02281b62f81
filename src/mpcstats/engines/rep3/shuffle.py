"""A secret order: three passes, each with a permutation that one pair of parties knows.

Pass j of the pair (P_j, P_(j+1)), with permutation pi and masks r, m from S_(j+1): y_(j+1) = r;
y_j = pi(x_j + x_(j+1)) - r - m, sent by P_j to P_(j+2); y_(j+2) = pi(x_(j+2)) + m, sent by P_(j+1) to P_(j+2).
The components add up to pi(x). P_(j+2) sees two uniform vectors: without m it would know x_(j+2) and read pi off
pi(x_(j+2)). Each party misses one of the three permutations, so their composition is uniform to it.
Bits: the same with exclusive or, on elements of 64 bits a word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.rep3.bundle import Bundle, Layout, moved
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.session import Session, Stream, Words

PASSES = 3


async def shuffle(
    session: Session, seat: Seat, columns: Sequence[Arith | Bits]
) -> list[Arith | Bits]:
    """All columns in one order that nobody knows. Three rounds; two words an element of 64 bits and party."""
    bundle = Bundle.of(columns)
    own, following = bundle.own, bundle.following
    for j in range(PASSES):
        step = session.narrow(f"pass{j}")
        own, following = await _pass(step, seat, j, bundle.layout, own, following)
    return bundle.restored(own, following)


async def _pass(
    session: Session, seat: Seat, j: int, layout: Layout, own: Words, following: Words
) -> tuple[Words, Words]:
    shape = own.shape
    role = (seat.index - j) % 3
    if role == 2:
        return await _receive(session, seat, shape)
    stream = seat.next_stream(session) if role == 0 else seat.own_stream(session)
    order, r, m = _drawn(stream, shape)
    return await _send(session, seat, role, layout, (own, following), order, (r, m))


async def move(
    session: Session,
    seat: Seat,
    j: int,
    layout: Layout,
    own: Words,
    following: Words,
    order: Positions | None,
    kept: int,
) -> tuple[Words, Words]:
    """Pass j with an order of `kept` rows that its pair knows already; None at the third party."""
    shape = (layout.rows, kept)
    role = (seat.index - j) % 3
    if order is None:
        return await _receive(session, seat, shape)
    stream = seat.next_stream(session) if role == 0 else seat.own_stream(session)
    masks = stream.words(*shape), stream.words(*shape)
    return await _send(session, seat, role, layout, (own, following), order, masks)


async def _send(
    session: Session,
    seat: Seat,
    role: int,
    layout: Layout,
    parts: tuple[Words, Words],
    order: Positions,
    masks: tuple[Words, Words],
) -> tuple[Words, Words]:
    (own, following), (r, m) = parts, masks
    if role == 0:
        whole = moved(own, order)
        layout.plus(whole, moved(following, order))
        layout.minus(whole, r)
        layout.minus(whole, m)
        await session.exchange(send={seat.left: whole})
        return whole, r
    last = moved(following, order)
    layout.plus(last, m)
    await session.exchange(send={seat.right: last})
    return r, last


async def _receive(session: Session, seat: Seat, shape: tuple[int, ...]) -> tuple[Words, Words]:
    replies = await session.exchange(receive={seat.left: shape, seat.right: shape})
    return replies[seat.left], replies[seat.right]


def _drawn(stream: Stream, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], Words, Words]:
    """The pair's permutation and masks, the same at both."""
    order = stream.permutation(shape[1]).astype(np.intp)
    return order, stream.words(*shape), stream.words(*shape)
