"""The part of the engine without secrecy that computes exactly: with Python's numbers, which have any size.

See engines.api for every method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.algebra import wide
from mpcstats.engines import widths
from mpcstats.engines.given import check_recipients
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words


class ExactClear:
    """Mixed into Clear, which names the one party that computes."""

    compute: tuple[str, ...]

    async def add_bits(self, session: Session, x: Bits, y: Bits, *, carry: Bits | int = 0) -> Bits:
        widths.check_same(x, y)
        widths.check_carry(x, carry)
        if not x.parts:
            return Bits(x.length, x.width, (), None)
        extra = [carry] * x.length if isinstance(carry, int) else _numbers(carry)
        sums = [a + b + c for a, b, c in zip(_numbers(x), _numbers(y), extra, strict=True)]
        return _rows(sums, x.width)

    async def increment(self, session: Session, x: Bits, carry: Bits) -> Bits:
        widths.check_carry(x, carry)
        if not x.parts:
            return Bits(x.length, x.width, (), None)
        return _rows([a + b for a, b in zip(_numbers(x), _numbers(carry), strict=True)], x.width)

    async def select(self, session: Session, flags: Bits, options: Sequence[Bits]) -> Bits:
        widths.check_options(flags, options)
        first = options[0]
        chosen = np.zeros(first.array_shape, dtype=np.uint64)
        for j, option in enumerate(options):
            for flag, rows in zip(flags.parts, option.parts, strict=True):
                chosen ^= flag[j] & rows
        return Bits(first.length, first.width, (chosen,) if first.parts else (), 0)

    async def to_bits(self, session: Session, x: Arith | Wide, *, width: int | None = None) -> Bits:
        rows = widths.width_of(x, width)
        if not x.parts:
            return Bits(x.shape[0], rows, (), None)
        numbers = x.parts[0].tolist() if isinstance(x, Arith) else wide.ints(x.parts[0])
        return _rows(numbers, rows)

    async def from_bits(self, session: Session, bits: Bits, *, signed: bool = False) -> Arith:
        widths.check_rows(bits, 64)
        return (await self.from_bits_wide(session, bits, signed=signed)).low()

    async def from_bits_wide(self, session: Session, bits: Bits, *, signed: bool = False) -> Wide:
        widths.check_rows(bits, 128)
        if not bits.parts:
            return Wide((bits.length,), (), None)
        half = 1 << (bits.width - 1)
        numbers = [v - 2 * half if signed and v >= half else v for v in _numbers(bits)]
        return Wide((bits.length,), (wide.wide(numbers),), 0)

    async def lift(self, session: Session, x: Arith) -> Wide:
        return Wide(x.shape, tuple(wide.from_signed(a) for a in x.parts), x.constant_at)

    async def multiply_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        widths.check_same_wide(x, y)
        products = (
            wide.wide(
                [a * b % wide.MODULUS for a, b in zip(wide.ints(p), wide.ints(q), strict=True)]
            )
            for p, q in zip(x.parts, y.parts, strict=True)
        )
        return Wide(x.shape, tuple(p.reshape(wide.LIMBS, *x.shape) for p in products), 0)

    async def dot_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        return (await self.multiply_wide(session, x, y)).total()

    async def reveal_wide(
        self, session: Session, x: Wide, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), x.shape)
        (computer,) = self.compute
        if session.me == computer:
            await session.exchange(send={p: x.parts[0] for p in to if p != computer})
            return x.parts[0] if computer in to else None
        if session.me not in to:
            return None
        return (await session.exchange(receive={computer: (wide.LIMBS, *x.shape)}))[computer]


def _numbers(bits: Bits) -> list[int]:
    """The elements as Python ints."""
    limbs = slicing.join_rows(bits.parts[0], bits.length).tolist()
    return [
        sum(limb << (64 * i) for i, limb in enumerate(words)) for words in zip(*limbs, strict=True)
    ]


def _rows(numbers: Sequence[int], width: int) -> Bits:
    """The low `width` bits of Python ints as rows."""
    word = (1 << 64) - 1
    limbs = [[(number >> start) & word for number in numbers] for start in range(0, width, 64)]
    values = np.array(limbs, dtype=np.uint64).reshape(len(limbs), len(numbers))
    return Bits(len(numbers), width, (slicing.slice_rows(values, width),), 0)
