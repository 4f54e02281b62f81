"""One party's part of a secret vector, and the operations on it that need no message.

A secret is the sum (Arith, mod 2^64) or the exclusive or (Bits) of components. A party holds some of them as
`parts`: two of three in rep3, the only one in clear, none if it does not compute. Linear operations work part
by part; a public constant goes into one component only, which is part number `constant_at` here (None: not
held here).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NoReturn, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.ring import ring
from mpcstats.errors import InternalError, UsageError
from mpcstats.session.messages import Words

Parts = tuple[Words, ...]
TAKE_BLOCK = 1 << 14  # elements; a multiple of a word's bits
Positions = NDArray[np.intp]
Index = int | slice | Words | tuple[int | slice, ...]


class Secret:
    """What cannot be printed, compared, branched on, converted or pickled by mistake."""

    __slots__ = ("constant_at", "parts")

    def __init__(self, parts: Parts, constant_at: int | None) -> None:
        self.parts = parts
        self.constant_at = constant_at

    def __bool__(self) -> NoReturn:
        raise UsageError("a secret has no truth value here: compare it with the engine's protocols")

    def __eq__(self, other: object) -> NoReturn:
        raise UsageError("secrets cannot be compared with ==: use the engine's equal")

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dict either

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise UsageError("a secret cannot be pickled or copied out of its run")

    def __array__(self, *_: object) -> NoReturn:
        raise UsageError("a secret is no array: reveal it to its recipients at the gate")


class Arith(Secret):
    """A vector or matrix of secrets in Z_2^64, of public `shape`."""

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...], parts: Parts, constant_at: int | None) -> None:
        super().__init__(parts, constant_at)
        self.shape = shape

    def __repr__(self) -> str:
        return f"<arithmetic secret of shape {self.shape}>"

    def __add__(self, other: Arith) -> Arith:
        return self._with(self.shape, [a + b for a, b in self._paired(other)])

    def __sub__(self, other: Arith) -> Arith:
        return self._with(self.shape, [a - b for a, b in self._paired(other)])

    def __neg__(self) -> Arith:
        return self._with(self.shape, [np.uint64(0) - a for a in self.parts])

    def __getitem__(self, index: Index) -> Arith:
        """The same public selection of every part."""
        return self._each(lambda a: np.atleast_1d(a[index]))

    def scaled(self, factor: Words | int) -> Arith:
        """The product with a public number or vector."""
        public = self._public(factor)
        return self._each(lambda a: a * public)

    def plus(self, public: Words | int) -> Arith:
        """The sum with a public number or vector."""
        added = self._public(public)
        parts = [a + added if i == self.constant_at else a for i, a in enumerate(self.parts)]
        return self._with(self.shape, parts)

    def total(self) -> Arith:
        """The sum over the last axis; a vector gives shape (1,)."""
        return self._each(lambda a: np.atleast_1d(np.sum(a, axis=-1, dtype=np.uint64)))

    def accumulated(self) -> Arith:
        """Prefix sums along the last axis: element i is the sum of elements 0 to i."""
        return self._each(lambda a: np.cumsum(a, axis=-1, dtype=np.uint64))

    def moved(self, by: int) -> Arith:
        """Element i is element i - by along the last axis, 0 where there is none."""

        def change(a: Words) -> Words:
            out = np.zeros(a.shape, dtype=np.uint64)
            n = a.shape[-1]
            if by >= 0:
                out[..., min(by, n) :] = a[..., : max(n - by, 0)]
            else:
                out[..., : max(n + by, 0)] = a[..., min(-by, n) :]
            return out

        return self._each(change)

    def taken(self, index: Positions) -> Arith:
        """The elements of the vector at public positions, in their order."""
        return self._each(lambda a: np.take(a, index, axis=-1))

    def column_total(self) -> Arith:
        """The sum over the first axis of a matrix."""
        return self._each(lambda a: np.sum(a, axis=0, dtype=np.uint64))

    def turned(self) -> Arith:
        """The matrix with its axes exchanged, without copying."""
        return self._each(lambda a: a.T)

    @staticmethod
    def stack(secrets: Sequence[Arith]) -> Arith:
        """A matrix whose rows are the vectors `secrets`."""
        first = secrets[0]
        columns = zip(*(s.parts for s in secrets), strict=True)
        return first._with((len(secrets), *first.shape), [np.stack(c) for c in columns])

    def zeros(self, n: int) -> Arith:
        """A vector of n zeros, held as this secret is."""
        return self._with((n,), [np.zeros(n, dtype=np.uint64) for _ in self.parts])

    def between(self, start: int, stop: int) -> Arith:
        """Elements start to stop - 1 of the vector."""
        return self[start:stop]

    def flat(self) -> Arith:
        """All elements as one vector, row by row."""
        return self._each(lambda a: a.reshape(-1))

    def column(self) -> Arith:
        """The vector as a matrix of one column."""
        return self._each(lambda a: a[:, None])

    def repeat(self, times: int) -> Arith:
        """The vector, `times` times as rows of a matrix, without copying."""
        shape = (times, *self.shape)
        return self._with(shape, [np.broadcast_to(a, shape) for a in self.parts])

    @staticmethod
    def concatenate(secrets: Sequence[Arith]) -> Arith:
        """One vector of all; each of `secrets` must be a vector."""
        first = secrets[0]
        size = sum(prod(s.shape) for s in secrets)
        columns = zip(*(s.parts for s in secrets), strict=True)
        return first._with(
            (size,), [np.concatenate([c.reshape(-1) for c in column]) for column in columns]
        )

    @staticmethod
    def rows_of(secrets: Sequence[Arith]) -> Arith:
        """One matrix of the rows of all of `secrets`; each must be a matrix, and all have rows of one length."""
        return Arith._joined(secrets, 0)

    @staticmethod
    def columns_of(secrets: Sequence[Arith]) -> Arith:
        """One matrix of the columns of all of `secrets`, matrices of equally many rows."""
        return Arith._joined(secrets, 1)

    @staticmethod
    def _joined(secrets: Sequence[Arith], axis: int) -> Arith:
        first = secrets[0]
        size = sum(s.shape[axis] for s in secrets)
        shape = (size, first.shape[1]) if axis == 0 else (first.shape[0], size)
        columns = zip(*(s.parts for s in secrets), strict=True)
        return first._with(shape, [np.concatenate(column, axis=axis) for column in columns])

    def _public(self, value: Words | int) -> Any:
        """Raises UsageError for anything but whole numbers, one or as many as there are elements."""
        if isinstance(value, int | np.integer):
            return np.uint64(int(value) % (1 << 64))
        if not isinstance(value, np.ndarray):
            raise UsageError(f"expected a public whole number or an array, got {value!r}")
        words = ring(value)
        try:
            fits = np.broadcast_shapes(words.shape, self.shape) == self.shape
        except ValueError:
            fits = False
        if not fits:
            raise UsageError(f"expected public numbers for shape {self.shape}, got {words.shape}")
        return words

    def _with(self, shape: tuple[int, ...], parts: Sequence[Words]) -> Arith:
        return Arith(shape, tuple(parts), self.constant_at)

    def _each(self, change: Callable[[Words], Words]) -> Arith:
        # A party without parts learns the new shape from a dummy that takes no memory.
        shape = change(np.broadcast_to(np.uint64(0), self.shape)).shape
        return self._with(shape, [change(a) for a in self.parts])

    def _paired(self, other: Arith) -> zip[tuple[Words, Words]]:
        if other.shape != self.shape:
            raise InternalError(
                f"expected two secrets of one shape, got {self.shape} and {other.shape}"
            )
        return zip(self.parts, other.parts, strict=True)


class Partial(Secret):
    """Products of public `shape` before they are shared again: the sum of one summand a compute party.

    Linear in what it came from; nothing else can be done with it before the engine has completed it.
    """

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...], parts: Parts) -> None:
        super().__init__(parts, None)
        self.shape = shape

    def __repr__(self) -> str:
        return f"<summands of an arithmetic secret of shape {self.shape}>"

    def __add__(self, other: Partial) -> Partial:
        if other.shape != self.shape:
            raise InternalError(f"expected summands of shape {self.shape}, got {other.shape}")
        return Partial(
            self.shape, tuple(a + b for a, b in zip(self.parts, other.parts, strict=True))
        )


class Bits(Secret):
    """`width` rows of `length` secret bits each; part shape (width, words(length)), see algebra.bits.

    Bits beyond `length` in the last word are of no meaning and are cut off before anything is opened.
    """

    __slots__ = ("length", "width")

    def __init__(self, length: int, width: int, parts: Parts, constant_at: int | None) -> None:
        super().__init__(parts, constant_at)
        self.length = length
        self.width = width

    def __repr__(self) -> str:
        return f"<{self.width} rows of {self.length} secret bits>"

    @property
    def array_shape(self) -> tuple[int, int]:
        """The shape of each part."""
        return (self.width, slicing.words(self.length))

    def __xor__(self, other: Bits) -> Bits:
        if (other.length, other.width) != (self.length, self.width):
            raise InternalError(f"expected two secrets of one shape, got {self!r} and {other!r}")
        parts = [a ^ b for a, b in zip(self.parts, other.parts, strict=True)]
        return self._with(self.width, parts)

    def __invert__(self) -> Bits:
        parts = [~a if i == self.constant_at else a for i, a in enumerate(self.parts)]
        return self._with(self.width, parts)

    def rows(self, index: slice | int | Sequence[int]) -> Bits:
        """The chosen rows; an int gives one row, a sequence each row that it names, in its order."""
        if isinstance(index, slice):
            width = len(range(*index.indices(self.width)))
            return self._with(width, [a[index] for a in self.parts])
        chosen = [index] if isinstance(index, int) else list(index)
        return self._with(len(chosen), [a[chosen] for a in self.parts])

    def folded(self, length: int, width: int) -> Bits:
        """The only row, cut into `width` rows of `length` bits; each row must begin at a word of its own."""
        size = slicing.words(length)
        if self.width != 1 or slicing.words(self.length) != width * size:
            raise InternalError(f"expected one row of {width} x {size} words, got {self!r}")
        return Bits(
            length, width, tuple(a.reshape(width, size) for a in self.parts), self.constant_at
        )

    def first(self, n: int) -> Bits:
        """The first n elements of every row."""
        size = slicing.words(n)
        parts = tuple(np.ascontiguousarray(a[:, :size]) for a in self.parts)
        return Bits(n, self.width, parts, self.constant_at)

    def cut(self, start: int, stop: int) -> Bits:
        """Elements `start` to `stop` of every row, without copying; `start` must be a multiple of 64."""
        if start % slicing.WORD:
            raise InternalError(f"expected a cut at a word, got one at element {start}")
        words = slice(start // slicing.WORD, slicing.words(stop))
        return Bits(
            stop - start, self.width, tuple(a[:, words] for a in self.parts), self.constant_at
        )

    def moved(self, by: int) -> Bits:
        """Element i of every row is element i - by, 0 where there is none."""
        parts = [
            slicing.moved(slicing.cleared(a, self.length), self.length, by) for a in self.parts
        ]
        return self._with(self.width, parts)

    def accumulated(self) -> Bits:
        """Element i of every row is the exclusive or of its elements 0 to i."""
        return self._with(self.width, [slicing.accumulated(a) for a in self.parts])

    def taken(self, index: Positions) -> Bits:
        """The elements at public positions, in their order."""
        return self.elements().bits(index)

    @staticmethod
    def concatenate(secrets: Sequence[Bits]) -> Bits:
        """The elements of all of `secrets`, one after the other; all have one width."""
        first = secrets[0]
        lengths = [s.length for s in secrets]
        columns = zip(*(s.parts for s in secrets), strict=True)
        parts = tuple(
            slicing.concatenated(list(zip(column, lengths, strict=True))) for column in columns
        )
        return Bits(sum(lengths), first.width, parts, first.constant_at)

    def elements(self) -> Elements:
        """The same secret, laid out element by element, from which elements can be taken."""
        joined = tuple(slicing.join_rows(a, self.length) for a in self.parts)
        return Elements(self.length, self.width, joined, self.constant_at)

    def masked(self, public: Words) -> Bits:
        """The and with public rows, shape (width or 1, words(length))."""
        return self._with(self.width, [a & public for a in self.parts])

    def between(self, start: int, stop: int) -> Bits:
        """Elements start to stop - 1 of every row."""
        return self.moved(-start).first(stop - start)

    def zeros(self, n: int) -> Bits:
        """n elements of zeros, as many rows, held as this secret is."""
        shape = (self.width, slicing.words(n))
        parts = tuple(np.zeros(shape, dtype=np.uint64) for _ in self.parts)
        return Bits(n, self.width, parts, self.constant_at)

    def public(self, rows: Words, n: int) -> Bits:
        """The public `rows`, shape (width, words(n)), as a secret of n elements, held as this one is."""
        parts = tuple(
            rows if i == self.constant_at else np.zeros_like(rows) for i in range(len(self.parts))
        )
        return Bits(n, rows.shape[0], parts, self.constant_at)

    def numbers(self, values: Words) -> Arith:
        """Public numbers as a secret vector, held as this one is."""
        parts = tuple(
            values if i == self.constant_at else np.zeros_like(values)
            for i in range(len(self.parts))
        )
        return Arith(values.shape, parts, self.constant_at)

    def constant(self, rows: Words) -> Bits:
        """The public `rows`, shape (width, words(length)), as a secret of this one's length."""
        return self.public(rows, self.length)

    @staticmethod
    def stack(secrets: Sequence[Bits]) -> Bits:
        """The rows of all of `secrets`, one below the other."""
        first = secrets[0]
        columns = zip(*(s.parts for s in secrets), strict=True)
        return first._with(sum(s.width for s in secrets), [np.concatenate(c) for c in columns])

    def repeat(self, times: int) -> Bits:
        """The only row, `times` times, without copying."""
        if self.width != 1:
            raise InternalError(f"expected one row, got {self.width}")
        shape = (times, slicing.words(self.length))
        return self._with(times, [np.broadcast_to(a, shape) for a in self.parts])

    def _with(self, width: int, parts: Sequence[Words]) -> Bits:
        return Bits(self.length, width, tuple(parts), self.constant_at)


