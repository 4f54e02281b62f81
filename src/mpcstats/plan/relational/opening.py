"""What of an answer may be opened: totals and quotients of cells, who appears, and the persons behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Literal

from sqlglot import exp

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.cells import GroupKey, Label, Total
from mpcstats.plan.interval import interval
from mpcstats.plan.physical import OutputColumn
from mpcstats.plan.relational.algebra import Aggregated, Answer, Expr, column, columns_of
from mpcstats.plan.relational.counting import Cells
from mpcstats.plan.relational.draft import Draft
from mpcstats.plan.relational.scalars import Ratio, Scalars
from mpcstats.plan.relational.wants import LARGEST, Want
from mpcstats.plan.tables import MOST_CONTRIBUTED, Backing, Call, Column, Node, Number, Reference

FRACTION = 10**tables.FRACTION_DIGITS


@dataclass(frozen=True, slots=True)
class Key:
    """A group key: its labels, None among them if it may be NULL, and its place among them."""

    name: str
    labels: tuple[Label, ...]
    code: Node


class Opening:
    """The outputs of one answer over its cells, of which there are `count`."""

    def __init__(self, draft: Draft, answer: Answer, cells: Cells, count: int) -> None:
        self._draft = draft
        self._answer = answer
        self._cells = cells
        self._count = count
        self._scalars = Scalars(
            draft.context, cells.facts, answer.input.rows, lambda want: self._told(want.name)
        )
        self._rounded = Scalars(
            draft.context, cells.facts, answer.input.rows, lambda want: self._multiple(want.name)
        )
        self._computed: list[tuple[Want, Column, Node]] = []
        self._quotients: list[tables.Quotient] = []
        self._totals: list[Total] = []
        # Counts of rows, of persons, of ones: what rounding is about.
        self._counts = frozenset(a.name for a in answer.aggregates if a.counts)
        # Those that may be rounded: at the ends one is an extreme, whose rank nothing makes up for.
        self._quantiles = frozenset(
            a.name for a in answer.aggregates if a.at is not None and 0 < a.at[0] < a.at[1]
        )

    def outcome(
        self,
        keys: Sequence[Key],
        persons: tuple[str, ...],
        supports: Mapping[str, str],
        rests: Mapping[str, Node],
    ) -> tuple[tables.Outcome, tuple[OutputColumn, ...]]:
        """The last step before the gate, and the columns of the answer.

        `persons` are columns of cells none of which is more than a cell's persons; by aggregate, `supports` are those
        with the persons who contribute, `rests` the numbers of those who do not.
        """
        answer = self._answer
        positions = {key.name: i for i, key in enumerate(keys)}
        output = tuple(self._output(item.name, item.node, positions) for item in answer.outputs)
        amounts = self._amounts()
        backing = [self._backing(item.node, supports, rests) for item in answer.outputs]
        appears = self._appears()
        step = self._step()
        found = tables.Outcome(
            self._draft.name("outcome"),
            step,
            tuple(GroupKey(step, key.name, key.labels) for key in keys),
            tuple(self._totals),
            persons,
            _by_total(output, backing, len(self._totals)),
            tuple(self._institutions(names) for names in answer.institutions),
            amounts,
            appears,
        )
        return found, output

    def _institutions(self, names: Sequence[str]) -> tables.Institutions:
        """The columns with the rows of each institution of one dataset."""
        known = self._draft.names.institutions
        return tables.Institutions(
            tuple(known.get(name) for name in names),
            tuple(self._cells.plain(name).name for name in names),
        )

    def _amounts(self) -> tuple[tables.Amount, ...]:
        """What institutions contribute to the answer's amounts, by size."""
        found = []
        for each in self._answer.contributed:
            given = column(each.aggregate)
            parts = [self._part(name) for name in each.parts]
            total = None if each.total is None else self._absolute(each.total)
            if total is None and parts:
                total = reduce(lambda a, b: Call("add", (a, b)), parts)
            if total is not None:
                total = self._comparable(total)
            found.append(
                tables.Amount(
                    None if total is None else self._placed("amount", total, given).name,
                    tuple(self._placed("contribution", part, given).name for part in parts),
                    each.of,
                )
            )
        return tuple(found)

    def _absolute(self, name: str) -> Node:
        """The absolute value of an aggregate, 0 where that is NULL."""
        node = self._cells.values[name]
        about = interval(node, self._cells.columns)
        if about.nullable:
            node = Call("coalesce", (node, Number(0)))
        if about.minimum < 0:
            node = Call("abs", (node,))
        return node

    def _part(self, name: str) -> Node:
        """What an institution contributes by its size, at most what the gate can compare."""
        node = self._absolute(name)
        if interval(node, self._cells.columns).maximum <= MOST_CONTRIBUTED:
            return node
        return Call("least", (node, Number(MOST_CONTRIBUTED)))

    def _comparable(self, amount: Node) -> Node:
        """An amount, or 1 where it is more than the gate can compare.

        An amount of 1 meets no rule on contributions: whatever the parts are, some of them are more than it allows.
        """
        if interval(amount, self._cells.columns).maximum <= MOST_CONTRIBUTED:
            return amount
        most = Number(MOST_CONTRIBUTED)
        return Call("if", (Call("le", (amount, most)), Call("least", (amount, most)), Number(1)))

    def _step(self) -> str:
        """The step whose columns are all that is opened."""
        draft, given = self._draft, self._cells.tables
        table = given[0]
        if self._computed or len(given) > 1:
            table = draft.derive(given, self._computed, name="outputs")
        if not self._quotients:
            return table.step
        step = draft.name("divide")
        draft.steps.append(tables.Divide(step, table.step, tuple(self._quotients)))
        return step

    def _appears(self) -> str | None:
        having = self._answer.having
        if having is None:
            return None
        shared = Column(self._draft.names.fresh("appears"), "flag", 0, 1)
        condition = Call("coalesce", (self._scalars.flag(having), Number(0)))
        self._computed.append((Want(shared.name, "flag"), shared, condition))
        return shared.name

    def _output(self, name: str, given: Expr, positions: Mapping[str, int]) -> OutputColumn:
        node = given.unnest()
        if isinstance(node, exp.Column) and node.name in positions:
            return OutputColumn(name, "group", positions[node.name])
        if isinstance(node, exp.Grouping):
            return OutputColumn(name, "grouping", positions[node.expressions[0].name])
        kind: Literal["ratio", "root"] = "ratio"
        if isinstance(node, exp.Sqrt):
            kind, node = "root", node.this.unnest()
        if self._told_by(node).fact(node).kind == "boolean":
            raise self._draft.context.refuse(
                given,
                f"{name}: expected a number, got a condition: write CASE WHEN ... THEN 1 ELSE 0 END",
            )
        ratio = self._ratio(node)
        if ratio.over is not None:
            self._divided(name, ratio.top, ratio.over, given)
            return OutputColumn(name, kind, len(self._totals) - 2, len(self._totals) - 1)
        if kind == "root":
            raise self._draft.context.refuse(
                given, f"{name}: a square root of a whole number is not supported"
            )
        shared = self._placed(f"{name}_total", ratio.top, given)
        largest = max(abs(shared.minimum), abs(shared.maximum))
        self._totals.append(Total(shared.name, (), largest))
        return OutputColumn(name, "total", len(self._totals) - 1)

    def _told_by(self, node: Expr) -> Scalars:
        """What an output is computed of: of counts alone, these are rounded where the policy says so."""
        of_counts = all(name in self._counts for name in columns_of(node))
        return self._rounded if self._draft.context.rounding > 1 and of_counts else self._scalars

    def _multiple(self, name: str) -> Node:
        """The nearest multiple of the base to a count, the higher one of two."""
        return nearest(self._cells.values[name], self._draft.context.rounding, 0)

    def _told(self, name: str) -> Node:
        """An aggregate as it may be told: a quantile as the nearest multiple of its base, if it has one."""
        node, base = self._cells.values[name], self._draft.context.quantiles
        if base == 1 or name not in self._quantiles:
            return node
        return nearest(node, base, interval(node, self._cells.columns).minimum)

    def _ratio(self, node: Expr) -> Ratio:
        variance = self._cells.variances.get(node.name) if isinstance(node, exp.Column) else None
        return self._told_by(node).ratio(node) if variance is None else variance

    def _backing(
        self, node: Expr, supports: Mapping[str, str], rests: Mapping[str, Node]
    ) -> Backing:
        """What stands behind an output: the persons of its aggregates, of which the least counts, ranks and amounts."""
        used = sorted(columns_of(node))
        names = dict.fromkeys(supports[c] for c in used if c in supports)
        support = next(iter(names), None)
        if len(names) > 1:
            least = Call("least", tuple(Reference(name) for name in names))
            support = self._placed("support", least, node).name
        left = dict.fromkeys(rests[c] for c in used if c in rests)
        complements = left if self._draft.context.complement else ()
        rounded = self._quantiles if self._draft.context.quantiles > 1 else frozenset()
        ranks = {a.name: _rank(a) for a in self._answer.aggregates if a.name not in rounded}
        found = [rank for c in used if (rank := ranks.get(c)) is not None]
        return Backing(
            support,
            tuple(self._placed("others", each, node).name for each in complements),
            # The one that wants the most values around it; the ends want more than there are.
            max(found, key=_reach, default=None),
            tuple(i for i, each in enumerate(self._answer.contributed) if each.aggregate in used),
        )

    def _divided(self, name: str, numerator: Node, denominator: Node, given: Expr) -> None:
        """A quotient's whole part and fraction, as two totals."""
        names = self._draft.names
        over = self._placed(f"{name}_over", denominator, given)
        top = self._placed(f"{name}_top", numerator, given)
        largest = max(abs(top.minimum), abs(top.maximum))
        negative = min(top.minimum, -top.maximum if over.minimum < 0 else 0) < 0
        bound = largest if largest < LARGEST else self._quotient_bound(largest)
        fresh = names.fresh(f"{name}_whole")
        whole = Column(fresh, "number", -bound if negative else 0, bound, nullable=True)
        fresh = names.fresh(f"{name}_fraction")
        part = Column(fresh, "number", -FRACTION if negative else 0, FRACTION, nullable=True)
        self._quotients.append(tables.Quotient(top.name, over.name, whole, part))
        self._totals += (Total(whole.name, (), whole.maximum), Total(part.name, (), FRACTION))

    def _quotient_bound(self, largest: int) -> int:
        """A variance is at most n / (n - 1) of the square of half the range, and so at most twice the square."""
        rows = max(2, self._answer.input.rows)
        return min(LARGEST - 1, 2 * largest // (rows * rows) + 1)

    def _placed(self, name: str, node: Node, given: Expr) -> Column:
        """The column of cells that holds `node`, which `given` is on shares."""
        columns = self._cells.columns
        if isinstance(node, Reference) and node.name in columns:
            return columns[node.name]
        for _, shared, known in self._computed:
            if known == node:
                return shared
        try:
            about = interval(node, columns)
        except InternalError:
            raise self._draft.context.refuse(
                given, f"{name} may reach beyond 2^62: state tighter bounds in the catalogue"
            ) from None
        low, high = sorted((about.minimum, about.maximum))
        shared = Column(self._draft.names.fresh(name), "number", low, high, about.nullable)
        self._computed.append((Want(shared.name, "number"), shared, node))
        return shared


def nearest(node: Node, base: int, least: int) -> Node:
    """The multiple of `base` that is nearest to `node`, which is at least `least`; the higher one of two."""
    # SQL divides towards 0, and so rounds numbers below 0 the other way: they are moved above it.
    above = -(min(least, 0) // base) * base
    more = Call("add", (node, Number(above + base // 2)))
    found = Call("mul", (Call("floordiv", (more, Number(base))), Number(base)))
    return Call("sub", (found, Number(above))) if above else found


def _rank(aggregate: Aggregated) -> tuple[int, int] | None:
    """Which of the values in their order an aggregate is, if it is one of them."""
    return {"quantile": aggregate.at, "min": (0, 1), "max": (1, 1)}.get(aggregate.kind)


def _reach(rank: tuple[int, int]) -> Fraction:
    """How far a rank is from the middle."""
    return abs(Fraction(*rank) - Fraction(1, 2))


def _by_total(
    output: Sequence[OutputColumn], backing: Sequence[Backing], totals: int
) -> tuple[Backing, ...]:
    """`backing`, one an output column, by the totals that stand behind these; () if nothing is special."""
    found = [Backing()] * totals
    for shown, each in zip(output, backing, strict=True):
        if shown.kind not in ("group", "grouping"):
            found[shown.position] = each
            if shown.by is not None:
                found[shown.by] = each
    return tuple(found) if any(each != Backing() for each in found) else ()
