"""Between bits and numbers: the sign of a number, a bit as a number, sums under a bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Masked
from mpcstats.engines.rep3.compare import less_than
from mpcstats.engines.rep3.inputs import share_own
from mpcstats.engines.rep3.product import reshare
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Arith, Bits, Parts
from mpcstats.errors import InternalError
from mpcstats.session import Session, Words


async def negative(
    session: Session, seat: Seat, x: Arith, compute: tuple[str, ...], width: int = 64
) -> Bits:
    """One row: the top one of the low `width` bits of each x. Right for x in [-2^(width - 1), 2^(width - 1)).

    x = A + B with A = x_0 + x_1, known to P_0, and B = x_2, known to P_1 and P_2. With t = width - 1 the top bit is
    A_t xor B_t xor the carry into it, and that carry is (not B) < A on the t lower bits.
    """
    (n,) = x.shape
    own = slicing.slice_bits(x.parts[0] + x.parts[1], width) if seat.index == 0 else None
    shape = (width, slicing.words(n))
    a_parts = await share_own(
        session.narrow("upper"),
        seat,
        own,
        owner=compute[0],
        compute=compute,
        shape=shape,
        bits=True,
    )
    a = Bits(n, width, a_parts, seat.constant_at)
    b = Bits(n, width, _component(seat, 2, x.parts, shape), seat.constant_at)
    low, top = slice(0, width - 1), width - 1
    carry = await less_than(session.narrow("carry"), seat, ~b.rows(low), a.rows(low))
    return a.rows(top) ^ b.rows(top) ^ carry


async def to_arith(session: Session, seat: Seat, bits: Bits) -> Arith:
    """Each bit as 0 or 1 in Z_2^64; shape (width, length). Two rounds; one word a bit and party.

    b = b_0 xor v with v = b_1 xor b_2, known to P_1; b_0 is known to P_2 and P_0. P_1 splits v = y_1 + y_2 with
    y_2 = S_2 and sends y_1 to P_0. As b = b_0 + (1 - 2 b_0) v, P_0 knows u_0 = b_0 + (1 - 2 b_0) y_1 and P_2
    knows u_2 = (1 - 2 b_0) y_2, which sum to b. With b_1 = S_1 and b_2 = S'_2 as new components, P_0 sends
    u_0 - S_1 to P_2, P_2 sends u_2 - S'_2 to P_0, and both add the two to the new component 0.
    """
    shape = (bits.width, bits.length)
    split, join = session.narrow("split"), session.narrow("join")
    if seat.index == 1:
        masked = np.empty(shape, dtype=np.uint64)
        stream = seat.next_stream(split)
        for i, (own, following) in enumerate(zip(*bits.parts, strict=True)):
            stream.fill(masked[i])
            np.subtract(slicing.unpack(own ^ following, bits.length), masked[i], out=masked[i])
        await split.exchange(send={seat.left: masked})
        parts: Parts = (seat.own_stream(join).words(*shape), seat.next_stream(join).words(*shape))
    elif seat.index == 0:
        y_1 = (await split.exchange(receive={seat.right: shape}))[seat.right]
        known, summand = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint64)
        stream = seat.next_stream(join)
        for i, b_0 in enumerate(_rows(bits, 0)):
            # u_0 = b_0 + (1 - 2 b_0) y_1, less what P_1 draws too
            _signed_into(summand[i], b_0, y_1[i])
            summand[i] += b_0
            stream.fill(known[i])
            summand[i] -= known[i]
        reply = await join.exchange(send={seat.left: summand}, receive={seat.left: shape})
        parts = (summand + reply[seat.left], known)
    else:
        known, summand = np.empty(shape, dtype=np.uint64), np.empty(shape, dtype=np.uint64)
        stream, halves = seat.own_stream(join), seat.own_stream(split)
        for i, b_0 in enumerate(_rows(bits, 1)):
            # u_2 = (1 - 2 b_0) y_2
            halves.fill(known[i])
            _signed_into(summand[i], b_0, known[i])
            stream.fill(known[i])
            summand[i] -= known[i]
        reply = await join.exchange(send={seat.right: summand}, receive={seat.right: shape})
        parts = (known, summand + reply[seat.right])
    return Arith(shape, parts, seat.constant_at)


async def masked_sums(
    session: Session, seat: Seat, masked: Sequence[Masked], compute: tuple[str, ...]
) -> Arith:
    """For each request, the sum of bit * value. Two rounds; one word a row from the value's owner.

    The owner P_o knows a = b_o xor b_(o+1); w = b_(o+2) is known to the two others. As b = a xor w,
    b u = a u + w (1 - 2 a) u. P_o puts (1 - 2 a) u in (two components, both multiplied by w where they are
    known: by P_(o+1) from the stream, by P_(o+2) from the message), and the three summands are shared again.
    """
    inputs = session.narrow("inputs")
    names = [inputs.narrow(str(i)) for i in range(len(masked))]
    summands = np.zeros(len(masked), dtype=np.uint64)
    from_right: list[int] = []
    outgoing: list[Words] = []
    for i, request in enumerate(masked):
        n = request.bits.length
        role = (seat.index - compute.index(request.owner)) % 3
        if role == 0:
            summand, message = _as_owner(names[i], seat, request)
            summands[i] = summand[0]
            outgoing.append(message)
        elif role == 1:
            w = slicing.unpack(request.bits.parts[1][0], n)
            summands[i : i + 1] = _dot(w, seat.own_stream(names[i]).words(n))
        else:
            from_right.append(i)
    sizes = [masked[i].bits.length for i in from_right]
    received = await inputs.exchange(
        send={seat.left: np.concatenate(outgoing)} if outgoing else {},
        receive={seat.right: sum(sizes)} if from_right else {},
    )
    start = 0
    for i, n in zip(from_right, sizes, strict=True):
        w = slicing.unpack(masked[i].bits.parts[0][0], n)
        summands[i : i + 1] = _dot(w, received[seat.right][start : start + n])
        start += n
    parts = await reshare(session.narrow("reshare"), seat, summands, bits=False)
    return Arith((len(masked),), parts, seat.constant_at)


def _as_owner(session: Session, seat: Seat, request: Masked) -> tuple[Words, Words]:
    if request.values is None:
        raise InternalError(f"expected values at their owner {request.owner}, got None")
    n = request.bits.length
    a = slicing.unpack(request.bits.parts[0][0] ^ request.bits.parts[1][0], n)
    message = _signed_by(a, request.values)
    message -= seat.next_stream(session).words(n)
    return _dot(a, request.values), message


def _signed_by(flags: Words, x: Words) -> Words:
    # (1 - 2 f) x: x where f is 0, -x where f is 1; as (x xor -f) + f, without a branch.
    mask = np.uint64(0) - flags
    out: Words = x ^ mask
    out += flags
    return out


def _dot(x: Words, y: Words) -> Words:
    return np.atleast_1d(np.dot(x, y))


def _signed_into(out: Words, flags: Words, x: Words) -> None:
    """As _signed_by, without a new array but for the mask."""
    mask = np.uint64(0) - flags
    np.bitwise_xor(x, mask, out=out)
    out += flags


def _rows(bits: Bits, part: int) -> Iterator[Words]:
    """Each row's bits of one part as numbers: a row at a time stays in the cache."""
    for row in bits.parts[part]:
        yield slicing.unpack(row, bits.length)


def _component(seat: Seat, component: int, parts: Parts, shape: tuple[int, int]) -> Parts:
    """The bit-sliced secret that has the numbers of this component as its only component that is not 0."""
    position = seat.holds(component)
    out = [np.zeros(shape, dtype=np.uint64) for _ in range(2)]
    if position is not None:
        out[position] = slicing.slice_bits(parts[position], shape[0])
    return out[0], out[1]
