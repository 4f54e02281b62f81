"""Contribution: what one person adds to an answer at most, and so how far the answer moves without that person."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How far a column's cells move between neighbours, two data sets of which one lacks one person.

    `l1`: the sum of the changes at most; `l2_squared`: the sum of their squares; `cells`: how many change.
    """

    l1: int
    l2_squared: int
    cells: int

    def __post_init__(self) -> None:
        if self.l1 < 1 or self.l2_squared < 1 or self.cells < 1:
            raise UsageError("expected a sensitivity of at least 1: noise on what never changes")


@dataclass(frozen=True, slots=True)
class Contribution:
    """The limits of a person's rows: at most `rows` of them, in at most `cells` cells, each value in [low, high]."""

    rows: int
    cells: int
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cells < 1 or self.low > self.high:
            raise UsageError(
                "expected a person to have a row and a cell at least, and low to be no more than high"
            )

    @property
    def most(self) -> int:
        """The largest absolute value of a row."""
        return max(abs(self.low), abs(self.high))

    def of_sum(self) -> Sensitivity:
        """Of the sum of the rows' values: all of a person's rows may fall into one cell, with the largest value."""
        moved = self.rows * self.most
        return Sensitivity(moved, moved * moved, min(self.rows, self.cells))

    def of_rows(self) -> Sensitivity:
        """Of the number of rows."""
        return Sensitivity(self.rows, self.rows * self.rows, min(self.rows, self.cells))

    def of_persons(self) -> Sensitivity:
        """Of the number of persons: 1 in each cell that holds one of the person's rows."""
        touched = min(self.rows, self.cells)
        return Sensitivity(touched, touched, touched)
