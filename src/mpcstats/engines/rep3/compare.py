"""Comparisons of bit-sliced secrets by trees of ands; a level of a tree is one round.

Less-than: leaves P = not (x xor y), V = y for each bit. A pair of neighbouring blocks becomes one:
V = V_hi xor P_hi (V_hi xor V_lo) and P = P_hi P_lo, where P says "equal so far" and V is y's bit at the highest
place of difference. A leaf V = 0 below all bits decides ties. The lowest block needs no P, so k bits take
2k - log2 k ands or less. Equality: the and of all not (x xor y).
"""

from __future__ import annotations

import numpy as np

from mpcstats.engines.rep3.product import conj
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Bits
from mpcstats.session import Session


async def less_than(session: Session, seat: Seat, x: Bits, y: Bits) -> Bits:
    """One row: x < y. Rows of x and y are equally many; row 0 is the lowest bit."""
    same = ~(x ^ y)
    zero = _constant_zero(y)
    value = Bits.stack([zero, y])
    propagate = Bits.stack([zero, same])  # the lowest leaf's P is never used
    level = 0
    while value.width > 1:
        value, propagate = await _combine(session.narrow(f"level{level}"), seat, value, propagate)
        level += 1
    return value


async def _combine(session: Session, seat: Seat, value: Bits, propagate: Bits) -> tuple[Bits, Bits]:
    pairs = value.width // 2
    low, high = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    v_high, p_high = value.rows(high), propagate.rows(high)
    difference = v_high ^ value.rows(low)
    # The lowest pair's P would never be used: it is not computed.
    p_low = propagate.rows(slice(2, 2 * pairs, 2))
    chosen, p_joint = await conj_bits(
        session, seat, [(p_high, difference), (p_high.rows(slice(1, None)), p_low)]
    )
    value_out, propagate_out = [v_high ^ chosen], [propagate.rows(0), p_joint]
    if value.width % 2:
        value_out.append(value.rows(value.width - 1))
        propagate_out.append(propagate.rows(value.width - 1))
    return Bits.stack(value_out), Bits.stack(propagate_out)


async def equal(session: Session, seat: Seat, x: Bits, y: Bits) -> Bits:
    """One row: 1 where all rows of x and y agree."""
    same = ~(x ^ y)
    level = 0
    while same.width > 1:
        pairs = same.width // 2
        left, right = same.rows(slice(0, pairs)), same.rows(slice(pairs, 2 * pairs))
        (joint,) = await conj_bits(session.narrow(f"level{level}"), seat, [(left, right)])
        rest = [same.rows(same.width - 1)] if same.width % 2 else []
        same = Bits.stack([joint, *rest]) if rest else joint
        level += 1
    return same


async def conj_bits(session: Session, seat: Seat, pairs: list[tuple[Bits, Bits]]) -> list[Bits]:
    """The and of each pair, all in one round."""
    products = await conj(session, seat, [(x.parts, y.parts) for x, y in pairs])
    return [
        Bits(x.length, x.width, parts, seat.constant_at)
        for (x, _), parts in zip(pairs, products, strict=True)
    ]


def _constant_zero(like: Bits) -> Bits:
    parts = tuple(np.zeros((1, *a.shape[1:]), dtype=np.uint64) for a in like.parts)
    return Bits(like.length, 1, parts, like.constant_at)
