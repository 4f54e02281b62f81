"""Groups over joint rows: by their spine's owner where that knows the keys, else by a sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.relational.algebra import Aggregated, Group, at_leaves, combinations, known
from mpcstats.plan.relational.attributed import Apart, told_apart
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.forms import placed
from mpcstats.plan.relational.fragments import Leaf
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.wants import LARGEST, Want, natural
from mpcstats.plan.tables import Call, Column, Node, Null, Number, Reference

SUMMABLE = frozenset({"count", "sum"})


class Grouping:
    """One Group node as steps."""

    def __init__(self, lowering: Draft, group: Group, wants: Sequence[Want]) -> None:
        self._lowering = lowering
        self._group = group
        self._wants = wants
        self._facts = group.input.facts
        self._apart: Mapping[str, Apart] = {}
        self._summed_bits: set[str] = (
            set()
        )  # the columns with sums of bits, of which it is asked whether they are 0

    def table(self) -> Table:
        """The table of groups with what is wanted."""
        group, lowering = self._group, self._lowering
        asked = {want.name for want in self._wants}
        wanted = [a for a in group.aggregates if a.name in asked]
        keys = [natural(key, self._facts[key]) for key in group.keys]
        inner = Wanted()
        ask = Scalars(lowering.context, self._facts, group.input.rows, inner)
        at_hand = at_leaves(group.input)
        self._apart = told_apart(group, wanted, at_hand, lowering.names)
        for aggregate in wanted:
            if aggregate.name not in self._apart:
                self._of(ask, aggregate)
        table = lowering.lower(
            group.input, (*inner.wants, *(k for k in keys if k.name not in at_hand))
        )
        owned = (
            table.spine is not None
            and all(key in table.own for key in group.keys)
            and all(a.kind in SUMMABLE or self._of_bits(a) for a in wanted)
        )
        if not owned:
            self._apart = {}
        table, aggregates = self._computed(table, [a for a in wanted if a.name not in self._apart])
        return self._step(table, keys, wanted, aggregates, owned=owned)

    def _of_bits(self, aggregate: Aggregated) -> bool:
        """Whether it is the greatest of numbers that are 0 or 1: 1 where their sum is not 0."""
        if aggregate.kind != "max" or aggregate.of is None:
            return False
        return known(aggregate.of, self._group.input).bounded == (0, 1)

    def _of(self, scalars: Scalars, aggregate: Aggregated) -> Node | None:
        if aggregate.of is None:
            return None
        about = scalars.fact(aggregate.of)
        if aggregate.kind == "count":
            if not about.nullable:
                return None
            return scalars.flag(
                exp.Not(this=exp.Is(this=aggregate.of.copy(), expression=exp.Null()))
            )
        if aggregate.kind in ("min", "max", "distinct"):
            return scalars.natural(aggregate.of)[0]
        return scalars.value(aggregate.of)

    def _computed(
        self, table: Table, wanted: Sequence[Aggregated]
    ) -> tuple[Table, list[tuple[Aggregated, str | None]]]:
        """The table with a column for each operand, and their names."""
        lowering = self._lowering
        scalars = lowering.scalars(self._group.input, table)
        columns: list[tuple[Want, Column, Node]] = []
        found: list[tuple[Aggregated, str | None]] = []
        for aggregate in wanted:
            node = self._of(scalars, aggregate)
            if node is None or isinstance(node, Reference):
                found.append((aggregate, None if node is None else node.name))
                continue
            fact = scalars.fact(aggregate.of) if aggregate.of is not None else None
            if aggregate.kind == "count":
                shared = Column(lowering.names.fresh(f"{aggregate.name}_of"), "flag", 0, 1)
            else:
                want = (
                    natural(aggregate.name, fact)
                    if fact is not None
                    else Want(aggregate.name, "number")
                )
                shared = lowering.shape(want, {aggregate.name: fact} if fact is not None else {})
            columns.append((Want(shared.name, "number"), shared, node))
            found.append((aggregate, shared.name))
        return (lowering.derive([table], columns) if columns else table), found

    def _step(
        self,
        table: Table,
        keys: Sequence[Want],
        wanted: Sequence[Aggregated],
        operands: Sequence[tuple[Aggregated, str | None]],
        *,
        owned: bool,
    ) -> Table:
        group, lowering = self._group, self._lowering
        rows = max(1, min(group.rows, table.rows))
        aggregates: list[tables.Aggregate] = []
        results: dict[Want, tuple[Column, str | None]] = {}
        columns = {c.name: c for c in table.columns.values()}
        for aggregate, of in operands:
            made, counted = self._aggregate(aggregate, of, columns, aggregates)
            for want in self._wants:
                if want.name == aggregate.name:
                    results[want] = (made, counted)
        own = table.spine
        flags = self._flags(table, own) if own is not None else {}
        results |= self._parts(wanted, flags, {a.name: of for a, of in operands}, aggregates)
        if owned and own is not None:
            rows = max(1, min(rows, combinations(own.rel, [table.own[k.name] for k in keys])))
            given = tuple(
                own.column(replace(key, name=table.own[key.name]), lowering.names, lowering.context)
                for key in keys
            )
            step: tables.TableStep = tables.GroupOwned(
                lowering.name("group"),
                table.step,
                own.name,
                given,
                tuple(aggregates),
                rows,
                tuple(flags.values()),
            )
        else:
            given = tuple(lowering.get(table, key, self._facts) for key in keys)
            step = tables.Group(lowering.name("group"), table.step, given, tuple(aggregates), rows)
        lowering.steps.append(step)
        found = dict(zip(keys, given, strict=True))
        result = Table(
            lowering.keys_checked(step) if isinstance(step, tables.GroupOwned) else step.name,
            rows,
            {
                **found,
                **{
                    want: made
                    for want, (made, counted) in results.items()
                    if counted is None
                    and want.form not in ("known", "flag")
                    and made.name not in self._summed_bits
                },
            },
        )
        return self._finished(result, found, results)

    def _finished(
        self,
        result: Table,
        keys: dict[Want, Column],
        results: dict[Want, tuple[Column, str | None]],
    ) -> Table:
        """NULL where a group has no value, and keys in other forms that are wanted."""
        lowering, facts = self._lowering, self._group.facts
        columns: list[tuple[Want, Column, Node]] = []
        for want, (made, counted) in results.items():
            some: Node = (
                Number(1) if counted is None else Call("lt", (Number(0), Reference(counted)))
            )
            if want.form == "known":
                columns.append((want, lowering.shape(want, facts), some))
            elif want.form == "flag":
                flag = Call("lt", (Number(0), Reference(made.name)))
                node = flag if counted is None else Call("if", (some, flag, Null()))
                columns.append((want, lowering.shape(want, facts), node))
            elif made.name in self._summed_bits:
                any_of = Call("lt", (Number(0), Reference(made.name)))
                shared = Column(
                    lowering.names.fresh(want.name), "number", 0, 1, counted is not None
                )
                node = any_of if counted is None else Call("if", (some, any_of, Null()))
                columns.append((want, shared, node))
            elif counted is not None:
                shared = replace(made, name=lowering.names.fresh(want.name), nullable=True)
                columns.append((want, shared, Call("if", (some, Reference(made.name), Null()))))
        for want in self._wants:
            if want in result.columns or want in results:
                continue
            source = keys.get(natural(want.name, facts[want.name]))
            if source is None:
                raise InternalError(f"expected {want.name} to be a column of a group")
            columns.append((want, *self._recoded(want, source, facts)))
        return lowering.derive([result], columns) if columns else result

    def _recoded(self, want: Want, source: Column, facts: object) -> tuple[Column, Node]:
        lowering = self._lowering
        own = self._group.facts
        if want.form == "known":
            return lowering.shape(want, own), Call(
                "not", (Call("isnull", (Reference(source.name),)),)
            )
        if want.form == "code" and source.kind == "number":
            base = natural(want.name, own[want.name])
            if base.form == "code":
                places = {label: i for i, label in enumerate(want.labels)}
                node: Node = Null()
                for i, label in reversed(list(enumerate(base.labels))):
                    node = Call(
                        "if",
                        (
                            Call("eq", (Reference(source.name), Number(i))),
                            Number(places[label]),
                            node,
                        ),
                    )
                return lowering.shape(want, own), node
            return lowering.shape(want, own), placed(Reference(source.name), want)
        raise InternalError(
            f"expected a key of a group in a form that {want.name} has, got {want.form}"
        )

    def _flags(self, table: Table, own: Leaf) -> dict[str, Column]:
        """The owner's columns that tell the groups' rows apart, by name."""
        lowering = self._lowering
        names = {name for apart in self._apart.values() for name in apart.flags}
        ordered = sorted(names, key=lambda name: int(name.rpartition("_")[2]))
        return {
            name: own.column(Want(table.own[name], "number"), lowering.names, lowering.context)
            for name in ordered
        }

    def _parts(
        self,
        wanted: Sequence[Aggregated],
        flags: Mapping[str, Column],
        operands: Mapping[str, str | None],
        aggregates: list[tables.Aggregate],
    ) -> dict[Want, tuple[Column, str | None]]:
        """The columns of the rows that flags tell apart, none of which is NULL; their aggregates join `aggregates`."""
        found: dict[Want, tuple[Column, str | None]] = {}
        for aggregate in wanted:
            if aggregate.name in self._apart:
                apart = self._apart[aggregate.name]
                made = self._part(aggregate, apart, flags, operands, aggregates)
                found |= {w: (made, None) for w in self._wants if w.name == aggregate.name}
        return found

    def _part(
        self,
        aggregate: Aggregated,
        apart: Apart,
        flags: Mapping[str, Column],
        operands: Mapping[str, str | None],
        aggregates: list[tables.Aggregate],
    ) -> Column:
        """The aggregate's column, of the rows that a flag tells apart."""
        fresh = self._lowering.names.fresh(aggregate.name)
        where = flags[apart.flag].name
        if apart.whole is None:
            made = Column(fresh, "number", 0, max(1, self._group.input.rows))
            self._summed_bits.add(fresh)
            aggregates.append(tables.Aggregate(made, "count", None, where))
            return made
        low, high = self._group.facts[aggregate.name].bounded or (0, 0)
        made = Column(fresh, "number", min(0, low), max(0, high))
        aggregates.append(tables.Aggregate(made, "sum", operands[apart.whole], where))
        return made

    def _aggregate(
        self,
        aggregate: Aggregated,
        of: str | None,
        columns: dict[str, Column],
        aggregates: list[tables.Aggregate],
    ) -> tuple[Column, str | None]:
        """The aggregate's column, and that of the number of known values if it may be 0."""
        lowering, rows = self._lowering, self._group.input.rows
        fresh = lowering.names.fresh(aggregate.name)
        fact = self._group.facts[aggregate.name]
        if aggregate.kind in ("count", "distinct"):
            made = Column(fresh, "number", 0, max(1, rows))
            # A count of a column is the sum of the flags that it is not NULL.
            flags = aggregate.kind == "count" and of is not None
            aggregates.append(tables.Aggregate(made, "sum" if flags else aggregate.kind, of))
            return made, None
        if of is None:
            raise InternalError(f"expected an operand of {aggregate.kind}, got none")
        source = columns[of]
        if aggregate.kind == "sum":
            bounded = fact.bounded
            if bounded is None or max(map(abs, bounded)) >= LARGEST:
                raise lowering.refuse(
                    aggregate.name,
                    f"{lowering.names.said(aggregate.name)} may reach beyond 2^62: state tighter bounds in "
                    "the catalogue",
                )
            made = Column(fresh, "number", min(0, bounded[0]), max(0, bounded[1]))
        elif self._of_bits(aggregate):
            made = Column(fresh, "number", 0, max(1, rows))
            self._summed_bits.add(fresh)
        elif aggregate.kind in ("min", "max"):
            if source.kind == "digest":
                raise lowering.refuse(
                    aggregate.name,
                    f"the {aggregate.kind} of a text over several owners' rows is not known: state the text's "
                    "domain in the catalogue",
                )
            # The least and the greatest of flags are numbers, of which flags are made again (_finished).
            kind = "number" if source.kind == "flag" else source.kind
            made = replace(source, kind=kind, name=fresh, nullable=False)
        else:
            raise lowering.refuse(
                aggregate.name,
                f"{lowering.names.said(aggregate.name)} in a sub-query over several owners' rows is not supported",
            )
        taken: tables.Aggregation = "sum"
        if fresh not in self._summed_bits and aggregate.kind in ("min", "max"):
            taken = "min" if aggregate.kind == "min" else "max"
        aggregates.append(tables.Aggregate(made, taken, of))
        if not source.nullable:
            return made, None
        counted = Column(lowering.names.fresh(f"{aggregate.name}_known"), "number", 0, max(1, rows))
        aggregates.append(tables.Aggregate(counted, "count", of))
        return made, counted.name
