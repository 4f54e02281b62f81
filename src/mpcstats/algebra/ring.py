"""The ring Z_2^64: vectors of uint64 words, added and multiplied modulo 2^64.

numpy turns uint64 + int64 into float64 and warns where a scalar wraps. So what enters the ring passes `ring`,
and a reduction never gives a scalar: its shape has at least one axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

RingVec = NDArray[np.uint64]
Integers = NDArray[Any] | Sequence[int] | Sequence[Sequence[int]]

MODULUS = 1 << 64
SMALLEST = -(1 << 63)


def ring(values: Integers) -> RingVec:
    """The elements of Z_2^64 that stand for `values`; a negative integer v stands for 2^64 + v.

    values: an array of any integer type or bool, or (nested) lists of Python ints in [-2^63, 2^64).
    Shape: that of `values`, (1,) for a single number. A uint64 array is given back as it is, not copied.
    Raises UsageError for floats, for anything else that is not an integer, and for ints out of range.
    """
    if isinstance(values, np.ndarray) and values.dtype != np.object_:
        if values.dtype.kind not in "iub":
            raise UsageError(f"expected integers or bools, got an array of {values.dtype}")
        return np.atleast_1d(values.astype(np.uint64, copy=False))
    # dtype=object keeps every int exact: numpy would read [2**63, -1] as floats.
    numbers = np.atleast_1d(np.array(values, dtype=object))
    words = np.empty(numbers.shape, dtype=np.uint64)
    words.reshape(-1)[:] = [_residue(number) for number in numbers.flat]
    return words


def signed(vec: RingVec) -> NDArray[np.int64]:
    """View of `vec` as integers in [-2^63, 2^63), same shape and memory. Raises UsageError unless uint64."""
    return _checked(vec).view(np.int64)


def total(vec: RingVec, axis: int = -1) -> RingVec:
    """Sum along `axis` modulo 2^64; a vector gives shape (1,). Raises UsageError unless uint64."""
    return np.atleast_1d(np.add.reduce(_checked(vec), axis=axis))


def dot(x: RingVec, y: RingVec) -> RingVec:
    """Sum of x y along the last axis modulo 2^64; two vectors give shape (1,). Leading axes broadcast.

    Raises UsageError unless both are uint64 and their last axes are equally long.
    """
    if _checked(x).shape[-1:] != _checked(y).shape[-1:]:
        raise UsageError(f"expected two equally long vectors, got shapes {x.shape} and {y.shape}")
    # One pass that multiplies and adds, without the product in memory.
    return np.atleast_1d(np.vecdot(x, y))


def _residue(number: object) -> int:
    if not isinstance(number, int | np.integer | np.bool_):
        raise UsageError(f"expected integers, got {type(number).__name__}")
    value = int(number)
    if not SMALLEST <= value < MODULUS:
        raise UsageError("expected integers in [-2^63, 2^64), got one out of range")
    return value % MODULUS


def _checked(vec: RingVec) -> RingVec:
    if vec.dtype != np.uint64:
        raise UsageError(f"expected uint64, got {vec.dtype}: make it an element with ring() first")
    return vec
