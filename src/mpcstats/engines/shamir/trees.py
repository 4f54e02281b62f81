"""Comparisons and sums of bit-sliced secrets by trees of ands; a level of a tree is one round.

Less-than: for each bit P = not (x xor y) says "equal so far", and V is y's bit where they differ; a leaf V = 0 below
decides ties. Neighbouring blocks become one: V = V_hi xor P_hi (V_hi xor V_lo), P = P_hi P_lo. Carries: the same with
P = x xor y, "the carry goes through", in the order of engines.prefix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.prefix import Level, Node, schedule
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.product import conj
from mpcstats.engines.share import Bits
from mpcstats.session import Session


async def less_than(session: Session, group: Group, x: Bits, y: Bits) -> Bits:
    """One row: 1 where x < y as unsigned numbers, row 0 the lowest bit."""
    value = Bits.stack([zero_row(y), y])
    # Row i says it of leaf i + 1: the lowest block needs none.
    through = ~(x ^ y)
    level = 0
    while value.width > 1:
        pairs, odd = divmod(value.width, 2)
        high, low = slice(1, 2 * pairs, 2), slice(0, 2 * pairs, 2)
        p_high, p_low = (
            through.rows(slice(0, 2 * pairs - 1, 2)),
            through.rows(slice(1, 2 * pairs - 1, 2)),
        )
        asked = [(p_high, value.rows(high) ^ value.rows(low))]
        if p_low.width:
            asked.append((p_high.rows(slice(1, None)), p_low))
        chosen, *joint = await conj(session.narrow(f"level{level}"), group, asked)
        merged = value.rows(high) ^ chosen
        last = [value.rows(value.width - 1)] if odd else []
        above = [through.rows(through.width - 1)] if odd else []
        value = Bits.stack([merged, *last])
        through = Bits.stack([*joint, *above]) if joint or above else through
        level += 1
    return value


async def equal(session: Session, group: Group, x: Bits, y: Bits) -> Bits:
    """One row: 1 where all rows of x and y agree."""
    same = ~(x ^ y)
    level = 0
    while same.width > 1:
        half = same.width // 2
        pair = (same.rows(slice(0, half)), same.rows(slice(half, 2 * half)))
        (joined,) = await conj(session.narrow(f"level{level}"), group, [pair])
        same = Bits.stack([joined, same.rows(slice(2 * half, None))])
        level += 1
    return same


async def add(session: Session, group: Group, x: Bits, y: Bits, carry: Bits | int) -> Bits:
    """x + y + carry mod 2^width; `carry` is 0, 1 or one row of secret bits."""
    first = carry if isinstance(carry, Bits) else zero_row(x)
    if isinstance(carry, int) and carry:
        first = ~first
    value = Bits.stack([first, y.rows(slice(0, -1))])
    through = Bits.stack([zero_row(x), (x ^ y).rows(slice(0, -1))])
    for i, level in enumerate(schedule(x.width, x.length)):
        value, through = await _grown(session.narrow(f"level{i}"), group, value, through, level)
    return x ^ y ^ value


async def increment(session: Session, group: Group, x: Bits, carry: Bits) -> Bits:
    """x + carry mod 2^width: as add with y = 0, where V of every block but the lowest is 0 and needs no and."""
    rest = np.zeros((x.width - 1, x.array_shape[1]), dtype=np.uint64)
    value = Bits.stack([carry, x.constant(rest)])
    through = Bits.stack([zero_row(x), x.rows(slice(0, -1))])
    for i, level in enumerate(schedule(x.width, x.length)):
        high, low = _indices(level.final)
        inner_high, inner_low = _indices(level.inner)
        asked = [(through.rows(high), value.rows(low))]
        if level.inner:
            asked.append((through.rows(inner_high), through.rows(inner_low)))
        chosen, *joint = await conj(session.narrow(f"level{i}"), group, asked)
        value = _put(value, high, chosen)
        through = _put(through, inner_high, joint[0]) if joint else through
    return x ^ value


async def total(session: Session, group: Group, numbers: Sequence[Bits]) -> tuple[Bits, Bits]:
    """Two numbers whose sum mod 2^width is that of `numbers`, one or more. Three become two by one and for each bit."""
    left = list(numbers)
    level = 0
    while len(left) > 2:
        triples = [left[i : i + 3] for i in range(0, len(left) - 2, 3)]
        rest = left[3 * len(triples) :]
        # The carry of three bits is their majority: (a xor c)(b xor c) xor c.
        asked = [((a ^ c).rows(slice(0, -1)), (b ^ c).rows(slice(0, -1))) for a, b, c in triples]
        carries = await conj(session.narrow(f"save{level}"), group, asked)
        left = [a ^ b ^ c for a, b, c in triples]
        left += [
            Bits.stack([zero_row(c), carry ^ c.rows(slice(0, -1))])
            for carry, (_, _, c) in zip(carries, triples, strict=True)
        ]
        left += rest
        level += 1
    first = left[0]
    return first, left[1] if len(left) == 2 else first.constant(
        np.zeros(first.array_shape, dtype=np.uint64)
    )


def zero_row(like: Bits) -> Bits:
    """One row of zeros."""
    return like.constant(np.zeros((1, like.array_shape[1]), dtype=np.uint64))


async def _grown(
    session: Session, group: Group, value: Bits, through: Bits, level: Level
) -> tuple[Bits, Bits]:
    """Carries and what they go through, after the blocks of one level have grown."""
    high, low = _indices(level.final + level.inner)
    inner_high, inner_low = _indices(level.inner)
    asked = [(through.rows(high), value.rows(high) ^ value.rows(low))]
    if level.inner:
        asked.append((through.rows(inner_high), through.rows(inner_low)))
    chosen, *joint = await conj(session, group, asked)
    value = _put(value, high, value.rows(high) ^ chosen)
    return value, _put(through, inner_high, joint[0]) if joint else through


def _indices(nodes: Sequence[Node]) -> tuple[list[int], list[int]]:
    return [node[0] for node in nodes], [node[1] for node in nodes]


def _put(target: Bits, rows: list[int], new: Bits) -> Bits:
    """`target` with other rows in some places."""
    parts = []
    for part, changed in zip(target.parts, new.parts, strict=True):
        out = part.copy()
        out[rows] = changed
        parts.append(out)
    return Bits(target.length, target.width, tuple(parts), target.constant_at)
