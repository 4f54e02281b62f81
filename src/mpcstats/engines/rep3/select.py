"""Choosing among bit-sliced secrets by secret bits: a sum of ands of which only the sum is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.rep3.product import BLOCK_WORDS, reshare
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Bits
from mpcstats.session import Session


async def select(session: Session, seat: Seat, flags: Bits, options: Sequence[Bits]) -> Bits:
    """The exclusive or over j of row j of `flags` and option j. One round, one bit for each bit of one option."""
    first = options[0]
    z = np.zeros(first.array_shape, dtype=np.uint64)
    width, size = z.shape
    step = max(256, BLOCK_WORDS // max(1, width))
    for start in range(0, size, step):
        block = slice(start, start + step)
        target = z[:, block]
        for j, option in enumerate(options):
            own, following = (part[j, block] for part in flags.parts)
            x_own, x_next = (part[:, block] for part in option.parts)
            product = x_own ^ x_next
            product &= own
            target ^= product
            np.bitwise_and(x_own, following, out=product)
            target ^= product
    parts = await reshare(session, seat, z, bits=True)
    return Bits(first.length, first.width, parts, seat.constant_at)
