"""The layout of a table with margins: its cells, and which of its smallest cells each of them adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import UsageError

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """A classification of `size` labels, and `groups` of labels that are shown as well, by positions.

    Its nodes are the labels, then the groups. A total is the group of all labels; a hierarchy is several groups.
    Raises UsageError for a group that is empty, repeats a label or names one that is not there.
    """

    size: int
    groups: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"expected an axis of at least 1 label, got {self.size}")
        for group in self.groups:
            if not group or len(set(group)) != len(group) or not set(group) <= {*range(self.size)}:
                raise UsageError(f"expected a group of labels 0 to {self.size - 1}, got {group}")

    @staticmethod
    def with_total(size: int) -> Axis:
        """An axis of `size` labels and their total."""
        return Axis(size, (tuple(range(size)),))

    @property
    def nodes(self) -> int:
        """Number of labels and groups."""
        return self.size + len(self.groups)

    def labels(self, node: int) -> tuple[int, ...]:
        """The labels of a node."""
        return (node,) if node < self.size else self.groups[node - self.size]

    def members(self) -> Whole:
        """Shape (nodes, size): 1 where a label is in a node."""
        found = np.zeros((self.nodes, self.size), dtype=np.int64)
        for node in range(self.nodes):
            found[node, list(self.labels(node))] = 1
        return found


@dataclass(frozen=True, slots=True)
class Layout:
    """The cells of a table: one for each choice of a node on each axis, the last axis running fastest.

    Atoms are the cells whose nodes are labels; every cell is the sum of the atoms in it. `left_out` are positions of
    cells that are no part of the table and never shown; no atom is. Raises UsageError for an atom among them.
    """

    axes: tuple[Axis, ...]
    left_out: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.axes:
            raise UsageError("expected a table of at least one axis, got none")
        if not self.left_out.isdisjoint(self.atoms) or not self.left_out <= {*range(self.cells)}:
            raise UsageError("expected every cell of all keys to be part of the table")

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of nodes of each axis."""
        return tuple(axis.nodes for axis in self.axes)

    @property
    def cells(self) -> int:
        """Number of cells, those that are left out too."""
        return prod(self.shape)

    @property
    def atoms(self) -> tuple[int, ...]:
        """The positions of the atoms, in order."""
        grid = np.arange(self.cells).reshape(self.shape)
        return tuple(int(c) for c in grid[tuple(slice(a.size) for a in self.axes)].reshape(-1))

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Shape (cells,): which cells are part of the table."""
        found = np.ones(self.cells, dtype=np.bool_)
        found[sorted(self.left_out)] = False
        return found

    def members(self) -> Whole:
        """Shape (cells, atoms): 1 where an atom is in a cell."""
        return reduce(np.kron, (axis.members() for axis in self.axes))

    def sums(self, of_atoms: Whole) -> Whole:
        """Shape (cells,): the sum of the atoms in each cell, of numbers that `of_atoms` has for each atom."""
        found = of_atoms.reshape([axis.size for axis in self.axes])
        for axis in self.axes:
            # The first axis is summed up node by node, and becomes the last one.
            found = np.tensordot(found, axis.members(), axes=(0, 1))
        return found.reshape(-1)

    def nodes(self, cell: int) -> tuple[int, ...]:
        """The node of each axis that makes the cell."""
        return tuple(int(n) for n in np.unravel_index(cell, self.shape))

    def within(self, inner: int, outer: int) -> bool:
        """Whether every atom of the cell `inner` is in the cell `outer`."""
        pairs = zip(self.axes, self.nodes(inner), self.nodes(outer), strict=True)
        return all(set(axis.labels(i)) <= set(axis.labels(o)) for axis, i, o in pairs)

    def weights(self) -> Whole:
        """Shape (cells,): how many atoms each cell adds up."""
        sizes = [[len(a.labels(n)) for n in range(a.nodes)] for a in self.axes]
        return reduce(np.kron, (np.array(s, dtype=np.int64) for s in sizes))


def cube(sizes: Sequence[int]) -> Layout:
    """A table of `sizes` labels with all of its margins, as GROUP BY CUBE shows it."""
    return Layout(tuple(Axis.with_total(size) for size in sizes))


def rollup(sizes: Sequence[int]) -> Layout:
    """A table with the totals over the last keys, as GROUP BY ROLLUP shows it."""
    return grouping_sets(sizes, [tuple(range(kept)) for kept in range(len(sizes) + 1)])


def grouping_sets(sizes: Sequence[int], sets: Sequence[Sequence[int]]) -> Layout:
    """A table that shows the cells of each of `sets`, which are positions of the keys that are kept.

    An axis has a total if some set drops it. Raises UsageError if no set keeps all keys: without the cells of all keys
    nothing says what the margins have in common.
    """
    kept = {frozenset(s) for s in sets}
    everything = frozenset(range(len(sizes)))
    if everything not in kept:
        raise UsageError(
            f"expected a grouping set of all {len(sizes)} keys among the others, got none: ask for it too, or ask for "
            "each set by a question of its own"
        )
    if any(not s <= everything for s in kept):
        raise UsageError(f"expected grouping sets of keys 0 to {len(sizes) - 1}, got {list(sets)}")
    dropped = {axis for s in kept for axis in everything - s}
    axes = [
        Axis.with_total(size) if axis in dropped else Axis(size) for axis, size in enumerate(sizes)
    ]
    whole = Layout(tuple(axes))
    out = {
        cell
        for cell in range(whole.cells)
        if frozenset(a for a, n in enumerate(whole.nodes(cell)) if n < sizes[a]) not in kept
    }
    return Layout(tuple(axes), frozenset(out))
