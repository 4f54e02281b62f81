"""Who stands behind a cell: how many persons, and how many of them contribute to each of its measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import (
    Answer,
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Rel,
    Union,
    Window,
    at_leaves,
    combinations,
)
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Aggregate, Call, Column, Node, Null, Number, Reference


class Supporting:
    """The persons of the cells of one answer, over the rows of `table`; `cell` is the column with a row's cell."""

    def __init__(
        self,
        lowering: Draft,
        answer: Answer,
        person: str,
        table: Table,
        cell: str | None,
        count: int,
    ) -> None:
        self._lowering = lowering
        self._answer = answer
        self._person = person
        self._table = table
        self._cell = cell
        self._count = count

    def counted(self, conditions: Sequence[Expr]) -> tuple[Table, list[Column]]:
        """A table of cells, and its columns: a cell's persons, then those with a row for which a condition is true.

        None of these is more than the true number; of rows that are groups of several persons' rows it is at most 1.
        """
        known = self._named()
        flags = self._flags(conditions, known)
        if one_row_each(self._answer.input, self._person):
            return self._rows(self._table, self._cell, flags, known)
        if behind_groups(self._answer.input, self._person):
            return self._at_least_one(flags)
        if self._at_home():
            return self._by_owner(flags)
        return self._by_sort(flags)

    def _named(self) -> Column | None:
        """Where rows are persons, the flag whether a row names one; None if all do, or rows are not persons."""
        rel, person = self._answer.input, self._person
        if not one_row_each(rel, person) or not rel.facts[person].nullable:
            return None
        return self._lowering.get(self._table, Want(person, "known"), rel.facts)

    def _flags(self, conditions: Sequence[Expr], known: Column | None) -> list[Column]:
        """Each condition as a flag of the rows, false where it or, with `known`, the person is not known."""
        lowering, rel = self._lowering, self._answer.input
        scalars = lowering.scalars(rel, self._table)
        computed = []
        for condition in conditions:
            shared = Column(lowering.names.fresh("contributes"), "flag", 0, 1)
            node = Call("coalesce", (scalars.flag(condition), Number(0)))
            if known is not None:
                node = Call("and", (node, Reference(known.name)))
            computed.append((Want(shared.name, "flag"), shared, node))
        if computed:
            self._table = lowering.derive([self._table], computed, name="support")
        return [shared for _, shared, _ in computed]

    def _rows(
        self,
        table: Table,
        cell: str | None,
        flags: Sequence[Column],
        known: Column | None = None,
    ) -> tuple[Table, list[Column]]:
        """Every row is another person; with the flag `known`, every row that has it."""
        lowering = self._lowering
        persons = self._number("persons", table.rows)
        aggregates = [
            Aggregate(persons, "count") if known is None else Aggregate(persons, "sum", known.name)
        ]
        aggregates += [Aggregate(self._number("support", table.rows), "sum", f.name) for f in flags]
        step = lowering.name("persons")
        lowering.steps.append(tables.Tally(step, table.step, cell, self._count, tuple(aggregates)))
        return self._cells(step, [a.column for a in aggregates])

    def _at_least_one(self, flags: Sequence[Column]) -> tuple[Table, list[Column]]:
        found, counts = self._rows(self._table, self._cell, flags)
        lowering = self._lowering
        computed = []
        for shared in counts:
            one = Column(lowering.names.fresh(shared.name), "number", 0, 1)
            some = Call("lt", (Number(0), Reference(shared.name)))
            computed.append(
                (Want(one.name, "number"), one, Call("if", (some, Number(1), Number(0))))
            )
        return lowering.derive([found], computed, name="persons"), [one for _, one, _ in computed]

    def _at_home(self) -> bool:
        """Whether one owner knows of every row the person and the cell."""
        keys = [node.unnest() for _, node in self._answer.keys]
        known = self._table.own
        return (
            self._table.spine is not None
            and self._person in known
            and all(isinstance(key, exp.Column) and key.name in known for key in keys)
        )

    def _by_owner(self, flags: Sequence[Column]) -> tuple[Table, list[Column]]:
        """The rows' owner groups them by cell and person; shares say which groups have rows that are there."""
        lowering, table = self._lowering, self._table
        spine = table.spine
        if spine is None:
            return self._by_sort(flags)
        context, names = lowering.context, lowering.names
        keys = [str(node.unnest().name) for _, node in self._answer.keys]
        own = [table.own[name] for name in (*keys, self._person)]
        given = [
            spine.column(replace(want, name=table.own[want.name]), names, context)
            for want in (*self._codes(), Want(self._person, "digest"))
        ]
        rows = max(1, min(table.rows, combinations(spine.rel, own)))
        aggregates = [Aggregate(self._number("support", table.rows), "sum", f.name) for f in flags]
        step = lowering.name("persons")
        lowering.steps.append(
            tables.GroupOwned(step, table.step, spine.name, tuple(given), tuple(aggregates), rows)
        )
        groups = Table(
            step,
            rows,
            {Want(c.name, "number"): c for c in (*given, *(a.column for a in aggregates))},
        )
        computed: list[tuple[Want, Column, Node]] = []
        for aggregate in aggregates:
            shared = Column(names.fresh("contributes"), "flag", 0, 1)
            node = Call("lt", (Number(0), Reference(aggregate.column.name)))
            computed.append((Want(shared.name, "flag"), shared, node))
        cell = self._recoded(given[:-1], computed)
        known = (
            Call("not", (Call("isnull", (Reference(given[-1].name),)),))
            if given[-1].nullable
            else None
        )
        if computed or known is not None:
            groups = lowering.derive([groups], computed, known, "persons")
        inside = [shared for _, shared, _ in computed if shared.kind == "flag"]
        return self._rows(groups, cell, inside)

    def _codes(self) -> list[Want]:
        """The group keys as the owner gives their places among the labels."""
        found = []
        for _, node in self._answer.keys:
            name = str(node.unnest().name)
            found.append(
                next(
                    w
                    for w in self._table.columns
                    if w.name == name and w.form in ("code", "flag", "number")
                )
            )
        return found

    def _recoded(
        self, given: Sequence[Column], computed: list[tuple[Want, Column, Node]]
    ) -> str | None:
        """The cell of a group, from the places of its keys; the last key runs fastest, NULL comes last."""
        if not given:
            return None
        code: Node | None = None
        for shared in given:
            labels = shared.maximum - shared.minimum + 1 + shared.nullable
            place: Node = Reference(shared.name)
            if shared.minimum:
                place = Call("sub", (place, Number(shared.minimum)))
            if shared.nullable:
                place = Call("coalesce", (place, Number(labels - 1)))
            code = (
                place if code is None else Call("add", (Call("mul", (code, Number(labels))), place))
            )
        cell = Column(self._lowering.names.fresh("cell"), "number", 0, self._count - 1)
        if code is not None:
            computed.append((Want(cell.name, "number"), cell, code))
        return cell.name

    def _by_sort(self, flags: Sequence[Column]) -> tuple[Table, list[Column]]:
        """Different persons are counted by sorting: once, and once more for each condition."""
        lowering, rel = self._lowering, self._answer.input
        source = lowering.get(self._table, Want(self._person, "digest"), rel.facts)
        computed = []
        for flag in flags:
            shared = replace(source, name=lowering.names.fresh("contributor"), nullable=True)
            node = Call("if", (Reference(flag.name), Reference(source.name), Null()))
            computed.append((Want(shared.name, "digest"), shared, node))
        table = self._table
        if computed:
            table = lowering.derive([table], computed, name="support")
        operands = [source, *(shared for _, shared, _ in computed)]
        aggregates = [
            Aggregate(self._number("persons", table.rows), "distinct", operand.name)
            for operand in operands
        ]
        step = lowering.name("persons")
        lowering.steps.append(
            tables.Spread(step, table.step, self._cell, self._count, tuple(aggregates))
        )
        return self._cells(step, [a.column for a in aggregates])

    def _number(self, name: str, most: int) -> Column:
        return Column(self._lowering.names.fresh(f"cell_{name}"), "number", 0, max(1, most))

    def _cells(self, step: str, columns: list[Column]) -> tuple[Table, list[Column]]:
        return Table(step, self._count, {Want(c.name, "number"): c for c in columns}), columns


def one_row_each(rel: Rel, person: str) -> bool:
    """Whether no two rows that name a person name the same."""
    return any(unique <= {person} for unique in rel.unique)


def behind_groups(rel: Rel, name: str) -> bool:
    """Whether the column is one of the persons of a group that is made on shares."""
    match rel:
        case Group():
            return name not in rel.keys or behind_groups(rel.input, name)
        case Filter() | Extend() | Window():
            return behind_groups(rel.input, name)
        case Union():
            return any(behind_groups(part, name) for part in rel.parts)
        case Join():
            side = rel.left if name in rel.left.facts else rel.right
            # Of a grouped union that is looked up, a group's persons come from several owners too.
            return behind_groups(side, name)
    return False


def wants_person(answer: Answer) -> Want | None:
    """What is wanted of the person column before there are rows, if it cannot be had of their owner later."""
    person = answer.person
    if person is None or person in at_leaves(answer.input):
        return None
    if one_row_each(answer.input, person):
        return Want(person, "known") if answer.input.facts[person].nullable else None
    return None if behind_groups(answer.input, person) else Want(person, "digest")
