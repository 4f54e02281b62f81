"""Comparisons of bit-sliced secrets by trees of ands; a level of a tree is one round.

Less-than: leaves P = not (x xor y), V = y for each bit. A pair of neighbouring blocks becomes one:
V = V_hi xor P_hi (V_hi xor V_lo) and P = P_hi P_lo, where P says "equal so far" and V is y's bit at the highest
place of difference. A leaf V = 0 below all bits decides ties. The lowest block needs no P, so k bits take
2k - log2 k ands or less. Equality: the and of all not (x xor y).
"""

from __future__ import annotations

import numpy as np

from mpcstats.engines.rep3.product import Block, Operand, conj
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Bits, Parts
from mpcstats.session import Session


async def less_than(session: Session, seat: Seat, x: Bits, y: Bits) -> Bits:
    """One row: x < y. Rows of x and y are equally many; row 0 is the lowest bit."""
    value, propagate = await _leaves(session.narrow("level0"), seat, x, y)
    level = 1
    while value.width > 1:
        value, propagate = await _combine(session.narrow(f"level{level}"), seat, value, propagate)
        level += 1
    return value


async def _leaves(session: Session, seat: Seat, x: Bits, y: Bits) -> tuple[Bits, Bits]:
    """The lowest level: leaf 0 is V = 0, leaf j + 1 is bit j; leaves (2i, 2i + 1) become block i.

    P and V of single bits are never stored: they are computed where they are multiplied. Row i of the second
    result is P of block i + 1.
    """
    width = x.width
    high, low = slice(2, width, 2), slice(1, width - 1, 2)
    p_high = _same(x, y, high)
    pairs = [
        (_same(x, y, slice(0, 1)), Operand.of(y.rows(slice(0, 1)).parts)),
        (p_high, _different(y.rows(high), y.rows(low))),
        (p_high, _same(x, y, low)),
    ]
    lowest, chosen, joint = await conj(session, seat, pairs)
    value = _filled(y, (width + 2) // 2)
    propagate = _filled(y, value.width - 1)
    y_high = y.rows(slice(0, width, 2))
    for part, bits, first, rest in zip(value.parts, y_high.parts, lowest, chosen, strict=True):
        np.bitwise_xor(bits[:1], first, out=part[:1])
        np.bitwise_xor(bits[1:], rest, out=part[1 : bits.shape[0]])
    for part, rows in zip(propagate.parts, joint, strict=True):
        part[: rows.shape[0]] = rows
    if width % 2 == 0:  # the leaf of the highest bit has no neighbour
        top = slice(width - 1, width)
        _put(value, -1, y.rows(top).parts)
        _put(propagate, -1, _same(x, y, top).at((...,)))
    return value, propagate


async def _combine(session: Session, seat: Seat, value: Bits, propagate: Bits) -> tuple[Bits, Bits]:
    """Neighbouring blocks become one. Row i of `propagate` is P of block i + 1: the lowest block needs none."""
    pairs = value.width // 2
    low, high = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    v_high, p_high = value.rows(high), propagate.rows(low)
    # P of the low blocks, but for the lowest one.
    p_low = propagate.rows(slice(1, 2 * pairs - 1, 2))
    chosen, joint = await conj(
        session,
        seat,
        [
            (Operand.of(p_high.parts), _different(v_high, value.rows(low))),
            (Operand.of(p_high.rows(slice(1, None)).parts), Operand.of(p_low.parts)),
        ],
    )
    odd = value.width % 2
    merged = _filled(value, pairs + odd)
    for part, bits, rows in zip(merged.parts, v_high.parts, chosen, strict=True):
        np.bitwise_xor(bits, rows, out=part[:pairs])
    if not odd:
        return merged, Bits(value.length, pairs - 1, joint, value.constant_at)
    _put(merged, -1, value.rows(slice(value.width - 1, None)).parts)
    last = propagate.rows(slice(propagate.width - 1, None))
    return merged, Bits.stack([Bits(value.length, pairs - 1, joint, value.constant_at), last])


async def equal(session: Session, seat: Seat, x: Bits, y: Bits) -> Bits:
    """One row: 1 where all rows of x and y agree."""
    if x.width == 1:
        return ~(x ^ y)
    half = x.width // 2
    left, right = _same(x, y, slice(0, half)), _same(x, y, slice(half, 2 * half))
    (joint,) = await conj(session.narrow("level0"), seat, [(left, right)])
    same = Bits(x.length, half, joint, y.constant_at)
    if x.width % 2:
        last = slice(x.width - 1, None)
        same = Bits.stack([same, ~(x.rows(last) ^ y.rows(last))])
    level = 1
    while same.width > 1:
        pairs = same.width // 2
        left_rows, right_rows = same.rows(slice(0, pairs)), same.rows(slice(pairs, 2 * pairs))
        (joined,) = await conj_bits(
            session.narrow(f"level{level}"), seat, [(left_rows, right_rows)]
        )
        rest = [same.rows(same.width - 1)] if same.width % 2 else []
        same = Bits.stack([joined, *rest]) if rest else joined
        level += 1
    return same


async def conj_bits(session: Session, seat: Seat, pairs: list[tuple[Bits, Bits]]) -> list[Bits]:
    """The and of each pair, all in one round."""
    operands = [(Operand.of(x.parts), Operand.of(y.parts)) for x, y in pairs]
    products = await conj(session, seat, operands)
    return [
        Bits(x.length, x.width, parts, seat.constant_at)
        for (x, _), parts in zip(pairs, products, strict=True)
    ]


def _same(x: Bits, y: Bits, rows: slice) -> Operand:
    """not (x xor y) in the chosen rows; a constant is added by the party that holds constants."""
    a, b = x.rows(rows), y.rows(rows)

    def at(block: Block) -> Parts:
        found = [p[block] ^ q[block] for p, q in zip(a.parts, b.parts, strict=True)]
        if y.constant_at is not None:
            np.invert(found[y.constant_at], out=found[y.constant_at])
        return found[0], found[1]

    return Operand(a.array_shape, at)


def _different(x: Bits, y: Bits) -> Operand:
    """x xor y."""
    (x_own, x_next), (y_own, y_next) = x.parts, y.parts
    return Operand(
        x.array_shape, lambda block: (x_own[block] ^ y_own[block], x_next[block] ^ y_next[block])
    )


def _filled(like: Bits, width: int) -> Bits:
    """Room for `width` rows, to be written to."""
    shape = (width, *like.parts[0].shape[1:])
    parts = tuple(np.empty(shape, dtype=np.uint64) for _ in like.parts)
    return Bits(like.length, width, parts, like.constant_at)


def _put(target: Bits, row: int, rows: Parts) -> None:
    for part, source in zip(target.parts, rows, strict=True):
        part[row] = source[0]
