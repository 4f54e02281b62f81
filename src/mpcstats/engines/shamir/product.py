"""Products: shares are multiplied, which doubles the degree, and the result is shared again with degree t.

Source: Ben-Or, Goldwasser, Wigderson, STOC 1988; the step that lowers the degree after Gennaro, Rabin, Rabin,
"Simplified VSS and fast-track multiparty computations", PODC 1998. With lambda_i the Lagrange coefficients of 2 t + 1
points at 0, x y = sum of lambda_i x_i y_i: each of these dealers shares its summand, and shares are added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra.galois import BITS, DEGREE, ONE, Extension, interpolation
from mpcstats.engines.shamir.dealing import deal, summed
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.share import Bits, Parts
from mpcstats.session import Session, Words


def stacked(parts: Parts) -> Words:
    """The parts of a share as one array, shape (4, ...)."""
    return np.stack(parts)


async def reshare(
    session: Session, group: Group, ring: Extension, summand: Words, *, shape: tuple[int, ...]
) -> Parts:
    """The parts of a secret of which `summand`, shape (4, *shape), is a value of degree up to 2 t. One round."""
    me, factor = session.me, ONE
    if me in group.dealers:
        row = interpolation(ring, group.points(group.dealers), (0,))[0]
        factor = row[group.dealers.index(me)]
    shares = await deal(
        session, group, ring, summand, dealers=group.dealers, shape=shape, factor=factor
    )
    return tuple(summed(ring, shares))


async def multiply(session: Session, group: Group, ring: Extension, x: Parts, y: Parts) -> Parts:
    """The parts of x * y, element by element (x and y, for bits)."""
    product = ring.product(stacked(x), stacked(y))
    return await reshare(session, group, ring, product, shape=product.shape[1:])


async def conj(session: Session, group: Group, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
    """The and of each pair; all go in one message."""
    sides = [
        np.concatenate([stacked(pair[i].parts).reshape(DEGREE, -1) for pair in pairs], axis=1)
        for i in range(2)
    ]
    product = BITS.product(sides[0], sides[1])
    parts = await reshare(session, group, BITS, product, shape=product.shape[1:])
    ends = np.cumsum([x.width * x.array_shape[1] for x, _ in pairs])[:-1]
    columns = zip(*(np.split(part, ends) for part in parts), strict=True)
    return [
        Bits(x.length, x.width, tuple(p.reshape(x.array_shape) for p in column), 0)
        for (x, _), column in zip(pairs, columns, strict=True)
    ]