class Elements(Secret):
    """`length` secret elements of `width` bits; part shape (ceil(width / 64), length), the low words first.

    `kept` is for an engine to keep another layout of the same shares in, so that it is made once.
    """

    __slots__ = ("kept", "length", "width")

    def __init__(self, length: int, width: int, parts: Parts, constant_at: int | None) -> None:
        super().__init__(parts, constant_at)
        self.length = length
        self.width = width
        self.kept: dict[object, Parts] = {}

    def __repr__(self) -> str:
        return f"<{self.length} secret elements of {self.width} bits>"

    def taken(self, index: Positions) -> Elements:
        """The elements at public positions, in their order."""
        return self._with(len(index), [np.take(a, index, axis=1) for a in self.parts])

    def moved(self, by: int) -> Elements:
        """Element i is element i - by, 0 where there is none."""
        parts = []
        for a in self.parts:
            out = np.zeros(a.shape, dtype=np.uint64)
            if by >= 0:
                out[:, min(by, self.length) :] = a[:, : max(self.length - by, 0)]
            else:
                out[:, : max(self.length + by, 0)] = a[:, min(-by, self.length) :]
            parts.append(out)
        return self._with(self.length, parts)

    def accumulated(self) -> Elements:
        """Element i is the exclusive or of elements 0 to i."""
        parts = [np.bitwise_xor.accumulate(a, axis=1) for a in self.parts]
        return self._with(self.length, parts)

    def between(self, start: int, stop: int) -> Elements:
        """Elements start to stop - 1, without copying."""
        return self._with(stop - start, [a[:, start:stop] for a in self.parts])

    def zeros(self, n: int) -> Elements:
        """n elements of zeros, held as this secret is."""
        return self._with(n, [np.zeros((a.shape[0], n), dtype=np.uint64) for a in self.parts])

    def __xor__(self, other: Elements) -> Elements:
        if (other.length, other.width) != (self.length, self.width):
            raise InternalError(f"expected two secrets of one shape, got {self!r} and {other!r}")
        return self._with(
            self.length, [a ^ b for a, b in zip(self.parts, other.parts, strict=True)]
        )

    def bits(self, index: Positions | None = None) -> Bits:
        """The elements, or those at public positions, as bit rows."""
        if index is None:
            parts = tuple(slicing.slice_rows(a, self.width) for a in self.parts)
            return Bits(self.length, self.width, parts, self.constant_at)
        shape = (self.width, slicing.words(len(index)))
        rows = tuple(np.empty(shape, dtype=np.uint64) for _ in self.parts)
        # What is taken stays in the cache until it is sliced.
        for start in range(0, len(index), TAKE_BLOCK):
            block = index[start : start + TAKE_BLOCK]
            words = slice(start // slicing.WORD, (start + len(block) - 1) // slicing.WORD + 1)
            for out, part in zip(rows, self.parts, strict=True):
                taken = np.stack([row[block] for row in part])
                out[:, words] = slicing.slice_rows(taken, self.width)
        return Bits(len(index), self.width, rows, self.constant_at)

    def _with(self, length: int, parts: Sequence[Words]) -> Elements:
        return Elements(length, self.width, tuple(parts), self.constant_at)
