"""The shapes of a plan's shared tables: rows and columns of each, found in one walk that also checks the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.flow import on_tables
from mpcstats.plan.interval import EDGE, Interval, interval
from mpcstats.plan.physical import Fragment, Physical
from mpcstats.plan.tables import (
    MOST_CONTRIBUTED,
    Aggregate,
    Column,
    Kind,
    Node,
    Outcome,
    TableStep,
)

WIDE_EDGE = 1 << 126
Shapes = Mapping[str, "Shape"]
COUNTED: Mapping[type, tuple[str, ...]] = {  # step -> the aggregates that its protocol computes
    tables.Group: ("count", "sum", "min", "max", "distinct"),
    tables.GroupOwned: ("count", "sum"),
    tables.Tally: ("count", "sum"),
    tables.Spread: ("min", "max", "distinct"),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A shared table: how many rows it has, whether some may not be there, and its columns by name, in order.

    `fragment`: row i of the table is row i of that fragment, whose owner so knows where a row is; None: of no fragment.
    """

    rows: int
    columns: Mapping[str, Column]
    partial: bool
    fragment: str | None = None


def shapes(plan: Physical) -> Shapes:
    """The shape of the table of every table step of `plan`, by the step's name; none where the plan has no tables.

    A Group has no more rows than the table that is grouped. Whether a column that a step adds may be NULL follows from
    the step, whatever its Column says: so of a Find, a left Match, a Derive, a Divide and neighbours. Raises
    InternalError, with the step, for a table, a fragment or a column that is not there (yet), a column of another kind
    than is needed, or of two kinds in one plan, a new column that is called as one of its table, a number that may
    leave [-2^62, 2^62) or a wide one 2^126, rows that do not fit together, and an outcome that does not fit its table.
    """
    walk = _Walk(plan)
    for step in on_tables(plan):
        if isinstance(step, Outcome):
            walk.check_outcome(step)
        else:
            walk.take(step)
    return MappingProxyType(walk.found)


