"""What steps on shared tables make of columns before their protocols take them: forms, keys, summands; its work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpcstats.plan.flow import Known
from mpcstats.plan.nodework import Form
from mpcstats.plan.physical import Physical
from mpcstats.plan.tableforms import forms
from mpcstats.plan.tables import Aggregate, Column
from mpcstats.plan.tableshape import Shape, Shapes, shapes
from mpcstats.plan.work import (
    NONE,
    PRODUCT,
    RING,
    Work,
    added,
    anded,
    from_bits,
    to_bits,
)


@dataclass(frozen=True, slots=True)
class Tables:
    """The shared tables of a plan: their shapes, and the forms of their columns."""

    plan: Physical
    shapes: Shapes
    forms: Mapping[str, Known[Form]]

    @classmethod
    def of(cls, plan: Physical) -> Tables:
        """Those of `plan`. Raises InternalError as `shapes` does."""
        found = shapes(plan)
        return cls(plan, found, forms(plan, found))

    def table(self, name: str) -> Table:
        """One of them, by the step that makes it."""
        return Table(self.shapes[name], self.forms[name])


@dataclass(frozen=True, slots=True)
class Table:
    """One shared table."""

    shape: Shape
    forms: Known[Form]

    @property
    def rows(self) -> int:
        """The public number of its rows."""
        return self.shape.rows

    def column(self, name: str) -> Column:
        """The column of that name."""
        return self.shape.columns[name]

    def as_number(self, name: str) -> Work:
        """The column as numbers."""
        if self.forms[name] == "number":
            return NONE
        return from_bits(width_of(self.column(name)), self.rows)

    def as_bits(self, name: str, *, like: Sequence[Column] = ()) -> Work:
        """The column as bits above its least value, or above that of it and all of `like`."""
        column = self.column(name)
        if column.kind == "digest":
            return NONE
        low = min(c.minimum for c in (column, *like))
        if self.forms[name] == "bits":
            width = common_width([column, *like])
            return NONE if low == column.minimum else added(width, self.rows)
        return to_bits(common_width([column, *like]), self.rows)

    def as_key(self, name: str) -> Work:
        """The bits of the column, NULL being one value."""
        made = self.as_bits(name)
        return made.then(anded(width_of(self.column(name)))) if self.nullable(name) else made

    def key_width(self, name: str) -> int:
        """The bits of a key."""
        return width_of(self.column(name)) + self.nullable(name)

    def nullable(self, name: str) -> bool:
        """Whether the column may be NULL."""
        return self.column(name).nullable

    def carried(self, names: Iterable[str]) -> tuple[int, int]:
        """Columns of numbers, and rows of bits, as which columns move along with rows."""
        numbers = bits = 0
        for name in names:
            column = self.column(name)
            if self.forms[name] != "bits":
                numbers += 1
            if self.forms[name] != "number":
                bits += width_of(column)
            bits += column.nullable
        return numbers, bits


def width_of(column: Column) -> int:
    """Bits of what a value is above its least one."""
    return common_width([column])


def common_width(columns: Sequence[Column]) -> int:
    """Bits of the values of all above the least of all."""
    if columns[0].kind == "digest":
        return RING
    low = min(column.minimum for column in columns)
    return max(1, (max(column.maximum for column in columns) - low).bit_length())


def together(works: Iterable[Work]) -> Work:
    """All at the same time."""
    total = NONE
    for work in works:
        total = total.beside(work)
    return total


def summands(aggregates: Sequence[Aggregate], table: Table) -> tuple[int, Work]:
    """How many columns are added up for counts and sums, rows aside, and the work that makes them.

    Those of values that are not NULL; a count over a column that is never NULL is one of rows.
    """
    over = dict.fromkeys((a.kind, a.of) for a in aggregates if a.of is not None)
    works = []
    for kind, name in over:
        nullable = table.nullable(name)
        if kind == "sum":
            made = table.as_number(name)
            works.append(made.beside(from_bits(1, table.rows)).then(PRODUCT) if nullable else made)
        elif kind == "count" and nullable:
            works.append(from_bits(1, table.rows))
    columns = sum(kind == "sum" or (kind == "count" and table.nullable(n)) for kind, n in over)
    return columns, together(works)


def spread_over(aggregates: Sequence[Aggregate]) -> tuple[str, ...]:
    """The columns whose extremes or distinct values are wanted."""
    wanted = (a.of for a in aggregates if a.kind in ("min", "max", "distinct") and a.of is not None)
    return tuple(dict.fromkeys(wanted))


def spreadable(aggregates: Sequence[Aggregate], table: Table) -> Work:
    """The work that makes these columns bits, and numbers where an extreme is wanted."""
    extremes = {a.of for a in aggregates if a.kind in ("min", "max")}
    return together(
        table.as_bits(name).beside(table.as_number(name) if name in extremes else NONE)
        for name in spread_over(aggregates)
    )
