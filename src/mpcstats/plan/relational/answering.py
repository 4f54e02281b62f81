"""The outer SELECT as steps: rows into cells, what is counted and summed there, and what of it may be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.cells import GroupKey, Label, Total
from mpcstats.plan.facts import Fact, integer
from mpcstats.plan.physical import OutputColumn
from mpcstats.plan.relational.algebra import Aggregated, Answer, Expr, columns_of
from mpcstats.plan.relational.lowering import Lowering, Table, placed
from mpcstats.plan.relational.scalars import Ratio, Scalars, Wanted
from mpcstats.plan.relational.supporting import Supporting, wants_person
from mpcstats.plan.relational.wants import LARGEST, Want, natural, ordered
from mpcstats.plan.tables import Aggregate, Call, Column, Node, Null, Number, Reference

MOST_CELLS = 4096
FRACTION = 10**tables.FRACTION_DIGITS
ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Key:
    """A group key: its labels, None among them if it may be NULL, and its place among them."""

    name: str
    labels: tuple[Label, ...]
    code: Node


@dataclass(slots=True)
class Cells:
    """Tables of cells, and the expression over their columns that each aggregate of the question is."""

    tables: list[Table] = field(default_factory=list)
    values: dict[str, Node] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    unknown: dict[str, bool] = field(
        default_factory=dict
    )  # whether an aggregate's operand may be NULL


class Answering:
    """One answer as steps."""

    def __init__(self, lowering: Lowering, answer: Answer) -> None:
        self._lowering = lowering
        self._answer = answer
        self._rel = answer.input
        self._facts = answer.input.facts

    def outcome(self) -> tuple[tables.Outcome, tuple[OutputColumn, ...]]:
        """The last step before the gate, and the columns of the answer."""
        lowering = self._lowering
        table = lowering.lower(self._rel, self._wants())
        keys = self._keys(table)
        table, cell, count = self._with_cell(table, keys)
        table, operands = self._operands(table)
        cells = self._counted(table, cell, count, operands)
        persons, supports = self._persons(table, cell, count, cells)
        return self._opened(keys, persons, supports, cells, count)

    # Rows.

    def _wants(self) -> list[Want]:
        answer, lowering = self._answer, self._lowering
        found = Wanted()
        ask = Scalars(lowering.context, self._facts, self._rel.rows, found)
        for name, node in answer.keys:
            self._key(ask, name, node)
        for aggregate in answer.aggregates:
            self._operand(ask, aggregate)
        wants = dict(found.wants)
        for name in self._counts():
            wants[Want(name, "number")] = None
        if lowering.context.persons:
            for test in self._tests().values():
                ask.flag(test)
            wants |= found.wants
            person = wants_person(answer)
            if person is not None:
                wants[person] = None
        return list(wants)

    def _counts(self) -> list[str]:
        """The columns with numbers of persons that owners have counted."""
        return list(
            dict.fromkeys(
                [*self._answer.counted, *(n for names in self._answer.backed for n in names)]
            )
        )

    def _key(self, scalars: Scalars, name: str, node: Expr) -> Key:
        known = scalars.fact(node)
        labels = self._labels(node, known)
        plain = node.unnest()
        if isinstance(plain, exp.Column) and known.kind != "boolean" and known.labels is not None:
            code = scalars.find(Want(plain.name, "code", labels))
        elif known.kind == "text":
            code = scalars.value(node, labels)
        elif known.kind == "boolean":
            code = scalars.flag(node)
        else:
            code = placed(scalars.value(node), Want(name, "code", labels))
        if known.nullable:
            return Key(name, (*labels, None), Call("coalesce", (code, Number(len(labels)))))
        return Key(name, labels, code)

    def _labels(self, node: Expr, known: Fact) -> tuple[Label, ...]:
        context = self._lowering.context
        if known.kind == "boolean":
            return (False, True)
        if known.labels is not None and known.kind in ("integer", "text"):
            return ordered(known.labels)
        bounded = known.bounded
        if bounded is not None and bounded[1] - bounded[0] < MOST_CELLS:
            return tuple(range(bounded[0], bounded[1] + 1))
        raise context.refuse(
            node,
            f"the cells of an answer are public, so the values of {node.sql('duckdb')[:80]} must be: state its "
            "domain in the catalogue, or group by CASE WHEN ... THEN 'label' ... ELSE 'label' END",
        )

    def _keys(self, table: Table) -> list[Key]:
        scalars = self._lowering.scalars(self._rel, table)
        keys = [self._key(scalars, name, node) for name, node in self._answer.keys]
        count = 1
        for key in keys:
            count *= len(key.labels)
        if count > MOST_CELLS:
            raise self._lowering.context.refuse(
                self._answer.keys[0][1], f"expected at most {MOST_CELLS} cells, got {count}"
            )
        return keys

    def _with_cell(self, table: Table, keys: Sequence[Key]) -> tuple[Table, str | None, int]:
        """The table with the number of each row's cell, the last key running fastest."""
        lowering = self._lowering
        if not keys:
            return table, None, 1
        code, count = keys[0].code, len(keys[0].labels)
        for key in keys[1:]:
            code = Call("add", (Call("mul", (code, Number(len(key.labels)))), key.code))
            count *= len(key.labels)
        shared = Column(lowering.names.fresh("cell"), "number", 0, count - 1)
        if isinstance(code, Reference):
            return table, code.name, count
        return (
            lowering.derive([table], [(Want(shared.name, "number"), shared, code)], name="cell"),
            shared.name,
            count,
        )

    def _operand(self, scalars: Scalars, aggregate: Aggregated) -> Node | None:
        of = aggregate.of
        if of is None:
            return None
        known = scalars.fact(of)
        if aggregate.kind == "count":
            return None if not known.nullable else scalars.flag(_not_null(of))
        if aggregate.kind == "distinct":
            return scalars.natural(of)[0]
        if known.kind != "integer":
            raise self._lowering.context.refuse(
                of,
                f"{aggregate.kind} of {of.sql('duckdb')[:60]!r}: expected a whole number, got {known.kind}",
            )
        return scalars.value(of)

    def _operands(self, table: Table) -> tuple[Table, dict[str, str]]:
        """The table with a column for the operand of each aggregate, and their names; count of rows has none."""
        lowering = self._lowering
        scalars = lowering.scalars(self._rel, table)
        computed: list[tuple[Want, Column, Node]] = []
        found: dict[str, str] = {}
        made: dict[Node, str] = {}
        for aggregate in self._answer.aggregates:
            node = self._operand(scalars, aggregate)
            if node is None:
                continue
            if isinstance(node, Reference):
                found[aggregate.name] = node.name
                continue
            if node not in made:
                shared = self._shaped(aggregate, scalars)
                computed.append((Want(shared.name, "number"), shared, node))
                made[node] = shared.name
            found[aggregate.name] = made[node]
        for name in self._counts():
            found[name] = lowering.get(table, Want(name, "number"), self._facts).name
        return (lowering.derive([table], computed, name="operands") if computed else table), found

    def _shaped(self, aggregate: Aggregated, scalars: Scalars) -> Column:
        lowering = self._lowering
        if aggregate.kind == "count" or aggregate.of is None:
            return Column(lowering.names.fresh(aggregate.name), "flag", 0, 1)
        known = scalars.fact(aggregate.of)
        return lowering.shape(natural(aggregate.name, known), {aggregate.name: known})

    # Cells.

    def _counted(
        self, table: Table, cell: str | None, count: int, operands: dict[str, str]
    ) -> Cells:
        """All aggregates, over tables of cells."""
        cells = Cells()
        shared = {c.name: c for c in table.columns.values()}
        tally: list[Aggregate] = [self._number(cells, ROWS, "count", None, 0, table.rows)]
        spread: list[Aggregate] = []
        cells.values[ROWS] = Reference(tally[0].column.name)
        known: dict[str, str] = {}
        later: list[tuple[Aggregated, Column]] = []
        for aggregate in self._answer.aggregates:
            about = self._about(aggregate)
            cells.unknown[aggregate.name] = about is None or about.nullable
            of = operands.get(aggregate.name)
            if of is None:
                cells.values[aggregate.name] = cells.values[ROWS]
                cells.facts[aggregate.name] = integer(0, table.rows)
                continue
            source = shared[of]
            match aggregate.kind:
                case "count":
                    made = self._number(cells, aggregate.name, "sum", of, 0, table.rows)
                    tally.append(made)
                    cells.values[aggregate.name] = Reference(made.column.name)
                    cells.facts[aggregate.name] = integer(0, table.rows)
                case "sum":
                    low, high = self._summed(aggregate, source, table.rows)
                    made = self._number(cells, aggregate.name, "sum", of, low, high)
                    tally.append(made)
                    self._nullable(cells, aggregate.name, made, source, tally, known, table.rows)
                case "distinct":
                    made = self._number(cells, aggregate.name, "distinct", of, 0, table.rows)
                    spread.append(made)
                    cells.values[aggregate.name] = Reference(made.column.name)
                    cells.facts[aggregate.name] = integer(0, table.rows)
                case "min" | "max":
                    made = self._number(
                        cells, aggregate.name, aggregate.kind, of, source.minimum, source.maximum
                    )
                    spread.append(made)
                    self._nullable(cells, aggregate.name, made, source, tally, known, table.rows)
                case _:
                    later.append((aggregate, source))
                    if cells.unknown[aggregate.name]:
                        self._known(cells, source, tally, known, table.rows)
        for name in self._counts():
            made = self._number(
                cells, name, "sum", operands[name], 0, table.rows * shared[operands[name]].maximum
            )
            tally.append(made)
            cells.values[name] = Reference(made.column.name)
        self._step(cells, tables.Tally, "tally", table, cell, count, tally)
        if spread:
            self._step(cells, tables.Spread, "spread", table, cell, count, spread)
        for aggregate, source in later:
            self._single_step(cells, aggregate, source, table, cell, count, known)
        return cells

    def _about(self, aggregate: Aggregated) -> Fact | None:
        """What is known of an aggregate's operand."""
        if aggregate.of is None:
            return None
        return Scalars(self._lowering.context, self._facts, self._rel.rows, Wanted()).fact(
            aggregate.of
        )

    def _number(
        self, cells: Cells, name: str, kind: str, of: str | None, low: int, high: int
    ) -> Aggregate:
        shared = Column(self._lowering.names.fresh(f"cell_{name}"), "number", low, max(low, high))
        cells.columns[shared.name] = shared
        return Aggregate(shared, kind, of)  # type: ignore[arg-type]

    def _summed(self, aggregate: Aggregated, source: Column, rows: int) -> tuple[int, int]:
        whole = rows * max(abs(source.minimum), abs(source.maximum))
        about = self._about(aggregate)
        known = None if about is None else about.whole(rows)
        whole = whole if known is None else min(whole, known)
        if whole >= LARGEST:
            raise self._lowering.context.refuse(
                aggregate.of, "the sum may reach beyond 2^62: state tighter bounds in the catalogue"
            )
        return (-whole if source.minimum < 0 else 0), (whole if source.maximum > 0 else 0)

    def _known(
        self, cells: Cells, source: Column, tally: list[Aggregate], known: dict[str, str], rows: int
    ) -> Node:
        """How many values of the column are not NULL, by cell."""
        if not source.nullable:
            return cells.values[ROWS]
        if source.name not in known:
            made = self._number(cells, f"{source.name}_known", "count", source.name, 0, rows)
            tally.append(made)
            known[source.name] = made.column.name
        return Reference(known[source.name])

    def _nullable(
        self,
        cells: Cells,
        name: str,
        made: Aggregate,
        source: Column,
        tally: list[Aggregate],
        known: dict[str, str],
        rows: int,
    ) -> None:
        """NULL in a cell without values; a cell without rows is not shown."""
        if not cells.unknown[name]:
            cells.values[name] = Reference(made.column.name)
            cells.facts[name] = integer(made.column.minimum, made.column.maximum)
            return
        some = Call("lt", (Number(0), self._known(cells, source, tally, known, rows)))
        cells.values[name] = Call("if", (some, Reference(made.column.name), Null()))
        cells.facts[name] = integer(made.column.minimum, made.column.maximum, nullable=True)

    def _step(
        self,
        cells: Cells,
        kind: type[tables.Tally | tables.Spread],
        name: str,
        table: Table,
        cell: str | None,
        count: int,
        aggregates: Sequence[Aggregate],
    ) -> None:
        step = kind(self._lowering.name(name), table.step, cell, count, tuple(aggregates))
        self._lowering.steps.append(step)
        columns = {Want(a.column.name, "number"): a.column for a in aggregates}
        cells.tables.append(Table(step.name, count, columns))

    def _single_step(
        self,
        cells: Cells,
        aggregate: Aggregated,
        source: Column,
        table: Table,
        cell: str | None,
        count: int,
        known: dict[str, str],
    ) -> None:
        """A quantile, or the parts of a variance."""
        lowering = self._lowering
        unknown = cells.unknown[aggregate.name] and source.nullable
        some = Reference(known[source.name]) if unknown else cells.values[ROWS]
        if aggregate.kind == "quantile" and aggregate.at is not None:
            shared = replace(
                source, name=lowering.names.fresh(f"cell_{aggregate.name}"), nullable=False
            )
            step: tables.Cellwise = tables.Quantile(
                lowering.name("quantile"),
                table.step,
                cell,
                count,
                source.name,
                *aggregate.at,
                shared,
            )
            columns = [shared]
            found: Node = Reference(shared.name)
            if unknown:
                found = Call("if", (Call("lt", (Number(0), some)), found, Null()))
            cells.values[aggregate.name] = found
            cells.facts[aggregate.name] = integer(source.minimum, source.maximum, nullable=unknown)
        else:
            largest = max(abs(source.minimum), abs(source.maximum), 1)
            top = Column(lowering.names.fresh("spread_top"), "wide", 0, table.rows**2 * largest**2)
            over = Column(lowering.names.fresh("spread_over"), "wide", 0, table.rows**2)
            if top.maximum >= 1 << 126:
                raise lowering.context.refuse(
                    aggregate.of,
                    "the variance may reach beyond 2^126: state tighter bounds in the catalogue",
                )
            step = tables.Deviation(
                lowering.name("deviation"), table.step, cell, count, source.name, top, over
            )
            columns = [top, over]
            cells.values[aggregate.name] = Call(
                "if", (Call("lt", (Number(1), some)), Reference(top.name), Null())
            )
            cells.facts[aggregate.name] = Fact("other")
        lowering.steps.append(step)
        for shared in columns:
            cells.columns[shared.name] = shared
        cells.tables.append(Table(step.name, count, {Want(c.name, "number"): c for c in columns}))

    def _persons(
        self, table: Table, cell: str | None, count: int, cells: Cells
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """Columns none of which is more than a cell's persons, and of those who contribute, by aggregate."""
        answer, lowering = self._answer, self._lowering
        if answer.counted:
            backed = {
                aggregate.name: self._largest(cells, names)
                for aggregate, names in zip(answer.aggregates, answer.backed, strict=False)
                if names
            }
            return tuple(self._plain(cells, name) for name in answer.counted), backed
        if not lowering.context.persons:
            return (self._plain(cells, ROWS),), {}
        if answer.person is None:
            raise lowering.context.refuse(
                None,
                "no column names the persons behind the rows, and the gate counts the persons of a cell: "
                "keep a person key in the sub-query",
            )
        tests = self._tests()
        conditions = list(dict.fromkeys(tests.values()))
        behind = Supporting(lowering, answer, answer.person, table, cell, count)
        found, columns = behind.counted(conditions)
        cells.tables.append(found)
        for shared in columns:
            cells.columns[shared.name] = shared
        persons, *supports = columns
        return (persons.name,), {
            name: supports[conditions.index(test)].name for name, test in tests.items()
        }

    def _tests(self) -> dict[str, Expr]:
        """For each aggregate to which not all rows contribute, which do."""
        if (
            not self._lowering.context.persons
            or self._answer.counted
            or self._answer.person is None
        ):
            return {}
        found = {}
        for aggregate in self._answer.aggregates:
            about = self._about(aggregate)
            if aggregate.support is not None:
                found[aggregate.name] = aggregate.support
            elif about is not None and about.nullable and aggregate.of is not None:
                found[aggregate.name] = _not_null(aggregate.of)
        return found

    def _plain(self, cells: Cells, key: str) -> str:
        node = cells.values[key]
        if not isinstance(node, Reference):
            raise InternalError(f"expected {key} to be a column of cells")
        return node.name

    def _largest(self, cells: Cells, names: Sequence[str]) -> str:
        """A column with the largest of some."""
        if len(names) == 1:
            return self._plain(cells, names[0])
        nodes = tuple(cells.values[name] for name in names)
        most = max(cells.columns[self._plain(cells, name)].maximum for name in names)
        shared = Column(self._lowering.names.fresh("cell_support"), "number", 0, most)
        computed = [(Want(shared.name, "number"), shared, Call("greatest", nodes))]
        cells.tables[:] = [self._lowering.derive(cells.tables, computed, name="support")]
        cells.columns[shared.name] = shared
        return shared.name

    # What may be opened.

    def _opened(
        self,
        keys: Sequence[Key],
        persons: tuple[str, ...],
        supports: dict[str, str],
        cells: Cells,
        count: int,
    ) -> tuple[tables.Outcome, tuple[OutputColumn, ...]]:
        lowering, answer = self._lowering, self._answer
        scalars = Scalars(
            lowering.context, cells.facts, self._rel.rows, lambda want: cells.values[want.name]
        )
        positions = {key.name: i for i, key in enumerate(keys)}
        computed: list[tuple[Want, Column, Node]] = []
        quotients: list[tables.Quotient] = []
        totals: list[Total] = []
        output: list[OutputColumn] = []
        for item in answer.outputs:
            node = item.node.unnest()
            if isinstance(node, exp.Column) and node.name in positions:
                output.append(OutputColumn(item.name, "group", positions[node.name]))
                continue
            kind = "ratio"
            if isinstance(node, exp.Sqrt):
                kind, node = "root", node.this.unnest()
            output.append(
                self._output(
                    item.name, kind, self._ratio(scalars, node), cells, computed, quotients, totals
                )
            )
        backing = [self._backing(i.node, supports, cells, computed) for i in answer.outputs]
        appears = None
        if answer.having is not None:
            shared = Column(lowering.names.fresh("appears"), "flag", 0, 1, nullable=True)
            condition = Call("coalesce", (scalars.flag(answer.having), Number(0)))
            computed.append((Want(shared.name, "flag"), replace(shared, nullable=False), condition))
            appears = shared.name
        found = (
            lowering.derive(cells.tables, computed, name="outputs")
            if computed or len(cells.tables) > 1
            else cells.tables[0]
        )
        if quotients:
            step = lowering.name("divide")
            lowering.steps.append(tables.Divide(step, found.step, tuple(quotients)))
            found = Table(step, count, found.columns)
        name = lowering.name("outcome")
        outcome = tables.Outcome(
            name,
            found.step,
            tuple(GroupKey(found.step, key.name, key.labels) for key in keys),
            tuple(totals),
            persons,
            appears=appears,
            supports=_by_total(output, backing, len(totals)),
        )
        return outcome, tuple(output)

    def _backing(
        self,
        node: Expr,
        supports: dict[str, str],
        cells: Cells,
        computed: list[tuple[Want, Column, Node]],
    ) -> str | None:
        """The column with the persons who contribute to an output: the least of its aggregates' ones."""
        names = dict.fromkeys(supports[c] for c in sorted(columns_of(node)) if c in supports)
        if len(names) < 2:
            return next(iter(names), None)
        least = Call("least", tuple(Reference(name) for name in names))
        return self._placed("support", least, cells, computed).name

    def _ratio(self, scalars: Scalars, node: Expr) -> Ratio:
        if isinstance(node, exp.Column):
            return self._variance(node.name) or scalars.ratio(node)
        return scalars.ratio(node)

    def _variance(self, name: str) -> Ratio | None:
        aggregate = next((a for a in self._answer.aggregates if a.name == name), None)
        if aggregate is None or aggregate.kind != "variance":
            return None
        step = next(
            s
            for s in self._lowering.steps
            if isinstance(s, tables.Deviation) and self._is_of(s, name)
        )
        return Ratio(Reference(step.numerator.name), Reference(step.denominator.name))

    def _is_of(self, step: tables.Deviation, name: str) -> bool:
        return self._deviations.get(name) == step.name

    @property
    def _deviations(self) -> dict[str, str]:
        names = [a.name for a in self._answer.aggregates if a.kind == "variance"]
        steps = [s.name for s in self._lowering.steps if isinstance(s, tables.Deviation)]
        return dict(zip(names, steps, strict=True))

    def _output(
        self,
        name: str,
        kind: str,
        ratio: Ratio,
        cells: Cells,
        computed: list[tuple[Want, Column, Node]],
        quotients: list[tables.Quotient],
        totals: list[Total],
    ) -> OutputColumn:
        names = self._lowering.names
        if ratio.over is None:
            shared = self._placed(f"{name}_total", ratio.top, cells, computed)
            totals.append(Total(shared.name, (), max(abs(shared.minimum), abs(shared.maximum))))
            if kind == "root":
                raise self._lowering.context.refuse(
                    None, f"{name}: a square root of a whole number is not supported"
                )
            return OutputColumn(name, "total", len(totals) - 1)
        over = self._placed(f"{name}_over", ratio.over, cells, computed)
        top = self._placed(f"{name}_top", ratio.top, cells, computed)
        largest = max(abs(top.minimum), abs(top.maximum))
        low = min(top.minimum, -top.maximum) if over.minimum < 0 else top.minimum
        whole = Column(
            names.fresh(f"{name}_whole"),
            "number",
            -largest if low < 0 else 0,
            largest,
            nullable=True,
        )
        if largest >= LARGEST:
            bound = self._quotient_bound(top, largest)
            whole = replace(whole, minimum=-bound if low < 0 else 0, maximum=bound)
        part = Column(
            names.fresh(f"{name}_fraction"),
            "number",
            -FRACTION if low < 0 else 0,
            FRACTION,
            nullable=True,
        )
        quotients.append(tables.Quotient(top.name, over.name, whole, part))
        totals.append(Total(whole.name, (), whole.maximum))
        totals.append(Total(part.name, (), FRACTION))
        return OutputColumn(name, kind, len(totals) - 2, len(totals) - 1)  # type: ignore[arg-type]

    def _quotient_bound(self, top: Column, largest: int) -> int:
        """A variance is at most n / (n - 1) of the square of half the range, and so at most twice the square."""
        rows = max(2, self._rel.rows)
        return min((1 << 62) - 1, 2 * largest // (rows * rows) + 1)

    def _placed(
        self, name: str, node: Node, cells: Cells, computed: list[tuple[Want, Column, Node]]
    ) -> Column:
        """The column of cells that holds `node`."""
        if isinstance(node, Reference) and node.name in cells.columns:
            return cells.columns[node.name]
        for _, shared, known in computed:
            if known == node:
                return shared
        low, high, nullable = _bounds(node, cells.columns)
        if max(abs(low), abs(high)) >= LARGEST:
            raise self._lowering.context.refuse(
                None, f"{name} may reach beyond 2^62: state tighter bounds in the catalogue"
            )
        shared = Column(self._lowering.names.fresh(name), "number", low, high, nullable)
        computed.append((Want(shared.name, "number"), shared, node))
        return shared


def _by_total(
    output: Sequence[OutputColumn], backing: Sequence[str | None], totals: int
) -> tuple[str | None, ...]:
    """The columns of `backing`, one an output column, by the totals that stand behind these; () if there are none."""
    found: list[str | None] = [None] * totals
    for shown, column in zip(output, backing, strict=True):
        if shown.kind != "group":
            found[shown.position] = column
            if shown.by is not None:
                found[shown.by] = column
    return tuple(found) if any(found) else ()


def _not_null(node: Expr) -> Expr:
    return exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))


