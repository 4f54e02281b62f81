"""Z_2^128: numbers that get a second word, products, sums of products, and openings of them."""

from __future__ import annotations

import numpy as np

from mpcstats.algebra import wide
from mpcstats.engines.rep3 import reveal
from mpcstats.engines.rep3.seat import Seat, seat_of
from mpcstats.engines.share import Arith, Parts
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words

OFFSET = 1 << 62


async def lift(session: Session, seat: Seat, x: Arith) -> Wide:
    """x, read as signed and in [-2^62, 2^62), in Z_2^128. Two rounds; an element costs P_0 two words, the others one.

    y = x + 2^62 lies in [0, 2^63). With A = y_0 + y_1 - k 2^64 in [0, 2^64) and B = y_2, y = A + B - c 2^64. As the
    top bit of y is 0: c = 1 if a_63 or b_63 is 1, else 0 (both: A + B >= 2^64; one: if there were no carry, y
    would have its top bit). So y = y_0 + y_1 + y_2 - h 2^64 with h = k + a + b - a b: the low words stay, and
    only high words that add up to -h are to be made. P_0 knows k and a, P_1 and P_2 know b.
    P_0 splits -(k + a) and a with masks S_1 and sends the rest to P_2: so a b = a_1 b + a_0 b, where P_1 knows
    the first and P_2 the second. They mask it with T_1 = S_1 and T_0 = S_0 of the next step and tell each other.
    """
    y = x.plus(OFFSET)
    shape = (2, *x.shape)
    split, join = session.narrow("split"), session.narrow("join")
    own, following = y.parts
    if seat.index == 0:
        whole = own + following
        a = whole >> np.uint64(63)
        carried = (whole < own) + a
        masks = seat.next_stream(split).words(*shape)
        sent = np.stack([np.uint64(0) - carried, a]) - masks
        await split.exchange(send={seat.left: sent})
        high = (
            sent[0] + seat.own_stream(join).words(*x.shape),
            masks[0] + seat.next_stream(join).words(*x.shape),
        )
    elif seat.index == 1:
        b = following >> np.uint64(63)
        masks = seat.own_stream(split).words(*shape)
        t_1 = seat.own_stream(join).words(*x.shape)
        told = masks[1] * b - t_1
        reply = await join.exchange(send={seat.right: told}, receive={seat.right: x.shape})
        high = (masks[0] + t_1, told + reply[seat.right] - b)
    else:
        b = own >> np.uint64(63)
        sent = (await split.exchange(receive={seat.right: shape}))[seat.right]
        t_0 = seat.next_stream(join).words(*x.shape)
        told = sent[1] * b - t_0
        reply = await join.exchange(send={seat.left: told}, receive={seat.left: x.shape})
        high = (told + reply[seat.left] - b, sent[0] + t_0)
    parts = (np.stack([own, high[0]]), np.stack([following, high[1]]))
    return Wide(x.shape, parts, seat.constant_at).plus(-OFFSET)


async def multiply(session: Session, seat: Seat, x: Parts, y: Parts) -> Parts:
    """The parts of x * y mod 2^128. Source: as for product.multiply, in the larger ring. Two words an element."""
    z = wide.multiply(x[0], wide.add(y[0], y[1]))
    z = wide.add(z, wide.multiply(x[1], y[0]))
    return await _reshare(session, seat, z)


async def dot(session: Session, seat: Seat, x: Parts, y: Parts) -> Parts:
    """The parts of the sum over the last axis of x * y mod 2^128: two words in all, or for each row."""
    z = wide.dot(x[0], wide.add(y[0], y[1]))
    z = wide.add(z, wide.dot(x[1], y[0]))
    return await _reshare(session, seat, z)


async def _reshare(session: Session, seat: Seat, summand: Words) -> Parts:
    # a_0 + a_1 + a_2 = 0 in Z_2^128: each S_j is added by P_j and taken off by P_(j-1).
    masked = wide.add(summand, seat.own_stream(session).words(*summand.shape))
    masked = wide.subtract(masked, seat.next_stream(session).words(*summand.shape))
    reply = await session.exchange(send={seat.left: masked}, receive={seat.right: masked.shape})
    return masked, reply[seat.right]


async def reveal_one(
    session: Session, seat: Seat | None, x: Wide, to: str, compute: tuple[str, ...]
) -> Words | None:
    """x at `to`, shape (2, *x.shape); None elsewhere. Checks and messages are those of reveal."""
    recipient = seat_of(to, compute)
    shape = (2, *x.shape)
    if recipient is not None:
        if seat is None:
            return None
        missing = await reveal.missing_inside(session, seat, x.parts, to, recipient)
        return None if missing is None else wide.add(wide.add(x.parts[0], x.parts[1]), missing)
    fresh = None
    if seat is not None:
        fresh = await _reshare(session.narrow("fresh"), seat, x.parts[0])
    found = await reveal.components_outside(session, fresh, to, compute, shape)
    return None if found is None else wide.add(wide.add(found[0], found[1]), found[2])
