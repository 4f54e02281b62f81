"""Z_2^128: numbers that get a second word, and products, sums of products and openings of them, over GR(2^128, 4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.galois import BITS, DEGREE, NUMBERS
from mpcstats.algebra.galois_wide import WIDE
from mpcstats.algebra.wide import LIMBS
from mpcstats.engines.shamir.convert import from_bits, shared, summand
from mpcstats.engines.shamir.dealing import deal, summed
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.product import reshare, stacked
from mpcstats.engines.shamir.trees import add, total
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words, parallel

OFFSET = 1 << 63
HEAD = 5  # bits: 2^5 is at least 4 (t + 1), as t is at most 7
ROOM = 3  # bits of t + 1, for the sum of so many heads
PIECE = 62  # bits that a number which is lifted may have


async def lift(session: Session, group: Group, x: Arith) -> Wide:
    """x, read as signed and in [-2^62, 2^62), in Z_2^128.

    y = x + 2^63 lies in [2^62, 3 2^62). With y = sum of v_i - k 2^64 over t + 1 summands, the sum of their heads
    floor(v_i / 2^59) lies in (32 (k + y / 2^64) - (t + 1), 32 (k + y / 2^64)], which is within [32 k, 32 k + 32): its
    bits above the fifth are k. The summands are shared in Z_2^128, and k 2^64 is taken off.
    """
    y = x.plus(OFFSET)
    own = summand(session, group, NUMBERS, y.parts)
    whole, carried = await _both(session, group, own, x.shape)
    # A share of k in the high word is a share of k 2^64: what it lacks below does not matter mod 2^128.
    return (whole - _above(carried)).plus(-OFFSET)


async def from_bits_wide(session: Session, group: Group, bits: Bits, *, signed: bool) -> Wide:
    """The number of 1 to 128 rows, `signed`: in two's complement; in pieces that can be lifted, and one above 2^64."""
    n, low = bits.length, min(bits.width, slicing.WORD)
    cuts = [slice(start, min(start + PIECE, low)) for start in range(0, low, PIECE)]
    top = [slice(slicing.WORD, bits.width)] if bits.width > slicing.WORD else []
    numbers = await parallel(
        *(
            from_bits(
                session.narrow(f"from{cut.start}"),
                group,
                bits.rows(cut),
                signed=signed and cut.stop == bits.width,
            )
            for cut in cuts + top
        )
    )
    lifted = await lift(session.narrow("lift"), group, Arith.concatenate(numbers[: len(cuts)]))
    found = lifted[:n]
    if len(cuts) > 1:
        found = found + lifted[n : 2 * n].scaled(1 << PIECE)
    return found + _above(numbers[-1]) if top else found


async def multiply(session: Session, group: Group, x: Wide, y: Wide) -> Wide:
    """x * y, element by element."""
    product = WIDE.product(stacked(x.parts), stacked(y.parts))
    parts = await reshare(session, group, WIDE, product, shape=product.shape[1:])
    return Wide(x.shape, parts, 0)


async def dot(session: Session, group: Group, x: Wide, y: Wide) -> Wide:
    """The sum over the last axis of x * y; vectors give shape (1,)."""
    product = WIDE.sum(WIDE.product(stacked(x.parts), stacked(y.parts)), -1)
    shape = x.shape[:-1] or (1,)
    flat = product.reshape(DEGREE, LIMBS, *shape)
    parts = await reshare(session, group, WIDE, flat, shape=(LIMBS, *shape))
    return Wide(shape, parts, 0)


async def _both(
    session: Session, group: Group, own: Words | None, shape: tuple[int, ...]
) -> tuple[Wide, Arith]:
    found: list[Any] = await parallel(
        _whole(session.narrow("whole"), group, own, shape),
        _carried(session.narrow("carried"), group, own, shape[0]),
    )
    return found[0], found[1]


async def _whole(session: Session, group: Group, own: Words | None, shape: tuple[int, ...]) -> Wide:
    """The sum of the openers' words, without losing carries."""
    given = None if own is None else np.stack([own, np.zeros_like(own)])[None]
    shares = await deal(session, group, WIDE, given, dealers=group.openers, shape=(LIMBS, *shape))
    return Wide(shape, tuple(summed(WIDE, shares)), 0)


async def _carried(session: Session, group: Group, own: Words | None, n: int) -> Arith:
    """How often the openers' words wrap when they are added."""
    width = HEAD + ROOM
    rows = None if own is None else slicing.slice_bits(own >> np.uint64(64 - HEAD), width)
    shape = (width, slicing.words(n))
    heads = await shared(session.narrow("heads"), group, BITS, rows, shape)
    summands = [Bits(n, width, tuple(share), 0) for share in heads]
    a, b = await total(session.narrow("total"), group, summands)
    sums = await add(session.narrow("sum"), group, a, b, 0)
    return await from_bits(session.narrow("k"), group, sums.rows(slice(HEAD, None)), signed=False)


def _above(x: Arith) -> Wide:
    """x times 2^64, as the high word."""
    return Wide(x.shape, tuple(np.stack([np.zeros_like(word), word]) for word in x.parts), 0)
