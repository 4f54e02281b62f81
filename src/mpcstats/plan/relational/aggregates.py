"""The aggregates of a SELECT: taken out of its expressions, each once, AVG and the like in terms of simpler ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from sqlglot import exp

from mpcstats.plan.context import Context
from mpcstats.plan.contributing import contributing
from mpcstats.plan.relational.algebra import Aggregated, AggregateKind, Expr, column
from mpcstats.plan.relational.naming import Names, shown

SUPPORTED = (
    "COUNT(*), COUNT(x), COUNT(DISTINCT x), COUNT_IF(condition), SUM, AVG, MIN, MAX, VAR_SAMP, STDDEV, "
    "QUANTILE_DISC, MEDIAN"
)
OF_TWO = (
    *(exp.Corr, exp.CovarPop, exp.CovarSamp),
    *(exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrSxy),
)
OF_SQUARES = (exp.VariancePop, exp.StddevPop)
MOST_DENOMINATOR = 10_000  # of a quantile's rank


@dataclass(slots=True)
class Aggregates:
    """The aggregates that have been found so far."""

    context: Context
    names: Names
    env: Mapping[str, object]
    found: list[Aggregated] = field(default_factory=list)

    def taken_out(self, node: Expr, keys: Mapping[Expr, Expr]) -> Expr:
        """`node` with columns in place of group keys and aggregates. Raises UsageError for another aggregate."""
        if node in keys:
            return keys[node].copy()
        match node:
            case exp.Grouping():
                return self._grouping(node, keys)
            case exp.Filter():
                condition = node.expression.this
                return self._aggregate(node.this, condition)
            case exp.AggFunc():
                return self._aggregate(node, None)
            case exp.Window():
                raise self.context.refuse(
                    node,
                    f"the window {shown(node)} over groups is not supported: use a sub-query",
                )
        copy = node.copy()
        for name, value in list(copy.args.items()):
            if isinstance(value, exp.Expr):
                copy.set(name, self.taken_out(node.args[name], keys))
            elif isinstance(value, list):
                copy.set(
                    name,
                    [
                        self.taken_out(part, keys) if isinstance(part, exp.Expr) else part
                        for part in node.args[name]
                    ],
                )
        return copy

    def _grouping(self, node: Expr, keys: Mapping[Expr, Expr]) -> Expr:
        if len(node.expressions) != 1 or node.expressions[0] not in keys:
            raise self.context.refuse(node, "expected GROUPING of one key of GROUP BY", "GROUPING")
        return exp.Grouping(expressions=[keys[node.expressions[0]].copy()])

    def _aggregate(self, node: Expr, condition: Expr | None) -> Expr:
        inner = node.this
        distinct = isinstance(inner, exp.Distinct)
        if distinct and len(inner.expressions) == 1:
            (inner,) = inner.expressions
        match node:
            case exp.Count() if distinct:
                return self._column("distinct", _where(inner, condition), node)
            case exp.Count() if node.expressions:
                raise self._refused(node)
            case exp.Count() if inner is None or isinstance(inner, exp.Star | exp.Literal):
                return self._column(
                    "count", _where(exp.Literal.number(1), condition) if condition else None, node
                )
            case exp.Count():
                return self._column("count", _where(inner, condition), node)
            case exp.CountIf():
                return self._column(
                    "count", _where(exp.Literal.number(1), _both(inner, condition)), node
                )
            case exp.Min() | exp.Max() if not node.expressions:
                kind: AggregateKind = "min" if isinstance(node, exp.Min) else "max"
                return self._column(kind, _where(inner, condition), node)
        if distinct or inner is None:
            raise self._refused(node)
        value = _where(inner, condition)
        match node:
            case exp.Sum():
                return self._column("sum", value, node)
            case exp.Avg():
                return exp.Paren(
                    this=exp.Div(
                        this=self._column("sum", value, node),
                        expression=self._column("count", value, node),
                    )
                )
            case exp.Variance():
                return self._column("variance", value, node)
            case exp.Stddev() | exp.StddevSamp():
                return exp.Sqrt(this=self._column("variance", value, node))
            case exp.PercentileDisc():
                return self._quantile(value, self._rank(node), node)
            case exp.Median():
                return self._median(value, node)
        raise self._refused(node)

    def _median(self, value: Expr, node: Expr) -> Expr:
        """(lower + upper middle value) / 2, as DuckDB's; the upper one is the lower one from the other end."""
        lower = self._quantile(value, (1, 2), node)
        upper = self._quantile(exp.Neg(this=exp.Paren(this=value.copy())), (1, 2), node)
        middle = exp.Paren(this=exp.Sub(this=lower, expression=upper))
        return exp.Paren(this=exp.Div(this=middle, expression=exp.Literal.number(2)))

    def _rank(self, node: Expr) -> tuple[int, int]:
        quantile = node.args.get("quantile") or node.args.get("expression")
        text = (
            str(quantile.this)
            if isinstance(quantile, exp.Literal) and not quantile.is_string
            else ""
        )
        try:
            rank = Fraction(text)
        except ValueError:
            rank = Fraction(-1)
        if not 0 <= rank <= 1 or rank.denominator > MOST_DENOMINATOR:
            raise self.context.refuse(
                node,
                f"expected a quantile's rank as a number from 0 to 1 with at most four digits, got {text or quantile}",
            )
        return rank.numerator, rank.denominator

    def _quantile(self, value: Expr, at: tuple[int, int], node: Expr) -> Expr:
        if at[0] == 0:
            return self._column("min", value, node)
        return self._column("quantile", value, node, at)

    def _column(
        self, kind: AggregateKind, of: Expr | None, node: Expr, at: tuple[int, int] | None = None
    ) -> exp.Column:
        for known in self.found:
            if (known.kind, known.of, known.at) == (kind, of, at):
                return column(known.name)
        name = self.names.fresh(kind)
        self.names.note(name, node)
        self.found.append(Aggregated(name, kind, of, at, contributing(of)))
        return column(name)

    def _refused(self, node: Expr) -> Exception:
        made = "; ask for SUM(x), SUM(x * x) and COUNT(*), of which it follows"
        if isinstance(node, OF_TWO):
            made = (
                "; ask for sums of x, y, x * x, x * y and y * y and COUNT(*), of which it follows"
            )
        elif not isinstance(node, OF_SQUARES):
            made = ""
        return self.context.refuse(
            node,
            f"the aggregate {shown(node)} over joint data is not supported; supported: {SUPPORTED}{made}",
        )


def _where(value: Expr, condition: Expr | None) -> Expr:
    """`value` where `condition` is true, NULL elsewhere: what FILTER (WHERE condition) aggregates."""
    if condition is None:
        return value.copy()
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())])


def _both(first: Expr, second: Expr | None) -> Expr:
    return (
        first
        if second is None
        else exp.And(this=exp.Paren(this=first.copy()), expression=exp.Paren(this=second.copy()))
    )
