"""Columns of numbers and of bits as rows of words, one word an element, so that all of them move at once.

The bits of all columns stand side by side in as few words as hold them; each column of numbers is a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.share import Arith, Bits, Column, Positions, length_of
from mpcstats.session import Words


@dataclass(frozen=True, slots=True)
class Layout:
    """Which rows of a bundle are numbers (they add up mod 2^64) and which bits (by exclusive or)."""

    numbers: tuple[bool, ...]

    @property
    def rows(self) -> int:
        """Words an element has."""
        return len(self.numbers)

    def plus(self, x: Words, y: Words) -> None:
        """x becomes x + y, row by row."""
        for row, other, number in zip(x, y, self.numbers, strict=True):
            if number:
                row += other
            else:
                row ^= other

    def minus(self, x: Words, y: Words) -> None:
        """x becomes x - y, row by row."""
        for row, other, number in zip(x, y, self.numbers, strict=True):
            if number:
                row -= other
            else:
                row ^= other


@dataclass(frozen=True, slots=True)
class Bundle:
    """Some columns of n elements, seen as `layout.rows` rows of words."""

    columns: tuple[Column, ...]
    n: int
    layout: Layout

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Bundle:
        """Raises InternalError unless all are vectors or bit rows of one number of elements."""
        numbers = sum(isinstance(c, Arith) for c in columns)
        width = -(-sum(c.width for c in columns if isinstance(c, Bits)) // slicing.WORD)
        return cls(tuple(columns), length_of(columns), Layout((False,) * width + (True,) * numbers))

    def rows(self, *which: int) -> list[Words]:
        """The rows of one part, 0 (own) or 1 (next), or of what both add up to."""
        rows = []
        bits = [
            reduce(np.bitwise_xor, [c.parts[part] for part in which])
            for c in self.columns
            if isinstance(c, Bits)
        ]
        if bits:
            rows += list(slicing.join_rows(np.concatenate(bits), self.n))
        for column in self.columns:
            if isinstance(column, Arith):
                rows.append(reduce(np.add, [column.parts[part] for part in which]))
        return rows

    def restored(self, own: Words, following: Words) -> list[Column]:
        """The columns of these parts, which may have another number of elements."""
        n = own.shape[1]
        widths = [c.width for c in self.columns if isinstance(c, Bits)]
        size = -(-sum(widths) // slicing.WORD)
        sliced = [slicing.slice_rows(part[:size], sum(widths)) for part in (own, following)]
        found: list[Column] = []
        bit, row = 0, size
        for column in self.columns:
            if isinstance(column, Bits):
                parts = tuple(part[bit : bit + column.width] for part in sliced)
                found.append(Bits(n, column.width, parts, column.constant_at))
                bit += column.width
            else:
                found.append(Arith((n,), (own[row], following[row]), column.constant_at))
                row += 1
        return found


def without_parts(columns: Sequence[Column], n: int) -> list[Column]:
    """The same kinds of columns with n elements, at a party that holds nothing of them."""
    return [
        Arith((n,), (), None) if isinstance(c, Arith) else Bits(n, c.width, (), None)
        for c in columns
    ]


def moved(rows: Sequence[Words] | Words, order: Positions) -> Words:
    """Element i of every row is its element order[i]."""
    out = np.empty((len(rows), order.size), dtype=np.uint64)
    for target, row in zip(out, rows, strict=True):
        np.take(row, order, out=target, mode="clip")  # unlike "raise", it needs no buffer
    return out
