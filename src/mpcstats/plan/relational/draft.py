"""A relational plan in the making: its fragments and steps, and the shared tables that these make."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.context import Context
from mpcstats.plan.physical import Fragment
from mpcstats.plan.relational.algebra import Expr, Facts, Owned, Rel, Union
from mpcstats.plan.relational.checkpoint import Checkpoint, agreeing, every, rows_a_person, within
from mpcstats.plan.relational.fragments import Leaf, fragment, unbounded
from mpcstats.plan.relational.naming import Names
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.wants import Want, shaped
from mpcstats.plan.tables import LEAST_DIGEST, Call, Column, Node, Number, Reference

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
class Draft(ABC):
    """The steps and fragments so far."""

    context: Context
    names: Names
    steps: list[Step] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    gives: dict[str, tuple[Leaf, ...]] = field(default_factory=dict)
    checks: dict[str, tuple[str, tuple[Node, ...]]] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    taken: Names = field(default_factory=Names)

    @abstractmethod
    def lower(self, rel: Rel, wants: Iterable[Want]) -> Table:
        """The table of `rel` with the columns that are wanted."""

    def refuse(self, name: str, message: str) -> Exception:
        """The error that `message` is true of the column `name`."""
        return self.context.refuse(self.names.place(name), message)

    def fragments(self) -> tuple[Fragment, ...]:
        """The fragments, when all has been asked of them."""
        compared = any(names_text(node) for step in self.steps for node in nodes_of(step))
        return tuple(fragment(leaf, self.context, compared=compared) for leaf in self.leaves)

    def finished(self) -> tuple[Step, ...]:
        """The steps, with all columns that the fragments put in, and the checks of these."""
        return tuple(self._finished(step) for step in self.steps)

    def _finished(self, step: Step) -> Step:
        if isinstance(step, tables.Give):
            return replace(step, columns=tuple(self.gives[step.name][0].given))
        if isinstance(step, tables.Derive) and step.name in self.checks:
            give, holds = self.checks[step.name]
            leaf = self.gives[give][0]
            passes = every((*within(leaf.given), *agreeing(leaf.wanted, leaf.given), *holds))
            return replace(step, columns=(replace(step.columns[0], node=Call("not", (passes,))),))
        return step

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
            shared = _widest(each, want, self.names, self.context)
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
            raise unbounded(want.name, self.names, self.context)
        return found

    def give(self, parts: tuple[Owned, ...], wants: Sequence[Want], facts: Facts) -> Table:
        """The rows of the owners' fragments `parts`, one part after another, put in as shares."""
        leaves = tuple(self.leaf(part) for part in parts)
        step = self._put_in(leaves, leaves)
        return self._table(step, leaves, wants, facts)

    def give_checked(self, rel: Rel, holds: Expr | None, wants: Sequence[Want]) -> Table:
        """The rows of the owned relation or union `rel`, of each owner those whose numbers lie in their bounds, and of
        which `holds` is true.
        """
        parts = rel.parts if isinstance(rel, Union) else (rel,)
        leaves = tuple(self.leaf(part) for part in parts if isinstance(part, Owned))
        steps = []
        for leaf in leaves:
            give = self._put_in((leaf,), leaves)
            # What is put in is known when all has been asked of it (finished).
            found = self.checked(
                give, Number(1), leaf.owner, leaf.rel.rows, rows_a_person(leaf.rel)
            )
            self.checks[self.checkpoints[-1].step] = (give, ())
            steps.append(found)
        step = steps[0]
        if len(steps) > 1:
            step = self.name("stack")
            self.steps.append(tables.Stack(step, tuple(steps)))
        table = self._table(step, leaves, wants, rel.facts)
        if holds is not None:
            node = known_true(self.scalars(rel, table), holds)
            for point in self.checkpoints[-len(leaves) :]:
                self.checks[point.step] = (self.checks[point.step][0], (node,))
        return table

    def checked(self, of: str, passes: Node, owner: str, rows: int, most: int | None = None) -> str:
        """The step with the rows of the table `of` for which `passes` is true; those of `owner` that fail are noted."""
        fails = Column(self.names.fresh(f"{owner}_fails"), "flag", 0, 1)
        flagged, kept = self.name(f"inspected_{of}"), self.name(f"checked_{of}")
        computed = tables.Computed(fails, Call("not", (passes,)))
        self.steps.append(tables.Derive(flagged, (of,), (computed,)))
        self.steps.append(
            tables.Derive(kept, (flagged,), (), Call("not", (Reference(fails.name),)))
        )
        self.checkpoints.append(Checkpoint(owner, flagged, fails.name, rows, most))
        return kept

    def keys_checked(self, step: tables.GroupOwned) -> str:
        """The step whose groups are those of `step` of which the owner has put in keys within their bounds."""
        conditions = within(step.keys) if self.context.checked else []
        if not conditions:
            return step.name
        owner = next(leaf.owner for leaf in self.leaves if leaf.name == step.fragment)
        return self.checked(step.name, every(conditions), owner, step.groups)

    def _put_in(self, own: Sequence[Leaf], leaves: tuple[Leaf, ...]) -> str:
        """The step that puts in the rows of the fragments `own`, with the columns that all of `leaves` have."""
        step = self.name(f"give_{own[0].name}")
        self.steps.append(tables.Give(step, tuple(leaf.name for leaf in own), ()))
        self.gives[step] = leaves
        return step

    def _table(
        self, step: str, leaves: tuple[Leaf, ...], wants: Sequence[Want], facts: Facts
    ) -> Table:
        rows = sum(leaf.rel.rows for leaf in leaves)
        table = Table(step, rows, {}, leaves, {name: name for name in facts})
        for want in wants:
            self.get(table, want, facts)
        return table

    def stack(self, parts: Sequence[Table], wants: Sequence[Want]) -> Table:
        """The rows of all parts, which have what is wanted, one part after another."""
        columns = {
            want: united([part.columns[want] for part in parts], self.names.fresh(want.name))
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


def known_true(scalars: Scalars, condition: Expr) -> Node:
    """The condition, false where it is not known."""
    node = scalars.flag(condition)
    return Call("coalesce", (node, Number(0))) if scalars.fact(condition).nullable else node


def _widest(each: Sequence[Column | None], want: Want, names: Names, context: Context) -> Column:
    given = [shared for shared in each if shared is not None]
    if len(given) != len(each):
        raise unbounded(want.name, names, context)
    return united(given, given[0].name)


def united(each: Sequence[Column], name: str) -> Column:
    """A column that can hold what any of `each` holds."""
    return Column(
        name,
        each[0].kind,
        min(c.minimum for c in each),
        max(c.maximum for c in each),
        any(c.nullable for c in each),
        all(c.counts for c in each),
    )


def _label(rel: Owned) -> str:
    """A name for the fragment: the table that it reads first, at its owner."""
    table = rel.query.find(exp.Table)
    return rel.owner if table is None else f"{rel.owner}_{table.name}"


def nodes_of(step: Step) -> tuple[Node, ...]:
    """The expressions of a step."""
    if not isinstance(step, tables.Derive):
        return ()
    kept = () if step.keep is None else (step.keep,)
    return (*(computed.node for computed in step.columns), *kept)


def names_text(node: Node) -> bool:
    """Whether the expression has the digest of a text that the question names; numbers are smaller than digests."""
    if isinstance(node, Call):
        return any(names_text(part) for part in node.args)
    return isinstance(node, Number) and node.value >= LEAST_DIGEST
