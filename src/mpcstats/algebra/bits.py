"""Bit-sliced words: row b holds bit b of 64 elements a word; element e is bit e % 64 of word e // 64.

One machine operation on a word then works on one bit of 64 elements. Between the two layouts stands the
transposition of 64 x 64 bit blocks, by exchanging halves with mask and shift.
Source: Warren, Hacker's Delight, 2nd edition, section 7-3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

Words = NDArray[np.uint64]
WORD = 64  # elements a word, and bits an element at most

# 64 rows of 1024 words and half as much scratch are 768 KiB: they stay in the L2 cache.
_BLOCK = 1024

# For each j: the low j bits of every group of 2 j bits.
_LOW = {
    j: np.uint64(sum(((1 << j) - 1) << start for start in range(0, WORD, 2 * j)))
    for j in (1, 2, 4, 8, 16, 32)
}


def words(n: int) -> int:
    """Number of words that hold one bit of each of n elements."""
    return -(-n // WORD)


def tail(n: int) -> Words:
    """Mask of the bits of the last word that belong to elements, shape (1,); all ones if no bit is padding."""
    return np.array([(1 << (n - 1) % WORD + 1) - 1], dtype=np.uint64)


def cleared(packed: Words, n: int) -> Words:
    """A copy whose padding bits are 0: (..., words(n))."""
    out = packed.copy()
    if n % WORD:
        out[..., -1] &= tail(n)[0]
    return out


def pack(flags: NDArray[Any]) -> Words:
    """Bits of `flags` (bool or integers, 0 or not) along the last axis: (..., n) to (..., words(n)).

    Padding bits are zero.
    """
    n = flags.shape[-1]
    packed = np.zeros((*flags.shape[:-1], 8 * words(n)), dtype=np.uint8)
    packed[..., : -(-n // 8)] = np.packbits(
        flags.astype(np.bool_, copy=False), axis=-1, bitorder="little"
    )
    return packed.view("<u8").astype(np.uint64, copy=False)


def unpack(packed: Words, n: int) -> Words:
    """0 or 1 for each of n elements along the last axis: (..., words(n)) to (..., n).

    Raises UsageError unless there are words(n) words of uint64.
    """
    _expect(packed, (*packed.shape[:-1], words(n)))
    octets = np.ascontiguousarray(packed, dtype="<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=n, bitorder="little").astype(np.uint64)


def moved(packed: Words, n: int, by: int) -> Words:
    """Element i of the result is element i - by, 0 where there is none: (..., words(n)) to the same shape.

    Padding bits of `packed` may come in at the low end if by < 0, so they must be 0 then, or be cut off.
    """
    out = np.zeros_like(packed)
    if abs(by) >= n:
        return out
    whole, rest = divmod(abs(by), WORD)
    kept = packed.shape[-1] - whole
    shift, back = np.uint64(rest), np.uint64(WORD - rest)
    if by >= 0:
        out[..., whole:] = packed[..., :kept] << shift
        if rest:
            out[..., whole + 1 :] |= packed[..., : kept - 1] >> back
    else:
        out[..., :kept] = packed[..., whole:] >> shift
        if rest:
            out[..., : kept - 1] |= packed[..., whole + 1 :] << back
    return out


def concatenated(pieces: Sequence[tuple[Words, int]]) -> Words:
    """One after the other along the elements: for each (packed, n) the first n bits of each row."""
    total = sum(n for _, n in pieces)
    rows = pieces[0][0].shape[:-1]
    # One word more than needed takes what is shifted out of the last one.
    out = np.zeros((*rows, words(total) + 1), dtype=np.uint64)
    start = 0
    for packed, n in pieces:
        if n:
            word, rest = divmod(start, WORD)
            clean = cleared(packed, n)
            out[..., word : word + words(n)] |= clean << np.uint64(rest)
            if rest:
                out[..., word + 1 : word + 1 + words(n)] |= clean >> np.uint64(WORD - rest)
        start += n
    return np.ascontiguousarray(out[..., : words(total)])


def accumulated(packed: Words) -> Words:
    """Element i of the result is the exclusive or of elements 0 to i, along the last axis."""
    out = packed.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        out ^= out << np.uint64(shift)
    # What the words before add up to is in their highest bits.
    carry = np.bitwise_xor.accumulate(out >> np.uint64(WORD - 1), axis=-1)
    out[..., 1:] ^= np.uint64(0) - carry[..., :-1]
    return out


def slice_bits(values: Words, width: int) -> Words:
    """The low `width` bits of n elements, bit-sliced: (n,) to (width, words(n)). Padding bits are zero.

    Raises UsageError unless 0 <= width <= 64 and values is a vector of uint64.
    """
    n = values.size
    _expect(values, (n,))
    sliced = np.empty((_width(width), words(n)), dtype=np.uint64)
    whole = values[: n - n % WORD].reshape(-1, WORD)
    for start, rows, scratch in _blocks(words(n)):
        stop = start + rows.shape[1]
        part = whole[start:stop]
        rows[:, : len(part)] = part.T
        if len(part) < rows.shape[1]:
            rows[:, -1] = 0
            rows[: n % WORD, -1] = values[n - n % WORD :]
        for j in reversed(_LOW):
            if width <= j:
                _fold(rows, scratch, j)
            else:
                _exchange(rows, scratch, j, width)
        sliced[:, start:stop] = rows[:width]
    return sliced


def join_bits(sliced: Words, n: int) -> Words:
    """The n elements of which `sliced` holds the low bits: (width, words(n)) to (n,). Inverse of slice_bits.

    Raises UsageError unless `sliced` is uint64 of that shape with width <= 64.
    """
    width = _width(sliced.shape[0])
    _expect(sliced, (width, words(n)))
    values = np.empty((words(n), WORD), dtype=np.uint64)
    for start, rows, scratch in _blocks(words(n)):
        stop = start + rows.shape[1]
        rows[:width] = sliced[:, start:stop]
        rows[width:] = 0
        for j in _LOW:
            if width <= j:
                _spread(rows, j)
            else:
                _exchange(rows, scratch, j, width)
        values[start:stop] = rows.T
    return values.reshape(-1)[:n]


def join_rows(sliced: Words, n: int) -> Words:
    """The n elements of any width, 64 bits a row of the result: (width, words(n)) to (ceil(width / 64), n)."""
    starts = range(0, sliced.shape[0], WORD)
    joined = [join_bits(sliced[start : start + WORD], n) for start in starts]
    return np.stack(joined) if joined else np.empty((0, n), dtype=np.uint64)


def slice_rows(values: Words, width: int) -> Words:
    """The low `width` bits of n elements of 64 bits a row, bit-sliced. Inverse of join_rows."""
    widths = [min(WORD, width - start) for start in range(0, width, WORD)]
    sliced = [slice_bits(row, w) for row, w in zip(values, widths, strict=True)]
    if len(sliced) == 1:
        return sliced[0]
    shape = (width, words(values.shape[-1]))
    return np.concatenate(sliced) if sliced else np.empty(shape, dtype=np.uint64)


def _blocks(size: int) -> Iterator[tuple[int, Words, Words]]:
    """For each block of words: where it starts, its 64 rows, and scratch for half of them."""
    rows = np.empty(WORD * min(size, _BLOCK), dtype=np.uint64)
    scratch = np.empty(rows.size // 2, dtype=np.uint64)
    for start in range(0, size, _BLOCK):
        length = min(size - start, _BLOCK)
        yield (
            start,
            rows[: WORD * length].reshape(WORD, length),
            scratch[: WORD // 2 * length].reshape(-1, length),
        )


def _exchange(rows: Words, scratch: Words, j: int, width: int) -> None:
    """Exchange the high half of row k with the low half of row k + j, in every group of 2 j rows and bits.

    Groups of rows that hold no bit below `width` are left alone: nothing of them is read later.
    """
    groups = -(-width // (2 * j))
    paired = rows[: 2 * j * groups].reshape(groups, 2, j, -1)
    low, high = paired[:, 0], paired[:, 1]
    changed = scratch[: j * groups].reshape(low.shape)
    shift = np.uint64(j)
    np.right_shift(low, shift, out=changed)
    np.bitwise_xor(changed, high, out=changed)
    np.bitwise_and(changed, _LOW[j], out=changed)
    np.bitwise_xor(high, changed, out=high)
    np.left_shift(changed, shift, out=changed)
    np.bitwise_xor(low, changed, out=low)


def _fold(rows: Words, scratch: Words, j: int) -> None:
    """As _exchange, for the first 2 j rows only, where just the first j are needed afterwards."""
    low, high, moved = rows[:j], rows[j : 2 * j], scratch[:j]
    np.bitwise_and(high, _LOW[j], out=moved)
    np.left_shift(moved, np.uint64(j), out=moved)
    np.bitwise_and(low, _LOW[j], out=low)
    np.bitwise_or(low, moved, out=low)


def _spread(rows: Words, j: int) -> None:
    """As _exchange, for the first 2 j rows only, where the last j are zero before."""
    low, high = rows[:j], rows[j : 2 * j]
    np.right_shift(low, np.uint64(j), out=high)
    np.bitwise_and(high, _LOW[j], out=high)
    np.bitwise_and(low, _LOW[j], out=low)


def _width(width: int) -> int:
    if not 0 <= width <= WORD:
        raise UsageError(f"expected a width from 0 to {WORD} bits, got {width}")
    return width


def _expect(array: Words, shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint64 or array.shape != shape:
        raise UsageError(
            f"expected uint64 of shape {shape}, got {array.dtype} of shape {array.shape}"
        )
