"""Columns of secret tables: vectors, bit rows or elements, of one length; what all three can do, and their shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpcstats.engines.share import Arith, Bits, Elements, Parts, Secret
from mpcstats.errors import InternalError

Column = Arith | Bits | Elements  # of a table: a vector of numbers, bit rows, or elements of bits


class ShuffleOrder(Secret):
    """The secret order of a shuffle of `length` rows, to undo it. Parts: the permutations that this party knows."""

    __slots__ = ("length",)

    def __init__(self, length: int, parts: Parts) -> None:
        super().__init__(parts, None)
        self.length = length

    def __repr__(self) -> str:
        return f"<secret order of {self.length} rows>"


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Columns in a fresh secret order, and that order, with which `unshuffle` puts columns back."""

    columns: tuple[Column, ...]
    order: ShuffleOrder = field(repr=False)


def length_of(columns: Sequence[Column]) -> int:
    """The number of elements that all `columns` have. Raises InternalError unless they are vectors of one length."""
    lengths = {c.shape[0] if isinstance(c, Arith) else c.length for c in columns}
    if len(lengths) != 1 or any(isinstance(c, Arith) and len(c.shape) != 1 for c in columns):
        raise InternalError(f"expected columns of one length, got {lengths or 'none'}")
    return lengths.pop()


def united(pieces: Sequence[Column]) -> Column:
    """The elements of all `pieces`, which are of one kind and width, one after the other."""
    first = pieces[0]
    if isinstance(first, Arith):
        return Arith.concatenate([p for p in pieces if isinstance(p, Arith)])
    if isinstance(first, Bits):
        return Bits.concatenate([p for p in pieces if isinstance(p, Bits)])
    same = [p for p in pieces if isinstance(p, Elements)]
    parts = zip(*(p.parts for p in same), strict=True)
    joined = tuple(np.concatenate(part, axis=1) for part in parts)
    return Elements(sum(p.length for p in same), first.width, joined, first.constant_at)


def difference(x: Column, y: Column) -> Column:
    """What, added to y, gives x: for numbers mod 2^64, for bits the exclusive or."""
    if isinstance(x, Arith) and isinstance(y, Arith):
        return x - y
    if isinstance(x, Bits) and isinstance(y, Bits):
        return x ^ y
    if isinstance(x, Elements) and isinstance(y, Elements):
        return x ^ y
    raise InternalError(f"expected two columns of one kind, got {x!r} and {y!r}")
