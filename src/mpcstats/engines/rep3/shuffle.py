"""A secret order: three passes, each with a permutation that one pair of parties knows.

Pass j of the pair (P_j, P_(j+1)), with permutation pi and masks r, m from S_(j+1): y_(j+1) = r;
y_j = pi(x_j + x_(j+1)) - r - m, sent by P_j to P_(j+2); y_(j+2) = pi(x_(j+2)) + m, sent by P_(j+1) to P_(j+2).
The components add up to pi(x). P_(j+2) sees two uniform vectors: without m it would know x_(j+2) and read pi off
pi(x_(j+2)). Each party misses one of the three permutations, so their composition is uniform to it.
Bits: the same with exclusive or, on elements of 64 bits a word.

Undoing it takes the inverse permutations in the opposite order, with fresh masks: to every party again two
uniform vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.column import Column, Shuffled, ShuffleOrder
from mpcstats.engines.rep3.bundle import Bundle, Layout, Rows, add
from mpcstats.engines.rep3.product import BLOCK_WORDS
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Positions
from mpcstats.errors import InternalError
from mpcstats.session import Session, Stream, Words

Both = tuple[Rows, Rows]  # parts
PASSES = 3


async def shuffle(session: Session, seat: Seat, columns: Sequence[Column]) -> Shuffled:
    """All columns in one order that nobody knows. Three rounds; two words an element of 64 bits and party."""
    bundle = Bundle.of(columns)
    parts: Both = (bundle.own, bundle.following)
    orders = []
    for j in range(PASSES):
        step = session.narrow(f"pass{j}")
        known = _known(step, seat, j, bundle.n)
        parts = await _moved(step.narrow("move"), seat, j, bundle, parts, known)
        orders.append(known if known is not None else np.empty(0, dtype=np.intp))
    return Shuffled(
        tuple(bundle.restored(*parts)),
        ShuffleOrder(bundle.n, tuple(o.view(np.uint64) for o in orders)),
    )


async def unshuffle(
    session: Session, seat: Seat, order: ShuffleOrder, columns: Sequence[Column]
) -> list[Column]:
    """The columns in the order from before the shuffle: its passes backwards, with masks of their own."""
    bundle = Bundle.of(columns)
    if bundle.n != order.length:
        raise InternalError(f"expected columns of {order.length} rows, got {bundle.n}")
    parts: Both = (bundle.own, bundle.following)
    for j in reversed(range(PASSES)):
        known = order.parts[j].view(np.intp)
        back: Positions | None = None
        if seat.index != (j + 2) % 3:
            back = np.empty_like(known)
            back[known] = np.arange(known.size)
        parts = await _moved(session.narrow(f"pass{j}"), seat, j, bundle, parts, back)
    return bundle.restored(*parts)


def _known(session: Session, seat: Seat, j: int, n: int) -> Positions | None:
    """The permutation of pass j, drawn from S_(j+1); None at P_(j+2), who does not know it."""
    role = (seat.index - j) % 3
    if role == 2:
        return None
    stream = seat.next_stream(session) if role == 0 else seat.own_stream(session)
    return stream.permutation(n)


async def _moved(
    session: Session, seat: Seat, j: int, bundle: Bundle, parts: Both, order: Positions | None
) -> Both:
    """Pass j of the pair that knows `order`: new row i is old row order[i]."""
    layout, shape = bundle.layout, (bundle.layout.rows, bundle.n)
    if order is None:
        replies = await session.exchange(receive={seat.left: shape, seat.right: shape})
        return replies[seat.left], replies[seat.right]
    first = (seat.index - j) % 3 == 0
    stream = seat.next_stream(session) if first else seat.own_stream(session)
    r = stream.words(*shape)
    own, following = parts
    if not first:
        m = _second_mask(stream, *shape)
        for row, other, number in zip(m, following, layout.numbers, strict=True):
            taken = other.take(order, mode="clip")
            add(row, taken, number=number)
        await session.exchange(send={seat.right: m})
        return r, m
    found = np.empty(shape, dtype=np.uint64)
    for i, number in enumerate(layout.numbers):
        whole = own[i] + following[i] if number else own[i] ^ following[i]
        np.take(whole, order, out=found[i], mode="clip")
    layout.minus(found, r)
    _take_off(stream, found, layout)
    await session.exchange(send={seat.left: found})
    return found, r


def _second_mask(stream: Stream, *shape: int) -> Words:
    """Words of m, without which P_(j+2) would read the permutation off what it knows."""
    return stream.words(*shape)


def _take_off(stream: Stream, rows: Words, layout: Layout) -> None:
    """Subtract m, drawn row by row; it is used once, so it is never stored as a whole."""
    for row, number in zip(rows, layout.numbers, strict=True):
        for start in range(0, row.size, BLOCK_WORDS):
            part = row[start : start + BLOCK_WORDS]
            mask = _second_mask(stream, part.size)
            if number:
                part -= mask
            else:
                part ^= mask
