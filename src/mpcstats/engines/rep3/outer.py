"""Matrix products of secrets: each party's summand of x y^T, computed locally and shared again once for all rows.

z_i = x_i (y_i + y_(i+1))^T + x_(i+1) y_i^T, whose sum over the three seats is x y^T mod 2^64 (see product).
"""

from __future__ import annotations

import numpy as np

from mpcstats.engines.share import Arith, Partial
from mpcstats.errors import InternalError
from mpcstats.session import Words

BLOCK_WORDS = (
    1 << 15
)  # of both operands: they stay in the L2 cache while every row meets every other


def products(x: Arith, y: Arith) -> Partial:
    """The summand of x y^T that this party knows; none at a party without parts.

    numpy multiplies integer matrices without BLAS; einsum's loop over two rows is the fastest of its ways here,
    and faster than floating-point products of limbs, which cost ten multiplications and their splitting.
    """
    if len(x.shape) != 2 or len(y.shape) != 2 or x.shape[1] != y.shape[1]:
        raise InternalError(f"expected two matrices of equal rows, got {x.shape} and {y.shape}")
    shape = (x.shape[0], y.shape[0])
    if not x.parts:
        return Partial(shape, ())
    (x_own, x_next), (y_own, y_next) = x.parts, y.parts
    z = np.zeros(shape, dtype=np.uint64)
    n = x.shape[1]
    step = max(256, BLOCK_WORDS // max(1, sum(shape)))
    for start in range(0, n, step):
        block = (slice(None), slice(start, start + step))
        right = y_own[block]
        z += _product(x_own[block], right + y_next[block])
        z += _product(x_next[block], right)
    return Partial(shape, (z,))


def _product(x: Words, y: Words) -> Words:
    out: Words = np.einsum("an,bn->ab", x, y)
    return out
