"""The ring Z_2^128: arrays of two words an element, shape (2, ...), the low words first, modulo 2^128.

algebra.bits.slice_rows and join_rows take and give the same layout for vectors. Two arrays meet element by element;
their shapes behind the first axis broadcast as numpy's do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

WideVec = NDArray[np.uint64]
LIMBS = 2
BITS = 128
MODULUS = 1 << BITS

_HALF = np.uint64(32)
_LOW = np.uint64((1 << 32) - 1)
_WORD = (1 << 64) - 1
_BLOCK = 1 << 12  # elements: a product's dozen of temporaries stay in the L2 cache


def wide(numbers: Sequence[int]) -> WideVec:
    """The elements that stand for Python ints in [-2^127, 2^128): shape (2, n). Raises UsageError out of range."""
    if any(not -(MODULUS >> 1) <= number < MODULUS for number in numbers):
        raise UsageError("expected integers in [-2^127, 2^128), got one out of range")
    residues = [int(number) % MODULUS for number in numbers]
    limbs = [[r & _WORD for r in residues], [r >> 64 for r in residues]]
    return np.array(limbs, dtype=np.uint64)


def ints(x: WideVec, *, signed: bool = True) -> list[int]:
    """The elements as Python ints, in [-2^127, 2^127) or, unsigned, in [0, 2^128), in the order of x."""
    low, high = _checked(x).reshape(LIMBS, -1).tolist()
    values: list[int] = [a + (b << 64) for a, b in zip(low, high, strict=True)]
    return [v - MODULUS if signed and v >> (BITS - 1) else v for v in values]


def from_signed(words: NDArray[np.uint64]) -> WideVec:
    """Words read as numbers in [-2^63, 2^63), shape (...), with their sign in the high word: (2, ...)."""
    sign = np.uint64(0) - (words >> np.uint64(63))
    return np.stack([words, sign])


def add(x: WideVec, y: WideVec) -> WideVec:
    """x + y."""
    low = x[0] + y[0]
    high = x[1] + y[1]
    high += low < y[0]  # the low words wrapped just then
    return np.stack([low, high])


def subtract(x: WideVec, y: WideVec) -> WideVec:
    """x - y."""
    high = x[1] - y[1]
    high -= x[0] < y[0]
    return np.stack([x[0] - y[0], high])


def multiply(x: WideVec, y: WideVec) -> WideVec:
    """x * y."""
    shape = np.broadcast_shapes(x.shape[1:], y.shape[1:])
    left, right = (_flat(factor, shape) for factor in (x, y))
    out: WideVec = np.empty(left.shape, dtype=np.uint64)
    for start in range(0, out.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        out[:, block] = _product(left[:, block], right[:, block])
    return out.reshape((LIMBS, *shape))


def scaled(x: WideVec, factor: int) -> WideVec:
    """x times a number in [-2^127, 2^128)."""
    return multiply(x, wide([factor]).reshape(LIMBS, *(1,) * (x.ndim - 1)))


def total(x: WideVec, axis: int = -1) -> WideVec:
    """The sum along an axis of the elements (0 is the first behind that of limbs): a vector gives shape (2, 1).

    Right for up to 2^31 summands.
    """
    low, high = x
    # Sums of halves stay below 2^63, so the carry into the high words can be read off them.
    first = np.atleast_1d(np.sum(low & _LOW, axis=axis, dtype=np.uint64))
    second = np.atleast_1d(np.sum(low >> _HALF, axis=axis, dtype=np.uint64))
    second += first >> _HALF
    top = np.atleast_1d(np.sum(high, axis=axis, dtype=np.uint64)) + (second >> _HALF)
    return np.stack([(second << _HALF) | (first & _LOW), top])


def dot(x: WideVec, y: WideVec) -> WideVec:
    """The sum of x * y along the last axis; vectors give shape (2, 1). Both have one shape."""
    rows = x.shape[1:-1] or (1,)
    n = x.shape[-1]
    left, right = x.reshape(LIMBS, *rows, n), y.reshape(LIMBS, *rows, n)
    out = np.zeros((LIMBS, *rows), dtype=np.uint64)
    for start in range(0, n, _BLOCK):
        block = (..., slice(start, start + _BLOCK))
        out = add(out, total(_product(left[block], right[block])).reshape(out.shape))
    return out


def _product(x: WideVec, y: WideVec) -> WideVec:
    """x * y of one shape: the low words' product in full, and the crossed ones mod 2^64 above."""
    a, b = x[0], y[0]
    a_low, a_high, b_low, b_high = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    # No sum wraps: (2^32 - 1)^2 + 2 (2^32 - 1) < 2^64.
    middle = a_low * b_low
    middle >>= _HALF
    middle += a_high * b_low
    cross = a_low * b_high
    cross += middle & _LOW
    high = a_high * b_high
    middle >>= _HALF
    high += middle
    cross >>= _HALF
    high += cross
    high += a * y[1]
    high += x[1] * b
    return np.stack([a * b, high])


def _flat(x: WideVec, shape: tuple[int, ...]) -> WideVec:
    return np.stack([np.broadcast_to(limb, shape).reshape(-1) for limb in _checked(x)])


def _checked(x: WideVec) -> WideVec:
    if x.dtype != np.uint64 or x.shape[:1] != (LIMBS,):
        raise UsageError(
            f"expected uint64 of shape (2, ...), got {x.dtype} of shape {x.shape}: use wide()"
        )
    return x
