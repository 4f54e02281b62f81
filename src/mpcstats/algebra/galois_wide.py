"""The Galois ring GR(2^128, 4): algebra.galois over Z_2^128, with arrays of shape (4, 2, ...), the low words first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from mpcstats.algebra import wide
from mpcstats.algebra.galois import DEGREE, Extension, Matrix, Words, linear_map

_BLOCK = 1 << 16  # products at a time


@dataclass(frozen=True, slots=True)
class WideExtension(Extension):
    """As Extension; every array has an axis of two words behind that of the parts."""

    @property
    def modulus(self) -> int:
        """2^128."""
        return wide.MODULUS

    def add(self, x: Words, y: Words) -> Words:
        """x + y, in x."""
        x[...] = _outward(wide.add(_inward(x), _inward(y)))
        return x

    def subtract(self, x: Words, y: Words) -> Words:
        """x - y, in x."""
        x[...] = _outward(wide.subtract(_inward(x), _inward(y)))
        return x

    def product(self, x: Words, y: Words) -> Words:
        """x * y, element by element, of two arrays of one shape."""
        rows = np.zeros((2 * DEGREE - 1, *x.shape[1:]), dtype=np.uint64)
        for i in range(DEGREE):
            piece = wide.multiply(_inward(x[i : i + 1]), _inward(y))
            self.add(rows[i : i + DEGREE], _outward(piece))
        return self._folded(rows)

    def sum(self, x: Words, axis: int) -> Words:
        """The sum over the last axis, which `axis` must be: -1."""
        shape = x.shape[:-1]
        return _outward(wide.total(_inward(x), axis)).reshape(shape)

    def applied(self, matrix: Matrix, vectors: Sequence[Words]) -> Words:
        """As Extension's; vectors have the shape (4, 2, ...) or (1, 2, ...)."""
        shape = vectors[0].shape[2:]
        flat = [_inward(v).reshape(wide.LIMBS, v.shape[0], prod(shape)) for v in vectors]
        entries = _entries(self, matrix, tuple(v.shape[0] for v in vectors))
        rows, columns = entries.shape[1:]
        out = np.zeros((wide.LIMBS, rows, prod(shape)), dtype=np.uint64)
        size = max(1, _BLOCK // (rows * columns))
        for start in range(0, out.shape[2], size):
            block = (..., slice(start, start + size))
            given = np.concatenate([v[block] for v in flat], axis=1).transpose(0, 2, 1)
            product = wide.multiply(entries[:, :, None, :], given[:, None])
            out[block] = wide.total(product)
        return _outward(out).reshape(len(matrix), DEGREE, wide.LIMBS, *shape)


WIDE = WideExtension(bits=False)


@lru_cache(maxsize=1024)
def _entries(ring: Extension, matrix: Matrix, parts: tuple[int, ...]) -> Words:
    numbers = [entry for row in linear_map(ring, matrix, parts) for entry in row]
    return wide.wide(numbers).reshape(wide.LIMBS, DEGREE * len(matrix), sum(parts))


def _inward(x: Words) -> Words:
    """The axis of words first, as algebra.wide wants it."""
    return np.moveaxis(x, 1, 0)


def _outward(x: Words) -> Words:
    return np.ascontiguousarray(np.moveaxis(x, 0, 1))
