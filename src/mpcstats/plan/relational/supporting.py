"""Who stands behind a cell: how many persons, and how many of them contribute to each of its measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import (
    Answer,
)
from mpcstats.plan.relational.counting import ROWS, Cells
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.relational.whose import behind_groups, one_row_each
from mpcstats.plan.tables import Aggregate, Call, Column, Node, Null, Number, Reference

MOST_ROWS = 256  # rows of bits that a search for first ones takes


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
        self._persons: Column | None = None
        self._alone: list[Column] = []
        self._both: list[Column] = []

    def prepared(self) -> tuple[Table, list[Column]]:
        """The table with what is to be counted up in its cells, beside what the question asks for."""
        if self._by_digests:
            return self._table, []
        self._named()
        if self._apart:
            made = self._met()
            return self._table, made
        if not self._rows_do:
            return self._once()
        self._persons = self._known
        return self._table, [*([] if self._known is None else [self._known]), *self._flags]

    def rests(self, cells: Cells, counts: Sequence[Column]) -> list[Node]:
        """By flag the number of those who do not contribute, as far as `counts`, those of `counted`, tell them apart.

        Of owners' rows that are counted apart: the persons whom one owner alone has. If there are none of these, 1
        stands for the others, of whom nobody knows how many contribute elsewhere: fewer than any minimum, and not 0.
        """
        persons, *supports = counts
        if not self._apart:
            return [Call("sub", (Reference(persons.name), Reference(s.name))) for s in supports]
        found: list[Node] = []
        for alone, both in zip(self._alone, self._both, strict=True):
            one, other = (Reference(cells.plain(flag.name).name) for flag in (alone, both))
            unsure = Call("and", (Call("eq", (one, Number(0))), Call("lt", (Number(0), other))))
            found.append(Call("if", (unsure, Number(1), one)))
        return found

    def counted(self, cells: Cells) -> list[Column]:
        """Columns of `cells`: a cell's persons, then those with a row in which each of the flags is 1.

        None of these is more than the true number; of rows that are groups of several persons' rows it is at most 1.
        """
        if self._by_digests:
            found, columns = self._by_sort()
            cells.add(found, columns)
            return columns
        persons = ROWS if self._persons is None else self._persons.name
        counts = [cells.plain(name) for name in (persons, *(flag.name for flag in self._flags))]
        rel = self._answer.input
        if not one_row_each(rel, self._person) and behind_groups(rel, self._person):
            return self._at_least_one(cells, counts)
        return counts

    @property
    def _rows_do(self) -> bool:
        """Whether rows are counted: each names another person, or is of a group, whose persons nobody can tell."""
        rel = self._answer.input
        return one_row_each(rel, self._person) or behind_groups(rel, self._person)

    @property
    def _by_digests(self) -> bool:
        """Whether rows must be sorted: nobody has those of one person together, or there are too many cells."""
        if self._rows_do or self._at_home() or self._apart:
            return False
        together = self._person_at_home() or Want(self._person, "starts") in self._table.columns
        return not together or self._count * (1 + len(self._flags)) > MOST_ROWS

    def _named(self) -> None:
        """Where a row may name nobody: which rows do, and flags that are 1 in such rows alone."""
        rel, person = self._answer.input, self._person
        of_groups = self._rows_do and not one_row_each(rel, person)
        if of_groups or not rel.facts[person].nullable:
            return
        self._known = self._draft.get(self._table, Want(person, "known"), rel.facts)
        self._mask_flags()

    def _mask_flags(self) -> None:
        """Flags of rows that name nobody become 0."""
        known = self._known
        if self._flags and known is not None:
            self._table, self._flags = self._flagged(
                Call("and", (Reference(flag.name), Reference(known.name))) for flag in self._flags
            )

    def _flagged(self, nodes: Iterable[Node]) -> tuple[Table, list[Column]]:
        """The table with the flags `nodes`."""
        computed = []
        for node in nodes:
            shared = self._fresh_flag("contributes")
            computed.append((Want(shared.name, "flag"), shared, node))
        made = self._draft.derive([self._table], computed, name="support")
        return made, [shared for _, shared, _ in computed]

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

    @property
    def _apart(self) -> bool:
        """Whether each owner has one row a person, and rows say whether other owners have the person too."""
        return Want(self._person, "again") in self._table.columns

    def _met(self) -> list[Column]:
        """Flags of rows whose persons count: once, wherever they are; of those who do not contribute apart."""
        again, elsewhere = (
            Reference(self._table.columns[Want(self._person, form)].name)
            for form in ("again", "elsewhere")
        )
        named = [] if self._known is None else [Reference(self._known.name)]
        flags = [Reference(flag.name) for flag in self._flags]
        once = _all([Call("not", (again,)), *named])
        nodes = [once, *(_all([once, flag]) for flag in flags)]
        if self._draft.context.complement:
            alone = Call("not", (elsewhere,))
            nodes += [_all([Call("not", (flag,)), alone, *named]) for flag in flags]
            nodes += [_all([Call("not", (flag,)), elsewhere, *named]) for flag in flags]
        self._table, made = self._flagged(nodes)
        count = len(flags)
        self._persons, self._flags = made[0], made[1 : 1 + count]
        self._alone, self._both = made[1 + count : 1 + 2 * count], made[1 + 2 * count :]
        return made

    def _person_at_home(self) -> bool:
        """Whether one owner knows the person of every row."""
        return self._table.spine is not None and self._person in self._table.own

    def _at_home(self) -> bool:
        """Whether it knows the cell, too."""
        keys = [node.unnest() for _, node in self._answer.keys]
        known = self._table.own
        return self._person_at_home() and all(
            isinstance(key, exp.Column) and key.name in known for key in keys
        )

    def _once(self) -> tuple[Table, list[Column]]:
        """The table with flags that are 1 in one row for each person of a cell; rows of one person stand together."""
        table, spine = self._table, self._table.spine
        if not self._person_at_home() or spine is None:
            return self._firsts(None, (), table.columns[Want(self._person, "starts")].name)
        codes = self._codes() if self._at_home() else []
        keys = tuple(
            spine.column(
                replace(want, name=table.own[want.name]), self._draft.names, self._draft.context
            )
            for want in (*codes, Want(self._person, "digest"))
        )
        return self._firsts(spine.name, keys, None)

    def _firsts(
        self, fragment: str | None, keys: tuple[Column, ...], starts: str | None
    ) -> tuple[Table, list[Column]]:
        if self._flags and not self._person_at_home():
            # A row that a join has left out may have NULL for a flag, which a run of rows must not.
            self._table, self._flags = self._flagged(
                Call("coalesce", (Reference(flag.name), Number(0))) for flag in self._flags
            )
        draft, table = self._draft, self._table
        persons = self._fresh_flag("person")
        named = None if self._known is None else self._known.name
        flags = [
            tables.Flagged(persons, named),
            *(tables.Flagged(self._fresh_flag("person"), flag.name) for flag in self._flags),
        ]
        cell = None if self._cell is None or self._at_home() else self._cell
        cells = 1 if cell is None else self._count
        step = draft.name("persons")
        draft.steps.append(
            tables.Firsts(step, table.step, fragment, keys, starts, cell, cells, tuple(flags))
        )
        made = {Want(f.column.name, "flag"): f.column for f in flags}
        self._table = replace(table, step=step, columns={**table.columns, **made})
        self._persons, *self._flags = (flagged.column for flagged in flags)
        return self._table, [persons, *self._flags]

    def _fresh_flag(self, name: str) -> Column:
        return Column(self._draft.names.fresh(name), "flag", 0, 1)

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

    def _by_sort(self) -> tuple[Table, list[Column]]:
        """Rows are sorted by person, and then of each person's rows in a cell one counts."""
        draft, rel = self._draft, self._answer.input
        source = draft.get(self._table, Want(self._person, "digest"), rel.facts)
        if not self._flags or self._count * (1 + len(self._flags)) > MOST_ROWS:
            return self._by_sorts(source)
        if source.nullable:
            named: Node = Call("not", (Call("isnull", (Reference(source.name),)),))
            self._table, (self._known,) = self._flagged([named])
            self._mask_flags()
        starts = self._fresh_flag("starts")
        step = draft.name("together")
        function = tables.Neighbour(starts, "starts")
        draft.steps.append(
            tables.Neighbours(step, self._table.step, (source.name,), (), (function,))
        )
        self._table = replace(
            self._table, step=step, columns=dict(self._table.columns), leaves=(), own={}
        )
        table, flags = self._firsts(None, (), starts.name)
        step = draft.name("persons")
        aggregates = [Aggregate(self._number("persons", table.rows), "sum", f.name) for f in flags]
        draft.steps.append(
            tables.Tally(step, table.step, self._cell, self._count, tuple(aggregates))
        )
        return self._cells(step, [a.column for a in aggregates])

    def _by_sorts(self, source: Column) -> tuple[Table, list[Column]]:
        """Different persons are counted by sorting by cell and person: once, and once more for each flag."""
        draft = self._draft
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


def _all(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Call("and", tuple(nodes))
