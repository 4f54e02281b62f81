"""The part of the engine that computes exactly with bit rows and with 128 bits. See engines.api for every method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra.galois import BITS, DEGREE
from mpcstats.algebra.galois_wide import WIDE
from mpcstats.algebra.wide import LIMBS
from mpcstats.engines import widths
from mpcstats.engines.given import check_recipients
from mpcstats.engines.shamir import convert, product, trees, wide
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.reveal import reveal
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words, parallel


class ExactShamir:
    """Mixed into Shamir, which names the compute parties."""

    compute: tuple[str, ...]
    group: Group

    async def add_bits(self, session: Session, x: Bits, y: Bits, *, carry: Bits | int = 0) -> Bits:
        widths.check_same(x, y)
        widths.check_carry(x, carry)
        if session.me not in self.compute:
            return Bits(x.length, x.width, (), None)
        return await trees.add(session, self.group, x, y, carry)

    async def increment(self, session: Session, x: Bits, carry: Bits) -> Bits:
        widths.check_carry(x, carry)
        if session.me not in self.compute:
            return Bits(x.length, x.width, (), None)
        return await trees.increment(session, self.group, x, carry)

    async def select(self, session: Session, flags: Bits, options: Sequence[Bits]) -> Bits:
        widths.check_options(flags, options)
        first = options[0]
        if session.me not in self.compute:
            return Bits(first.length, first.width, (), None)
        chosen = np.zeros((DEGREE, *first.array_shape), dtype=np.uint64)
        for j, option in enumerate(options):
            flag = flags.rows(j).repeat(first.width)
            chosen ^= BITS.product(product.stacked(flag.parts), product.stacked(option.parts))
        parts = await product.reshare(session, self.group, BITS, chosen, shape=first.array_shape)
        return Bits(first.length, first.width, parts, 0)

    async def to_bits(self, session: Session, x: Arith | Wide, *, width: int | None = None) -> Bits:
        rows = widths.width_of(x, width)
        if session.me not in self.compute:
            return Bits(x.shape[0], rows, (), None)
        return await convert.to_bits(session, self.group, x, rows)

    async def from_bits(self, session: Session, bits: Bits, *, signed: bool = False) -> Arith:
        widths.check_rows(bits, 64)
        if session.me not in self.compute:
            return Arith((bits.length,), (), None)
        return await convert.from_bits(session, self.group, bits, signed=signed)

    async def from_bits_wide(self, session: Session, bits: Bits, *, signed: bool = False) -> Wide:
        widths.check_rows(bits, 128)
        if session.me not in self.compute:
            return Wide((bits.length,), (), None)
        return await wide.from_bits_wide(session, self.group, bits, signed=signed)

    async def lift(self, session: Session, x: Arith) -> Wide:
        if session.me not in self.compute:
            return Wide(x.shape, (), None)
        return await wide.lift(session, self.group, x)

    async def multiply_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        widths.check_same_wide(x, y)
        if session.me not in self.compute:
            return Wide(x.shape, (), None)
        return await wide.multiply(session, self.group, x, y)

    async def dot_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        widths.check_same_wide(x, y)
        if session.me not in self.compute:
            return Wide(x.shape[:-1] or (1,), (), None)
        return await wide.dot(session, self.group, x, y)

    async def reveal_wide(
        self, session: Session, x: Wide, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), x.shape)
        share = product.stacked(x.parts) if session.me in self.compute else None
        shape = (LIMBS, *x.shape)
        opened = await parallel(
            *(
                reveal(session.narrow(f"to-{p}"), self.group, WIDE, share, p, shape=shape)
                for p in to
            )
        )
        return opened[list(to).index(session.me)] if session.me in to else None