class _Walk:
    def __init__(self, plan: Physical) -> None:
        self._plan = plan
        self._kinds: dict[str, Kind] = {}
        self.found: dict[str, Shape] = {}
        self._step = ""

    def take(self, step: TableStep) -> None:
        """Check one step and note the shape of its table."""
        self._step = step.name
        shape = self._shape(step)
        for column in shape.columns.values():
            self._check_column(column)
        self.found[step.name] = shape

    def _shape(self, step: TableStep) -> Shape:
        match step:
            case tables.Give():
                return self._give(step)
            case tables.Stack():
                return self._stack(step)
            case tables.Find():
                return self._find(step)
            case tables.Match():
                return self._match(step)
            case tables.Derive():
                return self._derive(step)
            case tables.Group() | tables.GroupOwned():
                return self._group(step)
            case tables.Firsts():
                return self._firsts(step)
            case tables.Neighbours():
                return self._neighbours(step)
            case tables.Divide():
                return self._divide(step)
            case tables.Margins():
                return self._margins(step)
            case _:
                return self._cells(step)

    def _fail(self, expected: str, got: object) -> InternalError:
        return InternalError(f"step {self._step}: expected {expected}, got {got}")

    def _table(self, name: str) -> Shape:
        if name not in self.found:
            raise self._fail("the table of an earlier step", repr(name))
        return self.found[name]

    def _fragment(self, name: str) -> Fragment:
        if name not in {fragment.name for fragment in self._plan.fragments}:
            raise self._fail("a fragment of the plan", repr(name))
        return self._plan.fragment(name)

    def _column(self, shape: Shape, name: str, *kinds: Kind) -> Column:
        if name not in shape.columns:
            raise self._fail(f"a column of {', '.join(shape.columns) or 'none'}", repr(name))
        column = shape.columns[name]
        if kinds and column.kind not in kinds:
            raise self._fail(f"a column of kind {' or '.join(kinds)}", f"{name}, a {column.kind}")
        return column

    def _check_column(self, column: Column) -> None:
        if self._kinds.setdefault(column.name, column.kind) != column.kind:
            known = self._kinds[column.name]
            raise self._fail(f"{column.name} to be a {known}, as in another table", column.kind)
        low, high = column.minimum, column.maximum
        edges = {"number": EDGE, "wide": WIDE_EDGE}
        edge = edges.get(column.kind)
        fits = low <= high if edge is None else -edge <= low <= high < edge
        if column.kind == "flag":
            fits = 0 <= low <= high <= 1
        if not fits:
            raise self._fail(f"bounds of a {column.kind}", f"{column.name} from {low} to {high}")

    def _check_yields(self, fragment: Fragment, columns: Iterable[Column]) -> None:
        """The fragment yields `columns`, within their bounds; NULLs of a Find's columns are its own."""
        known = {column.name: column for column in fragment.columns}
        for column in columns:
            given = known.get(column.name)
            if given is None:
                raise self._fail(f"a column of fragment {fragment.name}", repr(column.name))
            inside = column.minimum <= given.minimum and given.maximum <= column.maximum
            if given.kind != column.kind or not inside:
                raise self._fail(
                    f"{given.name} of fragment {fragment.name}, a {given.kind} from {given.minimum} "
                    f"to {given.maximum}, to fit",
                    f"a {column.kind} from {column.minimum} to {column.maximum}",
                )

    def _added(self, old: Mapping[str, Column], new: Sequence[Column]) -> dict[str, Column]:
        """The columns `old` and `new`; a name is that of one column."""
        columns = dict(old)
        for column in new:
            if column.name in columns:
                raise self._fail("a new column to have a name of its own", repr(column.name))
            columns[column.name] = column
        return columns

    def _flag(self, name: str) -> Column:
        return Column(name, "flag", 0, 1)

    def _give(self, step: tables.Give) -> Shape:
        given = [self._fragment(name) for name in step.fragments]
        if not given:
            raise self._fail("at least one fragment", "none")
        for fragment in given:
            self._check_yields(fragment, step.columns)
            nullable = {column.name for column in fragment.columns if column.nullable}
            for column in step.columns:
                if column.name in nullable and not column.nullable:
                    raise self._fail(f"a column without NULLs of {fragment.name}", column.name)
        columns = self._added({}, step.columns)
        rows = sum(fragment.rows for fragment in given)
        return Shape(rows, columns, True, given[0].name if len(given) == 1 else None)

    def _stack(self, step: tables.Stack) -> Shape:
        parts = [self._table(name) for name in step.of]
        if not parts:
            raise self._fail("at least one table", "none")
        shared = [n for n in parts[0].columns if all(n in part.columns for part in parts)]
        columns = {name: _widest([part.columns[name] for part in parts]) for name in shared}
        partial = any(part.partial for part in parts)
        return Shape(sum(part.rows for part in parts), columns, partial)

    def _find(self, step: tables.Find) -> Shape:
        of, left = self._table(step.of), self._fragment(step.left)
        right = self._fragment(step.right)
        self._check_aligned(of, left)
        for fragment, key in ((left, step.left_key), (right, step.right_key)):
            if (key, "digest") not in {(c.name, c.kind) for c in fragment.columns}:
                raise self._fail(f"a digest column of fragment {fragment.name}", repr(key))
        self._check_yields(right, step.columns)
        if step.distinct is not None and step.distinct < 1:
            raise self._fail("a bound of at least 1 on distinct keys", step.distinct)
        found = [replace(column, nullable=True) for column in step.columns]
        return replace(of, columns=self._added(of.columns, [*found, self._flag(step.hit)]))

    def _check_aligned(self, of: Shape, fragment: Fragment) -> None:
        if of.fragment != fragment.name:
            raise self._fail(
                f"a table whose rows are those of fragment {fragment.name}", of.fragment
            )

    def _match(self, step: tables.Match) -> Shape:
        left, right = self._table(step.left), self._table(step.right)
        if not step.on:
            raise self._fail("at least one pair of columns to match on", "none")
        for one, other in step.on:
            a = self._column(left, one, "number", "flag", "digest")
            b = self._column(right, other, "number", "flag", "digest")
            if (a.kind == "digest") != (b.kind == "digest"):
                raise self._fail(f"{other} to be comparable with {one}, a {a.kind}", b.kind)
        alone = step.kind in ("semi", "anti")
        if step.most < 1 or (alone and (step.most != 1 or step.columns)):
            expected = "1 match without columns" if alone else "at least 1 match"
            raise self._fail(expected, f"{step.most} with {len(step.columns)} columns")
        brought = []
        for column in step.columns:
            own = self._column(right, column.name, column.kind)
            brought.append(replace(column, nullable=own.nullable or step.kind == "left"))
        columns = self._added(left.columns, [*brought, self._flag(step.hit)])
        fragment = left.fragment if step.most == 1 else None
        return Shape(step.most * left.rows, columns, True, fragment)

    def _derive(self, step: tables.Derive) -> Shape:
        parts = [self._table(name) for name in step.of]
        if not parts or any(part.rows != parts[0].rows for part in parts):
            raise self._fail("tables of equally many rows", [part.rows for part in parts])
        beside: dict[str, Column] = {}
        for part in parts:
            beside |= {name: c for name, c in part.columns.items() if name not in beside}
        new = []
        for computed in step.columns:
            found = self._interval(computed.node, beside)
            if not _fits(found.kind, computed.column.kind, empty=found.empty):
                raise self._fail(f"{computed.column.name} to be a {found.kind}", computed.column)
            new.append(replace(computed.column, nullable=found.nullable))
        if step.keep is not None:
            kept = self._interval(step.keep, beside)
            if not (kept.empty or (kept.minimum >= 0 and kept.maximum <= 1)):
                raise self._fail("a flag that says which rows stay", f"a {kept.kind}")
        columns = self._added(beside, new)
        partial = parts[0].partial or step.keep is not None
        return Shape(parts[0].rows, columns, partial, parts[0].fragment)

    def _interval(self, node: Node, columns: Mapping[str, Column]) -> Interval:
        try:
            return interval(node, columns)
        except InternalError as error:
            raise type(error)(f"step {self._step}: {error}") from None

    def _group(self, step: tables.Group | tables.GroupOwned) -> Shape:
        of = self._table(step.of)
        if step.groups < 1 or not step.keys:
            raise self._fail("keys and at least one group", f"{len(step.keys)} and {step.groups}")
        if isinstance(step, tables.GroupOwned):
            fragment = self._fragment(step.fragment)
            self._check_aligned(of, fragment)
            self._check_yields(fragment, [*step.keys, *step.apart])
        else:
            for key in step.keys:
                self._column(of, key.name, key.kind)
        counted = self._aggregated(step, of, step.aggregates)
        columns = self._added({key.name: key for key in step.keys}, counted)
        owned = isinstance(step, tables.GroupOwned)
        return Shape(step.groups if owned else min(step.groups, of.rows), columns, True)

    def _aggregated(
        self, step: TableStep, of: Shape, aggregates: Iterable[Aggregate]
    ) -> list[Column]:
        for aggregate in aggregates:
            if aggregate.kind not in COUNTED[type(step)]:
                raise self._fail(f"{', '.join(COUNTED[type(step)])}", aggregate.kind)
            if aggregate.of is not None:
                counted = aggregate.kind in ("count", "distinct")
                kinds: tuple[Kind, ...] = ("number", "flag", "digest")
                self._column(of, aggregate.of, *(kinds if counted else kinds[:2]))
            elif aggregate.kind != "count":
                raise self._fail(f"a column to take the {aggregate.kind} of", "none")
            if aggregate.column.kind != "number" or aggregate.column.nullable:
                raise self._fail("an aggregate to be a number, never NULL", aggregate.column)
            self._check_conditions(step, of, aggregate)
        return [aggregate.column for aggregate in aggregates]

    def _check_conditions(self, step: TableStep, of: Shape, aggregate: Aggregate) -> None:
        cells = step.cells if isinstance(step, tables.Tally) else 0
        if isinstance(step, tables.GroupOwned):
            if aggregate.where not in {None, *(flag.name for flag in step.apart)}:
                raise self._fail("a flag that tells the groups' rows apart", aggregate.where)
        elif aggregate.where is not None:
            flag = self._column(of, aggregate.where, "number", "flag")
            if flag.nullable or not 0 <= flag.minimum <= flag.maximum <= 1:
                raise self._fail("a flag that is never NULL", flag)
            if not cells or aggregate.kind != "sum":
                raise self._fail("a condition on a sum in cells", aggregate.column)
        if aggregate.only is not None and not set(aggregate.only) <= set(range(cells)):
            raise self._fail(f"some of {cells} cells", aggregate.only)

    def _firsts(self, step: tables.Firsts) -> Shape:
        of = self._table(step.of)
        if step.fragment is not None:
            fragment = self._fragment(step.fragment)
            self._check_aligned(of, fragment)
            self._check_yields(fragment, step.keys)
        elif step.starts is None:
            raise self._fail(
                "a fragment whose rows are in runs, or a flag where they begin", "neither"
            )
        if not step.flags or (step.fragment is not None and not step.keys):
            raise self._fail(
                "keys and at least one flag", f"{len(step.keys)} and {len(step.flags)}"
            )
        if step.cell is not None:
            self._check_cell(of, step.cell, step.cells)
        for name in (step.starts, *(flagged.of for flagged in step.flags)):
            if name is not None and self._column(of, name, "flag", "number").nullable:
                raise self._fail("a flag that is never NULL", name)
        return replace(of, columns=self._added(of.columns, [f.column for f in step.flags]))

    def _neighbours(self, step: tables.Neighbours) -> Shape:
        of = self._table(step.of)
        if not (step.partition or step.order):
            raise self._fail("columns to partition or to order by", "none")
        for name in (*step.partition, *(order.name for order in step.order)):
            self._column(of, name, "number", "flag", "digest")
        new = []
        for function in step.functions:
            if function.kind in ("row_number", "starts"):
                new.append(function.column)
                continue
            if function.of is None or function.by < 1:
                raise self._fail(
                    f"a column at a distance for a {function.kind}", f"{function.of}, {function.by}"
                )
            self._column(of, function.of, function.column.kind)
            new.append(replace(function.column, nullable=True))
        return Shape(of.rows, self._added(of.columns, new), of.partial)

    def _cells(
        self, step: tables.Tally | tables.Spread | tables.Quantile | tables.Deviation
    ) -> Shape:
        of = self._table(step.of)
        self._check_cell(of, step.cell, step.cells)
        match step:
            case tables.Tally() | tables.Spread():
                new = self._aggregated(step, of, step.aggregates)
            case tables.Quantile():
                self._column(of, step.value, "number", "flag")
                if not 0 < step.numerator <= step.denominator < 1 << 32:
                    raise self._fail("a quantile", f"{step.numerator} / {step.denominator}")
                new = [step.column]
            case tables.Deviation():
                self._column(of, step.value, "number", "flag")
                new = [step.numerator, step.denominator]
        return Shape(step.cells, self._added({}, new), False)

    def _check_cell(self, of: Shape, cell: str | None, cells: int) -> None:
        if cells < 1 or (cell is None and cells != 1):
            raise self._fail("one cell without a column that says which", cells)
        if cell is not None:
            # That of a row that is there is never NULL: the planner's word, as the rows that are there are secret.
            column = self._column(of, cell, "number", "flag")
            # Where it is NULL no row is there: a condition may say so, which bounds do not show.
            if column.minimum < 0 or column.maximum >= cells:
                raise self._fail(f"numbers of {cells} cells", column)

    def _divide(self, step: tables.Divide) -> Shape:
        of = self._table(step.of)
        new: list[Column] = []
        for quotient in step.quotients:
            for name in (quotient.numerator, quotient.denominator):
                self._column(of, name, "number", "flag", "wide")
            # NULL where the denominator is 0, whatever its bounds are.
            new += [replace(c, nullable=True) for c in (quotient.whole, quotient.fraction)]
        return replace(of, columns=self._added(of.columns, new))

    def _margins(self, step: tables.Margins) -> Shape:
        of = self._table(step.of)
        if of.partial or of.rows != prod(size for size, _ in step.axes):
            raise self._fail(f"a table of the cells of {step.axes}", f"{of.rows} rows")
        for column in of.columns.values():
            if column.kind != "number" or column.nullable:
                raise self._fail("numbers that are never NULL to add up", column)
        return replace(of, rows=prod(size + total for size, total in step.axes))

    def check_outcome(self, step: Outcome) -> None:
        """What the gate may open is there, and each total has its support and says whether it is an amount."""
        self._step = step.name
        of = self._table(step.of)
        if of.partial or of.rows != self._plan.cells:
            raise self._fail(f"a table of all {self._plan.cells} cells", f"{of.rows} rows")
        if not step.persons:
            raise self._fail("a number of persons of each cell", "none")
        for name in step.numbers:
            self._column(of, name, "number")
        for amount in step.amounts:
            for name in filter(None, (amount.total, *amount.parts)):
                column = self._column(of, name, "number")
                if column.minimum < 0 or column.maximum > MOST_CONTRIBUTED:
                    raise self._fail(f"contributions from 0 to {MOST_CONTRIBUTED}", column)
        for place, total in enumerate(step.totals):
            column = self._column(of, total.name, "number", "flag")
            if column.nullable != (place in self._plan.tests.nullable):
                said = "may be NULL" if column.nullable else "is never NULL"
                raise self._fail(f"a column that {said} to be declared so", total.name)
        if step.appears is not None:
            self._column(of, step.appears, "flag")
        if step.backing and len(step.backing) != len(step.totals):
            raise self._fail(f"an entry for each of {len(step.totals)} totals", len(step.backing))
        known = range(len(step.institutions)), range(len(step.amounts))
        if any(amount.of not in known[0] for amount in step.amounts) or any(
            a not in known[1] for each in step.backing for a in each.amounts
        ):
            raise self._fail("amounts and institutions that the outcome has", "others")
        beside = step.beside
        if beside is not None and len(beside.kinds) != len(step.totals):
            raise self._fail(f"a kind for each of {len(step.totals)} totals", len(beside.kinds))


def _widest(columns: Sequence[Column]) -> Column:
    """A column that holds the values of all of `columns`, of one kind."""
    return replace(
        columns[0],
        minimum=min(column.minimum for column in columns),
        maximum=max(column.maximum for column in columns),
        nullable=any(column.nullable for column in columns),
    )


def _fits(found: Kind, wanted: Kind, *, empty: bool) -> bool:
    """Whether a value of kind `found` is one of kind `wanted`: a flag is a number too."""
    return found == wanted or empty or (found, wanted) == ("flag", "number")
