"""The audit: what whoever sees a table can say of each hidden cell, by all that its cells add up to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Literal, Protocol

import numpy as np

from mpcstats.errors import UsageError
from mpcstats.suppression.layout import Layout, Whole
from mpcstats.suppression.simplex import Feasible
from mpcstats.suppression.solver import INFINITE, Program, Row, check_installed

Solver = Literal["exact", "highs"]
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of a cell beforehand: it is at least `low`, and at most `high` (None: nothing is known)."""

    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """The least and greatest whole number that a cell can be; no `high`: it has no bound."""

    low: int = field(repr=False)
    high: int | None = field(repr=False)

    @property
    def width(self) -> int | None:
        """How far apart they are; 0: the value is known. None: without bound."""
        return None if self.high is None else self.high - self.low

    def covers(self, low: int, high: int) -> bool:
        """Whether all of `low` to `high` is inside."""
        return self.low <= low and (self.high is None or high <= self.high)


class _Ends(Protocol):
    """The programs of one table: the greatest value of a cell over all tables that fit."""

    def greatest(self, objective: Whole) -> Fraction | None:
        """Of this sum of hidden atoms; None: it has no bound."""


def audit(
    layout: Layout,
    published: Mapping[int, int],
    *,
    known: Mapping[int, Bounds] | None = None,
    cells: Collection[int] | None = None,
    solver: Solver = "exact",
) -> dict[int, Interval]:
    """For each hidden cell of the table (or those of `cells`) the interval that the `published` values leave to it.

    Every atom is at least 0; `known` says more of some hidden cells. The ends are those of the linear program over
    all tables that fit, rounded inward to whole numbers: with two axes they are reached by whole tables, so nobody
    can say more; with more axes a table of whole numbers may leave less (De Loera and Onn 2006), never more. `exact`
    needs no library and rounds nothing; `highs` is for large tables. Raises UsageError if no table fits, or HiGHS is
    asked for and not installed.
    """
    if solver == "highs":
        check_installed()
    hidden = [c for c in range(layout.cells) if layout.shown[c] and c not in published]
    tables = _Tables(layout, published, dict(known or {}))
    ends: _Ends = _Exact(tables) if solver == "exact" else _Highs(tables)
    found = {}
    for cell in hidden if cells is None else cells:
        objective, base = tables.of(cell)
        high = ends.greatest(objective)
        least = ends.greatest(-objective)
        if least is None:
            raise UsageError("expected cells with a lower bound, got one without")
        top = None if high is None else base + floor(high)
        found[cell] = Interval(base + ceil(-least), top)
    return found


class _Tables:
    """All tables that fit, in terms of their hidden atoms: rows that are equal to a value, or at most a bound."""

    def __init__(
        self, layout: Layout, published: Mapping[int, int], known: Mapping[int, Bounds]
    ) -> None:
        self._members = layout.members()
        self._fixed = np.array([published.get(atom, 0) for atom in layout.atoms], dtype=object)
        self._free = [i for i, atom in enumerate(layout.atoms) if atom not in published]
        self.variables = len(self._free)
        self.equal: list[Whole] = []
        self.values: list[int] = []
        self.at_most: list[Whole] = []
        self.bounds: list[int] = []
        atoms = set(layout.atoms)
        for cell, value in published.items():
            objective, base = self.of(cell)
            if cell not in atoms:
                self.equal.append(objective)
                self.values.append(value - base)
        for cell, bound in known.items():
            objective, base = self.of(cell)
            if bound.low > 0:
                self.at_most.append(-objective)
                self.bounds.append(base - bound.low)
            if bound.high is not None:
                self.at_most.append(objective)
                self.bounds.append(bound.high - base)

    def of(self, cell: int) -> tuple[Whole, int]:
        """A cell as a sum of hidden atoms, and of published ones."""
        row = self._members[cell]
        return row[self._free], int((row.astype(object) * self._fixed).sum())


class _Exact:
    def __init__(self, tables: _Tables) -> None:
        self._program = Feasible(
            [[int(v) for v in row] for row in tables.equal],
            tables.values,
            [[int(v) for v in row] for row in tables.at_most],
            tables.bounds,
            variables=tables.variables,
        )

    def greatest(self, objective: Whole) -> Fraction | None:
        return self._program.greatest([int(v) for v in objective])


class _Highs:
    def __init__(self, tables: _Tables) -> None:
        rows = [
            _row(row, value, value) for row, value in zip(tables.equal, tables.values, strict=True)
        ]
        rows += [
            _row(row, -INFINITE, bound)
            for row, bound in zip(tables.at_most, tables.bounds, strict=True)
        ]
        n = tables.variables
        self._program = Program([0.0] * n, [INFINITE] * n, rows)

    def greatest(self, objective: Whole) -> Fraction | None:
        ended, value, _ = self._program.solved([float(v) for v in objective], most=True)
        if ended == "unbounded":
            return None
        if ended != "optimal":
            raise UsageError(
                "expected values of a table that adds up, within the bounds that are stated, got others"
            )
        # The ends of the program may be a little off, to either side.
        return Fraction(value + TOLERANCE)


def _row(row: Whole, low: float, high: float) -> Row:
    places = [int(i) for i in np.flatnonzero(row)]
    return Row(places, [int(row[i]) for i in places], low, high)
