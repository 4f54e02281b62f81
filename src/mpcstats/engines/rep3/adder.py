"""Sums of bit-sliced numbers: all carries by a parallel prefix, a level of which is one round.

Leaf 0 is the carry that comes in, leaf i + 1 stands for bit i with P = x_i xor y_i and V = y_i. Neighbouring blocks
of leaves become one: V = V_hi xor P_hi (V_hi xor V_lo), P = P_hi P_lo. V of leaves 0 to i is the carry into bit i.
P = x xor y says "the carry goes through", and V is the carry if it does not, so leaves need no and. A block that
begins at leaf 0 needs no P.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.prefix import Level, Node, schedule
from mpcstats.engines.rep3.product import Block, Operand, conj
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Bits, Parts
from mpcstats.session import Session, Words

_ONES = np.uint64((1 << 64) - 1)


async def add(session: Session, seat: Seat, x: Bits, y: Bits, carry: Bits | int) -> Bits:
    """x + y + carry mod 2^width; `carry` is 0, 1 or one row of secret bits."""
    sums = await carries(session, seat, x, y, carry, x.width)
    for part, a, b in zip(sums.parts, x.parts, y.parts, strict=True):
        np.bitwise_xor(part, a, out=part)
        np.bitwise_xor(part, b, out=part)
    return sums


async def increment(session: Session, seat: Seat, x: Bits, carry: Bits) -> Bits:
    """x + carry mod 2^width: as add with y = 0, where V of every block but the lowest is 0."""
    value = _room(x, x.width)
    through = _room(x, x.width)
    for v, p, c, a in zip(value.parts, through.parts, carry.parts, x.parts, strict=True):
        v[:1] = c
        p[1:] = a[: x.width - 1]
    for i, level in enumerate(schedule(x.width, x.length)):
        await _grow(session.narrow(f"level{i}"), seat, value, through, level, zero=True)
    for part, a in zip(value.parts, x.parts, strict=True):
        np.bitwise_xor(part, a, out=part)
    return value


async def carries(
    session: Session, seat: Seat, x: Bits, y: Bits, carry: Bits | int, count: int
) -> Bits:
    """The carries of x + y + carry into bits 0 to count - 1, as rows; count is at most width + 1."""
    value = _room(x, count)
    through = _room(x, count)
    for i, (v, p, a, b) in enumerate(
        zip(value.parts, through.parts, x.parts, y.parts, strict=True)
    ):
        if isinstance(carry, Bits):
            v[:1] = carry.parts[i]
        else:
            v[:1] = _ONES if carry and i == seat.constant_at else 0
        v[1:] = b[: count - 1]
        np.bitwise_xor(a[: count - 1], b[: count - 1], out=p[1:])
    for i, level in enumerate(schedule(count, x.length)):
        await _grow(session.narrow(f"level{i}"), seat, value, through, level, zero=False)
    return value


async def _grow(
    session: Session, seat: Seat, value: Bits, through: Bits, level: Level, *, zero: bool
) -> None:
    """Let the blocks of one level grow, in place. `zero`: V of a block that grows is 0."""
    grown = level.inner if zero else level.final + level.inner
    high, low = _indices(grown)
    inner_high, inner_low = _indices(level.inner)
    pairs = []
    if zero:
        final_high, final_low = _indices(level.final)
        pairs.append((_taken(through.parts, final_high), _taken(value.parts, final_low)))
    else:
        pairs.append((_taken(through.parts, high), _differing(value.parts, high, low)))
    if level.inner:
        pairs.append((_taken(through.parts, inner_high), _taken(through.parts, inner_low)))
    chosen, *joint = await conj(session, seat, pairs)
    changed = _indices(level.final)[0] if zero else high
    for part, rows in zip(value.parts, chosen, strict=True):
        for i, row in zip(changed, rows, strict=True):
            np.bitwise_xor(part[i], row, out=part[i])
    for product in joint:
        for part, rows in zip(through.parts, product, strict=True):
            for i, row in zip(inner_high, rows, strict=True):
                part[i] = row


def _indices(nodes: Sequence[Node]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    high, low = ([node[side] for node in nodes] for side in range(2))
    return np.array(high, dtype=np.intp), np.array(low, dtype=np.intp)


def _taken(parts: Parts, rows: NDArray[np.intp]) -> Operand:
    """The chosen rows, copied block by block."""

    def at(block: Block) -> Parts:
        return parts[0][rows, block[-1]], parts[1][rows, block[-1]]

    return Operand((len(rows), parts[0].shape[1]), at)


def _differing(parts: Parts, high: NDArray[np.intp], low: NDArray[np.intp]) -> Operand:
    """V_hi xor V_lo."""

    def at(block: Block) -> Parts:
        found = []
        for part in parts:
            rows: Words = part[high, block[-1]]
            rows ^= part[low, block[-1]]
            found.append(rows)
        return found[0], found[1]

    return Operand((len(high), parts[0].shape[1]), at)


def _room(like: Bits, width: int) -> Bits:
    shape = (width, slicing.words(like.length))
    parts = tuple(np.zeros(shape, dtype=np.uint64) for _ in like.parts)
    return Bits(like.length, width, parts, like.constant_at)
