"""The part of the engine that computes exactly with bit rows and with 128 bits. See engines.api for every method."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines import widths
from mpcstats.engines.given import check_recipients
from mpcstats.engines.rep3 import adder, numbers, select, wide
from mpcstats.engines.rep3.seat import seat_of
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words, parallel


class ExactRep3:
    """Mixed into Rep3, which names the three compute parties."""

    compute: tuple[str, ...]

    async def add_bits(self, session: Session, x: Bits, y: Bits, *, carry: Bits | int = 0) -> Bits:
        seat = seat_of(session.me, self.compute)
        widths.check_same(x, y)
        widths.check_carry(x, carry)
        if seat is None:
            return Bits(x.length, x.width, (), None)
        return await adder.add(session, seat, x, y, carry)

    async def increment(self, session: Session, x: Bits, carry: Bits) -> Bits:
        seat = seat_of(session.me, self.compute)
        widths.check_carry(x, carry)
        if seat is None:
            return Bits(x.length, x.width, (), None)
        return await adder.increment(session, seat, x, carry)

    async def select(self, session: Session, flags: Bits, options: Sequence[Bits]) -> Bits:
        seat = seat_of(session.me, self.compute)
        widths.check_options(flags, options)
        if seat is None:
            return Bits(flags.length, options[0].width, (), None)
        return await select.select(session, seat, flags, options)

    async def to_bits(self, session: Session, x: Arith | Wide, *, width: int | None = None) -> Bits:
        seat = seat_of(session.me, self.compute)
        rows = widths.width_of(x, width)
        if seat is None:
            return Bits(x.shape[0], rows, (), None)
        return await numbers.to_bits(session, seat, x, rows, self.compute)

    async def from_bits(self, session: Session, bits: Bits, *, signed: bool = False) -> Arith:
        seat = seat_of(session.me, self.compute)
        widths.check_rows(bits, 64)
        if seat is None:
            return Arith((bits.length,), (), None)
        found = await numbers.from_bits(session, seat, _offset(bits) if signed else bits)
        return found.plus(-(1 << (bits.width - 1))) if signed else found

    async def from_bits_wide(self, session: Session, bits: Bits, *, signed: bool = False) -> Wide:
        seat = seat_of(session.me, self.compute)
        widths.check_rows(bits, 128)
        if seat is None:
            return Wide((bits.length,), (), None)
        found = await numbers.from_bits_wide(session, seat, _offset(bits) if signed else bits)
        return found.plus(-(1 << (bits.width - 1))) if signed else found

    async def lift(self, session: Session, x: Arith) -> Wide:
        seat = seat_of(session.me, self.compute)
        if seat is None:
            return Wide(x.shape, (), None)
        return await wide.lift(session, seat, x)

    async def multiply_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        seat = seat_of(session.me, self.compute)
        widths.check_same_wide(x, y)
        if seat is None:
            return Wide(x.shape, (), None)
        parts = await wide.multiply(session, seat, x.parts, y.parts)
        return Wide(x.shape, parts, seat.constant_at)

    async def dot_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        seat = seat_of(session.me, self.compute)
        widths.check_same_wide(x, y)
        shape = x.shape[:-1] or (1,)
        if seat is None:
            return Wide(shape, (), None)
        return Wide(shape, await wide.dot(session, seat, x.parts, y.parts), seat.constant_at)

    async def reveal_wide(
        self, session: Session, x: Wide, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), x.shape)
        seat = seat_of(session.me, self.compute)
        opened = await parallel(
            *(
                wide.reveal_one(session.narrow(f"to-{party}"), seat, x, party, self.compute)
                for party in to
            )
        )
        return opened[list(to).index(session.me)] if session.me in to else None


def _offset(bits: Bits) -> Bits:
    """Two's complement of k bits with 2^(k-1) added: the top row inverted, and then without a sign."""
    top = ~bits.rows(bits.width - 1)
    return Bits.stack([bits.rows(slice(0, bits.width - 1)), top])
