"""The units of a plan's output, from the catalogue's `unit` of the columns that are summed.

They are read off the plan, and stand not in it: a unit changes no digest. What cannot be told has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from mpcstats.errors import InternalError
from mpcstats.plan.flow import Known, flow
from mpcstats.plan.lineage import behind, outputs
from mpcstats.plan.names import DIALECT
from mpcstats.plan.physical import (
    SPINE,
    Fragment,
    Outcome,
    OutputColumn,
    Physical,
    Ref,
    Sum,
    Term,
    Total,
)
from mpcstats.plan.tables import Aggregate, Call, Column, Neighbour, Node, Null, Number, Reference
from mpcstats.records.catalogue import Catalogue


class Pure(Enum):
    """What a number without a unit is: it decides what becomes of the unit of another that meets it."""

    SIGN = "-1, 0, 1 or NULL: keeps the other's unit in sums, choices and products"
    COUNT = "a number of rows: so many times the other's unit in a product, no unit in a sum"
    CONSTANT = "any other constant: in the other's unit in a sum, perhaps a conversion in a product"
    UNKNOWN = "cannot be told, or of several units"


Measured = str | Pure

# Their operand, with its unit.
PASSING = (
    *(exp.Paren, exp.TryCast, exp.Cast, exp.Try, exp.Neg, exp.Abs, exp.Nullif),
    *(exp.Filter, exp.Window, exp.IgnoreNulls),
    *(exp.Min, exp.Max, exp.AnyValue, exp.First, exp.Last),
)
COUNTING = (exp.Count, exp.CountIf, exp.RowNumber)


def units(plan: Physical, catalogue: Catalogue) -> tuple[str | None, ...]:
    """The unit of each output column: of a total over one unit, that unit; of counts, products and groups, None."""
    reader = _Reader(plan, catalogue)
    step = plan.aggregate
    if isinstance(step, Outcome):
        known = flow(plan, _OnTables(reader))[step.name]
        found = [known[total.name] for total in step.totals]
    else:
        found = [reader.total(total) for total in step.totals]
    measured = (_of_output(column, found) for column in plan.output)
    return tuple(unit if isinstance(unit, str) else None for unit in measured)


def _of_output(column: OutputColumn, totals: Sequence[Measured]) -> Measured:
    match column:
        case OutputColumn(kind="group" | "grouping"):
            return Pure.UNKNOWN
        case OutputColumn(kind="quotient", by=int(by)):
            return divided(totals[column.position], totals[by])
        case _:
            return totals[column.position]


def summed(parts: Iterable[Measured]) -> Measured:
    """The unit of a sum of `parts`, or of one of them: they must agree, and constants are in any unit."""
    given = set(parts)
    real = given - {Pure.SIGN, Pure.CONSTANT}
    if not real:
        return Pure.CONSTANT if Pure.CONSTANT in given else Pure.SIGN
    return real.pop() if len(real) == 1 else Pure.UNKNOWN


def multiplied(parts: Iterable[Measured]) -> Measured:
    """The unit of the product of `parts`: a unit survives beside counts and signs alone."""
    given = list(parts)
    real = [part for part in given if part not in (Pure.SIGN, Pure.COUNT)]
    if not real:
        return Pure.COUNT if Pure.COUNT in given else Pure.SIGN
    return real[0] if len(real) == 1 else Pure.UNKNOWN


def divided(numerator: Measured, denominator: Measured) -> Measured:
    """The unit of a quotient: of so many units by a number of rows, that unit; of rows by rows, no unit."""
    return numerator if denominator in (Pure.COUNT, Pure.SIGN) else Pure.UNKNOWN


class _Reader:
    """The units of the value columns of one plan's fragments; each fragment is parsed once."""

    def __init__(self, plan: Physical, catalogue: Catalogue) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._scopes: dict[str, Scope] = {}

    def total(self, total: Total) -> Measured:
        return summed(self._term(term) for term in total.terms)

    def _term(self, term: Term) -> Measured:
        # A term without factors counts rows, and so does the 1 in front of every product.
        return multiplied([Pure.COUNT, *(self._factor(ref) for ref in term.factors)])

    def _factor(self, ref: Ref) -> Measured:
        return summed(self.column(fragment, ref.column) for fragment in self._yielding(ref.source))

    def _yielding(self, source: str) -> tuple[Fragment, ...]:
        """The fragments whose column a reference of that source names."""
        step = self._plan.aggregate
        if isinstance(step, Sum):
            return tuple(self._plan.fragment(name) for name in step.fragments)
        if isinstance(step, Outcome):
            raise InternalError("expected totals of a sum or a cohort, got those of shared tables")
        at_spine = source == SPINE
        return (self._plan.fragment(step.spine) if at_spine else self._plan.joined(source),)

    def column(self, fragment: Fragment, name: str) -> Measured:
        if fragment.name not in self._scopes:
            query: exp.Expr = exp.maybe_parse(fragment.sql, dialect=DIALECT)
            self._scopes[fragment.name] = traverse_scope(query)[-1]
        return self._either(outputs(self._scopes[fragment.name], name))

    def _either(self, found: Iterable[tuple[exp.Expr, Scope]]) -> Measured:
        sides = [self._unit(node, scope) for node, scope in found]
        return summed(sides) if sides else Pure.UNKNOWN

    def _unit(self, node: exp.Expr, scope: Scope) -> Measured:
        match node:
            case exp.Column():
                return self._named(node, scope)
            case exp.Literal() | exp.Null():
                plain = isinstance(node, exp.Null) or (node.is_int and int(node.this) <= 1)
                return Pure.SIGN if plain else Pure.CONSTANT
            case _ if isinstance(node, PASSING):
                return self._unit(node.this, scope)
            case _ if isinstance(node, COUNTING):
                return Pure.COUNT
            case exp.Sum():
                # A sum of ones and zeros counts.
                return multiplied([Pure.COUNT, self._unit(node.this, scope)])
            case exp.Add() | exp.Sub():
                return self._added(node, scope)
            case exp.Mul():
                return multiplied(self._each((node.this, node.expression), scope))
            case exp.Case() | exp.If() | exp.Coalesce() | exp.Greatest() | exp.Least():
                return summed(self._each(_choices(node), scope))
            case _:
                return Pure.UNKNOWN

    def _named(self, column: exp.Column, scope: Scope) -> Measured:
        if not column.table:
            # A fragment's own SELECTs, around the question's parts, read one relation and do not name it.
            (relation,) = scope.selected_sources
            column = exp.column(column.name, table=relation, quoted=True)
        found = behind(column, scope)
        if isinstance(found, list):
            return self._either(found)
        entry = self._catalogue.column(*found)
        return Pure.UNKNOWN if entry is None or entry.unit is None else entry.unit

    def _added(self, node: exp.Expr, scope: Scope) -> Measured:
        found = summed(self._each((node.this, node.expression), scope))
        return Pure.CONSTANT if found is Pure.SIGN else found  # 1 + 1

    def _each(self, nodes: Iterable[exp.Expr], scope: Scope) -> list[Measured]:
        return [self._unit(node, scope) for node in nodes]


