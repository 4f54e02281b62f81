"""Numbers as bit rows and bit rows as numbers, in Z_2^64 and Z_2^128, by one addition of bit-sliced numbers.

A number is the sum of two that two sides know: A = x_0 + x_1, known to P_0, and B = x_2, known to P_1 and P_2.
"""

from __future__ import annotations

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import wide
from mpcstats.engines.rep3 import adder
from mpcstats.engines.rep3.convert import to_arith
from mpcstats.engines.rep3.inputs import share_own
from mpcstats.engines.rep3.product import Operand, conj
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Arith, Bits, Parts
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError
from mpcstats.session import Session, Words

FEW_BITS = 2  # so many are cheaper one by one


async def to_bits(
    session: Session, seat: Seat, x: Arith | Wide, width: int, compute: tuple[str, ...]
) -> Bits:
    """The low `width` bits of each x as rows: P_0 puts A in, B's bits are a sharing as they are, and they are added."""
    (n,) = x.shape
    limbs = slicing.words(width)
    parts = [np.stack([p] if isinstance(x, Arith) else list(p))[:limbs] for p in x.parts]
    shape = (width, slicing.words(n))
    own = slicing.slice_rows(_plus(parts[0], parts[1]), width) if seat.index == 0 else None
    a_parts = await share_own(
        session.narrow("upper"),
        seat,
        own,
        owner=compute[0],
        compute=compute,
        shape=shape,
        bits=True,
    )
    position = seat.holds(2)
    b = None if position is None else slicing.slice_rows(parts[position], width)
    a = Bits(n, width, a_parts, seat.constant_at)
    return await adder.add(session.narrow("sum"), seat, a, _known(seat, b, n, width), 0)


async def from_bits(session: Session, seat: Seat, bits: Bits) -> Arith:
    """The number whose bits are the rows, at most 64 of them, row 0 the lowest."""
    if bits.width <= FEW_BITS:
        single = await to_arith(session, seat, bits)
        total = single[0]
        for i in range(1, bits.width):
            total = total + single[i].scaled(1 << i)
        return total
    own, following = await _masked(session, seat, bits, 1)
    return Arith((bits.length,), (own[0], following[0]), seat.constant_at)


async def from_bits_wide(session: Session, seat: Seat, bits: Bits) -> Wide:
    """The number in Z_2^128 whose bits are the rows, at most 128 of them."""
    parts = await _masked(session, seat, bits, wide.LIMBS)
    return Wide((bits.length,), parts, seat.constant_at)


async def _masked(session: Session, seat: Seat, x: Bits, limbs: int) -> Parts:
    """The parts of x in Z_2^(64 limbs), as words (limbs, n).

    B = x_2 = S_2, which P_1 and P_2 draw; A = x - B = x + not B + 1 is computed on bits and opened to P_0 alone,
    to whom it is uniform (by P_2 alone: an error that it adds is unnoticed, as one in a product).
    P_0 splits A = x_0 + x_1 with x_1 = S_1 and sends x_0 to P_2. Above x's own k bits
    the carry goes on as long as not B has ones: into bit i it is c_k Q_i with Q_i = the and of bits k to i - 1
    of not B, which P_1 and P_2 know.
    """
    n, width, shape = x.length, slicing.WORD * limbs, (limbs, x.length)
    mask, halves = session.narrow("mask"), session.narrow("halves")
    b = None
    if seat.index != 0:
        b = (seat.next_stream if seat.index == 1 else seat.own_stream)(mask).words(*shape)
    inverted = None if b is None else slicing.slice_rows(~b, width)
    difference = await _difference(session, seat, x, inverted, width)
    if seat.index == 2:
        # Padding bits are not masked, and could be of what they were computed from.
        sent = slicing.cleared(difference.parts[0], n)
        await session.narrow("open").exchange(send={seat.right: sent})
        x_0 = (await halves.exchange(receive={seat.right: shape}))[seat.right]
        return _given(b), x_0
    if seat.index == 1:
        return seat.own_stream(halves).words(*shape), _given(b)
    reply = await session.narrow("open").exchange(receive={seat.left: (width, slicing.words(n))})
    opened = reply[seat.left] ^ difference.parts[0] ^ difference.parts[1]
    x_1 = seat.next_stream(halves).words(*shape)
    x_0 = _minus(slicing.join_rows(opened, n), x_1)
    await halves.exchange(send={seat.left: x_0})
    return x_0, x_1


async def _difference(
    session: Session, seat: Seat, x: Bits, inverted: Words | None, width: int
) -> Bits:
    """x - B on `width` rows; `inverted` holds the rows of not B, where they are known."""
    k, n = x.width, x.length
    whole = _known(seat, inverted, n, width)
    low = whole.rows(slice(0, k))
    count = min(k + 1, width)
    carried = await adder.carries(session.narrow("carries"), seat, x, low, 1, count)
    rows = [x ^ low ^ carried.rows(slice(0, k))]
    if k < width:
        carry = carried.rows(k)
        rows.append(whole.rows(k) ^ carry)
    if k + 1 < width:
        runs = None
        if inverted is not None:
            runs = np.bitwise_and.accumulate(inverted[k : width - 1], axis=0)
        rest = width - 1 - k
        (product,) = await conj(
            session.narrow("rest"),
            seat,
            [
                (
                    Operand.of(carry.repeat(rest).parts),
                    Operand.of(_known(seat, runs, n, rest).parts),
                )
            ],
        )
        rows.append(whole.rows(slice(k + 1, None)) ^ Bits(n, rest, product, seat.constant_at))
    return Bits.stack(rows)


def _known(seat: Seat, rows: Words | None, n: int, width: int) -> Bits:
    """What P_1 and P_2 know, as a secret whose only component that is not 0 is the third."""
    position = seat.holds(2)
    zeros = np.broadcast_to(np.uint64(0), (width, slicing.words(n)))
    parts = [zeros, zeros]
    if position is not None:
        parts[position] = _given(rows)
    return Bits(n, width, (parts[0], parts[1]), seat.constant_at)


def _plus(x: Words, y: Words) -> Words:
    return x + y if x.shape[0] == 1 else wide.add(x, y)


def _minus(x: Words, y: Words) -> Words:
    return x - y if x.shape[0] == 1 else wide.subtract(x, y)


def _given(values: Words | None) -> Words:
    if values is None:
        raise InternalError("expected what P_1 and P_2 know at both of them, got None")
    return values
