"""What is counted and summed up in each cell of an answer: aggregates as expressions over tables of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.facts import Fact, integer
from mpcstats.plan.relational.algebra import Aggregated, Answer, known
from mpcstats.plan.relational.attributed import attributed
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.scalars import Ratio
from mpcstats.plan.relational.wants import LARGEST, Want
from mpcstats.plan.tables import Aggregate, Aggregation, Call, Column, Node, Null, Number, Reference

ROWS = "rows"
MOST_VARIANCE = 1 << 126


@dataclass(slots=True)
class Cells:
    """Tables of cells, and the expression over their columns that each aggregate of the question is.

    `facts` are what is known of these; `variances` are fractions, whose parts may be wide.
    """

    tables: list[Table] = field(default_factory=list)
    values: dict[str, Node] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    variances: dict[str, Ratio] = field(default_factory=dict)

    def plain(self, name: str) -> Column:
        """The column that an aggregate is."""
        node = self.values[name]
        if not isinstance(node, Reference):
            raise InternalError(f"expected {name} to be a column of cells")
        return self.columns[node.name]

    def add(self, table: Table, columns: Sequence[Column]) -> None:
        """Another table of cells, with its columns."""
        self.tables.append(table)
        self.columns |= {shared.name: shared for shared in columns}


class Counting:
    """The aggregates of one answer over the rows of `table`, whose column `cell` is the cell of a row, of `count`."""

    def __init__(
        self, draft: Draft, answer: Answer, table: Table, cell: str | None, count: int
    ) -> None:
        self._draft = draft
        self._answer = answer
        self._table = table
        self._cell = cell
        self._count = count
        self._columns = {c.name: c for c in table.columns.values()}
        self._cells = Cells()
        self._tally: list[Aggregate] = []
        self._spread: list[Aggregate] = []
        self._known: dict[str, Node] = {}
        self._later: list[tuple[Aggregated, Column]] = []
        self.only: dict[
            str, tuple[int, ...]
        ] = {}  # by column of an institution's rows, where a key
        # says of which institution a row is: the cells of that institution.

    def cells(
        self, operands: Mapping[str, str], counts: Sequence[str], tallied: Sequence[Column]
    ) -> Cells:
        """All aggregates; `operands` are their columns of the rows.

        `counts` are columns of numbers to be added up, `tallied` are flags, whose sums go by the flags' names.
        """
        cells, most = self._cells, self._table.rows
        rows = self._made(self._tally, ROWS, "count", None, (0, most))
        cells.values[ROWS] = rows
        for aggregate in self._answer.aggregates:
            of = operands.get(aggregate.name)
            if of is None:
                self._whole(aggregate.name, rows)
            else:
                self._count_up(aggregate, self._columns[of], operands)
        for name in counts:
            source = self._columns[operands[name]]
            high = most * source.maximum
            cells.values[name] = self._made(self._tally, name, "sum", source.name, (0, high))
        for name, own in self.only.items():
            made = self._made(self._tally, name, "count", None, (0, most), only=own)
            cells.values[name] = made
        for flag in tallied:
            cells.values[flag.name] = self._made(
                self._tally, flag.name, "sum", flag.name, (0, most)
            )
        self._step(tables.Tally, "tally", self._tally)
        if self._spread:
            self._step(tables.Spread, "spread", self._spread)
        for aggregate, source in self._later:
            if aggregate.kind == "quantile" and aggregate.at is not None:
                self._quantile(aggregate.name, aggregate.at, source, self._unknown(aggregate))
            else:
                self._variance(aggregate, source)
        return cells

    def _count_up(self, aggregate: Aggregated, source: Column, operands: Mapping[str, str]) -> None:
        most = self._table.rows
        name, of = aggregate.name, source.name
        match aggregate.kind:
            case "count":
                self._whole(name, self._made(self._tally, name, "sum", of, (0, most)))
            case "distinct":
                self._whole(name, self._made(self._spread, name, "distinct", of, (0, most)))
            case "sum":
                ends = self._summed(aggregate, source)
                where, only = self._conditions(aggregate, operands)
                made = self._made(self._tally, name, "sum", of, ends, where=where, only=only)
                if aggregate.hidden:
                    self._cells.values[name] = made
                    self._cells.facts[name] = integer(*ends, nullable=False)
                else:
                    self._nullable(aggregate, source, made)
            case "min" | "max":
                ends = (source.minimum, source.maximum)
                made = self._made(self._spread, name, aggregate.kind, of, ends)
                self._nullable(aggregate, source, made)
            case _:
                self._later.append((aggregate, source))
                if aggregate.kind == "quantile" and self._unknown(aggregate):
                    self._some(source)

    def _conditions(
        self, aggregate: Aggregated, operands: Mapping[str, str]
    ) -> tuple[str | None, tuple[int, ...] | None]:
        """Of a sum that is attributed to an institution: the flag of its rows, or its cells."""
        found = attributed(aggregate)
        if found is None:
            return None, None
        if found.institution in self.only:
            return None, self.only[found.institution]
        return operands.get(found.institution), None

    def _whole(self, name: str, made: Reference) -> None:
        """A number that is never NULL."""
        self._cells.values[name] = made
        self._cells.facts[name] = integer(0, self._table.rows)

    def _about(self, aggregate: Aggregated) -> Fact | None:
        """What is known of an aggregate's operand."""
        return None if aggregate.of is None else known(aggregate.of, self._answer.input)

    def _unknown(self, aggregate: Aggregated) -> bool:
        """Whether the operand may be NULL."""
        about = self._about(aggregate)
        return about is None or about.nullable

    def _made(
        self,
        step: list[Aggregate],
        name: str,
        kind: Aggregation,
        of: str | None,
        ends: tuple[int, int],
        *,
        where: str | None = None,
        only: tuple[int, ...] | None = None,
    ) -> Reference:
        """A column of cells, within `ends`; what is aggregated already is not aggregated again."""
        for made in step:
            if (made.kind, made.of, made.where, made.only) == (kind, of, where, only):
                return Reference(made.column.name)
        low, high = ends
        fresh = self._draft.names.fresh(f"cell_{name}")
        shared = Column(fresh, "number", low, max(low, high))
        self._cells.columns[fresh] = shared
        step.append(Aggregate(shared, kind, of, where, only))
        return Reference(fresh)

    def _summed(self, aggregate: Aggregated, source: Column) -> tuple[int, int]:
        rows = self._table.rows
        whole = rows * max(abs(source.minimum), abs(source.maximum))
        about = self._about(aggregate)
        stated = None if about is None else about.whole(rows)
        whole = whole if stated is None else min(whole, stated)
        if whole >= LARGEST:
            names = self._draft.names
            raise self._draft.refuse(
                aggregate.name,
                f"{names.said(aggregate.name)} may reach beyond 2^62: state tighter bounds in the catalogue",
            )
        return (-whole if source.minimum < 0 else 0), (whole if source.maximum > 0 else 0)

    def _some(self, source: Column) -> Node:
        """How many values of the column are not NULL, by cell."""
        if not source.nullable:
            return self._cells.values[ROWS]
        if source.name not in self._known:
            ends = (0, self._table.rows)
            name = f"{source.name}_known"
            self._known[source.name] = self._made(self._tally, name, "count", source.name, ends)
        return self._known[source.name]

    def _nullable(self, aggregate: Aggregated, source: Column, made: Reference) -> None:
        """NULL in a cell without values; a cell without rows is not shown."""
        cells, name = self._cells, aggregate.name
        shared = cells.columns[made.name]
        unknown = self._unknown(aggregate)
        cells.facts[name] = integer(shared.minimum, shared.maximum, nullable=unknown)
        cells.values[name] = self._where_some(source, made) if unknown else made

    def _where_some(self, source: Column, made: Reference) -> Node:
        return Call("if", (Call("lt", (Number(0), self._some(source))), made, Null()))

    def _step(
        self,
        kind: type[tables.Tally | tables.Spread],
        name: str,
        aggregates: Sequence[Aggregate],
    ) -> None:
        step = self._draft.name(name)
        self._draft.steps.append(
            kind(step, self._table.step, self._cell, self._count, tuple(aggregates))
        )
        self._table_of(step, [a.column for a in aggregates])

    def _table_of(self, step: str, columns: Sequence[Column]) -> None:
        wants = {Want(shared.name, "number"): shared for shared in columns}
        self._cells.add(Table(step, self._count, wants), columns)

    def _quantile(self, name: str, at: tuple[int, int], source: Column, unknown: bool) -> None:
        draft, cells = self._draft, self._cells
        fresh = draft.names.fresh(f"cell_{name}")
        shared = replace(source, name=fresh, nullable=False)
        step = draft.name("quantile")
        draft.steps.append(
            tables.Quantile(
                step, self._table.step, self._cell, self._count, source.name, *at, shared
            )
        )
        made = Reference(fresh)
        unknown = unknown and source.nullable
        cells.values[name] = self._where_some(source, made) if unknown else made
        cells.facts[name] = integer(source.minimum, source.maximum, nullable=unknown)
        self._table_of(step, [shared])

    def _variance(self, aggregate: Aggregated, source: Column) -> None:
        """The parts of a variance: that it is NULL for a single value shows in its denominator, 0."""
        draft, cells, rows = self._draft, self._cells, self._table.rows
        largest = max(abs(source.minimum), abs(source.maximum), 1)
        top = Column(draft.names.fresh("spread_top"), "wide", 0, rows**2 * largest**2)
        over = Column(draft.names.fresh("spread_over"), "wide", 0, rows**2)
        if top.maximum >= MOST_VARIANCE:
            raise draft.refuse(
                aggregate.name,
                f"{draft.names.said(aggregate.name)} may reach beyond 2^126: state tighter bounds in the catalogue",
            )
        step = draft.name("deviation")
        draft.steps.append(
            tables.Deviation(
                step, self._table.step, self._cell, self._count, source.name, top, over
            )
        )
        cells.variances[aggregate.name] = Ratio(Reference(top.name), Reference(over.name))
        # Only by itself can it be computed with: it has no bounds that hold it in a word.
        cells.values[aggregate.name] = Reference(top.name)
        cells.facts[aggregate.name] = Fact("other")
        self._table_of(step, [top, over])