class _OnTables:
    """The units of the columns of shared tables (plan.flow.Reader)."""

    def __init__(self, fragments: _Reader) -> None:
        self._fragments = fragments

    def given(self, fragment: Fragment, column: Column) -> Measured:
        if column.kind == "flag":
            return Pure.SIGN
        return self._fragments.column(fragment, column.name)

    def either(self, parts: Sequence[Measured]) -> Measured:
        return summed(parts)

    def flag(self) -> Measured:
        return Pure.SIGN

    def computed(
        self, column: Column, node: Node, known: Known[Measured], reach: frozenset[str]
    ) -> Measured:
        return self._node(node, known)

    def key(self, of: Measured) -> Measured:
        return of

    def aggregated(
        self, aggregate: Aggregate, of: Measured | None, reach: frozenset[str]
    ) -> Measured:
        if of is None or aggregate.kind in ("count", "distinct"):
            return Pure.COUNT
        return multiplied([Pure.COUNT, of]) if aggregate.kind == "sum" else of

    def neighbour(self, function: Neighbour, of: Measured | None) -> Measured:
        return Pure.COUNT if of is None else of

    def quantile(self, of: Measured, reach: frozenset[str]) -> Measured:
        return of

    def deviation(self, of: Measured, reach: frozenset[str]) -> tuple[Measured, Measured]:
        return Pure.UNKNOWN, Pure.COUNT  # the numerator is in squares of the unit

    def divided(self, numerator: Measured, denominator: Measured) -> Measured:
        return divided(numerator, denominator)

    def _node(self, node: Node, known: Known[Measured]) -> Measured:
        match node:
            case Reference(name=name):
                return known[name]
            case Number(value=value):
                return Pure.SIGN if value in (0, 1) else Pure.CONSTANT
            case Null():
                return Pure.SIGN
            case Call(op="lt" | "le" | "eq" | "and" | "or" | "not" | "isnull" | "within"):
                return Pure.SIGN
            case Call(op=op, args=args):
                return _called(op, [self._node(arg, known) for arg in args])


def _called(op: str, args: Sequence[Measured]) -> Measured:
    match op:
        case "neg" | "abs":
            return args[0]
        case "least" | "greatest" | "coalesce":
            return summed(args)
        case "if":
            return summed(args[1:])
        case "mul":
            return multiplied(args)
        case "add" | "sub":
            found = summed(args)
            return Pure.CONSTANT if found is Pure.SIGN else found  # 1 + 1
        case _:
            return Pure.UNKNOWN


def _choices(node: exp.Expr) -> list[exp.Expr]:
    """What a choice may give."""
    if isinstance(node, exp.Case):
        default = node.args.get("default") or exp.Null()
        return [*(branch.args["true"] for branch in node.args["ifs"]), default]
    if isinstance(node, exp.If):
        return [node.args["true"], node.args.get("false") or exp.Null()]
    return [node.this, *node.expressions]
