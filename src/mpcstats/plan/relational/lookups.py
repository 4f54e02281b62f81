"""Joins by lookups: the owner of the left rows looks up each right owner's rows by key, with a helper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.context import Context
from mpcstats.plan.relational import leaf as leaves
from mpcstats.plan.relational.algebra import (
    Aggregated,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    at_leaves,
    column,
    repeats,
)
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.fragments import Leaf
from mpcstats.plan.relational.rewrites.unions_left import helpers, spine_owner
from mpcstats.plan.relational.slotchecks import SlotChecks
from mpcstats.plan.relational.slots import Layers, Slot, merged
from mpcstats.plan.relational.wants import Want, is_bit, natural
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference

MOST_SLOTS = 64  # right rows that one left row may have
ROW = "#row"


class Lookups:
    """The lookups of one Join node.

    `home`: right columns that the left owner has itself, as its fragment has them. `obstacle`: why there is nobody to
    help, if that is all that is in the way.
    """

    def __init__(
        self, draft: Draft, join: Join, left: Sequence[Want], right: Sequence[Want]
    ) -> None:
        self._draft = draft
        self._join = join
        self._left_wants = left
        self._layers = Layers(draft.context, join.right, right)
        self.home: Mapping[str, str] = {}
        self.obstacle = ""
        self._parts = self._findable()

    @property
    def possible(self) -> bool:
        """Whether all right rows can be looked up so."""
        return self._parts is not None

    def found(self) -> tuple[Table, list[Slot]]:
        """The left rows with what has been looked up for them, and the slots that it fills."""
        table = self._draft.lower(self._join.left, self._left_wants)
        base, wants = self._layers.base, self._layers.wants
        keys = {b for _, b in self._join.on}
        asked = [want for want in wants if want.name not in keys]
        if isinstance(base, Group):
            asked = [natural(w.name, base.facts[w.name]) if w.form == "known" else w for w in asked]
        # What is 0 or 1 is looked up as a bit, and not as a word.
        bits = {w: replace(w, form="flag") for w in asked if is_bit(w, base.facts)}
        asked = list(dict.fromkeys(bits.get(want, want) for want in asked))
        slots: list[Slot] = []
        checking = SlotChecks(self._draft, self._layers)
        for part, times in self._parts or ():
            table, more = self._looked_up(table, part, times, asked)
            for slot in more:
                slot.columns |= {want: slot.columns[bit] for want, bit in bits.items()}
            slots += checking.checked(part.owner, more)
        table = checking.noted(table)
        if isinstance(base, Group):
            slots = [merged(base, slots, wants)]
        return table, [self._layers.over(slot) for slot in slots]

    def _findable(self) -> list[tuple[Owned, int]] | None:
        """The right owners' relations to look up in, and how many rows of each a key may have; None if it cannot be."""
        join, context = self._join, self._draft.context
        owner = spine_owner(join.left)
        on = [b for _, b in join.on]
        at_hand = at_leaves(join.left)
        owned = self._owned(on)
        if owner is None or owned is None or not all(a in at_hand for a, _ in join.on):
            return None
        for part in owned:
            if part.owner != owner and not helpers(owner, part.owner, context):
                self.obstacle = (
                    f"no compute party is accepted as helper by both {owner} and {part.owner}"
                )
                return None
        found = []
        only_marks = join.kind == "mark" and not join.residual and self._layers.base is join.right
        for part in owned:
            times = 1 if only_marks else repeats(part, on)
            if times is None or (part.owner == owner and times > 1):
                return None
            if only_marks and repeats(part, on) != 1:
                group = Group(part, tuple(dict.fromkeys(on)), ())
                found.append((leaves.grouped(part, group, context), times))
            else:
                found.append((part, times))
        return found if sum(times for _, times in found) <= MOST_SLOTS else None

    def _owned(self, on: Sequence[str]) -> list[Owned] | None:
        """The owners' relations that the right side's base is made of: rows, or groups by the key to be merged."""
        base = self._layers.base
        rows: Rel = base
        if isinstance(base, Group):
            rows = base.input
            if set(base.keys) != set(on) or not isinstance(rows, Union):
                return None
            if any(a.kind not in ("sum", "min", "max", "any") for a in base.aggregates):
                return None
        parts = rows.parts if isinstance(rows, Union) else (rows,)
        owned = [part for part in parts if isinstance(part, Owned)]
        if len(owned) != len(parts):
            return None
        if not isinstance(base, Group):
            return owned
        if any(repeats(part, base.keys) != 1 for part in owned):
            return None
        return [_with_operands(part, base, self._draft.context) for part in owned]

    def _looked_up(
        self, table: Table, part: Owned, times: int, wants: Sequence[Want]
    ) -> tuple[Table, list[Slot]]:
        """`table` with the columns of one right owner, and the slots that they fill."""
        draft = self._draft
        spine = table.spine
        if spine is None:
            raise InternalError("expected the left side of a lookup to be the rows of one fragment")
        if part.owner == spine.owner:
            return self._at_home(table, spine, part, wants)
        context, names = draft.context, draft.names
        keys = [b for _, b in self._join.on]
        wanted = {want: [want] for want in wants}
        presence: list[Want] = []
        if times > 1:
            part, wanted, presence = self._pivoted(part, keys, times, wants)
        right = draft.leaf(part)
        inside = {inner for each in wanted.values() for inner in each}
        always = {inner: value for inner in inside if (value := _always(inner, part)) is not None}
        columns: dict[Want, Column] = {
            inner: replace(right.column(inner, names, context), nullable=True)
            for inner in (*(i for each in wanted.values() for i in each), *presence)
            if inner not in always
        }
        hit = names.fresh(f"{right.name}_hit")
        step = self._find(table, spine, right, tuple(columns.values()), hit)
        slots = []
        for i in range(times):
            there: Node = Reference(hit)
            if presence:
                there = Call("coalesce", (Reference(columns[presence[i]].name), Number(0)))
            here: dict[Want, Node] = {
                want: Call("if", (there, Number(always[each[i]]), Null()))
                if each[i] in always
                else Reference(columns[each[i]].name)
                for want, each in wanted.items()
            }
            slots.append(Slot(there, here, _found(columns, wanted, presence, i)))
        return replace(table, step=step, columns=dict(table.columns)), slots

    def _find(
        self, table: Table, spine: Leaf, right: Leaf, columns: tuple[Column, ...], hit: str
    ) -> str:
        """The step that looks up `columns` of one right owner's rows."""
        draft = self._draft
        right_key = right.key([b for _, b in self._join.on], draft.names)
        own = [table.own[a] for a, _ in self._join.on]
        left_key = spine.key(own, draft.names)
        step = draft.name(f"find_{right.name}")
        draft.steps.append(
            tables.Find(
                step,
                table.step,
                spine.name,
                left_key.name,
                right.name,
                right_key.name,
                helpers(spine.owner, right.owner, draft.context)[0],
                None if repeats(spine.rel, own) == 1 else _distinct(spine, own),
                columns,
                hit,
            )
        )
        return step

    def _at_home(
        self, table: Table, spine: Leaf, part: Owned, wants: Sequence[Want]
    ) -> tuple[Table, list[Slot]]:
        """The left owner joins its own part of the right side in its own database."""
        draft = self._draft
        context, names = draft.context, draft.names
        fresh = {name: names.fresh(name) for name in part.facts}
        if self._join.kind == "inner" and self._join.right is part:
            self.home = fresh
        renamed = leaves.extended(part, [(new, column(old)) for old, new in fresh.items()], context)
        flag = names.fresh("own_hit")
        join = Join(
            spine.rel,
            renamed,
            "left",
            tuple((table.own[a], fresh[b]) for a, b in self._join.on),
            flag,
        )
        known = spine.rel.unique
        rel = leaves.joined(join, spine.rel, _only(renamed, set(fresh.values())), context)
        spine.rel = replace(rel, shape=replace(rel.shape, rows=spine.rel.rows, unique=known))
        own = {**table.own, flag: flag, **{new: new for new in fresh.values()}}
        found = replace(table, own=own, columns=dict(table.columns))
        facts = {**spine.rel.facts}
        hit = draft.get(found, Want(flag, "flag"), facts)
        slot = {
            want: Reference(draft.get(found, replace(want, name=fresh[want.name]), facts).name)
            for want in wants
        }
        return found, [Slot(Reference(hit.name), dict(slot))]

    def _pivoted(
        self, part: Owned, keys: Sequence[str], times: int, wants: Sequence[Want]
    ) -> tuple[Owned, dict[Want, list[Want]], list[Want]]:
        """One row a key with the columns of up to `times` rows side by side, and flags which of them are there."""
        draft = self._draft
        context, names = draft.context, draft.names
        used = list(dict.fromkeys(want.name for want in wants))
        number = names.fresh(ROW)
        # Within a partition the keys are equal: they order nothing, and stay blind.
        order = [exp.Ordered(this=column(n)) for n in used if n not in keys]
        window = exp.Window(
            this=exp.RowNumber(),
            partition_by=[column(k) for k in keys],
            order=exp.Order(expressions=order) if order else None,
        )
        numbered = leaves.select_outer(part, [(number, window)], context)
        columns: dict[tuple[str, int], str] = {}
        aggregates = []
        present = []
        for i in range(times):
            here = exp.EQ(this=column(number), expression=exp.Literal.number(i + 1))
            for name in used:
                columns[name, i] = names.fresh(f"{name}_{i + 1}")
                value = exp.Case(ifs=[exp.If(this=here.copy(), true=column(name))])
                aggregates.append(Aggregated(columns[name, i], "max", value))
            there = names.fresh(f"there_{i + 1}")
            aggregates.append(Aggregated(there, "max", here))
            present.append(Want(there, "flag"))
        pivoted = leaves.grouped(
            numbered, Group(numbered, tuple(dict.fromkeys(keys)), tuple(aggregates)), context
        )
        wanted = {
            want: [replace(want, name=columns[want.name, i]) for i in range(times)]
            for want in wants
        }
        return pivoted, wanted, present


