"""Sufficient statistics of least squares: what a provider adds up of its own rows, and checks before it is shared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError
from mpcstats.protocols.design import Design

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False)
class Gram:
    """A provider's sums of products of each two of (1, x_1, ..., y): the upper triangle, row by row."""

    sums: tuple[int, ...]

    def __repr__(self) -> str:
        return f"<{len(self.sums)} sums of a provider>"


def gram(design: Design, x: Integers, y: Integers) -> Gram:
    """The sufficient statistics of rows x, shape (rows, columns), and y, shape (rows,), at their owner.

    Raises UsageError for another shape, more rows than the design's bound, or a value beyond its column's bound.
    """
    if x.ndim != 2 or x.shape[1] != len(design.columns) or y.shape != x.shape[:1]:
        raise UsageError(
            f"expected rows of {len(design.columns)} columns and as many outcomes, got {x.shape} and {y.shape}"
        )
    if x.dtype.kind not in "iu" or y.dtype.kind not in "iu":
        raise UsageError(f"expected whole numbers, got {x.dtype} and {y.dtype}: scale them first")
    if len(y) > design.rows:
        raise UsageError(f"expected at most {design.rows} rows, got {len(y)}")
    bounds = (1, *design.columns, design.outcome)
    table = [np.ones(len(y), dtype=np.int64), *x.T, y]
    for i, (column, bound) in enumerate(zip(table, bounds, strict=True)):
        if len(y) and max(int(column.max()), -int(column.min())) > bound:
            raise UsageError(f"column {i}: expected values within {bound}, got one beyond")
    return Gram(
        tuple(
            _dot(table[i], table[j], design.rows * bounds[i] * bounds[j])
            for i in range(len(table))
            for j in range(i, len(table))
        )
    )


def _dot(x: Integers, y: Integers, bound: int) -> int:
    if bound < 1 << 63:
        return int(x.astype(np.int64) @ y.astype(np.int64))
    return sum(int(a) * int(b) for a, b in zip(x, y, strict=True))


def check_gram(design: Design, own: Gram) -> None:
    """Raises UsageError unless the sums are within their bounds: before they become elements of a field."""
    limits = design.limits()
    if len(own.sums) != len(limits):
        raise UsageError(f"expected {len(limits)} sums, got {len(own.sums)}")
    for i, (value, (least, most)) in enumerate(zip(own.sums, limits, strict=True)):
        if not least <= value <= most:
            raise UsageError(f"sum {i}: expected a number in [{least}, {most}], got one beyond")
