"""Products and what follows them: three summands, one at each seat, become a replicated secret.

Source: Araki, Furukawa, Lindell, Nof, Ohara, "High-throughput semi-honest secure three-party computation with
an honest majority", 2016, section 2.2 (eprint 2016/768). With (x_i, x_(i+1)) and (y_i, y_(i+1)) at P_i:
z_i = x_i y_i + x_i y_(i+1) + x_(i+1) y_i + a_i, where a_i = S_i - S_(i+1) sum to zero; z_i goes to P_(i-1).
The same with exclusive or and and, where every sign is plus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from mpcstats.engines.rep3.seat import Seat
from mpcstats.engines.share import Parts
from mpcstats.session import Session, Words

BLOCK_WORDS = 1 << 14  # seven arrays of this size stay in a 1 MiB cache

Block = tuple[Any, ...]  # selects a piece of an array


@dataclass(frozen=True, slots=True)
class Operand:
    """Both parts of a matrix, computed piece by piece: what is used once need never be stored as a whole."""

    shape: tuple[int, ...]
    at: Callable[[Block], Parts]

    @classmethod
    def of(cls, parts: Parts) -> Operand:
        """A matrix that is there already."""
        return cls(parts[0].shape, lambda block: (parts[0][block], parts[1][block]))


Pair = tuple[Operand, Operand]
Joint = tuple[Parts, Parts]  # both parts of both factors


class _Zero:
    """Shares of zero of a step: a_0 + a_1 + a_2 = 0, as each S_j is added by P_j and taken off by P_(j-1)."""

    def __init__(self, session: Session, seat: Seat) -> None:
        self._own, self._next = seat.own_stream(session), seat.next_stream(session)

    def fill(self, target: Words) -> None:
        """Overwrite the contiguous `target` with the next words of a_i, by exclusive or."""
        self._own.fill(target)
        target ^= self._next.words(*target.shape)

    def add(self, target: Words, *, bits: bool) -> None:
        """Add the next words of a_i to `target`, in place."""
        mask = self._own.words(*target.shape)
        if bits:
            mask ^= self._next.words(*target.shape)
            target ^= mask
        else:
            mask -= self._next.words(*target.shape)
            target += mask


async def reshare(session: Session, seat: Seat, summand: Words, *, bits: bool) -> Parts:
    """The parts of z_0 + z_1 + z_2, where this seat knows `summand` z_i. One round, one word an element."""
    masked = summand.copy()
    _Zero(session, seat).add(masked, bits=bits)
    return await _replicate(session, seat, masked)


async def multiply(session: Session, seat: Seat, x: Parts, y: Parts) -> Parts:
    """The parts of x * y, element by element; both parts of both operands have one shape."""
    z = np.empty(x[0].shape, dtype=np.uint64)
    masks = _Zero(session, seat)
    for block in _blocks(z.shape):
        part = x[0][block] * (y[0][block] + y[1][block])
        part += x[1][block] * y[0][block]
        masks.add(part, bits=False)
        z[block] = part
    return await _replicate(session, seat, z)


async def conj(session: Session, seat: Seat, pairs: Sequence[Pair]) -> list[Parts]:
    """The parts of x and y for each pair of bit matrices; all go in one message."""
    sizes = [prod(x.shape) for x, _ in pairs]
    z = np.empty(sum(sizes), dtype=np.uint64)
    masks = _Zero(session, seat)
    ends = np.cumsum(sizes)
    for (x, y), end, size in zip(pairs, ends, sizes, strict=True):
        view = z[end - size : end].reshape(x.shape)
        for block in _blocks(view.shape):
            _summand(view[block], (x.at(block), y.at(block)), masks)
    own_part, next_part = await _replicate(session, seat, z)
    cuts = ends[:-1]
    return [
        (a.reshape(x.shape), b.reshape(x.shape))
        for (x, _), a, b in zip(
            pairs, np.split(own_part, cuts), np.split(next_part, cuts), strict=True
        )
    ]


async def conj_joint(
    session: Session, seat: Seat, size: int, at: Callable[[slice], Joint], *, run: int | None = None
) -> tuple[Words, Words]:
    """The parts of x and y, `size` words of bits that `at` computes together, piece by piece, in order.

    What `at` returns is written to. No piece holds words of two runs of `run` words.
    """
    z = np.empty(size, dtype=np.uint64)
    masks = _Zero(session, seat)
    for start in range(0, size, run or max(1, size)):
        stop = min(size, start + (run or size))
        for first in range(start, stop, BLOCK_WORDS):
            piece = slice(first, min(first + BLOCK_WORDS, stop))
            (x_own, x_next), (y_own, y_next) = at(piece)
            target = z[piece]
            masks.fill(target)
            y_next ^= y_own
            y_next &= x_own
            target ^= y_next
            x_next &= y_own
            target ^= x_next
    return await _replicate(session, seat, z)


async def dot(session: Session, seat: Seat, x: Parts, y: Parts) -> Parts:
    """The parts of the sum over the last axis of x * y: the summands are added before one word is sent."""
    *rows, length = x[0].shape
    z = np.zeros(tuple(rows) or (1,), dtype=np.uint64)
    for block in _dot_blocks(tuple(rows), length):
        part = x[0][block] * (y[0][block] + y[1][block])
        part += x[1][block] * y[0][block]
        z[block[:-1] or ...] += part.sum(axis=-1, dtype=np.uint64)
    return await reshare(session, seat, z, bits=False)


def _dot_blocks(rows: tuple[int, ...], length: int) -> list[Block]:
    """Selections of about BLOCK_WORDS: of some rows if they are short and many, else of a part of all rows."""
    if len(rows) == 1 and length < rows[0]:
        step = max(1, BLOCK_WORDS // max(1, length))
        return [(slice(start, start + step), ...) for start in range(0, rows[0], step)]
    return [(..., slice(start, start + BLOCK_WORDS)) for start in range(0, length, BLOCK_WORDS)]


def _summand(target: Words, factors: Joint, masks: _Zero) -> None:
    """z_i of a piece of an and."""
    (x_own, x_next), (y_own, y_next) = factors
    np.bitwise_xor(y_own, y_next, out=target)
    target &= x_own
    target ^= x_next & y_own
    masks.add(target, bits=True)


async def _replicate(session: Session, seat: Seat, z: Words) -> tuple[Words, Words]:
    reply = await session.exchange(send={seat.left: z}, receive={seat.right: z.shape})
    return z, reply[seat.right]


def _blocks(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Selections that cut an array of `shape` along its last axis into pieces of about BLOCK_WORDS."""
    if not shape:
        return [()]
    rows = int(np.prod(shape[:-1], dtype=np.int64)) or 1
    step = max(256, BLOCK_WORDS // rows)
    head = (slice(None),) * (len(shape) - 1)
    return [(*head, slice(start, start + step)) for start in range(0, shape[-1], step)]