def _found(
    columns: Mapping[Want, Column], wanted: Mapping[Want, list[Want]], presence: list[Want], i: int
) -> tuple[Column, ...]:
    """The columns of the right owner that slot `i` is made of."""
    inner = [*(each[i] for each in wanted.values()), *presence[i : i + 1]]
    return tuple(columns[want] for want in inner if want in columns)


def _always(want: Want, part: Owned) -> int | None:
    """The one value that the column has in all of an owner's rows, if it is one that everybody knows."""
    ends = part.facts[want.name].bounded
    if want.form not in ("number", "flag") or ends is None or part.facts[want.name].nullable:
        return None
    return ends[0] if ends[0] == ends[1] else None


def _with_operands(part: Owned, group: Group, context: Context) -> Owned:
    """One row a key of an owner, with each aggregate of that row: what it is the aggregate of."""
    missing = [
        (a.name, a.of) for a in group.aggregates if a.of is not None and a.name not in part.facts
    ]
    return leaves.extended(part, missing, context) if missing else part


def _only(rel: Owned, names: set[str]) -> Owned:
    """Of a relation the columns of these names."""
    query = rel.query.copy()
    query.set("expressions", [i for i in query.expressions if i.alias_or_name in names])
    columns = {name: fact for name, fact in rel.shape.columns.items() if name in names}
    unique = frozenset(u for u in rel.shape.unique if u <= names)
    return replace(rel, query=query, shape=replace(rel.shape, columns=columns, unique=unique))


def _distinct(spine: Leaf, names: Sequence[str]) -> int:
    """At most how many different keys the left owner has."""
    bounds = [spine.rel.rows]
    for name in names:
        known = spine.rel.facts[name].distinct
        if known is not None and len(names) == 1:
            bounds.append(known)
    return min(bounds)
