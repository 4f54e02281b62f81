"""No secrecy: one party computes on plain values. The oracle of tests, and the rehearsal of a question.

It offers what engines.api asks for, by other and simpler means than the real engines: numbers are compared
as numbers, not by trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.ring import ring
from mpcstats.engines.api import EXTRAS, Extra, Masked
from mpcstats.engines.clear_exact import ExactClear
from mpcstats.engines.column import Column, Shuffled, ShuffleOrder, length_of
from mpcstats.engines.given import check_input, check_recipients
from mpcstats.engines.share import Arith, Bits, Elements, Partial, Positions
from mpcstats.engines.widths import check_sign
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.session import Session, Words


class Clear(ExactClear):
    """The one party of `compute` sees everything that owners put in. See engines.api for every method."""

    name = "clear"
    offers: frozenset[Extra] = EXTRAS

    def __init__(self, compute: tuple[str, ...]) -> None:
        if len(compute) != 1:
            raise UsageError(f"expected one compute party, got {compute}")
        self.compute: tuple[str, ...] = compute

    async def share(
        self, session: Session, values: Words | None, *, owner: str, shape: tuple[int, ...]
    ) -> Arith:
        return Arith(shape, await self._input(session, values, owner, shape), 0)

    async def share_bits(
        self, session: Session, rows: Words | None, *, owner: str, length: int, width: int
    ) -> Bits:
        shape = (width, slicing.words(length))
        return Bits(length, width, await self._input(session, rows, owner, shape), 0)

    def public(self, session: Session, values: Words) -> Arith:
        values = ring(values)
        return Arith(values.shape, (values,) if session.me in self.compute else (), 0)

    async def multiply(self, session: Session, x: Arith, y: Arith) -> Arith:
        return Arith(x.shape, tuple(a * b for a, b in zip(x.parts, y.parts, strict=True)), 0)

    async def dot(self, session: Session, x: Arith, y: Arith) -> Arith:
        return (await self.multiply(session, x, y)).total()

    async def conj(self, session: Session, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        return [
            Bits(x.length, x.width, tuple(a & b for a, b in zip(x.parts, y.parts, strict=True)), 0)
            for x, y in pairs
        ]

    async def less_than(self, session: Session, x: Bits, y: Bits) -> Bits:
        return _compared(x, y, _less)

    async def equal(self, session: Session, x: Bits, y: Bits) -> Bits:
        return _compared(x, y, _equal)

    async def negative(self, session: Session, x: Arith, *, width: int = 64) -> Bits:
        (n,) = x.shape
        top = np.uint64(1 << (check_sign(x, width) - 1))
        return Bits(n, 1, tuple(slicing.pack(a & top != 0)[None, :] for a in x.parts), 0)

    async def to_arith(self, session: Session, bits: Bits) -> Arith:
        parts = tuple(np.stack([slicing.unpack(r, bits.length) for r in a]) for a in bits.parts)
        return Arith((bits.width, bits.length), parts, 0)

    async def masked_sums(self, session: Session, masked: Sequence[Masked]) -> Arith:
        sums = [
            (slicing.unpack(m.bits.parts[0][0], m.bits.length) * _given(m.values)).sum(
                dtype=np.uint64
            )
            for m in masked
            if session.me in self.compute
        ]
        parts = (np.array(sums, dtype=np.uint64),) if session.me in self.compute else ()
        return Arith((len(masked),), parts, 0)

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        n = length_of(columns)
        order = session.private().permutation(n)
        if session.me not in self.compute:
            return Shuffled(tuple(columns), ShuffleOrder(n, ()))
        return Shuffled(
            tuple(c.taken(order) for c in columns), ShuffleOrder(n, (order.view(np.uint64),))
        )

    async def unshuffle(
        self, session: Session, order: ShuffleOrder, columns: Sequence[Column]
    ) -> list[Column]:
        if session.me not in self.compute:
            return list(columns)
        (moved,) = order.parts
        return [c.taken(np.argsort(moved)) for c in columns]

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        session.note_opening(leak, self.compute, (x.length,))
        if session.me not in self.compute:
            return None
        other = y.parts[0] if at is None else y.parts[0][:, at]
        return _less(x.parts[0], other).astype(np.bool_)

    async def reveal_bits(
        self, session: Session, x: Bits, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), (x.width, x.length))
        if any(party not in self.compute for party in to):
            raise InternalError(f"expected bits to be opened to compute parties, got {to}")
        return slicing.cleared(x.parts[0], x.length) if session.me in to else None

    async def reveal(
        self, session: Session, x: Arith, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), x.shape)
        (computer,) = self.compute
        if session.me == computer:
            await session.exchange(send={p: x.parts[0] for p in to if p != computer})
            return x.parts[0] if computer in to else None
        if session.me not in to:
            return None
        return (await session.exchange(receive={computer: x.shape}))[computer]

    async def permute(
        self,
        session: Session,
        columns: Sequence[Column],
        order: Positions | None,
        *,
        owner: str,
        keep: int | None = None,
    ) -> list[Column]:
        n = length_of(columns)
        kept = n if keep is None else keep
        sent = None if order is None else order.astype(np.uint64)
        given = await self._input(session, sent, owner, (kept,))
        for positions in given:
            if np.unique(positions[positions < np.uint64(n)]).size != kept:
                wrong = f"expected {kept} distinct positions below {n}, got others"
                raise (
                    InternalError(wrong)
                    if session.me == owner
                    else PeerFault(owner, session.step, wrong)
                )
        if not given:
            return [column.taken(np.zeros(kept, dtype=np.intp)) for column in columns]
        return [column.taken(given[0].astype(np.intp)) for column in columns]

    def products(self, x: Arith, ys: Sequence[Arith]) -> Partial:
        stacked = Arith.rows_of(ys)
        parts = tuple(a @ b.T for a, b in zip(x.parts, stacked.parts, strict=True))
        return Partial((x.shape[0], stacked.shape[0]), parts)

    async def completed(self, session: Session, partial: Partial) -> Arith:
        return Arith(partial.shape, partial.parts, 0)

    async def outer(self, session: Session, x: Arith, y: Arith) -> Arith:
        return await self.completed(session, self.products(x, [y]))

    async def _input(
        self, session: Session, values: Words | None, owner: str, shape: tuple[int, ...]
    ) -> tuple[Words, ...]:
        (computer,) = self.compute
        check_input(session, values, owner, shape)
        if session.me == owner:
            own = _given(values)
            if owner == computer:
                return (own,)
            await session.exchange(send={computer: own})
        elif session.me == computer:
            return ((await session.exchange(receive={owner: shape}))[owner],)
        return ()


def _compared(x: Bits, y: Bits, compare: Callable[[Words, Words], Words]) -> Bits:
    numbers = (
        (slicing.join_rows(a, x.length), slicing.join_rows(b, x.length))
        for a, b in zip(x.parts, y.parts, strict=True)
    )
    return Bits(x.length, 1, tuple(slicing.pack(compare(a, b))[None, :] for a, b in numbers), 0)


def _less(x: Words, y: Words) -> Words:
    """x < y for elements of 64 bits a row, the last row the highest."""
    below = np.zeros(x.shape[1], dtype=np.bool_)
    for a, b in zip(x, y, strict=True):
        below = (a < b) | ((a == b) & below)
    return below.astype(np.uint64)


def _equal(x: Words, y: Words) -> Words:
    same: Words = np.all(x == y, axis=0).astype(np.uint64)
    return same


def _given(values: Words | None) -> Words:
    if values is None:
        raise InternalError("expected values at their owner, got None")
    return values
