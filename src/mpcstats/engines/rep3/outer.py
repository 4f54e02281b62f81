"""Matrix products of secrets: each party's summand of x y^T, computed locally and shared again once for all rows.

z_i = x_i (y_i + y_(i+1))^T + x_(i+1) y_i^T, whose sum over the three seats is x y^T mod 2^64 (see product).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.share import Arith, Partial
from mpcstats.errors import InternalError
from mpcstats.session import Words

BLOCK_WORDS = (
    1 << 15
)  # of both operands: they stay in the L2 cache while every row meets every other


def products(x: Arith, ys: Sequence[Arith]) -> Partial:
    """The summand of x y^T that this party knows, y the rows of all `ys`; none at a party without parts.

    numpy multiplies integer matrices without BLAS; einsum's loop over two rows is the fastest of its ways here,
    and faster than floating-point products of limbs, which cost ten multiplications and their splitting.
    """
    if any(len(z.shape) != 2 or z.shape[1] != x.shape[-1] for z in (x, *ys)):
        got = ", ".join(str(z.shape) for z in (x, *ys))
        raise InternalError(f"expected matrices whose rows are equally long, got {got}")
    ends = np.cumsum([y.shape[0] for y in ys])
    shape = (x.shape[0], int(ends[-1]))
    if not x.parts:
        return Partial(shape, ())
    x_own, x_next = x.parts
    z = np.zeros(shape, dtype=np.uint64)
    n = x.shape[1]
    step = max(256, BLOCK_WORDS // max(1, sum(shape)))
    for start in range(0, n, step):
        block = (slice(None), slice(start, start + step))
        left, following = x_own[block], x_next[block]
        for y, end in zip(ys, ends, strict=True):
            y_own, y_next = (part[block] for part in y.parts)
            target = z[:, end - y.shape[0] : end]
            target += _product(left, y_own + y_next)
            target += _product(following, y_own)
    return Partial(shape, (z,))


def _product(x: Words, y: Words) -> Words:
    out: Words = np.einsum("an,bn->ab", x, y)
    return out
