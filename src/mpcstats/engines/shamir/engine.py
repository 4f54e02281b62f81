"""The engine of 3 to 15 compute parties of which any t < n / 2 learn nothing, semi-honest. See docs/shamir.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.galois import BITS, DEGREE, NUMBERS
from mpcstats.algebra.ring import ring
from mpcstats.engines.api import Extra, Masked
from mpcstats.engines.column import Column, Shuffled, ShuffleOrder
from mpcstats.engines.given import check_input, check_recipients
from mpcstats.engines.shamir import convert, product, trees
from mpcstats.engines.shamir.dealing import deal
from mpcstats.engines.shamir.exact import ExactShamir
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.reveal import reveal
from mpcstats.engines.shamir.vectors import VectorsShamir
from mpcstats.engines.share import Arith, Bits, Elements, Partial, Parts, Positions
from mpcstats.engines.widths import check_same, check_sign
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, Words, parallel


class Shamir(ExactShamir, VectorsShamir):
    """Shamir's scheme over a Galois ring among the parties of `compute`. See engines.api for every method.

    Any `threshold` of them together learn nothing; without one, as many as there may be: (n - 1) // 2.
    """

    name = "shamir"
    offers: frozenset[Extra] = frozenset({"wide"})

    def __init__(self, compute: tuple[str, ...], threshold: int | None = None) -> None:
        t = (len(compute) - 1) // 2 if threshold is None else threshold
        self.group = Group(compute, t)
        self.compute = compute
        self.threshold = t

    async def share(
        self, session: Session, values: Words | None, *, owner: str, shape: tuple[int, ...]
    ) -> Arith:
        return self._arith(session, shape, await self._input(session, values, owner, shape))

    async def share_bits(
        self, session: Session, rows: Words | None, *, owner: str, length: int, width: int
    ) -> Bits:
        shape = (width, slicing.words(length))
        parts = await self._input(session, rows, owner, shape, bits=True)
        return self._bits(session, length, width, parts)

    def public(self, session: Session, values: Words) -> Arith:
        values = ring(values)
        inside = session.me in self.compute
        zeros = tuple(np.zeros_like(values) for _ in range(DEGREE)) if inside else ()
        return self._arith(session, values.shape, zeros).plus(values)

    async def multiply(self, session: Session, x: Arith, y: Arith) -> Arith:
        _same_shape(x, y)
        if session.me not in self.compute:
            return self._arith(session, x.shape, ())
        parts = await product.multiply(session, self.group, NUMBERS, x.parts, y.parts)
        return self._arith(session, x.shape, parts)

    async def dot(self, session: Session, x: Arith, y: Arith) -> Arith:
        _same_shape(x, y)
        shape = x.shape[:-1] or (1,)
        if session.me not in self.compute:
            return self._arith(session, shape, ())
        local = NUMBERS.product(product.stacked(x.parts), product.stacked(y.parts))
        summand = NUMBERS.sum(local, -1).reshape(DEGREE, *shape)
        parts = await product.reshare(session, self.group, NUMBERS, summand, shape=shape)
        return self._arith(session, shape, parts)

    async def conj(self, session: Session, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        for x, y in pairs:
            check_same(x, y)
        if session.me not in self.compute:
            return [self._bits(session, x.length, x.width, ()) for x, _ in pairs]
        return await product.conj(session, self.group, pairs)

    async def less_than(self, session: Session, x: Bits, y: Bits) -> Bits:
        return await self._compared(session, x, y, trees.less_than)

    async def equal(self, session: Session, x: Bits, y: Bits) -> Bits:
        return await self._compared(session, x, y, trees.equal)

    async def negative(self, session: Session, x: Arith, *, width: int = 64) -> Bits:
        check_sign(x, width)
        if session.me not in self.compute:
            return self._bits(session, x.shape[0], 1, ())
        return await convert.negative(session, self.group, x, width)

    async def to_arith(self, session: Session, bits: Bits) -> Arith:
        if session.me not in self.compute:
            return self._arith(session, (bits.width, bits.length), ())
        return await convert.to_arith(session, self.group, bits)

    async def masked_sums(self, session: Session, masked: Sequence[Masked]) -> Arith:
        for request in masked:
            if request.bits.width != 1 or request.owner not in self.compute:
                raise InternalError("expected one row of bits and a compute party's values")
        if session.me not in self.compute:
            return self._arith(session, (len(masked),), ())
        return await convert.masked_sums(session, self.group, masked)

    async def reveal_bits(
        self, session: Session, x: Bits, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), (x.width, x.length))
        share = None
        if session.me in self.compute:
            # Padding bits are of no meaning, and could be of what they were computed from.
            share = slicing.cleared(product.stacked(x.parts), x.length)
        return await self._opened(session, share, to, x.array_shape, bits=True)

    async def reveal(
        self, session: Session, x: Arith, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), x.shape)
        share = product.stacked(x.parts) if session.me in self.compute else None
        return await self._opened(session, share, to, x.shape)

    def products(self, x: Arith, ys: Sequence[Arith]) -> Partial:
        stacked = Arith.rows_of(ys)
        shape = (x.shape[0], stacked.shape[0])
        if not x.parts:
            return Partial(shape, ())
        return Partial(
            shape,
            tuple(NUMBERS.matmul(product.stacked(x.parts), product.stacked(stacked.parts))),
        )

    async def completed(self, session: Session, partial: Partial) -> Arith:
        if session.me not in self.compute:
            return self._arith(session, partial.shape, ())
        summand = product.stacked(partial.parts)
        parts = await product.reshare(session, self.group, NUMBERS, summand, shape=partial.shape)
        return self._arith(session, partial.shape, parts)

    async def outer(self, session: Session, x: Arith, y: Arith) -> Arith:
        return await self.completed(session, self.products(x, [y]))

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        _refused("shuffle")

    async def unshuffle(
        self, session: Session, order: ShuffleOrder, columns: Sequence[Column]
    ) -> list[Column]:
        _refused("unshuffle")

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        _refused("open_order")

    async def permute(
        self,
        session: Session,
        columns: Sequence[Column],
        order: Positions | None,
        *,
        owner: str,
        keep: int | None = None,
    ) -> list[Column]:
        _refused("permute")

    async def _input(
        self,
        session: Session,
        values: Words | None,
        owner: str,
        shape: tuple[int, ...],
        *,
        bits: bool = False,
    ) -> Parts:
        check_input(session, values, owner, shape)
        given = values[None] if session.me == owner and values is not None else None
        if session.me not in (*self.compute, owner):
            return ()
        ring = BITS if bits else NUMBERS
        shares = await deal(session, self.group, ring, given, dealers=(owner,), shape=shape)
        return tuple(part for share in shares for part in share)

    async def _compared(
        self,
        session: Session,
        x: Bits,
        y: Bits,
        compared: Callable[[Session, Group, Bits, Bits], Awaitable[Bits]],
    ) -> Bits:
        check_same(x, y)
        if session.me not in self.compute:
            return self._bits(session, x.length, 1, ())
        return await compared(session, self.group, x, y)

    async def _opened(
        self,
        session: Session,
        share: Words | None,
        to: Sequence[str],
        shape: tuple[int, ...],
        *,
        bits: bool = False,
    ) -> Words | None:
        ring = BITS if bits else NUMBERS
        opened = await parallel(
            *(
                reveal(session.narrow(f"to-{p}"), self.group, ring, share, p, shape=shape)
                for p in to
            )
        )
        return opened[list(to).index(session.me)] if session.me in to else None

    def _arith(self, session: Session, shape: tuple[int, ...], parts: Parts) -> Arith:
        return Arith(shape, parts, 0 if session.me in self.compute else None)

    def _bits(self, session: Session, length: int, width: int, parts: Parts) -> Bits:
        return Bits(length, width, parts, 0 if session.me in self.compute else None)


def _same_shape(x: Arith, y: Arith) -> None:
    if x.shape != y.shape:
        raise InternalError(f"expected two secrets of one shape, got {x.shape} and {y.shape}")


def _refused(operation: str) -> NoReturn:
    raise UsageError(
        f"engine shamir does not offer {operation}: run what needs secret orders on rep3"
    )
