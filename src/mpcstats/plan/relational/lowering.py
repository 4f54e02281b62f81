"""From algebra to steps: every node becomes a shared table with the columns that are wanted of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mpcstats.errors import InternalError
from mpcstats.plan import tables
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
from mpcstats.plan.relational.rewrites.unions_left import helpers
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.slots import some
from mpcstats.plan.relational.wants import Form, Want
from mpcstats.plan.tables import Call, Column, Node, Reference

MET: tuple[Form, ...] = ("again", "elsewhere")


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
            case Union() if any(want.form in MET for want in asked):
                return self._met(rel, asked)
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

    def _met(self, rel: Union, wants: Sequence[Want]) -> Table:
        """The rows of all owners, with flags whether others have rows of the same person (whose.apart)."""
        (person,) = {want.name for want in wants if want.form in MET}
        asked = [want for want in wants if want.form not in MET]
        parts = [self.lower(part, asked) for part in rel.parts]
        flags = [Want(person, form) for form in MET]
        met = [self._elsewhere(parts, i, flags) for i in range(len(parts))]
        return self.stack(met, [*asked, *flags])

    def _elsewhere(self, parts: Sequence[Table], place: int, flags: Sequence[Want]) -> Table:
        """One owner's rows, whose persons it has looked up at all others."""
        table = parts[place]
        hits: list[Node] = []
        for other in (part for i, part in enumerate(parts) if i != place):
            left, right = table.spine, other.spine
            if left is None or right is None:
                raise InternalError(f"expected the rows of one owner in {table.step}")
            name = flags[0].name
            leaf = self.leaf(right.rel)
            hit = self.names.fresh(f"{leaf.name}_hit")
            step = self.name(f"find_{leaf.name}")
            keys = left.key([table.own[name]], self.names), leaf.key([other.own[name]], self.names)
            helper = helpers(left.owner, leaf.owner, self.context)[0]
            found = (step, table.step, left.name, keys[0].name, leaf.name, keys[1].name, helper)
            self.steps.append(tables.Find(*found, None, (), hit))
            table = replace(table, step=step, columns=dict(table.columns))
            hits.append(Reference(hit))
        # Nobody is before the first owner: false, and a bit as the others' flags are, not a public number.
        nobody = Call("and", (hits[0], Call("not", (hits[0],))))
        nodes = (some(hits[:place]) if place else nobody, some(hits))
        shared = [Column(self.names.fresh(want.form), "flag", 0, 1) for want in flags]
        return self.derive([table], list(zip(flags, shared, nodes, strict=True)), name="met")

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
