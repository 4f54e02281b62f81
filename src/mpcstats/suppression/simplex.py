"""Linear programs in whole numbers, solved exactly: no rounding, no library."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

Numbers = NDArray[np.object_]


class Feasible:
    """The x >= 0 with `equal` x = `values` and `at_most` x <= `bounds`; all whole numbers.

    A tableau of whole numbers over one denominator (Edmonds 1967: each division is exact), pivots by Bland's rule, so
    that it ends. Raises UsageError if there is no such x.
    """

    def __init__(
        self,
        equal: Sequence[Sequence[int]],
        values: Sequence[int],
        at_most: Sequence[Sequence[int]],
        bounds: Sequence[int],
        *,
        variables: int,
    ) -> None:
        rows = [*equal, *at_most]
        right = [*values, *bounds]
        slacks, artificial = len(at_most), len(rows)
        self._variables = variables
        self._kept = variables + slacks
        width = self._kept + artificial + 1
        table = np.zeros((len(rows), width), dtype=object)
        for i, (row, value) in enumerate(zip(rows, right, strict=True)):
            sign = -1 if value < 0 else 1
            table[i, :variables] = [sign * int(v) for v in row]
            if i >= len(equal):
                table[i, variables + i - len(equal)] = sign
            table[i, self._kept + i] = 1
            table[i, -1] = sign * int(value)
        self._table: Numbers = table
        self._basis = [self._kept + i for i in range(artificial)]
        self._over = 1
        self._start()

    def greatest(self, objective: Sequence[int]) -> Fraction | None:
        """The greatest value of the objective; None if there is no bound."""
        costs = np.zeros(self._table.shape[1], dtype=object)
        costs[: self._variables] = [int(v) for v in objective]
        return self._climb(costs)

    def _start(self) -> None:
        """A first corner: the artificial variables are brought to 0 and leave."""
        costs = np.zeros(self._table.shape[1], dtype=object)
        costs[self._kept : -1] = -1
        if self._climb(costs) != 0:
            raise UsageError(
                "expected values of a table that adds up, within the bounds that are stated, got others"
            )
        row = 0
        while row < len(self._basis):
            if self._basis[row] < self._kept:
                row += 1
                continue
            there = np.flatnonzero(self._table[row, : self._kept])
            if there.size:
                self._pivot(row, int(there[0]))
                row += 1
            else:  # the row depends on others
                self._table = np.delete(self._table, row, axis=0)
                del self._basis[row]
        self._table = np.delete(self._table, range(self._kept, self._table.shape[1] - 1), axis=1)

    def _climb(self, costs: Numbers) -> Fraction | None:
        while True:
            # Reduced costs times the denominator: c - c_B B^-1 A.
            of_basis = costs[self._basis]
            reduced = costs * self._over - (of_basis[:, None] * self._table).sum(axis=0)
            rising = np.flatnonzero(reduced[:-1] > 0)
            if not rising.size:
                return Fraction(-int(reduced[-1]), self._over)
            entering = int(rising[0])
            leaving = self._leaving(entering)
            if leaving is None:
                return None
            self._pivot(leaving, entering)

    def _leaving(self, entering: int) -> int | None:
        """The row whose variable reaches 0 first, of several that of the lowest number."""
        best: tuple[Fraction, int, int] | None = None
        for row in np.flatnonzero(self._table[:, entering] > 0):
            ratio = Fraction(int(self._table[row, -1]), int(self._table[row, entering]))
            found = (ratio, self._basis[row], int(row))
            best = found if best is None else min(best, found)
        return None if best is None else best[2]

    def _pivot(self, row: int, column: int) -> None:
        table, head = self._table, self._table[row, column]
        if head < 0:  # only where an artificial variable at 0 leaves
            table[row], head = -table[row], -head
        chosen = table[row].copy()
        self._table = (table * head - np.outer(table[:, column], chosen)) // self._over
        self._table[row] = chosen
        self._over = head
        self._basis[row] = column
