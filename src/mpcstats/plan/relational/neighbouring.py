"""Windows as steps: columns of neighbouring rows, after a sort by partition and order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import Ordering, Window
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.wants import Want, natural
from mpcstats.plan.tables import Call, Column, Reference


class Neighbouring:
    """One Window node as steps."""

    def __init__(self, draft: Draft, window: Window, wants: Sequence[Want]) -> None:
        self._draft = draft
        self._window = window
        self._given = window.input.facts
        made = {function.name: function for function in window.functions}
        self._starts = [want for want in wants if want.form == "starts"]
        wants = [want for want in wants if want.form != "starts"]
        self._made = [(want, made[want.name]) for want in wants if want.name in made]
        self._passed = [want for want in wants if want.name not in made]

    def table(self) -> Table:
        """The rows with the columns that are wanted of their neighbours."""
        draft, window = self._draft, self._window
        table = draft.lower(window.input, self._asked())
        columns = {want: table.columns[want] for want in self._passed}
        played: list[tables.Neighbour] = []
        known: list[tuple[Want, Column]] = []
        for want, function in self._made:
            source = self._source(want, function.of)
            form = want if source is None else replace(source, name=want.name)
            shared = draft.shape(form, window.facts)
            of = None if source is None else draft.get(table, source, self._given).name
            played.append(tables.Neighbour(shared, function.kind, of, function.by))
            if want.form == "known":
                known.append((want, shared))
            else:
                columns[want] = shared
        for want in self._starts:
            columns[want] = Column(draft.names.fresh("starts"), "flag", 0, 1)
            played.append(tables.Neighbour(columns[want], "starts"))
        step = draft.name("neighbours")
        partition = tuple(self._key(table, name) for name in window.partition)
        order = tuple(self._order(table, ordering) for ordering in window.order)
        draft.steps.append(tables.Neighbours(step, table.step, partition, order, tuple(played)))
        return self._with_known(Table(step, table.rows, columns), known)

    def _asked(self) -> list[Want]:
        """What is wanted of the rows."""
        asked = list(self._passed)
        for name in (*self._window.partition, *(o.name for o in self._window.order)):
            asked.append(natural(name, self._given[name]))
        sources = (self._source(want, function.of) for want, function in self._made)
        return [*asked, *(source for source in sources if source is not None)]

    def _source(self, want: Want, of: str | None) -> Want | None:
        """The column whose neighbours are wanted; whether there is one is told by its values."""
        if of is None:
            return None
        return natural(of, self._given[of]) if want.form == "known" else replace(want, name=of)

    def _with_known(self, table: Table, known: Sequence[tuple[Want, Column]]) -> Table:
        if not known:
            return table
        draft = self._draft
        flags = []
        for want, shared in known:
            node = Call("not", (Call("isnull", (Reference(shared.name),)),))
            flags.append((want, draft.shape(want, self._window.facts), node))
        return draft.derive([table], flags)

    def _key(self, table: Table, name: str) -> str:
        return self._draft.get(table, natural(name, self._given[name]), self._given).name

    def _order(self, table: Table, ordering: Ordering) -> tables.Order:
        if natural(ordering.name, self._given[ordering.name]).form == "digest":
            names = self._draft.names
            raise self._draft.refuse(
                ordering.name,
                f"{names.said(ordering.name)} is a text without a public domain: rows cannot be ordered by it; order "
                "by a number, or state its domain in the catalogue",
            )
        name = self._key(table, ordering.name)
        return tables.Order(name, ordering.descending, ordering.nulls_first)
