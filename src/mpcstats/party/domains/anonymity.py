"""How well microdata hide a person: k-anonymity, distinct l-diversity and t-closeness of integer tables, exactly.

k: rows of the smallest class, a class being the rows that agree in every quasi-identifier (Samarati and Sweeney,
1998). l: distinct values of a sensitive column in the class that has fewest (Machanavajjhala et al., ICDE 2006,
distinct l-diversity). t: the largest distance of a class's distribution of a sensitive column from the table's (Li
et al., ICDE 2007): between values that have no order half the sum of absolute differences, between ordered values
the sum of absolute cumulative differences over their number less one. All are integers and fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

Column: TypeAlias = NDArray[np.int64]
# identifier: says who it is. quasi: others know it of a person. sensitive: nobody should learn it of a person,
# and its values have no order (a code) or have one (an amount). Every column is one of these.
Part = Literal["identifier", "quasi", "sensitive", "sensitive-ordered"]
ROWS_LIMIT = 1 << 20  # so that ROWS_LIMIT^3, above which no sum below comes, is less than 2^63
CELLS_LIMIT = 1 << 28  # classes times distinct values of a sensitive column


@dataclass(frozen=True, slots=True)
class Microdata:
    """A table with one row a person or event: int64 columns of one length, and the part of each.

    Raises UsageError if a column has another form, no part, or the table no or too many rows.
    """

    columns: Mapping[str, Column] = field(repr=False)
    parts: Mapping[str, Part]

    def __post_init__(self) -> None:
        if set(self.columns) != set(self.parts):
            raise UsageError("expected a part for every column, and a column for every part")
        shapes = {values.shape for values in self.columns.values()}
        kinds = {values.dtype for values in self.columns.values()}
        if len(shapes) != 1 or kinds != {np.dtype(np.int64)} or len(next(iter(shapes))) != 1:
            raise UsageError("expected columns of int64 of one length, got others")
        if not 1 <= self.rows <= ROWS_LIMIT:
            raise UsageError(f"expected 1 to {ROWS_LIMIT} rows, got {self.rows}")

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(next(iter(self.columns.values())).shape[0])

    def having(self, *parts: Part) -> tuple[str, ...]:
        """The columns of these parts."""
        return tuple(name for name, part in self.parts.items() if part in parts)


def classes(table: Microdata) -> tuple[Column, Column]:
    """The number of each row's class, shape (rows,), and the rows of each class; one class if nothing is quasi."""
    quasi = table.having("quasi")
    if not quasi:
        return np.zeros(table.rows, dtype=np.int64), np.array([table.rows], dtype=np.int64)
    keys = np.stack([table.columns[name] for name in quasi], axis=1)
    _, number, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    return number.reshape(-1).astype(np.int64), counts.astype(np.int64)


def k_anonymity(table: Microdata) -> int:
    """Rows of the smallest class."""
    return int(classes(table)[1].min())


def l_diversity(table: Microdata, column: str) -> int:
    """Distinct values of `column` in the class that has fewest."""
    number, counts = classes(table)
    pairs = np.unique(np.stack([number, table.columns[column]], axis=1), axis=0)
    return int(np.bincount(pairs[:, 0], minlength=len(counts)).min())


def t_closeness(table: Microdata, column: str) -> Fraction:
    """The largest distance of a class's distribution of `column` from the whole table's, from 0 to 1.

    Raises UsageError if classes times distinct values pass CELLS_LIMIT.
    """
    number, counts = classes(table)
    _, value = np.unique(table.columns[column], return_inverse=True)
    value = value.reshape(-1)
    distinct = int(value.max()) + 1
    if len(counts) * distinct > CELLS_LIMIT:
        raise UsageError(
            f"expected classes times values of at most {CELLS_LIMIT}, got {len(counts)} x {distinct}: "
            "make the quasi-identifiers or the column coarser"
        )
    ordered = table.parts[column] == "sensitive-ordered"
    whole = np.bincount(value, minlength=distinct).astype(np.int64)
    by_class = value[np.argsort(number, kind="stable")]
    ends = np.cumsum(counts)
    farthest = Fraction(0)
    for end, count in zip(ends.tolist(), counts.tolist(), strict=True):
        own = np.bincount(by_class[end - count : end], minlength=distinct).astype(np.int64)
        # p_i - q_i = (own_i rows - whole_i count) / (count rows)
        differences = own * table.rows - whole * count
        if ordered:
            differences = np.cumsum(differences)
        scale = max(1, distinct - 1) if ordered else 2
        distance = Fraction(int(np.abs(differences).sum()), scale * count * table.rows)
        farthest = max(farthest, distance)
    return farthest
