"""A secret order: three passes, each with a permutation that one pair of parties knows.

Pass j of the pair (P_j, P_(j+1)), with permutation pi and masks r, m from S_(j+1): y_(j+1) = r;
y_j = pi(x_j + x_(j+1)) - r - m, sent by P_j to P_(j+2); y_(j+2) = pi(x_(j+2)) + m, sent by P_(j+1) to P_(j+2).
The components add up to pi(x). P_(j+2) sees two uniform vectors: without m it would know x_(j+2) and read pi off
pi(x_(j+2)). Each party misses one of the three permutations, so their composition is uniform to it.
Bits: the same with exclusive or, on elements of 64 bits a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.session import Session, Stream, Words

PASSES = 3


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which rows of the bundle are bits (exclusive or) and which numbers (mod 2^64)."""

    numbers: NDArray[np.bool_]

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


async def shuffle(
    session: Session, seat: Seat, columns: Sequence[Arith | Bits]
) -> list[Arith | Bits]:
    """All columns in one order that nobody knows. Three rounds; two words an element of 64 bits and party."""
    n = _length(columns)
    rows = [_rows(column) for column in columns]
    layout = _Layout(
        np.array([isinstance(c, Arith) for c, r in zip(columns, rows, strict=True) for _ in r[0]])
    )
    own, following = (np.concatenate([r[part] for r in rows]) for part in range(2))
    for j in range(PASSES):
        own, following = await _pass(session.narrow(f"pass{j}"), seat, j, layout, own, following)
    ends = np.cumsum([r[0].shape[0] for r in rows])[:-1]
    parts = zip(np.split(own, ends), np.split(following, ends), strict=True)
    return [_column(column, n, a, b) for column, (a, b) in zip(columns, parts, strict=True)]


async def _pass(
    session: Session, seat: Seat, j: int, layout: _Layout, own: Words, following: Words
) -> tuple[Words, Words]:
    role = (seat.index - j) % 3
    if role == 0:
        order, r, m = _drawn(seat.next_stream(session), own.shape)
        whole = _moved(own, order)
        layout.plus(whole, _moved(following, order))
        layout.minus(whole, r)
        layout.minus(whole, m)
        await session.exchange(send={seat.left: whole})
        return whole, r
    if role == 1:
        order, r, m = _drawn(seat.own_stream(session), own.shape)
        moved = _moved(following, order)
        layout.plus(moved, m)
        await session.exchange(send={seat.right: moved})
        return r, moved
    replies = await session.exchange(receive={seat.left: own.shape, seat.right: own.shape})
    return replies[seat.left], replies[seat.right]


def _moved(rows: Words, order: NDArray[np.intp]) -> Words:
    return np.stack([row[order] for row in rows])


def _drawn(stream: Stream, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], Words, Words]:
    """The pair's permutation and masks, the same at both."""
    order = stream.permutation(shape[1]).astype(np.intp)
    return order, stream.words(*shape), stream.words(*shape)


def _length(columns: Sequence[Arith | Bits]) -> int:
    lengths = {c.shape[0] if isinstance(c, Arith) else c.length for c in columns}
    if len(lengths) != 1 or any(isinstance(c, Arith) and len(c.shape) != 1 for c in columns):
        raise InternalError(f"expected columns of one length, got {lengths or 'none'}")
    return lengths.pop()


def _rows(column: Arith | Bits) -> tuple[Words, Words]:
    """Both parts with one word an element and row."""
    own, following = column.parts
    if isinstance(column, Arith):
        return own[None, :], following[None, :]
    return slicing.join_rows(own, column.length), slicing.join_rows(following, column.length)


def _column(like: Arith | Bits, n: int, own: Words, following: Words) -> Arith | Bits:
    if isinstance(like, Arith):
        return Arith((n,), (own[0], following[0]), like.constant_at)
    parts = (slicing.slice_rows(own, like.width), slicing.slice_rows(following, like.width))
    return Bits(n, like.width, parts, like.constant_at)
