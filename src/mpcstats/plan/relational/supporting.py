"""Who stands behind a cell: how many persons, and how many of them contribute to each of its measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import (
    Answer,
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
from mpcstats.plan.relational.counting import ROWS, Cells
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Aggregate, Call, Column, Node, Null, Number, Reference


class Supporting:
    """The persons of the cells of one answer, over the rows of `table`; `cell` is the column with a row's cell.

    `flags` are columns of the table, 1 in the rows that contribute to something, 0 in others.
    """

    def __init__(
        self,
        draft: Draft,
        answer: Answer,
        person: str,
        table: Table,
        cell: str | None,
        count: int,
        flags: Sequence[Column],
    ) -> None:
        self._draft = draft
        self._answer = answer
        self._person = person
        self._table = table
        self._cell = cell
        self._count = count
        self._flags = list(flags)
        self._known: Column | None = None

    def prepared(self) -> tuple[Table, list[Column]]:
        """The table with what is to be counted up in its cells, beside what the question asks for."""
        if not self._rows_do:
            return self._table, []
        self._known = self._named()
        if self._known is not None and self._flags:
            self._table, self._flags = self._flagged(
                Call("and", (Reference(flag.name), Reference(self._known.name)))
                for flag in self._flags
            )
        return self._table, [*([] if self._known is None else [self._known]), *self._flags]

    def counted(self, cells: Cells) -> list[Column]:
        """Columns of `cells`: a cell's persons, then those with a row in which each of the flags is 1.

        None of these is more than the true number; of rows that are groups of several persons' rows it is at most 1.
        """
        if not self._rows_do:
            found, columns = self._by_owner() if self._at_home() else self._by_sort()
            cells.add(found, columns)
            return columns
        persons = ROWS if self._known is None else self._known.name
        counts = [cells.plain(name) for name in (persons, *(flag.name for flag in self._flags))]
        if one_row_each(self._answer.input, self._person):
            return counts
        return self._at_least_one(cells, counts)

    @property
    def _rows_do(self) -> bool:
        """Whether rows are counted: each names another person, or is of a group, whose persons nobody can tell."""
        rel = self._answer.input
        return one_row_each(rel, self._person) or behind_groups(rel, self._person)

    def _named(self) -> Column | None:
        """Where rows are persons, the flag whether a row names one; None if all do, or rows are not persons."""
        rel, person = self._answer.input, self._person
        if not one_row_each(rel, person) or not rel.facts[person].nullable:
            return None
        return self._draft.get(self._table, Want(person, "known"), rel.facts)

    def _flagged(self, nodes: Iterable[Node]) -> tuple[Table, list[Column]]:
        """The table with the flags `nodes`."""
        computed = []
        for node in nodes:
            shared = Column(self._draft.names.fresh("contributes"), "flag", 0, 1)
            computed.append((Want(shared.name, "flag"), shared, node))
        made = self._draft.derive([self._table], computed, name="support")
        return made, [shared for _, shared, _ in computed]

    def _rows(
        self, table: Table, cell: str | None, flags: Sequence[Column]
    ) -> tuple[Table, list[Column]]:
        """Every row is another person."""
        draft = self._draft
        persons = self._number("persons", table.rows)
        aggregates = [Aggregate(persons, "count")]
        aggregates += [Aggregate(self._number("support", table.rows), "sum", f.name) for f in flags]
        step = draft.name("persons")
        draft.steps.append(tables.Tally(step, table.step, cell, self._count, tuple(aggregates)))
        return self._cells(step, [a.column for a in aggregates])

    def _at_least_one(self, cells: Cells, counts: Sequence[Column]) -> list[Column]:
        """1 for each of `counts` that is not 0."""
        computed = []
        for shared in counts:
            one = Column(self._draft.names.fresh(shared.name), "number", 0, 1)
            some = Call("lt", (Number(0), Reference(shared.name)))
            node = Call("if", (some, Number(1), Number(0)))
            computed.append((Want(one.name, "number"), one, node))
            cells.columns[one.name] = one
        cells.tables[:] = [self._draft.derive(cells.tables, computed, name="persons")]
        return [one for _, one, _ in computed]

    def _at_home(self) -> bool:
        """Whether one owner knows of every row the person and the cell."""
        keys = [node.unnest() for _, node in self._answer.keys]
        known = self._table.own
        return (
            self._table.spine is not None
            and self._person in known
            and all(isinstance(key, exp.Column) and key.name in known for key in keys)
        )

    def _by_owner(self) -> tuple[Table, list[Column]]:
        """The rows' owner groups them by cell and person; shares say which groups have rows that are there."""
        draft, table = self._draft, self._table
        spine = table.spine
        if spine is None:
            return self._by_sort()
        context, names = draft.context, draft.names
        keys = [str(node.unnest().name) for _, node in self._answer.keys]
        own = [table.own[name] for name in (*keys, self._person)]
        given = [
            spine.column(replace(want, name=table.own[want.name]), names, context)
            for want in (*self._codes(), Want(self._person, "digest"))
        ]
        rows = max(1, min(table.rows, combinations(spine.rel, own)))
        aggregates = [
            Aggregate(self._number("support", table.rows), "sum", f.name) for f in self._flags
        ]
        step = draft.name("persons")
        draft.steps.append(
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
            groups = draft.derive([groups], computed, known, "persons")
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
        cell = Column(self._draft.names.fresh("cell"), "number", 0, self._count - 1)
        if code is not None:
            computed.append((Want(cell.name, "number"), cell, code))
        return cell.name

    def _by_sort(self) -> tuple[Table, list[Column]]:
        """Different persons are counted by sorting: once, and once more for each condition."""
        draft, rel = self._draft, self._answer.input
        source = draft.get(self._table, Want(self._person, "digest"), rel.facts)
        computed = []
        for flag in self._flags:
            shared = replace(source, name=draft.names.fresh("contributor"), nullable=True)
            node = Call("if", (Reference(flag.name), Reference(source.name), Null()))
            computed.append((Want(shared.name, "digest"), shared, node))
        table = self._table
        if computed:
            table = draft.derive([table], computed, name="support")
        operands = [source, *(shared for _, shared, _ in computed)]
        aggregates = [
            Aggregate(self._number("persons", table.rows), "distinct", operand.name)
            for operand in operands
        ]
        step = draft.name("persons")
        draft.steps.append(
            tables.Spread(step, table.step, self._cell, self._count, tuple(aggregates))
        )
        return self._cells(step, [a.column for a in aggregates])

    def _number(self, name: str, most: int) -> Column:
        return Column(self._draft.names.fresh(f"cell_{name}"), "number", 0, max(1, most))

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
