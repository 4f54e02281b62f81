"""Joins as steps: by lookups in the rows of the left side's owner where helpers are, else by a sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mpcstats.plan.facts import Fact
from mpcstats.plan.relational.algebra import Join, column, renamed
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.lookups import Lookups
from mpcstats.plan.relational.matching import Matching
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.slots import Slot, also, some
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference


class Joining:
    """One Join node as steps."""

    def __init__(self, draft: Draft, join: Join, wants: Sequence[Want]) -> None:
        self._draft = draft
        self._join = join
        left = join.left.facts
        equal = {b: a for a, b in join.on} if join.kind == "inner" else {}
        # Under an inner join the right key is the left one.
        self._equal = {b: a for b, a in equal.items() if join.right.facts[b].kind == left[a].kind}
        # Where further comparisons are made, it is so under every join.
        same = {b: column(a) for a, b in join.on if join.right.facts[b].kind == left[a].kind}
        self._further = tuple(renamed(node, same) for node in join.residual)
        self._home: Mapping[str, str] = {}
        self._wants = [want for want in wants if want.name != join.flag]
        self._flags = [want for want in wants if want.name == join.flag]
        asked = list(dict.fromkeys((*self._wants, *self._residual_wants())))
        self._left_wants = [self._at_left(want) for want in asked if self._is_left(want)]
        self._right_wants = [want for want in asked if not self._is_left(want)]
        if join.kind == "left":
            keys = {b: a for a, b in join.on}
            self._left_wants += [
                replace(want, name=keys[want.name])
                for want in self._wants
                if want.name in keys and want.form != "known"
            ]

    def table(self) -> Table:
        """The joined rows with what is wanted."""
        given = (self._draft, self._join, self._left_wants, self._right_wants)
        lookups = Lookups(*given)
        if lookups.possible:
            table, slots = lookups.found()
            self._home = lookups.home
        else:
            matching = Matching(*given, lookups.obstacle)
            table, slot = matching.found()
            if matching.most > 1 and self._join.kind == "left":
                return self._block(table, slot, None)
            slots = [slot]
        return self._joined(table, [self._passing(table, slot) for slot in slots])

    def _is_left(self, want: Want) -> bool:
        return want.name in self._join.left.facts or want.name in self._equal

    def _at_left(self, want: Want) -> Want:
        return (
            want
            if want.name in self._join.left.facts
            else replace(want, name=self._equal[want.name])
        )

    def _residual_wants(self) -> list[Want]:
        found = Wanted()
        for node in self._further:
            Scalars(self._draft.context, self._facts(), self._join.left.rows, found).flag(node)
        return list(found.wants)

    def _facts(self) -> dict[str, Fact]:
        return {**self._join.left.facts, **self._join.right.facts}

    def _passing(self, table: Table, slot: Slot) -> Slot:
        """The slot where the residual holds too."""
        hit = slot.hit
        for node in self._further:
            hit = also(hit, node, self._pair(table, slot))
        return Slot(hit, slot.columns)

    def _pair(self, table: Table, slot: Slot) -> Scalars:
        facts = self._facts()

        def find(want: Want) -> Node:
            if self._is_left(want):
                return Reference(
                    self._draft.get(table, self._at_left(want), self._join.left.facts).name
                )
            return slot.columns[want]

        return Scalars(self._draft.context, facts, self._join.left.rows, find)

    def _joined(self, table: Table, slots: Sequence[Slot]) -> Table:
        """The rows with the columns of their slots, as the kind of join says."""
        join, draft = self._join, self._draft
        match = some([slot.hit for slot in slots])
        if join.kind == "mark":
            known = [(want, draft.shape(want, join.facts), match) for want in self._flags]
            return self._known_left(draft.derive([table], known, name="mark"))
        parts = []
        for position, slot in enumerate(slots):
            hit = slot.hit
            # A left row without a match comes once, in the first block.
            keep: Node | None = hit
            if join.kind == "left":
                keep = None
                if len(slots) > 1:
                    keep = hit if position else Call("or", (hit, Call("not", (match,))))
            parts.append(self._block(table, slot, keep))
        if len(parts) == 1:
            return parts[0]
        return draft.stack(parts, list(dict.fromkeys((*self._wants, *self._flags))))

    def _block(self, table: Table, slot: Slot, keep: Node | None) -> Table:
        join, draft = self._join, self._draft
        computed: list[tuple[Want, Column, Node]] = []
        aliases: dict[Want, Column] = {}
        for want in dict.fromkeys((*self._wants, *self._flags)):
            if want.name == join.flag:
                computed.append((want, draft.shape(want, join.facts), slot.hit))
            elif self._is_left(want):
                aliases[want] = draft.get(table, self._at_left(want), join.left.facts)
            else:
                computed.append((want, *self._right_column(table, want, slot)))
        found = draft.derive([table], computed, keep, "joined")
        found.columns.update(aliases)
        return self._known_left(found)

    def _right_column(self, table: Table, want: Want, slot: Slot) -> tuple[Column, Node]:
        """A right column; under an inner join it is there wherever the row stays."""
        join, draft = self._join, self._draft
        node = self._right_value(table, want, slot)
        if join.kind == "left":
            return draft.shape(want, join.facts, nullable=want.form != "known"), node
        shared = draft.shape(want, join.right.facts)
        if shared.nullable or want.form == "known":
            return shared, node
        return shared, Call("coalesce", (node, Number(shared.minimum)))

    def _right_value(self, table: Table, want: Want, slot: Slot) -> Node:
        """A right column, NULL where there is no match."""
        join = self._join
        on = {b: a for a, b in join.on}
        if want.form == "known" and (want.name in on or want not in slot.columns):
            return slot.hit
        node = slot.columns.get(want)
        if node is None:
            key = replace(want, name=on[want.name])
            node = Reference(self._draft.get(table, key, join.left.facts).name)
        if want.form == "known":
            return Call("and", (slot.hit, node)) if join.kind == "left" else node
        return Call("if", (slot.hit, node, Null())) if join.kind == "left" else node

    def _known_left(self, table: Table) -> Table:
        """What the left owner knows it knows of the right key too, under an inner join."""
        if table.leaves:
            table.own = {
                **table.own,
                **{b: table.own[a] for b, a in self._equal.items() if a in table.own},
                **self._home,
            }
        return table
