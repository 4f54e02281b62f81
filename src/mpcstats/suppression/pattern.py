"""A suppression pattern: the cells that may not be shown, those that hide them, and the moves that prove it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.errors import InternalError
from mpcstats.suppression.elimination import rank
from mpcstats.suppression.layout import Layout, Whole


@dataclass(frozen=True, slots=True)
class Move:
    """A change of hidden cells that no shown cell notices, and that raises `cell` by 1.

    `raised` and `lowered` are the cells that it changes by 1 up and down, in order; `raised` has `cell`.
    """

    cell: int
    raised: tuple[int, ...]
    lowered: tuple[int, ...]

    @property
    def changed(self) -> frozenset[int]:
        """All cells that it changes."""
        return frozenset(self.raised) | frozenset(self.lowered)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Cells of `layout` that are hidden: `primary` for themselves, `secondary` so that those stay hidden.

    There is one move for each least primary cell: one in which no other lies. Raises InternalError unless every move
    changes hidden cells alone, is one of the table (its cells add up) and leaves the other primary cells as they are,
    but for those that hold its cell (or, if it is a margin, other margins); and unless the secondary cells are just
    what the moves need.
    """

    layout: Layout
    primary: frozenset[int]
    secondary: frozenset[int]
    moves: tuple[Move, ...]

    def __post_init__(self) -> None:
        if tuple(move.cell for move in self.moves) != least(self.layout, self.primary):
            raise InternalError("expected one move for each least primary cell, in order")
        needed: set[int] = set()
        for move in self.moves:
            self._check(move)
            needed |= move.changed - self.primary
        if needed != self.secondary:
            raise InternalError("expected the secondary cells to be those that the moves change")

    def _check(self, move: Move) -> None:
        layout, change = self.layout, effect(self.layout, move)
        shown, atoms = layout.shown, set(layout.atoms)
        margin = move.cell not in atoms
        if not np.array_equal(layout.sums(change[list(layout.atoms)])[shown], change[shown]):
            raise InternalError(f"expected a move of cell {move.cell} whose cells add up")
        if change[move.cell] != 1:
            raise InternalError(f"expected a move that raises cell {move.cell} by 1")
        for other in self.primary & move.changed:
            above = layout.within(move.cell, other) or (margin and other not in atoms)
            if other != move.cell and not (change[other] == 1 and above):
                raise InternalError(f"expected a move of cell {move.cell} alone, got {other} too")

    @property
    def hidden(self) -> frozenset[int]:
        """All hidden cells."""
        return self.primary | self.secondary

    @property
    def cost(self) -> int:
        """What is lost besides the primary cells: a margin counts as the atoms that it adds up."""
        return int(self.layout.weights()[sorted(self.secondary)].sum())

    def effects(self) -> Whole:
        """Shape (moves, cells): what each move does to each cell."""
        found = [effect(self.layout, move) for move in self.moves]
        return np.array(found, dtype=np.int64).reshape(len(found), self.layout.cells)


def effect(layout: Layout, move: Move) -> Whole:
    """Shape (cells,): 1 where the move raises a cell that is part of the table, -1 where it lowers it."""
    change = np.zeros(layout.cells, dtype=np.int64)
    change[list(move.raised)] = 1
    change[list(move.lowered)] = -1
    return change


def move_of(layout: Layout, cell: int, change: Whole) -> Move:
    """The move of `cell` with that effect, but for cells that are no part of the table."""
    change = np.where(layout.shown, change, 0)
    raised, lowered = (tuple(int(c) for c in np.flatnonzero(change == s)) for s in (1, -1))
    return Move(cell, raised, lowered)


def pattern_of(layout: Layout, primary: Collection[int], moves: Iterable[Move]) -> Pattern:
    """The pattern of these moves. Raises InternalError for moves that do not fit."""
    found, hidden = tuple(moves), frozenset(primary)
    changed: frozenset[int] = frozenset().union(*(move.changed for move in found))
    return Pattern(layout, hidden, changed - hidden, found)


def least(layout: Layout, primary: Collection[int]) -> tuple[int, ...]:
    """The primary cells in which no other one lies, in order."""
    found = sorted(primary)
    atoms = set(layout.atoms)
    return tuple(
        cell
        for cell in found
        if cell in atoms or not any(other != cell and layout.within(other, cell) for other in found)
    )


def determined(layout: Layout, hidden: Collection[int]) -> tuple[int, ...]:
    """The hidden cells that the others' values determine by adding and subtracting, whatever the values are.

    A cell is one if its row of the table's relations depends on those of the shown cells.
    """
    members = layout.members()
    left = [c for c in range(layout.cells) if layout.shown[c] and c not in set(hidden)]
    shown = members[left]
    known = rank(shown)
    return tuple(c for c in sorted(hidden) if rank(_with(shown, members[c])) == known)


def _with(rows: Whole, row: Sequence[int] | Whole) -> Whole:
    return np.concatenate([rows, np.asarray(row, dtype=np.int64)[None, :]])
