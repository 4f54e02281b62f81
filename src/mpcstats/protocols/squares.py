"""Squares in parts: what a group-by can add up when sums of squares leave 64 bits.

The owner of a column splits x = h 2^21 + l with 0 <= l < 2^21. As x^2 = h^2 2^42 + 2 h l 2^21 + l^2, sums of the three
products, each of which fits 64 bits by the bounds, give the sum of squares in 128 bits.
Specification and argument: protocols/moments/spec.md, section "In parts".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra.ring import Integers, ring
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.engines.wide import Wide
from mpcstats.errors import UsageError
from mpcstats.session import Session, Words, parallel

LOW_BITS = 21
SUM_BITS = 62  # of each part's sum, so that it can be lifted


def halves(values: Integers) -> tuple[Words, Words]:
    """(l, h) of signed numbers, as their owner puts them in."""
    signed = ring(values).view(np.int64)
    high = signed >> LOW_BITS
    return (signed - (high << LOW_BITS)).view(np.uint64), high.view(np.uint64)


def check_squares(rows: int, x: int) -> None:
    """Raises UsageError if the sum of one part may reach 2^62, for `rows` numbers of magnitude at most x."""
    low, high = 1 << LOW_BITS, (x >> LOW_BITS) + 1
    if rows * max(low, high) ** 2 >= 1 << SUM_BITS:
        raise UsageError(
            f"expected sums of squares in parts below 2^{SUM_BITS}, got more by the bounds of "
            f"{rows} rows and numbers up to {x}: narrow them"
        )


async def squares(
    session: Session, engine: Engine, low: Arith, high: Arith
) -> tuple[Arith, Arith, Arith]:
    """l^2, h l and h^2 of every row, to be summed. The bounds must have passed `check_squares`."""
    (n,) = low.shape
    products = await engine.multiply(
        session,
        Arith.concatenate([low, high, high]),
        Arith.concatenate([low, low, high]),
    )
    return products[:n], products[n : 2 * n], products[2 * n :]


async def total_of_squares(session: Session, engine: Engine, parts: Sequence[Arith]) -> Wide:
    """Sums of squares, shape of each part, from the sums of what `squares` gives."""
    wide = await parallel(
        *(engine.lift(session.narrow(str(i)), part) for i, part in enumerate(parts))
    )
    total = wide[0]
    for i, part in enumerate(wide[1:], start=1):
        # h l stands twice in the square: 2^22, then 2^42.
        total = total + part.scaled(1 << (LOW_BITS + 1 if i == 1 else 2 * LOW_BITS))
    return total
