"""The outer SELECT as steps: rows into cells, what is counted and summed there, and what of it may be opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial

from sqlglot import exp

from mpcstats.plan import tables
from mpcstats.plan.cells import Label
from mpcstats.plan.facts import Fact
from mpcstats.plan.interval import interval
from mpcstats.plan.physical import OutputColumn
from mpcstats.plan.relational.algebra import Aggregated, Answer, Expr, known
from mpcstats.plan.relational.attributed import attributed, cells_of, told_by_keys
from mpcstats.plan.relational.counting import ROWS, Cells, Counting
from mpcstats.plan.relational.draft import Draft, Table
from mpcstats.plan.relational.forms import placed
from mpcstats.plan.relational.naming import shown
from mpcstats.plan.relational.opening import Key, Opening
from mpcstats.plan.relational.scalars import Scalars, Wanted
from mpcstats.plan.relational.supporting import Supporting
from mpcstats.plan.relational.totals import Totals
from mpcstats.plan.relational.wants import Want, natural, ordered
from mpcstats.plan.relational.whose import wants_person
from mpcstats.plan.tables import Call, Column, Node, Number, Reference

MOST_CELLS = 4096


class Answering:
    """One answer as steps."""

    def __init__(self, draft: Draft, answer: Answer) -> None:
        self._draft = draft
        self._answer = answer
        self._rel = answer.input
        self._facts = answer.input.facts
        self._told = told_by_keys(answer, draft.names)

    def outcome(self) -> tuple[tables.Outcome, tuple[OutputColumn, ...]]:
        """The last step before the gate, and the columns of the answer."""
        draft = self._draft
        if self._answer.sets:
            Totals(draft, self._answer, MOST_CELLS).check()
        table = draft.lower(self._rel, self._wants())
        keys = self._keys(table)
        table, cell, count = self._with_cell(table, keys)
        table, operands, flags = self._operands(table)
        behind = self._behind(table, cell, count, flags)
        tallied: Sequence[Column] = ()
        if behind is not None:
            table, tallied = behind.prepared()
        counting = Counting(draft, self._answer, table, cell, count)
        labels = {key.name: key.labels for key in keys}
        for name, told in self._told.items():
            counting.only[name] = cells_of(draft.names.institutions[name], told, labels)
        cells = counting.cells(operands, self._counts(), tallied)
        persons, supports, rests = self._persons(behind, cells)
        if not self._answer.sets:
            opening = Opening(draft, self._answer, cells, count)
            return opening.outcome(keys, persons, supports, rests)
        if draft.context.rounding > 1:
            raise draft.context.refuse(
                None, "totals of rounded cells do not add up: ask for cells or for totals alone"
            )
        totals = Totals(draft, self._answer, MOST_CELLS)
        beside = totals.beside(cells, keys)
        whole, count = totals.added(cells, keys)
        opening = Opening(draft, self._answer, cells, count)
        found, output = opening.outcome(whole, persons, supports, rests)
        return replace(found, beside=beside), output

    def _wants(self) -> list[Want]:
        answer, draft = self._answer, self._draft
        found = Wanted()
        ask = Scalars(draft.context, self._facts, self._rel.rows, found)
        for name, node in answer.keys:
            self._key(ask, name, node)
        for aggregate in answer.aggregates:
            self._operand(ask, self._summed(aggregate))
        wants = dict(found.wants)
        for name in self._counts():
            wants[Want(name, "number")] = None
        if draft.context.persons:
            for test in self._tests().values():
                ask.flag(test)
            wants |= found.wants
            wants |= dict.fromkeys(wants_person(answer, draft.context))
        return list(wants)

    def _counts(self) -> list[str]:
        """The columns with numbers of persons that owners have counted, and of rows of institutions."""
        return [
            name
            for name in dict.fromkeys(
                [
                    *self._answer.counted,
                    *(n for names in self._answer.backed for n in names),
                    *(n for names in self._answer.institutions for n in names),
                ]
            )
            if name not in self._told
        ]

    def _summed(self, aggregate: Aggregated) -> Aggregated:
        """The aggregate over all rows of which a sum that is attributed to an institution is a part.

        It is a part of it where a key tells institutions apart, and where there are flags: as the step sums under
        these, they become numbers once, and in one cell no product is taken.
        """
        found = attributed(aggregate)
        if found is None or found.amount is None:
            return aggregate
        told = found.institution in self._told or found.institution in self._counts()
        return replace(aggregate, of=found.amount) if told else aggregate

    def _key(self, scalars: Scalars, name: str, node: Expr) -> Key:
        known = scalars.fact(node)
        labels = self._labels(node, known)
        plain = node.unnest()
        if isinstance(plain, exp.Column) and known.kind != "boolean" and known.labels is not None:
            code = scalars.find(Want(plain.name, "code", labels))
        elif known.kind == "text":
            code = scalars.value(node, labels)
        elif known.kind == "boolean":
            code = scalars.flag(node)
        else:
            code = placed(scalars.value(node), Want(name, "code", labels))
        if known.nullable:
            return Key(name, (*labels, None), Call("coalesce", (code, Number(len(labels)))))
        return Key(name, labels, code)

    def _labels(self, node: Expr, known: Fact) -> tuple[Label, ...]:
        context = self._draft.context
        if known.kind == "boolean":
            return (False, True)
        if known.labels is not None and known.kind in ("integer", "text"):
            return ordered(known.labels)
        bounded = known.bounded
        if bounded is not None and bounded[1] - bounded[0] < MOST_CELLS:
            return tuple(range(bounded[0], bounded[1] + 1))
        raise context.refuse(
            node,
            f"the cells of an answer are public, so the values of {shown(node)} must be: state its "
            "domain in the catalogue, or group by CASE WHEN ... THEN 'label' ... ELSE 'label' END",
        )

    def _keys(self, table: Table) -> list[Key]:
        scalars = self._draft.scalars(self._rel, table)
        keys = [self._key(scalars, name, node) for name, node in self._answer.keys]
        count = 1
        for key in keys:
            count *= len(key.labels)
        if count > MOST_CELLS:
            raise self._draft.context.refuse(
                self._answer.keys[0][1], f"expected at most {MOST_CELLS} cells, got {count}"
            )
        return keys

    def _with_cell(self, table: Table, keys: Sequence[Key]) -> tuple[Table, str | None, int]:
        """The table with the number of each row's cell, the last key running fastest."""
        draft = self._draft
        if not keys:
            return table, None, 1
        code, count = keys[0].code, len(keys[0].labels)
        for key in keys[1:]:
            code = Call("add", (Call("mul", (code, Number(len(key.labels)))), key.code))
            count *= len(key.labels)
        shared = Column(draft.names.fresh("cell"), "number", 0, count - 1)
        beside = {column.name: column for column in table.columns.values()}
        if interval(code, beside).nullable:
            # It is NULL only in rows that are not there.
            code = Call("coalesce", (code, Number(0)))
        if isinstance(code, Reference):
            return table, code.name, count
        return (
            draft.derive([table], [(Want(shared.name, "number"), shared, code)], name="cell"),
            shared.name,
            count,
        )

    def _operand(self, scalars: Scalars, aggregate: Aggregated) -> Node | None:
        of = aggregate.of
        if of is None:
            return None
        about = scalars.fact(of)
        if aggregate.kind == "count":
            return None if not about.nullable else scalars.flag(_not_null(of))
        if aggregate.kind == "distinct":
            return scalars.natural(of)[0]
        if about.kind != "integer":
            raise self._draft.refuse(
                aggregate.name,
                f"{self._draft.names.said(aggregate.name)}: expected a whole number, got {about.kind}",
            )
        return scalars.value(of)

    def _operands(self, table: Table) -> tuple[Table, dict[str, str], dict[Expr, str]]:
        """The table with a column for the operand of each aggregate, and a flag for each condition; their names.

        An aggregate that counts rows has no operand. What is asked for twice is computed once.
        """
        draft = self._draft
        scalars = draft.scalars(self._rel, table)
        computed: list[tuple[Want, Column, Node]] = []
        made: dict[Node, str] = {}

        def placed(node: Node, shape: Callable[[], Column]) -> str:
            if isinstance(node, Reference):
                return node.name
            if node not in made:
                shared = shape()
                computed.append((Want(shared.name, "number"), shared, node))
                made[node] = shared.name
            return made[node]

        found: dict[str, str] = {}
        for aggregate in map(self._summed, self._answer.aggregates):
            node = self._operand(scalars, aggregate)
            if node is not None and aggregate.kind == "sum" and (bit := _as_bit(node)) is not None:
                found[aggregate.name] = placed(bit, self._flag)
            elif node is not None:
                found[aggregate.name] = placed(node, partial(self._shaped, aggregate, scalars))
        for name in self._counts():
            shared = draft.get(table, Want(name, "number"), self._facts)
            node = Reference(shared.name)
            if shared.nullable:  # of a row that is not there; once for all sums over it
                zero = replace(shared, name=draft.names.fresh(name), nullable=False)
                found[name] = placed(Call("coalesce", (node, Number(0))), partial(_same, zero))
            else:
                found[name] = placed(node, partial(_same, shared))
        flags = {}
        known = {c.name for want, c in table.columns.items() if want.form == "known"}
        # Whatever is known of rows: a step before may have made NULL possible. Where it is not, this costs nothing.
        for test in dict.fromkeys(self._tests().values()):
            told = scalars.flag(test)
            # Of a row that fails a check even that is NULL.
            if draft.context.checked or not _told_always(told, known):
                told = _as_bit(told) or Call("coalesce", (told, Number(0)))
            flags[test] = placed(told, self._flag)
        table = draft.derive([table], computed, name="operands") if computed else table
        return table, found, flags

    def _flag(self) -> Column:
        return Column(self._draft.names.fresh("contributes"), "flag", 0, 1)

    def _shaped(self, aggregate: Aggregated, scalars: Scalars) -> Column:
        draft = self._draft
        if aggregate.kind == "count" or aggregate.of is None:
            return Column(draft.names.fresh(aggregate.name), "flag", 0, 1)
        known = scalars.fact(aggregate.of)
        return draft.shape(natural(aggregate.name, known), {aggregate.name: known})

    def _behind(
        self, table: Table, cell: str | None, count: int, flags: Mapping[Expr, str]
    ) -> Supporting | None:
        """How the persons of cells are counted on shares; None where one is enough, or owners count them."""
        answer, draft = self._answer, self._draft
        if answer.counted or not draft.context.persons:
            return None
        if answer.person is None:
            raise draft.context.refuse(
                None,
                "no column names the persons behind the rows, and the gate counts the persons of a cell: "
                "keep a person key in the sub-query",
            )
        columns = {shared.name: shared for shared in table.columns.values()}
        inside = [columns[name] for name in flags.values()]
        return Supporting(draft, answer, answer.person, table, cell, count, inside)

    def _persons(
        self, behind: Supporting | None, cells: Cells
    ) -> tuple[tuple[str, ...], dict[str, str], dict[str, Node]]:
        """Columns none of which is more than a cell's persons; by aggregate, those who contribute, and who do not."""
        if self._answer.counted:
            return self._counted(cells)
        if behind is None:
            return (cells.plain(ROWS).name,), {}, {}
        tests = self._tests()
        conditions = list(dict.fromkeys(tests.values()))
        counts = behind.counted(cells)
        persons, *supports = counts
        named = {name: supports[conditions.index(test)].name for name, test in tests.items()}
        left = behind.rests(cells, counts) if self._draft.context.complement else []
        rests = {name: left[conditions.index(test)] for name, test in tests.items() if left}
        return (persons.name,), named, rests

    def _counted(self, cells: Cells) -> tuple[tuple[str, ...], dict[str, str], dict[str, Node]]:
        """The persons where each owner has counted its own: of those who do not contribute, the most at one owner."""
        answer = self._answer
        persons = tuple(cells.plain(name).name for name in answer.counted)
        supports: dict[str, str] = {}
        rests: dict[str, Node] = {}
        for aggregate, names in zip(answer.aggregates, answer.backed, strict=False):
            if not names:
                continue
            supports[aggregate.name] = self._largest(cells, names)
            own = [Reference(cells.plain(name).name) for name in names]
            left = [Call("sub", (Reference(a), b)) for a, b in zip(persons, own, strict=True)]
            rests[aggregate.name] = left[0] if len(left) == 1 else Call("greatest", tuple(left))
        return persons, supports, rests

    def _tests(self) -> dict[str, Expr]:
        """For each aggregate to which not all rows contribute, which do."""
        if not self._draft.context.persons or self._answer.counted or self._answer.person is None:
            return {}
        found = {}
        for aggregate in self._answer.aggregates:
            if aggregate.hidden:
                continue
            if aggregate.support is not None:
                found[aggregate.name] = aggregate.support
            elif aggregate.of is not None and known(aggregate.of, self._rel).nullable:
                found[aggregate.name] = _not_null(aggregate.of)
        return found

    def _largest(self, cells: Cells, names: Sequence[str]) -> str:
        """A column with the largest of some."""
        columns = [cells.plain(name) for name in names]
        if len(columns) == 1:
            return columns[0].name
        most = max(shared.maximum for shared in columns)
        largest = Column(self._draft.names.fresh("cell_support"), "number", 0, most)
        node = Call("greatest", tuple(Reference(shared.name) for shared in columns))
        computed = [(Want(largest.name, "number"), largest, node)]
        cells.tables[:] = [self._draft.derive(cells.tables, computed, name="support")]
        cells.columns[largest.name] = largest
        return largest.name


def _as_bit(node: Node) -> Node | None:
    """The condition of a choice between 1 and 0, false where it is NULL; None of anything else."""
    if isinstance(node, Call) and node.op == "if" and node.args[1:] == (Number(1), Number(0)):
        return Call("coalesce", (node.args[0], Number(0)))
    return None


def _told_always(node: Node, known: Set[str]) -> bool:
    """Whether it says of a value if it is NULL, as the columns `known` do, and so is not NULL itself."""
    while isinstance(node, Call) and node.op == "not":
        node = node.args[0]
    if isinstance(node, Reference):
        return node.name in known
    return isinstance(node, Call) and node.op == "isnull"


def _same(shared: Column) -> Column:
    return shared


def _not_null(node: Expr) -> Expr:
    return exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null()))
