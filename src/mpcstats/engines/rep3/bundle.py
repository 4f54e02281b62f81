"""Columns of numbers and of bits as rows of words, one word an element, so that all of them move at once.

The bits of all columns stand side by side in as few words as hold them; each column of numbers is a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import Column, length_of
from mpcstats.engines.share import Arith, Bits, Elements, Positions
from mpcstats.session import Words

Rows = Sequence[Words] | Words  # of one word an element: an array of them, or one by one


def add(x: Words, y: Words, *, number: bool) -> None:
    """x becomes x + y mod 2^64, or x xor y."""
    if number:
        x += y
    else:
        x ^= y


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows of a bundle are numbers (they add up mod 2^64) and which bits (by exclusive or)."""

    numbers: tuple[bool, ...]

    @property
    def rows(self) -> int:
        """Words an element has."""
        return len(self.numbers)

    def plus(self, x: Rows, y: Rows) -> None:
        """x becomes x + y, row by row."""
        for row, other, number in zip(x, y, self.numbers, strict=True):
            add(row, other, number=number)

    def minus(self, x: Rows, y: Rows) -> None:
        """x becomes x - y, row by row."""
        for row, other, number in zip(x, y, self.numbers, strict=True):
            if number:
                row -= other
            else:
                row ^= other


@dataclass(frozen=True, slots=True)
class Bundle:
    """Both parts of some columns, row by row: first the bit rows of all columns, then elements and numbers."""

    columns: tuple[Column, ...]
    n: int
    layout: Layout
    own: Rows
    following: Rows

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Bundle:
        """Raises InternalError unless all are columns of one number of elements."""
        n = length_of(columns)
        bits = [c for c in columns if isinstance(c, Bits)]
        others = [c for c in columns if not isinstance(c, Bits)]
        numbers = [False] * slicing.words(sum(c.width for c in bits))
        for column in others:
            numbers += [isinstance(column, Arith)] * words_of(column)
        own, following = (_rows(bits, others, part, n) for part in range(2))
        return cls(tuple(columns), n, Layout(tuple(numbers)), own, following)

    def restored(self, own: Rows, following: Rows) -> list[Column]:
        """The columns of these parts, which may have another number of elements."""
        n = len(own[0])
        widths = [c.width for c in self.columns if isinstance(c, Bits)]
        row = slicing.words(sum(widths))
        sliced = [
            slicing.slice_rows(_array(part[:row], n), sum(widths)) for part in (own, following)
        ]
        found: list[Column] = []
        bit = 0
        for column in self.columns:
            if isinstance(column, Bits):
                parts = tuple(part[bit : bit + column.width] for part in sliced)
                found.append(Bits(n, column.width, parts, column.constant_at))
                bit += column.width
                continue
            end = row + words_of(column)
            if isinstance(column, Arith):
                found.append(Arith((n,), (own[row], following[row]), column.constant_at))
            else:
                both = tuple(_array(part[row:end], n) for part in (own, following))
                found.append(Elements(n, column.width, both, column.constant_at))
            row = end
        return found


def words_of(column: Column) -> int:
    """Words that one element takes in a row of its own."""
    return 1 if isinstance(column, Arith) else slicing.words(column.width)


def without_parts(columns: Sequence[Column], n: int) -> list[Column]:
    """The same kinds of columns with n elements, at a party that holds nothing of them."""
    found: list[Column] = []
    for column in columns:
        if isinstance(column, Arith):
            found.append(Arith((n,), (), None))
        elif isinstance(column, Bits):
            found.append(Bits(n, column.width, (), None))
        else:
            found.append(Elements(n, column.width, (), None))
    return found


def moved(rows: Rows, order: Positions) -> Words:
    """Element i of every row is its element order[i]."""
    out = np.empty((len(rows), order.size), dtype=np.uint64)
    for target, row in zip(out, rows, strict=True):
        np.take(row, order, out=target, mode="clip")  # unlike "raise", it needs no buffer
    return out


def _array(rows: Rows, n: int) -> Words:
    if isinstance(rows, np.ndarray):
        return rows
    return np.stack(list(rows)) if len(rows) else np.empty((0, n), dtype=np.uint64)


def _rows(
    bits: Sequence[Bits], others: Sequence[Arith | Elements], part: int, n: int
) -> list[Words]:
    rows: list[Words] = []
    if bits:
        stacked = np.concatenate([c.parts[part] for c in bits])
        rows += list(slicing.join_rows(stacked, n))
    for column in others:
        own = column.parts[part]
        rows += [own] if isinstance(column, Arith) else list(own)
    return rows
