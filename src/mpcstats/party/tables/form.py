"""The forms of a shared value: a number, or the bits of what it is above a minimum; one is made of the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.protocols.derive import Value, as_bits, as_number
from mpcstats.session import Session, parallel


def width_of(minimum: int, maximum: int) -> int:
    """How many bits a number within [minimum, maximum] has above the minimum; at least 1."""
    return max(1, (maximum - minimum).bit_length())


def rows_of(value: Value) -> int:
    """How many rows the value has."""
    if value.number is not None:
        return value.number.shape[0]
    if value.bits is None:
        raise InternalError("expected a value with a number or with bits")
    return value.bits.length


async def bits_of(
    session: Session, engine: Engine, value: Value, minimum: int, maximum: int
) -> Bits:
    """The bits of value - minimum, for bounds that hold for the value: as many as these bounds need."""
    width = width_of(minimum, maximum)
    if value.number is not None and (value.bits is None or value.minimum != minimum):
        return await engine.to_bits(session, value.number.plus(-minimum), width=width)
    above = resized(await as_bits(session, engine, value), width)
    if value.minimum == minimum:
        return above
    offset = np.full(above.length, (value.minimum - minimum) % (1 << width), dtype=np.uint64)
    public = above.constant(slicing.slice_bits(offset, width))
    return await engine.add_bits(session, above, public)


async def numbers_of(session: Session, engine: Engine, values: Sequence[Value]) -> list[Arith]:
    """All as numbers, side by side."""
    return await parallel(
        *(as_number(session.narrow(str(i)), engine, value) for i, value in enumerate(values))
    )


async def key_of(session: Session, engine: Engine, value: Value) -> Bits:
    """Bits that are equal where values are, NULL being one value: the lowest are 0 if the top one says NULL.

    A column that is never NULL has no bit on top.
    """
    bits = await as_bits(session.narrow("bits"), engine, value)
    if value.known is None:
        return bits
    (kept,) = await engine.conj(session.narrow("known"), [(bits, value.known.repeat(bits.width))])
    return Bits.stack([kept, ~value.known])


async def keys_of(session: Session, engine: Engine, values: Sequence[Value]) -> list[Bits]:
    """The keys of all, side by side."""
    return await parallel(
        *(key_of(session.narrow(str(i)), engine, value) for i, value in enumerate(values))
    )


def of_key(key: Bits, like: Value) -> Value:
    """The value whose key, made as that of `like`, is given."""
    width = width_of(like.minimum, like.maximum)
    known = None if like.known is None else ~key.rows(width)
    return Value(like.minimum, like.maximum, None, key.rows(slice(0, width)), known)


def resized(bits: Bits, width: int) -> Bits:
    """The lowest `width` rows, filled up with rows of 0."""
    if bits.width >= width:
        return bits.rows(slice(0, width))
    more = np.zeros((width - bits.width, bits.array_shape[1]), dtype=np.uint64)
    return Bits.stack([bits, bits.constant(more)])


def every(like: Bits | Arith, n: int) -> Bits:
    """One row of n bits that are 1, held as `like` is."""
    ones = slicing.pack(np.ones((1, n), dtype=np.bool_))
    if isinstance(like, Bits):
        return like.public(ones, n)
    parts = tuple(
        ones if i == like.constant_at else np.zeros_like(ones) for i in range(len(like.parts))
    )
    return Bits(n, 1, parts, like.constant_at)


async def both(
    session: Session, engine: Engine, first: Bits | None, second: Bits | None
) -> Bits | None:
    """One row: where both are 1. None stands for a row of ones."""
    if first is None or second is None:
        return first if second is None else second
    (joint,) = await engine.conj(session, [(first, second)])
    return joint
