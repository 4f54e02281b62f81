"""From algebra to steps: every node becomes a shared table with the columns that are wanted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.context import Context
from mpcstats.plan.physical import Fragment
from mpcstats.plan.relational.algebra import (
    Expr,
    Extend,
    Facts,
    Filter,
    Group,
    Join,
    Ordering,
    Owned,
    Rel,
    Union,
    Window,
)
from mpcstats.plan.relational.fragments import Leaf, fragment, unbounded
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.wants import Want, natural, shaped
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference

Step = tables.TableStep | tables.Outcome


@dataclass(slots=True)
class Table:
    """A shared table in the making: the step that makes it, its rows, and its columns by what they are to the question.

    While its rows are one by one those of fragments (`leaves`), more of their columns can still be put in. `own` are
    the columns that the owner of the one leaf knows, by name, and as what the leaf has them.
    """

    step: str
    rows: int
    columns: dict[Want, Column]
    leaves: tuple[Leaf, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def spine(self) -> Leaf | None:
        """The one fragment whose rows are the table's."""
        return self.leaves[0] if len(self.leaves) == 1 else None


@dataclass(slots=True)
class Lowering:
    """The steps and fragments so far."""

    context: Context
    names: Names
    steps: list[Step] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    gives: dict[str, tuple[Leaf, ...]] = field(default_factory=dict)
    taken: Names = field(default_factory=Names)

    def fragments(self) -> tuple[Fragment, ...]:
        """The fragments, when all has been asked of them."""
        return tuple(fragment(leaf, self.context) for leaf in self.leaves)

    def finished(self) -> tuple[Step, ...]:
        """The steps, with all columns that the fragments put in."""
        return tuple(
            replace(step, columns=tuple(self.gives[step.name][0].given))
            if isinstance(step, tables.Give)
            else step
            for step in self.steps
        )

    def lower(self, rel: Rel, wants: Iterable[Want]) -> Table:
        """The table of `rel` with the columns that are wanted."""
        asked = tuple(dict.fromkeys(wants))
        match rel:
            case Owned():
                return self._give((rel,), asked)
            case Union():
                if all(isinstance(part, Owned) for part in rel.parts):
                    return self._give(
                        tuple(p for p in rel.parts if isinstance(p, Owned)), asked, rel
                    )
                return self._stack([self.lower(part, asked) for part in rel.parts], asked, rel)
            case Filter():
                return self._filter(rel, asked)
            case Extend():
                return self._extend(rel, asked)
            case Join():
                from mpcstats.plan.relational.joining import Joining

                return Joining(self, rel, asked).table()
            case Group():
                from mpcstats.plan.relational.grouping import Grouping

                return Grouping(self, rel, asked).table()
            case Window():
                return self._window(rel, asked)

    def name(self, wanted: str) -> str:
        """A name for a step or a fragment."""
        return self.taken.fresh(wanted)

    def leaf(self, rel: Owned) -> Leaf:
        """A new fragment."""
        found = Leaf(self.name(_label(rel)), rel)
        self.leaves.append(found)
        return found

    def get(self, table: Table, want: Want, fact_of: Facts) -> Column:
        """The column on shares for `want`, put in now if a leaf still can."""
        if want in table.columns:
            return table.columns[want]
        if not table.leaves or any(want.name not in table.own for _ in table.leaves):
            raise InternalError(
                f"expected {want.name} as {want.form} among the columns of {table.step}"
            )
        inside = replace(want, name=table.own[want.name])
        table.columns[want] = self._given(table.leaves, inside, fact_of[want.name].nullable)
        return table.columns[want]

    def _given(self, leaves: Sequence[Leaf], want: Want, nullable: bool) -> Column:
        first = leaves[0]
        found = [leaf.column(want, self.names, self.context) for leaf in leaves[:1]]
        shared = found[0]
        if len(leaves) > 1:
            each = [shaped(want, leaf.rel.facts[want.name], shared.name) for leaf in leaves]
            shared = _widest(each, want, self.context)
            for leaf in leaves:
                leaf.wanted[want] = shared
        if shared not in first.given:
            for leaf in leaves:
                leaf.given = [c for c in leaf.given if c.name != shared.name] + [shared]
        return shared

    def scalars(self, rel: Rel, table: Table) -> Scalars:
        """Translates expressions over the rows of `rel`, which is `table`."""
        facts = rel.facts
        return Scalars(
            self.context,
            facts,
            rel.rows,
            lambda want: Reference(self.get(table, want, facts).name),
        )

    def wanted(self, rel: Rel, nodes: Iterable[Expr]) -> list[Want]:
        """What the conditions and numbers `nodes` want of the columns of `rel`."""
        found = Wanted()
        scalars = Scalars(self.context, rel.facts, rel.rows, found)
        for node in nodes:
            scalars.natural(node)
        return list(found.wants)

    def derive(
        self,
        of: Sequence[Table],
        computed: Sequence[tuple[Want, Column, Node]],
        keep: Node | None = None,
        name: str = "derive",
    ) -> Table:
        """The tables side by side with computed columns, where `keep` is true."""
        step = self.name(name)
        columns = tuple(tables.Computed(shared, node) for _, shared, node in computed)
        self.steps.append(tables.Derive(step, tuple(t.step for t in of), columns, keep))
        first = of[0]
        known = {want: shared for table in of for want, shared in table.columns.items()}
        known |= {want: shared for want, shared, _ in computed}
        return Table(step, first.rows, known, first.leaves, first.own)

    def shape(self, want: Want, facts: Facts, *, nullable: bool | None = None) -> Column:
        """A new column for `want`. Raises UsageError for a number without bounds."""
        found = shaped(want, facts[want.name], self.names.fresh(want.name), nullable=nullable)
        if found is None:
            raise unbounded(want.name, self.context)
        return found

    def _give(
        self, parts: tuple[Owned, ...], wants: Sequence[Want], union: Union | None = None
    ) -> Table:
        leaves = tuple(self.leaf(part) for part in parts)
        step = self.name(f"give_{leaves[0].name}")
        self.steps.append(tables.Give(step, tuple(leaf.name for leaf in leaves), ()))
        self.gives[step] = leaves
        facts = parts[0].facts if union is None else union.facts
        rows = sum(part.rows for part in parts)
        own = {name: name for name in facts}
        table = Table(step, rows, {}, leaves, own)
        for want in wants:
            self.get(table, want, facts)
        return table

    def _stack(self, parts: Sequence[Table], wants: Sequence[Want], rel: Rel) -> Table:
        columns = {
            want: _united([part.columns[want] for part in parts], self.names.fresh(want.name))
            for want in wants
        }
        renamed = [
            self.derive(
                [part],
                [
                    (want, shared, Reference(part.columns[want].name))
                    for want, shared in columns.items()
                ],
                name="renamed",
            )
            for part in parts
        ]
        step = self.name("stack")
        self.steps.append(tables.Stack(step, tuple(part.step for part in renamed)))
        return Table(step, sum(part.rows for part in parts), columns)

    def stack(self, parts: Sequence[Table], wants: Sequence[Want], rel: Rel) -> Table:
        """The rows of all parts, which have what is wanted, one part after another."""
        return self._stack(parts, wants, rel)

    def _filter(self, rel: Filter, wants: Sequence[Want]) -> Table:
        table = self.lower(rel.input, (*wants, *self.wanted(rel.input, [rel.condition])))
        keep = self.scalars(rel.input, table).flag(rel.condition)
        return self.derive([table], (), keep, "filter")

    def _extend(self, rel: Extend, wants: Sequence[Want]) -> Table:
        computed = dict(rel.columns)
        passed = [want for want in wants if want.name not in computed]
        inner = Wanted()
        ask = Scalars(self.context, rel.input.facts, rel.input.rows, inner)
        chosen = [want for want in wants if want.name in computed]
        for want in chosen:
            _translated(ask, want, computed[want.name])
        table = self.lower(rel.input, (*passed, *inner.wants))
        scalars = self.scalars(rel.input, table)
        columns = []
        for want in chosen:
            node = _translated(scalars, want, computed[want.name])
            if isinstance(node, Reference) and want.form != "known":
                source = next(c for c in table.columns.values() if c.name == node.name)
                table.columns[want] = source
                continue
            columns.append((want, self.shape(want, rel.facts), node))
        return self.derive([table], columns) if columns else table

    def _window(self, rel: Window, wants: Sequence[Want]) -> Table:
        given = rel.input.facts
        made = {function.name: function for function in rel.functions}
        asked = [want for want in wants if want.name not in made]
        for name in (*rel.partition, *(o.name for o in rel.order)):
            asked.append(natural(name, given[name]))
        functions: list[tuple[Want, Want | None]] = []
        for want in wants:
            if want.name in made:
                of = made[want.name].of
                source = None
                if of is not None:
                    source = replace(want, name=of)
                    if want.form == "known":
                        source = natural(of, given[of])
                    asked.append(source)
                functions.append((want, source))
        table = self.lower(rel.input, asked)
        step = self.name("neighbours")
        found: dict[Want, Column] = {
            want: table.columns[want] for want in wants if want.name not in made
        }
        played = []
        known: list[tuple[Want, str]] = []
        for want, source in functions:
            function = made[want.name]
            base = (
                want if source is None or want.form != "known" else replace(source, name=want.name)
            )
            shared = self.shape(base, rel.facts)
            played.append(
                tables.Neighbour(
                    shared,
                    function.kind,
                    None if source is None else self.get(table, source, given).name,
                    function.by,
                )
            )
            if want.form == "known":
                known.append((want, shared.name))
            else:
                found[want] = shared
        self.steps.append(
            tables.Neighbours(
                step,
                table.step,
                tuple(self.get(table, natural(n, given[n]), given).name for n in rel.partition),
                tuple(self._order(table, o, given) for o in rel.order),
                tuple(played),
            )
        )
        result = Table(step, table.rows, found)
        if not known:
            return result
        flags = [
            (want, self.shape(want, rel.facts), Call("not", (Call("isnull", (Reference(name),)),)))
            for want, name in known
        ]
        return self.derive([result], flags)

    def _order(self, table: Table, ordering: Ordering, given: Facts) -> tables.Order:
        want = natural(ordering.name, given[ordering.name])
        if want.form == "digest":
            raise self.context.refuse(
                None,
                f"{ordering.name} is a text without a public domain: rows cannot be ordered by it; order by a number, "
                "or state its domain in the catalogue",
            )
        name = self.get(table, want, given).name
        return tables.Order(name, ordering.descending, ordering.nulls_first)


