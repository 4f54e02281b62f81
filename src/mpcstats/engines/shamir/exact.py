"""The part of the engine that computes exactly with bit rows. See engines.api for every method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from mpcstats.algebra.galois import BITS, DEGREE
from mpcstats.engines import widths
from mpcstats.engines.shamir import convert, product, trees
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import UsageError
from mpcstats.session import Session, Words


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
        zeros = x.constant(np.zeros(x.array_shape, dtype=np.uint64))
        return await trees.add(session, self.group, x, zeros, carry)

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
        if isinstance(x, Wide):
            _refused("to_bits of 128 bits")
        if session.me not in self.compute:
            return Bits(x.shape[0], rows, (), None)
        return await convert.to_bits(session, self.group, x, rows)

    async def from_bits(self, session: Session, bits: Bits, *, signed: bool = False) -> Arith:
        widths.check_rows(bits, 64)
        if session.me not in self.compute:
            return Arith((bits.length,), (), None)
        return await convert.from_bits(session, self.group, bits, signed=signed)

    async def from_bits_wide(self, session: Session, bits: Bits, *, signed: bool = False) -> Wide:
        _refused("from_bits_wide")

    async def lift(self, session: Session, x: Arith) -> Wide:
        _refused("lift")

    async def multiply_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        _refused("multiply_wide")

    async def dot_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        _refused("dot_wide")

    async def reveal_wide(
        self, session: Session, x: Wide, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        _refused("reveal_wide")


def _refused(operation: str) -> NoReturn:
    raise UsageError(f"engine shamir does not offer {operation}: run it on rep3")
