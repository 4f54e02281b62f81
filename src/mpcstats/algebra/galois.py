"""Extensions of degree 4 of the integers modulo 2^64 and of the bits: where Shamir's scheme has 15 parties' points.

An element is a polynomial of degree 3 in X over Z_2^64 or Z_2, reduced by X^4 + X + 1, which is irreducible mod 2: the
Galois ring GR(2^64, 4), and the field GF(16), which is the ring modulo 2. Arrays hold four words an element, shape
(4, ...), part i the coefficients of X^i: numbers in Z_2^64, or 64 bits of as many elements (algebra.bits). Among the
16 polynomials with coefficients 0 and 1 any two differ by a unit: they are the points that polynomials over the ring
can be found from. Constants are tuples of four Python ints; the product with one is linear in the parts.
Source: Abspoel, Cramer, Damgard, Escudero, Yuan, "Efficient information-theoretic secure multiparty computation over
Z/p^kZ via Galois rings", 2019, sections 2 and 3 (eprint 2019/872).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import InternalError

Words = NDArray[np.uint64]
Constant = tuple[int, int, int, int]
Matrix = tuple[tuple[Constant, ...], ...]

DEGREE = 4
POINTS = 1 << DEGREE
ZERO: Constant = (0, 0, 0, 0)
ONE: Constant = (1, 0, 0, 0)

_BLOCK = 1 << 10  # words of a part: some sixty arrays of this size stay in a 1 MiB cache
_FEW = 1 << 8  # words up to which one call of numpy is cheaper than one for each pair of parts


@dataclass(frozen=True, slots=True)
class Extension:
    """The ring over Z_2^64 (`bits` False: +, *) or the field over Z_2 (`bits` True: exclusive or, and)."""

    bits: bool

    @property
    def modulus(self) -> int:
        """That of the coefficients."""
        return 2 if self.bits else 1 << 64

    def add(self, x: Words, y: Words) -> Words:
        """x + y, in x."""
        return np.bitwise_xor(x, y, out=x) if self.bits else np.add(x, y, out=x)

    def subtract(self, x: Words, y: Words) -> Words:
        """x - y, in x."""
        return np.bitwise_xor(x, y, out=x) if self.bits else np.subtract(x, y, out=x)

    def product(self, x: Words, y: Words) -> Words:
        """x * y, element by element, of two arrays of one shape."""
        out = np.empty(x.shape, dtype=np.uint64)
        left, right, flat = (a.reshape(DEGREE, -1) for a in (x, y, out))
        for start in range(0, flat.shape[1], _BLOCK):
            block = (slice(None), slice(start, start + _BLOCK))
            flat[block] = self._folded(self._convolved(left[block], right[block]))
        return out

    def matmul(self, x: Words, y: Words) -> Words:
        """x y^T of matrices over the ring of numbers: (4, a, n) and (4, b, n) to (4, a, b)."""
        rows: list[Any] = [0] * (2 * DEGREE - 1)
        for i in range(DEGREE):
            for j in range(DEGREE):
                rows[i + j] = rows[i + j] + x[i] @ y[j].T
        return self._folded(np.stack(rows))

    def sum(self, x: Words, axis: int) -> Words:
        """The sum over one axis; the first one holds the parts."""
        if self.bits:
            return np.asarray(np.bitwise_xor.reduce(x, axis=axis))
        return np.asarray(np.sum(x, axis=axis, dtype=np.uint64))

    def times(self, x: Constant, y: Constant) -> Constant:
        """x * y."""
        rows = [0] * (2 * DEGREE - 1)
        for i, a in enumerate(x):
            for j, b in enumerate(y):
                rows[i + j] += a * b
        for k in range(2 * DEGREE - 2, DEGREE - 1, -1):  # X^4 = -X - 1
            rows[k - DEGREE + 1] -= rows[k]
            rows[k - DEGREE] -= rows[k]
        return self._constant(rows[:DEGREE])

    def minus(self, x: Constant, y: Constant) -> Constant:
        """x - y."""
        return self._constant([a - b for a, b in zip(x, y, strict=True)])

    def inverse(self, x: Constant) -> Constant:
        """1 / x of a unit: x^14 in the field, doubled in precision by Newton's steps y (2 - x y) up to 2^128."""
        return _inverse(self, x)

    def applied(self, matrix: Matrix, vectors: Sequence[Words]) -> Words:
        """For each row of `matrix` the sum of constant * vector, shape (rows, 4, ...).

        All vectors have the shape (4, ...), or (1, ...) if their parts but the first are zero.
        """
        shape = vectors[0].shape[1:]
        flat = [v.reshape(v.shape[0], prod(shape)) for v in vectors]
        entries = _entries(self, matrix, tuple(v.shape[0] for v in vectors))
        out = np.zeros((entries.shape[0], prod(shape)), dtype=np.uint64)
        for start in range(0, out.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            # One after the other, so that they are in the cache when they are multiplied.
            self._apply(entries, np.concatenate([v[:, block] for v in flat]), out[:, block])
        return out.reshape(len(matrix), DEGREE, *shape)

    def _apply(self, entries: Words, vectors: Words, out: Words) -> None:
        if not self.bits:
            np.einsum("ij,jn->in", entries, vectors, out=out)
        elif out.shape[1] < _FEW:
            masks = np.uint64(0) - entries
            np.bitwise_xor.reduce(masks[:, :, None] & vectors, axis=1, out=out)
        else:
            for target, row in zip(out, entries.tolist(), strict=True):
                for vector, entry in zip(vectors, row, strict=True):
                    if entry:
                        np.bitwise_xor(target, vector, out=target)

    def _convolved(self, x: Words, y: Words) -> Words:
        multiply: Any = np.bitwise_and if self.bits else np.multiply
        rows = np.zeros((2 * DEGREE - 1, x.shape[1]), dtype=np.uint64)
        piece = np.empty(x.shape, dtype=np.uint64)
        for i in range(DEGREE):
            multiply(x[i], y, out=piece)
            self.add(rows[i : i + DEGREE], piece)
        return rows

    def _folded(self, rows: Words) -> Words:
        """Coefficients up to X^6, reduced by X^4 = -X - 1, X^5 = -X^2 - X, X^6 = -X^3 - X^2."""
        out = rows[:DEGREE]
        self.subtract(out[:3], rows[DEGREE:])
        self.subtract(out[1:], rows[DEGREE:])
        return out

    def _constant(self, coefficients: Sequence[int]) -> Constant:
        a, b, c, d = (v % self.modulus for v in coefficients)
        return a, b, c, d


NUMBERS = Extension(bits=False)
BITS = Extension(bits=True)


def point(index: int) -> Constant:
    """Point number `index`: the polynomial whose coefficients are its binary digits; 0 is the secret's."""
    if not 0 <= index < POINTS:
        raise InternalError(f"expected a point from 0 to {POINTS - 1}, got {index}")
    a, b, c, d = ((index >> i) & 1 for i in range(DEGREE))
    return a, b, c, d


@lru_cache(maxsize=4096)
def _inverse(ring: Extension, x: Constant) -> Constant:
    found = ONE
    for _ in range(POINTS - 2):
        found = ring.times(found, x)
    for _ in range(7):
        found = ring.times(found, ring.minus((2, 0, 0, 0), ring.times(x, found)))
    if ring.times(found, x) != ONE:
        raise InternalError("expected a unit to be inverted, got one of the maximal ideal")
    return found


@lru_cache(maxsize=4096)
def _entries(ring: Extension, matrix: Matrix, parts: tuple[int, ...]) -> Words:
    return np.array(linear_map(ring, matrix, parts), dtype=np.uint64).reshape(
        DEGREE * len(matrix), sum(parts)
    )


def linear_map(ring: Extension, matrix: Matrix, parts: tuple[int, ...]) -> list[list[int]]:
    """The map of all parts: four rows for each row of `matrix`, a column for each of the `parts` of each vector."""
    units: list[Constant] = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    rows = []
    for row in matrix:
        columns = [
            ring.times(constant, unit)
            for constant, count in zip(row, parts, strict=True)
            for unit in units[:count]
        ]
        rows += [[column[i] for column in columns] for i in range(DEGREE)]
    return rows


@lru_cache(maxsize=4096)
def interpolation(ring: Extension, known: tuple[int, ...], wanted: tuple[int, ...]) -> Matrix:
    """Of a polynomial of degree below len(known): its values at points `wanted` from those at `known`, both indices.

    Row w holds the Lagrange coefficients prod over j != i of (w - j) / (i - j).
    """
    rows = []
    for target in wanted:
        row = []
        for i in known:
            value = ONE
            for j in known:
                if j != i:
                    above = ring.minus(point(target), point(j))
                    below = ring.minus(point(i), point(j))
                    value = ring.times(value, ring.times(above, ring.inverse(below)))
            row.append(value)
        rows.append(tuple(row))
    return tuple(rows)
