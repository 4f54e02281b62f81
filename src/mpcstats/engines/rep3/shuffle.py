"""A secret order: three passes, each with a permutation that one pair of parties knows.

Pass j of the pair (P_j, P_(j+1)), with permutation pi and masks r, m from S_(j+1): y_(j+1) = r;
y_j = pi(x_j + x_(j+1)) - r - m, sent by P_j to P_(j+2); y_(j+2) = pi(x_(j+2)) + m, sent by P_(j+1) to P_(j+2).
The components add up to pi(x). P_(j+2) sees two uniform vectors: without m it would know x_(j+2) and read pi off
pi(x_(j+2)). Each party misses one of the three permutations, so their composition is uniform to it.
Bits: the same with exclusive or, on elements of 64 bits a word.

Undoing it takes the inverse permutations in the opposite order, with fresh masks: to every party again two
uniform vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import (
    Arith,
    Bits,
    Column,
    Positions,
    Shuffled,
    ShuffleOrder,
    length_of,
)
from mpcstats.errors import InternalError
from mpcstats.session import Session, Stream, Words

PASSES = 3


async def shuffle(session: Session, seat: Seat, columns: Sequence[Column]) -> Shuffled:
    """All columns in one order that nobody knows. Three rounds; two words an element of 64 bits and party."""
    bundle = _Bundle.of(columns)
    orders = []
    for j in range(PASSES):
        step = session.narrow(f"pass{j}")
        known = _known(step, seat, j, bundle.length)
        await bundle.move(step.narrow("move"), seat, j, known)
        orders.append(known if known is not None else np.empty(0, dtype=np.intp))
    return Shuffled(
        tuple(bundle.columns()),
        ShuffleOrder(bundle.length, tuple(o.view(np.uint64) for o in orders)),
    )


async def unshuffle(
    session: Session, seat: Seat, order: ShuffleOrder, columns: Sequence[Column]
) -> list[Column]:
    """The columns in the order from before the shuffle: its passes backwards, with masks of their own."""
    bundle = _Bundle.of(columns)
    if bundle.length != order.length:
        raise InternalError(f"expected columns of {order.length} rows, got {bundle.length}")
    for j in reversed(range(PASSES)):
        known = order.parts[j].view(np.intp)
        back: Positions | None = None
        if seat.index != (j + 2) % 3:
            back = np.empty_like(known)
            back[known] = np.arange(known.size)
        await bundle.move(session.narrow(f"pass{j}"), seat, j, back)
    return bundle.columns()


def _known(session: Session, seat: Seat, j: int, n: int) -> Positions | None:
    """The permutation of pass j, drawn from S_(j+1); None at P_(j+2), who does not know it."""
    role = (seat.index - j) % 3
    if role == 2:
        return None
    stream = seat.next_stream(session) if role == 0 else seat.own_stream(session)
    return stream.permutation(n)


class _Bundle:
    """All columns as rows of one word an element, both parts; which rows are numbers and which bits."""

    def __init__(self, like: Sequence[Column], own: Words, following: Words) -> None:
        self._like = like
        self._own, self._next = own, following
        self.length = own.shape[1]
        self._numbers = [isinstance(c, Arith) for c in like for _ in range(_words_of(c))]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> _Bundle:
        """The bundle of `columns`, of one length."""
        n = length_of(columns)
        rows = [_rows(column, n) for column in columns]
        own, following = (np.concatenate([r[part] for r in rows]) for part in range(2))
        return cls(columns, own, following)

    async def move(self, session: Session, seat: Seat, j: int, order: Positions | None) -> None:
        """Pass j of the pair that knows `order`: new row i is old row order[i]."""
        role = (seat.index - j) % 3
        shape = self._own.shape
        if role == 2 or order is None:
            replies = await session.exchange(receive={seat.left: shape, seat.right: shape})
            self._own, self._next = replies[seat.left], replies[seat.right]
            return
        stream = seat.next_stream(session) if role == 0 else seat.own_stream(session)
        r, m = _masks(stream, shape)
        if role == 0:
            moved = np.empty(shape, dtype=np.uint64)
            for i, number in enumerate(self._numbers):
                whole = _plus(self._own[i], self._next[i], number=number)
                np.take(whole, order, out=moved[i], mode="clip")
                _subtract(moved[i], r[i], number=number)
                _subtract(moved[i], m[i], number=number)
            await session.exchange(send={seat.left: moved})
            self._own, self._next = moved, r
            return
        for i, number in enumerate(self._numbers):
            _add(m[i], self._next[i][order], number=number)
        await session.exchange(send={seat.right: m})
        self._own, self._next = r, m

    def columns(self) -> list[Column]:
        """The columns again."""
        ends = np.cumsum([_words_of(c) for c in self._like])[:-1]
        parts = zip(np.split(self._own, ends), np.split(self._next, ends), strict=True)
        return [
            _column(column, self.length, a, b)
            for column, (a, b) in zip(self._like, parts, strict=True)
        ]


def _masks(stream: Stream, shape: tuple[int, ...]) -> tuple[Words, Words]:
    return stream.words(*shape), stream.words(*shape)


def _plus(x: Words, y: Words, *, number: bool) -> Words:
    return x + y if number else x ^ y


def _add(x: Words, y: Words, *, number: bool) -> None:
    if number:
        x += y
    else:
        x ^= y


def _subtract(x: Words, y: Words, *, number: bool) -> None:
    if number:
        x -= y
    else:
        x ^= y


def _words_of(column: Column) -> int:
    return 1 if isinstance(column, Arith) else -(-column.width // slicing.WORD)


def _rows(column: Column, n: int) -> tuple[Words, Words]:
    """Both parts with one word an element and row."""
    own, following = column.parts
    if isinstance(column, Arith):
        return own[None, :], following[None, :]
    return slicing.join_rows(own, n), slicing.join_rows(following, n)


def _column(like: Column, n: int, own: Words, following: Words) -> Column:
    if isinstance(like, Arith):
        return Arith((n,), (own[0], following[0]), like.constant_at)
    parts = (slicing.slice_rows(own, like.width), slicing.slice_rows(following, like.width))
    return Bits(n, like.width, parts, like.constant_at)
