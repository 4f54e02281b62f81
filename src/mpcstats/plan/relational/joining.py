"""Joins as steps: by lookups in the rows of the left side's owner where helpers are, else by a sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.facts import Fact
from mpcstats.plan.relational import leaf as leaves
from mpcstats.plan.relational.algebra import (
    Aggregated,
    Extend,
    Filter,
    Group,
    Join,
    Owned,
    Rel,
    Union,
    at_leaves,
    column,
    repeats,
)
from mpcstats.plan.relational.fragments import Leaf
from mpcstats.plan.relational.lowering import Lowering, Table, _translated
from mpcstats.plan.relational.rewrites.unions_left import helpers, spine_owner
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.wants import Want, natural
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference

MOST_SLOTS = 64  # right rows that one left row may have
ROW = "#row"


@dataclass(slots=True)
class Slot:
    """A right row that a left row may have: whether it has one, and columns of it, NULL where not."""

    hit: Node
    columns: dict[Want, Node]


class Joining:
    """One Join node as steps."""

    def __init__(self, lowering: Lowering, join: Join, wants: Sequence[Want]) -> None:
        self._lowering = lowering
        self._join = join
        left = join.left.facts
        equal = {b: a for a, b in join.on} if join.kind == "inner" else {}
        # Under an inner join the right key is the left one.
        self._equal = {b: a for b, a in equal.items() if join.right.facts[b].kind == left[a].kind}
        self._home: dict[
            str, str
        ] = {}  # right columns that the left owner has itself, as its leaf has them
        self._wants = [want for want in wants if want.name != join.flag]
        self._flags = [want for want in wants if want.name == join.flag]
        residual = self._residual_wants()
        asked = list(dict.fromkeys((*self._wants, *residual)))
        self._left_wants = [self._at_left(want) for want in asked if self._is_left(want)]
        self._right_wants = [want for want in asked if not self._is_left(want)]

    def table(self) -> Table:
        """The joined rows with what is wanted."""
        parts = self._findable()
        if parts is not None:
            return self._by_lookups(parts)
        return self._by_sort()

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
        for node in self._join.residual:
            Scalars(self._lowering.context, self._facts(), self._join.left.rows, found).flag(node)
        return list(found.wants)

    def _facts(self) -> dict[str, Fact]:
        return {**self._join.left.facts, **self._join.right.facts}

    # Lookups.

    def _findable(self) -> list[tuple[Owned, int]] | None:
        """The right owners' relations to look up in, and how many rows of each a key may have; None if it cannot be."""
        owner = spine_owner(self._join.left)
        on = [b for _, b in self._join.on]
        at_hand = at_leaves(self._join.left)
        if owner is None or not all(a in at_hand for a, _ in self._join.on):
            return None
        base = _base(self._join.right)
        if isinstance(base, Group):
            if set(base.keys) != set(on) or not isinstance(base.input, Union):
                return None
            if not all(
                isinstance(p, Owned) and repeats(p, base.keys) == 1 for p in base.input.parts
            ):
                return None
            if any(a.kind not in ("sum", "min", "max") for a in base.aggregates):
                return None
            owned = [p for p in base.input.parts if isinstance(p, Owned)]
        elif isinstance(base, Owned):
            owned = [base]
        elif isinstance(base, Union) and all(isinstance(p, Owned) for p in base.parts):
            owned = [p for p in base.parts if isinstance(p, Owned)]
        else:
            return None
        found = []
        only_marks = (
            self._join.kind == "mark" and not self._join.residual and base is self._join.right
        )
        for part in owned:
            times = 1 if only_marks else repeats(part, on)
            if times is None or (part.owner == owner and times > 1):
                return None
            if part.owner != owner and not helpers(owner, part.owner, self._lowering.context):
                return None
            if only_marks and repeats(part, on) != 1:
                part = leaves.grouped(
                    part, Group(part, tuple(dict.fromkeys(on)), ()), self._lowering.context
                )
            found.append((part, times))
        if sum(times for _, times in found) > MOST_SLOTS:
            return None
        return found

    def _by_lookups(self, parts: Sequence[tuple[Owned, int]]) -> Table:
        lowering = self._lowering
        table = lowering.lower(self._join.left, self._left_wants)
        base = _base(self._join.right)
        inner = self._base_wants(base)
        slots: list[Slot] = []
        for part, times in parts:
            needs = self._part_wants(base, inner)
            table, found = self._found(table, part, times, needs)
            slots += found
        if isinstance(base, Group):
            slots = [self._merged(base, slots, inner)]
        slots = [self._peeled(slot) for slot in slots]
        return self._joined(table, [self._passing(table, slot) for slot in slots])

    def _base_wants(self, base: Rel) -> list[Want]:
        """What is wanted of the right side's base, below its filters and computed columns."""
        wants = list(self._right_wants)
        rel = self._join.right
        while isinstance(rel, Filter | Extend) and rel is not base:
            inner = Wanted()
            ask = Scalars(self._lowering.context, rel.input.facts, rel.input.rows, inner)
            if isinstance(rel, Filter):
                ask.flag(rel.condition)
                passed = wants
            else:
                made = dict(rel.columns)
                for want in wants:
                    if want.name in made:
                        _translated(ask, want, made[want.name])
                passed = [want for want in wants if want.name not in made]
            wants = list(dict.fromkeys((*passed, *inner.wants)))
            rel = rel.input
        return wants

    def _part_wants(self, base: Rel, wants: Sequence[Want]) -> list[Want]:
        on = {b for _, b in self._join.on}
        if isinstance(base, Group):
            names = [w for w in wants if w.name not in on]
            return [natural(w.name, base.facts[w.name]) if w.form == "known" else w for w in names]
        return [w for w in wants if w.name not in on]

    def _found(
        self, table: Table, part: Owned, times: int, wants: Sequence[Want]
    ) -> tuple[Table, list[Slot]]:
        """`table` with the columns of one right owner, and the slots that they fill."""
        spine = table.spine
        if spine is None:
            raise InternalError("expected the left side of a lookup to be the rows of one fragment")
        if part.owner == spine.owner:
            return self._at_home(table, spine, part, wants)
        lowering = self._lowering
        context, names = lowering.context, lowering.names
        keys = [b for _, b in self._join.on]
        wanted = {want: [want] for want in wants}
        presence: list[Want] = []
        if times > 1:
            part, wanted, presence = self._pivoted(part, keys, times, wants)
        right = lowering.leaf(part)
        columns: list[Column] = []
        per_slot: list[dict[Want, Node]] = [{} for _ in range(times)]
        for want, each in wanted.items():
            for i, inner in enumerate(each):
                shared = replace(right.column(inner, names, context), nullable=True)
                columns.append(shared)
                per_slot[i][want] = Reference(shared.name)
        present = []
        for inner in presence:
            shared = replace(right.column(inner, names, context), nullable=True)
            columns.append(shared)
            present.append(shared.name)
        right_key = right.key(keys, names)
        lcols = [table.own[a] for a, _ in self._join.on]
        left_key = spine.key(lcols, names)
        single = repeats(spine.rel, lcols)
        hit = names.fresh(f"{right.name}_hit")
        step = lowering.name(f"find_{right.name}")
        helper = helpers(spine.owner, part.owner, context)[0]
        lowering.steps.append(
            tables.Find(
                step,
                table.step,
                spine.name,
                left_key.name,
                right.name,
                right_key.name,
                helper,
                None if single == 1 else _distinct(spine, lcols),
                tuple(columns),
                hit,
            )
        )
        found = replace(table, step=step, columns=dict(table.columns))
        del present
        slots = []
        for i in range(times):
            node: Node = Reference(hit)
            if times > 1:
                node = Call(
                    "coalesce", (Reference(columns[len(columns) - times + i].name), Number(0))
                )
            slots.append(Slot(node, per_slot[i]))
        return found, slots

    def _at_home(
        self, table: Table, spine: Leaf, part: Owned, wants: Sequence[Want]
    ) -> tuple[Table, list[Slot]]:
        """The left owner joins its own part of the right side in its own database."""
        lowering = self._lowering
        context, names = lowering.context, lowering.names
        fresh = {name: names.fresh(name) for name in part.facts}
        if self._join.kind == "inner" and self._join.right is part:
            self._home = fresh
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
        hit = lowering.get(found, Want(flag, "flag"), facts)
        slot = {
            want: Reference(lowering.get(found, replace(want, name=fresh[want.name]), facts).name)
            for want in wants
        }
        return found, [Slot(Reference(hit.name), dict(slot))]

    def _pivoted(
        self, part: Owned, keys: Sequence[str], times: int, wants: Sequence[Want]
    ) -> tuple[Owned, dict[Want, list[Want]], list[Want]]:
        """One row a key with the columns of up to `times` rows side by side, and flags which of them are there."""
        lowering = self._lowering
        context, names = lowering.context, lowering.names
        used = list(dict.fromkeys(want.name for want in wants))
        number = names.fresh(ROW)
        window = exp.Window(
            this=exp.RowNumber(),
            partition_by=[column(k) for k in keys],
            order=exp.Order(expressions=[exp.Ordered(this=column(n)) for n in (*keys, *used)]),
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
            one = exp.Case(
                ifs=[exp.If(this=here.copy(), true=exp.Literal.number(1))],
                default=exp.Literal.number(0),
            )
            aggregates.append(Aggregated(there, "max", one))
            present.append(Want(there, "number"))
        pivoted = leaves.grouped(
            numbered, Group(numbered, tuple(dict.fromkeys(keys)), tuple(aggregates)), context
        )
        wanted = {
            want: [replace(want, name=columns[want.name, i]) for i in range(times)]
            for want in wants
        }
        return pivoted, wanted, present

    def _merged(self, base: Group, slots: Sequence[Slot], wants: Sequence[Want]) -> Slot:
        """The group that the parts' groups of one key make together."""
        hit = reduce(lambda a, b: Call("or", (a, b)), [slot.hit for slot in slots])
        kinds = {a.name: a.kind for a in base.aggregates}
        columns: dict[Want, Node] = {}
        for want in wants:
            if want.name not in kinds:
                continue
            source = natural(want.name, base.facts[want.name]) if want.form == "known" else want
            given = [slot.columns[source] for slot in slots]
            known: Node = reduce(
                lambda a, b: Call("or", (a, b)),
                [Call("not", (Call("isnull", (node,)),)) for node in given],
            )
            if want.form == "known":
                columns[want] = known
            elif kinds[want.name] == "sum":
                added = reduce(
                    lambda a, b: Call("add", (a, b)),
                    [Call("coalesce", (n, Number(0))) for n in given],
                )
                columns[want] = Call("if", (known, added, Null()))
            elif want.form == "number" or want.form == "code":
                op = "least" if kinds[want.name] == "min" else "greatest"
                columns[want] = given[0] if len(given) == 1 else Call(op, tuple(given))  # type: ignore[arg-type]
            elif want.form == "flag":
                op2 = "and" if kinds[want.name] == "min" else "or"
                columns[want] = reduce(lambda a, b: Call(op2, (a, b)), given)  # type: ignore[arg-type]
            else:
                columns[want] = Call("coalesce", tuple(given))
        return Slot(hit, columns)

    def _peeled(self, slot: Slot) -> Slot:
        """The slot after the filters and computed columns above the base."""
        chain: list[Filter | Extend] = []
        rel = self._join.right
        base = _base(rel)
        while isinstance(rel, Filter | Extend) and rel is not base:
            chain.append(rel)
            rel = rel.input
        hit, columns = slot.hit, dict(slot.columns)
        for node in reversed(chain):
            scalars = self._of_slot(columns, node.input)
            if isinstance(node, Filter):
                hit = Call("and", (hit, scalars.flag(node.condition)))
                continue
            made = dict(node.columns)
            added: dict[Want, Node] = {}
            for want in self._all_wants(node):
                if want.name in made:
                    added[want] = _translated(scalars, want, made[want.name])
            columns |= added
        return Slot(hit, columns)

    def _all_wants(self, upto: Rel) -> list[Want]:
        """What is wanted of the columns of `upto`, by what is above it."""
        wants = list(self._right_wants)
        rel: Rel = self._join.right
        while rel is not upto and isinstance(rel, Filter | Extend):
            inner = Wanted()
            ask = Scalars(self._lowering.context, rel.input.facts, rel.input.rows, inner)
            if isinstance(rel, Filter):
                ask.flag(rel.condition)
            else:
                made = dict(rel.columns)
                for want in wants:
                    if want.name in made:
                        _translated(ask, want, made[want.name])
            wants += inner.wants
            rel = rel.input
        return list(dict.fromkeys(wants))

    def _of_slot(self, columns: Mapping[Want, Node], rel: Rel) -> Scalars:
        def find(want: Want) -> Node:
            found = columns.get(want)
            if found is None:
                raise self._lowering.context.refuse(
                    None, f"{want.name} is not known of the right side of a join"
                )
            return found

        return Scalars(self._lowering.context, rel.facts, rel.rows, find)

    # What follows either way.

    def _passing(self, table: Table, slot: Slot) -> Slot:
        """The slot where the residual holds too."""
        hit = slot.hit
        for node in self._join.residual:
            hit = Call("and", (hit, self._pair(table, slot).flag(node)))
        return Slot(hit, slot.columns)

    def _pair(self, table: Table, slot: Slot) -> Scalars:
        facts = self._facts()

        def find(want: Want) -> Node:
            if self._is_left(want):
                return Reference(
                    self._lowering.get(table, self._at_left(want), self._join.left.facts).name
                )
            return slot.columns[want]

        return Scalars(self._lowering.context, facts, self._join.left.rows, find)

    def _joined(self, table: Table, slots: Sequence[Slot]) -> Table:
        """The rows with the columns of their slots, as the kind of join says."""
        join, lowering = self._join, self._lowering
        some = reduce(lambda a, b: Call("or", (a, b)), [slot.hit for slot in slots])
        if join.kind == "mark":
            known = [(want, lowering.shape(want, join.facts), some) for want in self._flags]
            return self._known_left(lowering.derive([table], known, name="mark"))
        parts = []
        for position, slot in enumerate(slots):
            hit = slot.hit
            # A left row without a match comes once, in the first block.
            keep: Node | None = hit
            if join.kind == "left":
                keep = None
                if len(slots) > 1:
                    keep = hit if position else Call("or", (hit, Call("not", (some,))))
            parts.append(self._block(table, slot, keep))
        if len(parts) == 1:
            return parts[0]
        return lowering.stack(parts, list(dict.fromkeys((*self._wants, *self._flags))), join)

    def _block(self, table: Table, slot: Slot, keep: Node | None) -> Table:
        join, lowering = self._join, self._lowering
        computed: list[tuple[Want, Column, Node]] = []
        aliases: dict[Want, Column] = {}
        for want in dict.fromkeys((*self._wants, *self._flags)):
            if want.name == join.flag:
                computed.append((want, lowering.shape(want, join.facts), slot.hit))
            elif self._is_left(want):
                aliases[want] = lowering.get(table, self._at_left(want), join.left.facts)
            else:
                computed.append((want, *self._right_column(want, slot)))
        found = lowering.derive([table], computed, keep, "joined")
        found.columns.update(aliases)
        return self._known_left(found)

    def _right_column(self, want: Want, slot: Slot) -> tuple[Column, Node]:
        """A right column; under an inner join it is there wherever the row stays."""
        join, lowering = self._join, self._lowering
        node = self._right_value(want, slot)
        if join.kind == "left":
            return lowering.shape(want, join.facts, nullable=want.form != "known"), node
        shared = lowering.shape(want, join.right.facts)
        if shared.nullable or want.form == "known":
            return shared, node
        return shared, Call("coalesce", (node, Number(shared.minimum)))

    def _right_value(self, want: Want, slot: Slot) -> Node:
        """A right column, NULL where there is no match."""
        join = self._join
        on = {b: a for a, b in join.on}
        if want.form == "known" and (want.name in on or want not in slot.columns):
            return slot.hit
        if want.name in on:
            source = Want(on[want.name], want.form, want.labels)
            raise self._lowering.context.refuse(
                None,
                f"the value of {want.name} is not known on the right of a left join: ask for {source.name}",
            )
        node = slot.columns[want]
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

    # A sort.

    def _by_sort(self) -> Table:
        join, lowering = self._join, self._lowering
        most = self._most()
        keys = [self._key_wants(a, b) for a, b in join.on]
        left = lowering.lower(join.left, dict.fromkeys((*self._left_wants, *(k for k, _ in keys))))
        on_right = {b for _, b in join.on}
        carried = [
            want
            for want in self._right_wants
            if not (want.form == "known" and want.name in on_right)
        ]
        right = lowering.lower(join.right, dict.fromkeys((*carried, *(k for _, k in keys))))
        hit = lowering.names.fresh("matched")
        columns = {want: replace(right.columns[want], nullable=True) for want in carried}
        step = lowering.name("match")
        lowering.steps.append(
            tables.Match(
                step,
                left.step,
                right.step,
                tuple(
                    (
                        lowering.get(left, a, join.left.facts).name,
                        lowering.get(right, b, join.right.facts).name,
                    )
                    for a, b in keys
                ),
                "left" if join.kind in ("left", "mark") or most == 1 else "inner",
                most,
                tuple(dict.fromkeys(columns.values())),
                hit,
            )
        )
        aligned = most == 1
        table = Table(
            step,
            left.rows * most,
            dict(left.columns),
            left.leaves if aligned else (),
            left.own if aligned else {},
        )
        slot = Slot(Reference(hit), {want: Reference(c.name) for want, c in columns.items()})
        if most > 1 and join.kind == "left":
            return self._block(table, slot, None)
        return self._joined(table, [self._passing(table, slot)])

    def _most(self) -> int:
        join = self._join
        times = repeats(join.right, [b for _, b in join.on])
        if join.kind == "mark" and not join.residual:
            return 1
        if times is None:
            names = ", ".join(b for _, b in join.on)
            raise self._lowering.context.refuse(
                None,
                f"expected a bound on how many rows have the same {names}: group by it in a sub-query, or state "
                "unique = true or most = ... of it in the catalogue",
            )
        if times > 1 and (join.kind == "mark" or (join.kind == "left" and join.residual)):
            raise self._lowering.context.refuse(
                None,
                "a LEFT JOIN or EXISTS with further comparisons, whose right side several owners hold and which may "
                "have several rows a key, is not supported",
            )
        return times

    def _key_wants(self, a: str, b: str) -> tuple[Want, Want]:
        kind = self._join.left.facts[a].kind
        form = "digest" if kind == "text" else "number"
        return Want(a, form), Want(b, form)  # type: ignore[arg-type]


def _base(rel: Rel) -> Rel:
    """`rel` below its filters and computed columns."""
    while isinstance(rel, Filter | Extend):
        rel = rel.input
    return rel


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