def _bounds(node: Node, columns: dict[str, Column]) -> tuple[int, int, bool]:
    """Minimum, maximum and whether NULL is possible of an expression over cells."""
    match node:
        case Reference(name):
            shared = columns[name]
            return shared.minimum, shared.maximum, shared.nullable
        case Number(value):
            return value, value, False
        case Null():
            return 0, 0, True
        case Call("if", (_, Reference() | Call() | Number() as then, Null())):
            low, high, _ = _bounds(then, columns)
            return low, high, True
    if not isinstance(node, Call):
        raise InternalError(f"expected an expression over cells, got {type(node).__name__}")
    parts = [_bounds(arg, columns) for arg in node.args]
    null = any(p[2] for p in parts)
    lows, highs = [p[0] for p in parts], [p[1] for p in parts]
    match node.op:
        case "add":
            return sum(lows), sum(highs), null
        case "sub":
            return lows[0] - highs[1], highs[0] - lows[1], null
        case "neg":
            return -highs[0], -lows[0], null
        case "mul":
            corners = [a * b for a in parts[0][:2] for b in parts[1][:2]]
            return min(corners), max(corners), null
        case "abs":
            return 0, max(abs(lows[0]), abs(highs[0])), null
        case "floordiv" | "mod":
            reach = max(abs(lows[0]), abs(highs[0]))
            return -reach, reach, True
        case "coalesce":
            return min(lows), max(highs), all(p[2] for p in parts)
        case "least" | "greatest":
            return min(lows), max(highs), all(p[2] for p in parts)
        case "if":
            return min(lows[1:]), max(highs[1:]), any(p[2] for p in parts[1:])
        case _:
            return 0, 1, null
