"""Cells: what a gate is given to open, what decides whether it may, and what a recipient learns of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError
from mpcstats.protocols.margins import Margins


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of each cell by its size, and what each institution of dataset `of` contributes to it; (count,) each.

    No part is below 0. What the parts leave of the total counts as one institution more. None and no parts: the
    institutions are counted alone.
    """

    total: Arith | None
    parts: tuple[Arith, ...]
    of: int

    def taken(self, cells: Positions) -> Amount:
        """The same at the public positions `cells`."""
        total = None if self.total is None else self.total.taken(cells)
        return Amount(total, tuple(part.taken(cells) for part in self.parts), self.of)


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind one column of the cells, as far as it is not all that stands behind the cells.

    `support` is the position among the counts of that of the persons who contribute to it, `rests` are those of
    persons who do not. known: one row of bits, 0 where its value is NULL. rank: of a quantile, as numerator and
    denominator. `amounts` are the positions of those it is made of; magnitude: the rules on amounts hold for it.
    """

    support: int | None = None
    rests: tuple[int, ...] = ()
    known: Bits | None = None
    rank: tuple[int, int] | None = None
    amounts: tuple[int, ...] = ()
    magnitude: bool = False


@dataclass(frozen=True, slots=True)
class Cells:
    """What is to be opened: for each of `count` cells the values, and what decides whether they may be.

    `values` has shape (count * columns,), column by column; `behind` has an entry a column. Each of `persons` is a
    lower bound of shape (count,) on a cell's persons: the largest of them counts. `counts` are numbers of persons
    who stand behind columns, (count,) each. `institutions` holds, for each dataset with amounts, the rows of each
    institution in each cell. `appears` is one row of bits: 0 in a cell that is not in the answer (HAVING).
    `margins`: the cells are those of a table with totals, whose values add up; None: they are not.
    """

    count: int
    persons: tuple[Arith, ...]
    values: Arith
    behind: tuple[Behind, ...]
    counts: tuple[Arith, ...] = ()
    institutions: tuple[tuple[Arith, ...], ...] = ()
    amounts: tuple[Amount, ...] = ()
    appears: Bits | None = None
    margins: Margins | None = None

    def __post_init__(self) -> None:
        if not self.persons:
            raise InternalError("expected a count of persons, got none")
        if self.values.shape != (self.count * self.columns,):
            raise InternalError(
                f"expected {self.columns} values of {self.count} cells, got shape {self.values.shape}"
            )

    @property
    def columns(self) -> int:
        """How many values a cell has."""
        return len(self.behind)

    def part(self, columns: Positions, cells: Positions) -> Cells:
        """The cells at the public positions `cells`, with the columns at `columns` alone."""

        def of(vectors: tuple[Arith, ...]) -> tuple[Arith, ...]:
            return tuple(vector.taken(cells) for vector in vectors)

        kept = (self.behind[int(column)] for column in columns)
        margins = self.margins
        if margins is not None:
            if not np.array_equal(cells, np.arange(self.count)):
                raise InternalError("expected all cells of a table with totals, got some")
            kinds = tuple(margins.kinds[int(column)] for column in columns)
            margins = replace(margins, kinds=kinds)
        return Cells(
            len(cells),
            of(self.persons),
            self.values.taken((columns[:, None] * self.count + cells).reshape(-1)),
            tuple(replace(behind, known=_taken(behind.known, cells)) for behind in kept),
            of(self.counts),
            tuple(of(rows) for rows in self.institutions),
            tuple(amount.taken(cells) for amount in self.amounts),
            _taken(self.appears, cells),
            margins,
        )


def _taken(row: Bits | None, cells: Positions) -> Bits | None:
    return None if row is None else row.taken(cells)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a recipient learns.

    `shown`, shape (count,): which cells pass. `released`, shape (columns, count): of which of their columns it may
    know the value; `known`, the same shape: where that is a number, and not NULL. `values`: the number, 0 elsewhere.
    """

    shown: NDArray[np.bool_] = field(repr=False)
    released: NDArray[np.bool_] = field(repr=False)
    known: NDArray[np.bool_] = field(repr=False)
    values: NDArray[np.int64] = field(repr=False)
