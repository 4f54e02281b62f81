"""A join of relations at one owner: how many rows it can have, and which of its relations fix which others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod

from sqlglot import exp

from mpcstats.plan.facts import OTHER, Columns, Fact, Shape
from mpcstats.plan.keys import UPPER_TRIMMED

Place = tuple[str, str]  # (name in FROM, column)


@dataclass(frozen=True, slots=True)
class Joined:
    """Relations by name in FROM, and the pairs of their columns that the join makes equal.

    `optional` are the right sides of left joins. `loose`: right or full joins, of which only the size is known.
    """

    shapes: Mapping[str, Shape]
    equal: tuple[tuple[Place, Place], ...]
    optional: frozenset[str] = frozenset()
    loose: bool = False

    @property
    def rows(self) -> int:
        """The smallest bound on the number of joined rows."""
        if self.loose:
            return prod(shape.rows + 1 for shape in self.shapes.values())
        roots = [name for name in self.shapes if name not in self.optional]
        return min((self.shapes[root].rows * self.repeats(root) for root in roots), default=1)

    def repeats(self, name: str) -> int:
        """At most how many joined rows hold one row of the relation `name`."""
        if self.loose:
            return prod(shape.rows + 1 for other, shape in self.shapes.items() if other != name)
        known, times = self.fixed([name]), 1
        while len(known) < len(self.shapes):
            other = next(other for other in self.shapes if other not in known)
            times *= max(1, self.shapes[other].rows)
            known = self.fixed([*known, other])
        return times

    def fixed(self, start: Iterable[str]) -> frozenset[str]:
        """The relations of which one row of each in `start` fixes at most one row, `start` included."""
        known = set(start)
        while not self.loose:
            more = {name for name in self.shapes if name not in known and self._held(name, known)}
            if not more:
                break
            known |= more
        return frozenset(known)

    def unique(self) -> frozenset[frozenset[Place]]:
        """Sets of columns of which no two joined rows have the same values."""
        roots = (root for root in self.shapes if root not in self.optional)
        return frozenset(
            frozenset((root, column) for column in columns)
            for root in roots
            if len(self.fixed([root])) == len(self.shapes)
            for columns in self.shapes[root].unique
        )

    def columns(self) -> dict[Place, Fact]:
        """The facts of all columns, over the joined rows."""
        return {
            (name, column): self._repeated(name, known)
            for name, shape in self.shapes.items()
            for column, known in shape.columns.items()
        }

    def _repeated(self, name: str, known: Fact) -> Fact:
        whole = known.whole(self.shapes[name].rows)
        return replace(
            known,
            most=None if known.most is None else known.most * self.repeats(name),
            nullable=known.nullable or self.loose or name in self.optional,
            total=None if whole is None else whole * self.repeats(name),
        )

    def _held(self, name: str, known: set[str]) -> bool:
        """Whether columns that are equal to columns of `known` are unique in `name`."""
        pairs = (*self.equal, *((b, a) for a, b in self.equal))
        bound = {mine[1] for mine, other in pairs if mine[0] == name and other[0] in known}
        return any(unique <= bound for unique in self.shapes[name].unique)


def equalities(conditions: Iterable[exp.Expr], columns: Columns) -> tuple[tuple[Place, Place], ...]:
    """The pairs of columns of two relations that `conditions` say are equal."""
    pairs = []
    for condition in conditions:
        if isinstance(condition, exp.EQ):
            left, right = bare(condition.this, columns), bare(condition.expression, columns)
            if left and right and left[0] != right[0]:
                pairs.append((left, right))
    return tuple(pairs)


def bare(node: exp.Expr, columns: Columns) -> Place | None:
    """The column that `node` is; UPPER and TRIM around a key that they do not change are passed over."""
    outer = node.unnest()
    inner = outer
    while isinstance(inner, exp.Upper | exp.Trim) and not inner.args.get("expression"):
        inner = inner.this.unnest()
    if not isinstance(inner, exp.Column):
        return None
    place = (inner.table, inner.name)
    if inner is not outer and columns.get(place, OTHER).key not in UPPER_TRIMMED:
        return None
    return place


def not_null(columns: Columns, conditions: Iterable[exp.Expr]) -> dict[Place, Fact]:
    """`columns` where all `conditions` hold: a column that is compared or tested is not NULL there."""
    result = dict(columns)
    for condition in conditions:
        for node in _strict(condition):
            place = bare(node, columns)
            if place is not None and place in result:
                result[place] = replace(result[place], nullable=False)
    return result


def _strict(condition: exp.Expr) -> tuple[exp.Expr, ...]:
    """Operands that cannot be NULL where `condition` is true."""
    match condition:
        case exp.Not() if isinstance(condition.this, exp.Is):
            return (condition.this.this,) if isinstance(condition.this.expression, exp.Null) else ()
        case exp.EQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE() | exp.NEQ() | exp.Like():
            return condition.this, condition.expression
        case exp.In() | exp.Between():
            return (condition.this,)
        case _:
            return ()