def _translated(scalars: Scalars, want: Want, node: Expr) -> Node:
    """`node` in the form that is wanted of it."""
    match want.form:
        case "code":
            if scalars.fact(node).kind == "text":
                return scalars.value(node, want.labels)
            return placed(scalars.value(node), want)
        case "flag":
            return scalars.flag(node)
        case "known":
            return scalars.flag(exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null())))
        case "number":
            return scalars.value(node)
        case "digest":
            plain = node.unnest()
            if isinstance(plain, exp.Column):
                return scalars.find(Want(plain.name, "digest"))
    raise scalars.refused(node)


def placed(node: Node, want: Want) -> Node:
    """The place of a number among the labels."""
    labels = [label for label in want.labels if isinstance(label, int)]
    first = labels[0]
    if labels == list(range(first, first + len(labels))):
        return node if first == 0 else Call("sub", (node, Number(first)))
    found: Node = Null()
    for position in reversed(range(len(labels))):
        found = Call("if", (Call("eq", (node, Number(labels[position]))), Number(position), found))
    return found


def _widest(each: Sequence[Column | None], want: Want, context: Context) -> Column:
    given = [shared for shared in each if shared is not None]
    if len(given) != len(each):
        raise unbounded(want.name, context)
    return _united(given, given[0].name)


def _united(each: Sequence[Column], name: str) -> Column:
    return Column(
        name,
        each[0].kind,
        min(c.minimum for c in each),
        max(c.maximum for c in each),
        any(c.nullable for c in each),
    )


def _label(rel: Owned) -> str:
    """A name for the fragment: the table that it reads first, at its owner."""
    table = rel.query.find(exp.Table)
    return rel.owner if table is None else f"{rel.owner}_{table.name}"
