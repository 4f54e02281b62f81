"""From algebra to steps: every node becomes a shared table with the columns that are wanted of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mpcstats.plan.relational.algebra import (
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    Window,
    at_owners,
)
from mpcstats.plan.relational.checkpoint import rows_a_person
from mpcstats.plan.relational.draft import Draft, Table, known_true
from mpcstats.plan.relational.forms import translated
from mpcstats.plan.relational.grouping import Grouping
from mpcstats.plan.relational.joining import Joining
from mpcstats.plan.relational.neighbouring import Neighbouring
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Reference


@dataclass(slots=True)
class Lowering(Draft):
    """The steps of all kinds of nodes, each by the class that knows its kind."""

    def lower(self, rel: Rel, wants: Iterable[Want]) -> Table:
        """The table of `rel` with the columns that are wanted."""
        asked = tuple(dict.fromkeys(wants))
        match rel:
            case Owned() | Union() if self.context.checked and at_owners(rel):
                return self.give_checked(rel, None, asked)
            case Owned():
                return self.give((rel,), asked, rel.facts)
            case Union():
                owned = tuple(part for part in rel.parts if isinstance(part, Owned))
                if len(owned) == len(rel.parts):
                    return self.give(owned, asked, rel.facts)
                return self.stack([self.lower(part, asked) for part in rel.parts], asked)
            case Filter():
                return self._filter(rel, asked)
            case Extend():
                return self._extend(rel, asked)
            case Join():
                return Joining(self, rel, asked).table()
            case Group():
                return Grouping(self, rel, asked).table()
            case Window():
                return Neighbouring(self, rel, asked).table()

    def _filter(self, rel: Filter, wants: Sequence[Want]) -> Table:
        inner = (*wants, *self.wanted(rel.input, [rel.condition]))
        if rel.guards and at_owners(rel.input):
            return self.give_checked(rel.input, rel.condition, tuple(dict.fromkeys(inner)))
        if rel.guards and isinstance(rel.input, Union):
            parts = tuple(replace(rel, input=part) for part in rel.input.parts)
            return self.lower(Union(parts), wants)
        table = self.lower(rel.input, inner)
        scalars = self.scalars(rel.input, table)
        if rel.guards:
            passes, spine = known_true(scalars, rel.condition), table.spine
            owner = "_".join(dict.fromkeys(leaf.owner for leaf in table.leaves)) or "several"
            most = None if spine is None else rows_a_person(spine.rel)
            return replace(table, step=self.checked(table.step, passes, owner, table.rows, most))
        return self.derive([table], (), scalars.flag(rel.condition), "filter")

    def _extend(self, rel: Extend, wants: Sequence[Want]) -> Table:
        computed = dict(rel.columns)
        passed = [want for want in wants if want.name not in computed]
        inner = Wanted()
        ask = Scalars(self.context, rel.input.facts, rel.input.rows, inner)
        chosen = [want for want in wants if want.name in computed]
        for want in chosen:
            translated(ask, want, computed[want.name])
        table = self.lower(rel.input, (*passed, *inner.wants))
        scalars = self.scalars(rel.input, table)
        columns = []
        for want in chosen:
            node = translated(scalars, want, computed[want.name])
            if isinstance(node, Reference) and want.form != "known":
                source = next(c for c in table.columns.values() if c.name == node.name)
                table.columns[want] = source
                continue
            columns.append((want, self.shape(want, rel.facts), node))
        return self.derive([table], columns) if columns else table
