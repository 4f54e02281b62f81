"""The engine of three compute parties, honest majority, semi-honest; any number of providers and recipients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.ring import ring
from mpcstats.engines.api import EXTRAS, Extra, Masked
from mpcstats.engines.column import Column, Shuffled, ShuffleOrder, length_of
from mpcstats.engines.given import check_input, check_recipients
from mpcstats.engines.rep3 import (
    compare,
    convert,
    inputs,
    outer,
    permute,
    product,
    ranking,
    reveal,
    shuffle,
)
from mpcstats.engines.rep3.exact import ExactRep3
from mpcstats.engines.rep3.seat import Seat, seat_of
from mpcstats.engines.share import Arith, Bits, Elements, Partial, Parts, Positions
from mpcstats.engines.widths import check_sign
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, Words, parallel


class Rep3(ExactRep3):
    """Replicated secret sharing among the three parties of `compute`. See engines.api for every method."""

    name = "rep3"
    offers: frozenset[Extra] = EXTRAS

    def __init__(self, compute: tuple[str, ...]) -> None:
        if len(set(compute)) != 3:
            raise UsageError(f"expected three different compute parties, got {compute}")
        self.compute = compute

    async def share(
        self, session: Session, values: Words | None, *, owner: str, shape: tuple[int, ...]
    ) -> Arith:
        seat = seat_of(session.me, self.compute)
        parts = await self._input(session, seat, values, owner, shape, bits=False)
        return self._arith(seat, shape, parts)

    async def share_bits(
        self, session: Session, rows: Words | None, *, owner: str, length: int, width: int
    ) -> Bits:
        seat = seat_of(session.me, self.compute)
        shape = (width, slicing.words(length))
        parts = await self._input(session, seat, rows, owner, shape, bits=True)
        return self._bits(seat, length, width, parts)

    def public(self, session: Session, values: Words) -> Arith:
        seat = seat_of(session.me, self.compute)
        values = ring(values)
        zeros = () if seat is None else (np.zeros_like(values), np.zeros_like(values))
        return self._arith(seat, values.shape, zeros).plus(values)

    async def multiply(self, session: Session, x: Arith, y: Arith) -> Arith:
        seat = seat_of(session.me, self.compute)
        _same_shape(x, y)
        if seat is None:
            return self._arith(None, x.shape, ())
        return self._arith(seat, x.shape, await product.multiply(session, seat, x.parts, y.parts))

    async def dot(self, session: Session, x: Arith, y: Arith) -> Arith:
        seat = seat_of(session.me, self.compute)
        _same_shape(x, y)
        shape = x.shape[:-1] or (1,)
        if seat is None:
            return self._arith(None, shape, ())
        return self._arith(seat, shape, await product.dot(session, seat, x.parts, y.parts))

    async def conj(self, session: Session, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        seat = seat_of(session.me, self.compute)
        for x, y in pairs:
            _same_width(x, y)
        if seat is None:
            return [self._bits(None, x.length, x.width, ()) for x, _ in pairs]
        return await compare.conj_bits(session, seat, list(pairs))

    async def less_than(self, session: Session, x: Bits, y: Bits) -> Bits:
        return await self._compared(session, x, y, compare.less_than)

    async def equal(self, session: Session, x: Bits, y: Bits) -> Bits:
        return await self._compared(session, x, y, compare.equal)

    async def negative(self, session: Session, x: Arith, *, width: int = 64) -> Bits:
        seat = seat_of(session.me, self.compute)
        (n,) = x.shape
        check_sign(x, width)
        if seat is None:
            return self._bits(None, n, 1, ())
        return await convert.negative(session, seat, x, self.compute, width)

    async def to_arith(self, session: Session, bits: Bits) -> Arith:
        seat = seat_of(session.me, self.compute)
        if seat is None:
            return self._arith(None, (bits.width, bits.length), ())
        return await convert.to_arith(session, seat, bits)

    async def masked_sums(self, session: Session, masked: Sequence[Masked]) -> Arith:
        seat = seat_of(session.me, self.compute)
        for request in masked:
            if request.bits.width != 1 or request.owner not in self.compute:
                raise InternalError("expected one row of bits and a compute party's values")
        if seat is None:
            return self._arith(None, (len(masked),), ())
        return await convert.masked_sums(session, seat, masked, self.compute)

    async def reveal(
        self, session: Session, x: Arith, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), x.shape)
        opened = await parallel(*(self._reveal_one(session.narrow(f"to-{p}"), x, p) for p in to))
        return opened[list(to).index(session.me)] if session.me in to else None

    async def _reveal_one(self, session: Session, x: Arith, to: str) -> Words | None:
        recipient = seat_of(to, self.compute)
        if recipient is None:
            return await reveal.reveal_outside(session, x.parts, to, self.compute, x.shape)
        seat = seat_of(session.me, self.compute)
        if seat is None:
            return None
        return await reveal.reveal_inside(session, seat, x.parts, to, recipient, bits=False)

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        seat = seat_of(session.me, self.compute)
        if seat is None:
            return Shuffled(tuple(columns), ShuffleOrder(length_of(columns), ()))
        return await shuffle.shuffle(session, seat, columns)

    async def unshuffle(
        self, session: Session, order: ShuffleOrder, columns: Sequence[Column]
    ) -> list[Column]:
        seat = seat_of(session.me, self.compute)
        if seat is None:
            return list(columns)
        return await shuffle.unshuffle(session, seat, order, columns)

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        session.note_opening(leak, self.compute, (x.length,))
        seat = seat_of(session.me, self.compute)
        if x.width != y.width or (at is None and x.length != y.length):
            raise InternalError(f"expected two secrets of one shape, got {x!r} and {y!r}")
        if seat is None:
            return None
        return await ranking.open_order(session, seat, self.compute, x, y, at)

    async def reveal_bits(
        self, session: Session, x: Bits, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), (x.width, x.length))
        seat = seat_of(session.me, self.compute)
        recipients = [(party, _seated(party, self.compute)) for party in to]
        if seat is None:
            return None
        # Padding bits are of no meaning, and could be of what they were computed from.
        parts = tuple(slicing.cleared(part, x.length) for part in x.parts)
        opened = await parallel(
            *(
                reveal.reveal_inside(
                    session.narrow(f"to-{party}"), seat, parts, party, recipient, bits=True
                )
                for party, recipient in recipients
            )
        )
        return opened[list(to).index(session.me)] if session.me in to else None

    async def permute(
        self,
        session: Session,
        columns: Sequence[Column],
        order: Positions | None,
        *,
        owner: str,
        keep: int | None = None,
    ) -> list[Column]:
        return await permute.permute(
            session, columns, order, owner=owner, compute=self.compute, keep=keep
        )

    def products(self, x: Arith, ys: Sequence[Arith]) -> Partial:
        return outer.products(x, ys)

    async def completed(self, session: Session, partial: Partial) -> Arith:
        seat = seat_of(session.me, self.compute)
        if seat is None:
            return self._arith(None, partial.shape, ())
        parts = await product.reshare(session, seat, partial.parts[0], bits=False)
        return self._arith(seat, partial.shape, parts)

    async def outer(self, session: Session, x: Arith, y: Arith) -> Arith:
        return await self.completed(session, self.products(x, [y]))

    async def _input(
        self,
        session: Session,
        seat: Seat | None,
        values: Words | None,
        owner: str,
        shape: tuple[int, ...],
        *,
        bits: bool,
    ) -> Parts:
        check_input(session, values, owner, shape)
        if owner not in self.compute:
            return await inputs.share_outside(
                session, values, owner=owner, compute=self.compute, shape=shape, bits=bits
            )
        if seat is None:
            return ()
        return await inputs.share_own(
            session, seat, values, owner=owner, compute=self.compute, shape=shape, bits=bits
        )

    async def _compared(
        self,
        session: Session,
        x: Bits,
        y: Bits,
        compared: Callable[[Session, Seat, Bits, Bits], Awaitable[Bits]],
    ) -> Bits:
        seat = seat_of(session.me, self.compute)
        _same_width(x, y)
        if seat is None:
            return self._bits(None, x.length, 1, ())
        return await compared(session, seat, x, y)

    @staticmethod
    def _arith(seat: Seat | None, shape: tuple[int, ...], parts: Parts) -> Arith:
        return Arith(shape, parts, None if seat is None else seat.constant_at)

    @staticmethod
    def _bits(seat: Seat | None, length: int, width: int, parts: Parts) -> Bits:
        return Bits(length, width, parts, None if seat is None else seat.constant_at)


def _seated(party: str, compute: tuple[str, ...]) -> Seat:
    seat = seat_of(party, compute)
    if seat is None:
        raise InternalError(f"expected a compute party, got {party}")
    return seat


def _same_shape(x: Arith, y: Arith) -> None:
    if x.shape != y.shape:
        raise InternalError(f"expected two secrets of one shape, got {x.shape} and {y.shape}")


def _same_width(x: Bits, y: Bits) -> None:
    if (x.length, x.width) != (y.length, y.width):
        raise InternalError(f"expected two secrets of one shape, got {x!r} and {y!r}")
