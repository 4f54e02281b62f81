"""Between bits and numbers: t + 1 parties hold summands of a secret, and each shares its own in the other ring.

With mu_i the Lagrange coefficients of t + 1 points at 0, a secret is the sum of part 0 of mu_i x_i, mod 2^64 or mod 2,
and party i knows this summand. Nothing is opened; what is shared is a function of one party's share alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.galois import BITS, NUMBERS, Extension, interpolation
from mpcstats.algebra.galois_wide import WIDE
from mpcstats.engines.api import Masked
from mpcstats.engines.shamir.dealing import deal
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.product import reshare, stacked
from mpcstats.engines.shamir.trees import add, less_than, total
from mpcstats.engines.share import Arith, Bits, Parts
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words, parallel


async def negative(session: Session, group: Group, x: Arith, width: int) -> Bits:
    """One row: the top one of the low `width` bits of each x.

    As the sum of two numbers A and B, t = width - 1: A_t xor B_t xor the carry into it, (not B) < A on the bits below.
    """
    a, b = await _two(session, group, x, width)
    low, top = slice(0, width - 1), width - 1
    carry = await less_than(session.narrow("carry"), group, ~b.rows(low), a.rows(low))
    return a.rows(top) ^ b.rows(top) ^ carry


async def to_bits(session: Session, group: Group, x: Arith | Wide, width: int) -> Bits:
    """The low `width` bits of each x as rows."""
    a, b = await _two(session, group, x, width)
    return await add(session.narrow("sum"), group, a, b, 0)


async def to_arith(session: Session, group: Group, bits: Bits) -> Arith:
    """Each bit as 0 or 1 in Z_2^64; shape (width, length). a xor b = a + b - 2 a b, in a tree over t + 1 bits."""
    shape = (bits.width, bits.length)
    own = summand(session, group, BITS, bits.parts)
    numbers = None if own is None else slicing.unpack(own, bits.length)
    left = await shared(session.narrow("inputs"), group, NUMBERS, numbers, shape)
    level = 0
    while len(left) > 1:
        half = len(left) // 2
        pairs = list(zip(left[:half], left[half : 2 * half], strict=True))
        x, y = (np.stack([pair[i] for pair in pairs], axis=1) for i in range(2))
        product = await reshare(
            session.narrow(f"level{level}"),
            group,
            NUMBERS,
            NUMBERS.product(x, y),
            shape=x.shape[1:],
        )
        joined = x + y - (stacked(product) << np.uint64(1))
        left = [joined[:, i] for i in range(half)] + left[2 * half :]
        level += 1
    return Arith(shape, tuple(left[0]), 0)


async def from_bits(session: Session, group: Group, bits: Bits, *, signed: bool) -> Arith:
    """The number whose bits are the rows, row 0 the lowest: the sum of its bits as numbers.

    `signed`: in two's complement, where the top bit counts -2^(width - 1).
    """
    single = await to_arith(session, group, bits)
    weights = [1 << i for i in range(bits.width)]
    if signed:
        weights[-1] -= 1 << bits.width
    column = np.array([weight % (1 << 64) for weight in weights], dtype=np.uint64)[:, None]
    return single.scaled(column).column_total()


async def masked_sums(session: Session, group: Group, masked: Sequence[Masked]) -> Arith:
    """For each request, the sum of bit * value: bits become numbers, owners share values, and dot products follow."""
    rows = {id(request.bits): request.bits for request in masked}
    bits = Bits.concatenate(list(rows.values()))
    ends = np.cumsum([row.length for row in rows.values()]).tolist()
    shares = session.narrow("values")
    number, *values = await parallel(
        _numbers(session.narrow("bits"), group, bits),
        *(_value(shares.narrow(str(i)), group, request) for i, request in enumerate(masked)),
    )
    place = {
        key: number[:, end - row.length : end]
        for (key, row), end in zip(rows.items(), ends, strict=True)
    }
    sums = [
        NUMBERS.sum(NUMBERS.product(place[id(request.bits)], value), 1)
        for request, value in zip(masked, values, strict=True)
    ]
    shape = (len(masked),)
    parts = await reshare(
        session.narrow("reshare"), group, NUMBERS, np.stack(sums, axis=1), shape=shape
    )
    return Arith(shape, parts, 0)


def summand(session: Session, group: Group, ring: Extension, parts: Parts) -> Words | None:
    """What this party adds to the secret, a function of its share alone; None if it is none of the t + 1 openers."""
    if session.me not in group.openers:
        return None
    row = interpolation(ring, group.points(group.openers), (0,))[0]
    factor = row[group.openers.index(session.me)]
    found: Words = ring.applied(((factor,),), [stacked(parts)])[0, 0]
    return found


async def _numbers(session: Session, group: Group, row: Bits) -> Words:
    """The only row as numbers, shape (4, length)."""
    return stacked((await to_arith(session, group, row))[0].parts)


async def _value(session: Session, group: Group, request: Masked) -> Words:
    given = None if session.me != request.owner or request.values is None else request.values[None]
    shape = (request.bits.length,)
    dealers = (request.owner,)
    return next(await deal(session, group, NUMBERS, given, dealers=dealers, shape=shape))


async def shared(
    session: Session, group: Group, ring: Extension, own: Words | None, shape: tuple[int, ...]
) -> list[Words]:
    """Shares of what each of the openers knows."""
    given = None if own is None else own[None]
    return list(await deal(session, group, ring, given, dealers=group.openers, shape=shape))


async def _two(session: Session, group: Group, x: Arith | Wide, width: int) -> tuple[Bits, Bits]:
    """Two numbers as bit rows whose sum is x mod 2^width."""
    (n,) = x.shape
    if isinstance(x, Wide):
        limbs = summand(session, group, WIDE, x.parts)
        rows = None if limbs is None else slicing.slice_rows(limbs[: slicing.words(width)], width)
    else:
        own = summand(session, group, NUMBERS, x.parts)
        rows = None if own is None else slicing.slice_bits(own, width)
    shape = (width, slicing.words(n))
    shares = await shared(session.narrow("summands"), group, BITS, rows, shape)
    numbers = [Bits(n, width, tuple(share), 0) for share in shares]
    return await total(session.narrow("total"), group, numbers)
