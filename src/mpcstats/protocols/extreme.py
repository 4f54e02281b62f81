"""Smallest and largest of the numbers of several providers, cell by cell, by a tournament of comparisons.

Specification and argument: protocols/extreme/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, parallel


async def extreme(
    session: Session, engine: Engine, vectors: Sequence[Arith], *, largest: bool
) -> Arith:
    """The smallest element of all `vectors` in each place, or the largest; vectors of one shape (n,).

    Numbers lie in [-2^62, 2^62), so that no difference loses its sign. Who has none in a place puts in the end of its
    bounds that does not win. Raises UsageError without a vector.
    """
    if not vectors:
        raise UsageError("expected at least one vector, got none")
    if len({v.shape for v in vectors}) != 1 or len(vectors[0].shape) != 1:
        raise InternalError(f"expected vectors of one shape, got {list(vectors)}")
    left = list(vectors)
    level = 0
    while len(left) > 1:
        step = session.narrow(f"level{level}")
        pairs = list(zip(left[::2], left[1::2], strict=False))
        won = await parallel(
            *(
                _winner(step.narrow(str(i)), engine, a, b, largest=largest)
                for i, (a, b) in enumerate(pairs)
            )
        )
        left = won + left[2 * len(pairs) :]
        level += 1
    return left[0]


async def _winner(session: Session, engine: Engine, a: Arith, b: Arith, *, largest: bool) -> Arith:
    difference = a - b
    below = await engine.negative(session.narrow("below"), difference)
    bit = (await engine.to_arith(session.narrow("bit"), below))[0]
    product = await engine.multiply(session.narrow("choice"), bit, difference)
    # Where a < b: b + (a - b) = a is the smaller, a - (a - b) = b the larger. Elsewhere b and a as they are.
    return a - product if largest else b + product
