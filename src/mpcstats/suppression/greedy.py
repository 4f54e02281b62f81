"""The greedy method: one primary cell after another takes the move that hides least besides what is hidden already."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from mpcstats.suppression.layout import Axis, Layout, Whole
from mpcstats.suppression.pattern import Move, Pattern, least, move_of, pattern_of

SWEEPS = 4
FORBIDDEN = 1 << 40
NEW = (
    1 << 16
)  # a cell that is newly hidden costs more than any number of moves through a hidden one


def greedy(layout: Layout, primary: Collection[int]) -> Pattern:
    """A pattern that hides `primary`; the same one at every party.

    A move changes on each axis one label of its cell up and another one down, or none down: then the totals over that
    axis are hidden. (With two axes and a partner on each it is the rectangle of Cox 1980.) The move that hides least
    is taken, then that which has the fewest other moves through its cells, then the first. After all have one, each
    chooses again while the others stay, until nothing is gained or SWEEPS times.
    """
    search = _Search(layout, frozenset(primary))
    cells = least(layout, primary)
    found: dict[int, Move] = {}
    for sweep in range(1 + SWEEPS):
        before = dict(found)
        for cell in cells:
            search.drop(found.pop(cell, None))
            found[cell] = search.take(cell)
        if sweep and found == before:
            break
    return pattern_of(layout, primary, (found[cell] for cell in cells))


class _Search:
    """What each cell costs, as moves are taken and dropped."""

    def __init__(self, layout: Layout, primary: frozenset[int]) -> None:
        self._layout = layout
        self._hidden = sorted(primary)
        self._new = np.where(layout.shown, layout.weights() * NEW, 0)
        self._passing = np.zeros(layout.cells, dtype=np.int64)  # moves through each cell

    def take(self, cell: int) -> Move:
        """The cheapest move of `cell` beside those that are taken, which it joins."""
        layout = self._layout
        price = self._prices(cell).reshape(layout.shape)
        nodes = layout.nodes(cell)
        options = [_options(axis, node) for axis, node in zip(layout.axes, nodes, strict=True)]
        cost = price
        for moves in options:
            # The first axis is summed up option by option, and becomes the last one.
            cost = np.tensordot(cost, np.abs(moves), axes=(0, 1))
        chosen = np.unravel_index(int(np.argmin(cost)), cost.shape)
        change = np.ones(1, dtype=np.int64)
        for moves, choice in zip(options, chosen, strict=True):
            change = np.kron(change, moves[int(choice)])
        if cost[chosen] >= FORBIDDEN:
            change = self._first_atom(cell)
        move = move_of(layout, cell, change)
        self._passing[sorted(move.changed)] += 1
        return move

    def _first_atom(self, cell: int) -> Whole:
        """The first atom of a margin alone is raised, and with it every margin over it: other primary ones too."""
        atom = next(atom for atom in self._layout.atoms if self._layout.within(atom, cell))
        return self._layout.sums((np.array(self._layout.atoms) == atom).astype(np.int64))

    def drop(self, move: Move | None) -> None:
        """Forget a move that was taken."""
        if move is not None:
            self._passing[sorted(move.changed)] -= 1

    def _prices(self, cell: int) -> Whole:
        price = np.where(self._passing > 0, 0, self._new) + self._passing
        price[self._hidden] = FORBIDDEN
        above = [c for c in self._hidden if c == cell or self._layout.within(cell, c)]
        price[above] = 0
        return price


def _options(axis: Axis, node: int) -> Whole:
    """Shape (options, nodes): what each choice of a label of `node`, and of a partner or none, does to the axis."""
    members = axis.members().T
    inside = axis.labels(node)
    outside = [label for label in range(axis.size) if label not in inside]
    found = [members[i] - members[j] for i in inside for j in outside]
    return np.array([*found, *(members[i] for i in inside)], dtype=np.int64)
