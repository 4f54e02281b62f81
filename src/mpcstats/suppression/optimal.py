"""The optimal method: the moves that together hide least, by integer programming."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from mpcstats.suppression.greedy import greedy
from mpcstats.suppression.layout import Layout, Whole
from mpcstats.suppression.pattern import Move, Pattern, least, move_of, pattern_of
from mpcstats.suppression.solver import INFINITE, Program, Row, check_installed

MOST_VARIABLES = 4000
MOST_NODES = 2000
TIE = 1 << 12


def optimal(layout: Layout, primary: Collection[int]) -> Pattern:
    """A pattern that hides `primary` at the least cost, or the greedy one where none is proved to be better.

    After Fischetti and Salazar 2001: a binary a cell, and for each least primary cell a move of any length, whole
    numbers from -1 to 1 on the other atoms, that changes hidden cells alone. Programs of more than MOST_VARIABLES, and
    those that MOST_NODES do not settle, are left to the greedy method, so that what is asked for is always found, and
    found by the same rule everywhere. Raises UsageError if HiGHS is not installed.
    """
    check_installed()
    known = greedy(layout, primary)
    program = _Moves(layout, frozenset(primary))
    if not known.moves or program.variables > MOST_VARIABLES:
        return known
    moves = program.solved()
    if moves is None:
        return known
    found = pattern_of(layout, primary, moves)
    return found if found.cost < known.cost else known


class _Moves:
    """The program: variables are the binaries of the cells, then the changes of the free atoms, move by move."""

    def __init__(self, layout: Layout, primary: frozenset[int]) -> None:
        self._layout = layout
        self._primary = primary
        self._cells = [
            c for c in range(layout.cells) if layout.shown[c] and c not in primary
        ]  # that may be hidden besides
        self._least = least(layout, primary)
        self._free = [i for i, atom in enumerate(layout.atoms) if atom not in primary]
        self._members = layout.members()
        self.variables = len(self._cells) + len(self._least) * len(self._free)

    def solved(self) -> list[Move] | None:
        """The moves, or None if the best ones are not found."""
        hidden = len(self._cells)
        low = [0.0] * hidden + [-1.0] * (self.variables - hidden)
        high = [1.0] * self.variables
        rows = [row for i, cell in enumerate(self._least) for row in self._rows(i, cell)]
        program = Program(low, high, rows, whole=True, nodes=MOST_NODES)
        weights = self._layout.weights()[self._cells] * TIE
        # Among patterns of one cost that with the earlier cells: one optimum rather than several.
        costs = [float(w + place) for place, w in enumerate(weights)] + [0.0] * (len(low) - hidden)
        ended, _, values = program.solved(costs)
        if ended != "optimal":
            return None
        return [self._move(i, cell, np.rint(values)) for i, cell in enumerate(self._least)]

    def _rows(self, move: int, cell: int) -> list[Row]:
        """What a move may do to each cell of the table."""
        first = len(self._cells) + move * len(self._free)
        own = self._own(cell)
        rows = []
        place = {c: i for i, c in enumerate(self._cells)}
        for other in np.flatnonzero(self._layout.shown):
            touched = [i for i, atom in enumerate(self._free) if self._members[other, atom]]
            places, values = [first + i for i in touched], [1] * len(touched)
            base = int(own @ self._members[other])
            if other in place:  # |change| <= binary
                at = place[int(other)]
                rows.append(Row([*places, at], [*values, -1], -INFINITE, -base))
                rows.append(Row([*places, at], [*values, 1], -base, INFINITE))
                continue
            low, high = 0, 0
            if other == cell:
                low, high = 1, 1
            elif self._layout.within(cell, int(other)):
                high = 1
            rows.append(Row(places, values, low - base, high - base))
        return rows

    def _own(self, cell: int) -> Whole:
        """The change of the primary atoms: 1 at the move's own cell if it is one."""
        own = np.zeros(len(self._layout.atoms), dtype=np.int64)
        if cell in self._layout.atoms:
            own[self._layout.atoms.index(cell)] = 1
        return own

    def _move(self, move: int, cell: int, values: NDArray[np.float64]) -> Move:
        first = len(self._cells) + move * len(self._free)
        change = self._own(cell)
        change[self._free] += values[first : first + len(self._free)].astype(np.int64)
        return move_of(self._layout, cell, self._layout.sums(change))
