"""Packing: several signed columns in one number, in slots wide enough for their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

Words = NDArray[np.uint64]

SUM_BITS = 63  # sums are signed 64-bit numbers


@dataclass(frozen=True, slots=True)
class Packing:
    """Column j holds numbers in (-2^bits[j], 2^bits[j]), of which at most `rows` are added; `room`: bits in all.

    Raises UsageError if a sum may leave [-2^63, 2^63), or if the columns do not fit.
    """

    bits: tuple[int, ...]
    rows: int
    room: int

    def __post_init__(self) -> None:
        longest = max(self.bits, default=1) + self.rows.bit_length()
        if min(self.bits, default=1) < 1 or longest > SUM_BITS:
            raise UsageError(
                f"expected sums below 2^{SUM_BITS}, got {self.rows} rows of columns of "
                f"{', '.join(map(str, self.bits))} bits"
            )
        if sum(self.widths) > self.room:
            raise UsageError(
                f"expected columns of {self.room} bits at most in all, got {sum(self.widths)}: "
                "ask for fewer sums at once"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of each slot: of a sum of so many rows, and its sign."""
        return tuple(bits + self.rows.bit_length() + 1 for bits in self.bits)

    def pack(self, values: Words) -> list[int]:
        """One signed number for each row of `values`, shape (m, columns), read as signed words.

        Raises UsageError for a number outside of its column's range.
        """
        limits = np.array([1 << bits for bits in self.bits], dtype=np.int64)
        signed = values.view(np.int64)
        if np.any(signed >= limits) or np.any(signed <= -limits):
            raise UsageError("expected numbers within their columns' bits, got one outside")
        total: list[int] = [0] * len(values)
        shift = 0
        for column, width in zip(signed.T, self.widths, strict=True):
            total = [x + (y << shift) for x, y in zip(total, column.tolist(), strict=True)]
            shift += width
        return total

    def unpack(self, total: int, modulus: int) -> tuple[int, ...] | None:
        """The columns' sums in a sum of packed numbers mod `modulus`; None if it is no such sum."""
        left = total % modulus
        if left > modulus // 2:
            left -= modulus
        found = []
        for width, bits in zip(self.widths, self.bits, strict=True):
            half = 1 << (width - 1)
            value = (left + half) % (1 << width) - half
            if abs(value) > self.rows << bits:
                return None
            found.append(value)
            left = (left - value) >> width
        return None if left else tuple(found)
