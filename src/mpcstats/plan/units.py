"""The units of a plan's output, from the catalogue's `unit` of the columns that are summed.

They are read off the plan, and stand not in it: a unit changes no digest. What cannot be told has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from mpcstats.plan.lineage import behind, outputs
from mpcstats.plan.names import DIALECT
from mpcstats.plan.physical import SPINE, Fragment, Outcome, Physical, Ref, Sum, Term, Total
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
    totals = plan.aggregate.totals
    reader = _Reader(plan, catalogue)
    return tuple(
        reader.total(totals[column.position]) if column.kind == "total" else None
        for column in plan.output
    )


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


class _Reader:
    """The units of the value columns of one plan's fragments; each fragment is parsed once."""

    def __init__(self, plan: Physical, catalogue: Catalogue) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._scopes: dict[str, Scope] = {}

    def total(self, total: Total) -> str | None:
        found = summed(self._term(term) for term in total.terms)
        return found if isinstance(found, str) else None

    def _term(self, term: Term) -> Measured:
        # A term without factors counts rows, and so does the 1 in front of every product.
        return multiplied([Pure.COUNT, *(self._factor(ref) for ref in term.factors)])

    def _factor(self, ref: Ref) -> Measured:
        return summed(self._column(fragment, ref.column) for fragment in self._yielding(ref.source))

    def _yielding(self, source: str) -> tuple[Fragment, ...]:
        """The fragments whose column a reference of that source names."""
        step = self._plan.aggregate
        if isinstance(step, Sum):
            return tuple(self._plan.fragment(name) for name in step.fragments)
        if isinstance(step, Outcome):
            return ()
        name = step.spine if source == SPINE else self._plan.lookup(source).right
        return (self._plan.fragment(name),)

    def _column(self, fragment: Fragment, name: str) -> Measured:
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


def _choices(node: exp.Expr) -> list[exp.Expr]:
    """What a choice may give."""
    if isinstance(node, exp.Case):
        default = node.args.get("default") or exp.Null()
        return [*(branch.args["true"] for branch in node.args["ifs"]), default]
    if isinstance(node, exp.If):
        return [node.args["true"], node.args.get("false") or exp.Null()]
    return [node.this, *node.expressions]
