"""Where a column's values come from, through the sub-queries of one fragment, down to the catalogue's columns."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from mpcstats.plan.facts import BOOLEAN

Base = tuple[str, str]  # (dataset, column)
SAME = (exp.Upper, exp.Trim, exp.Min, exp.Max, exp.AnyValue, exp.First, exp.Last, exp.Lag, exp.Lead)
WRAPPED = (exp.Paren, exp.Alias, exp.IgnoreNulls, exp.Window, exp.Filter)


@dataclass(frozen=True, slots=True)
class Carrier:
    """A catalogue column whose value an expression carries: whole, its first `prefix` characters, or else changed."""

    base: Base
    prefix: int | None = None
    changed: bool = False


def source_of(column: exp.Column, scope: Scope) -> tuple[exp.Expr | Scope, Scope] | None:
    """The table or sub-query that `column` of `scope` names, and the scope in whose FROM it stands."""
    found: Scope | None = scope
    while found is not None:
        if column.table in found.sources:
            return found.sources[column.table], found
        found = found.parent
    return None


def selected(query: exp.Expr) -> list[str]:
    """The names of the output columns of `query`; none if it is no query."""
    return list(query.named_selects) if isinstance(query, exp.Query) else []


def outputs(scope: Scope, name: str) -> list[tuple[exp.Expr, Scope]]:
    """The expressions behind the output column `name`: one, or one for each side of a set operation."""
    query = scope.expression
    if isinstance(query, exp.Select):
        return [(item.unalias(), scope) for item in query.expressions if item.alias_or_name == name]
    if not isinstance(query, exp.SetOperation):
        return []
    position = selected(query).index(name)
    found = []
    for side in scope.set_operation_scopes:
        found += outputs(side, selected(side.expression)[position])
    return found


def origin(node: exp.Expr, scope: Scope) -> Base | None:
    """The catalogue column that `node` passes on as it is, UPPER and TRIM passed over; None if it is none."""
    node = node.unnest()
    while isinstance(node, exp.Upper | exp.Trim) and not node.args.get("expression"):
        node = node.this.unnest()
    if not isinstance(node, exp.Column):
        return None
    found = source_of(node, scope)
    if found is None:
        return None
    source, _ = found
    if isinstance(source, exp.Table):
        return f"{source.db}.{source.name}", node.name
    if not isinstance(source, Scope):
        return None
    bases = {origin(expression, inner) for expression, inner in outputs(source, node.name)}
    return bases.pop() if len(bases) == 1 else None


def carriers(node: exp.Expr, scope: Scope) -> frozenset[Carrier]:
    """The catalogue columns whose values flow into that of `node`; what a truth value depends on does not count."""
    if isinstance(node, exp.Column):
        return _of_column(node, scope)
    if isinstance(node, WRAPPED) or (isinstance(node, SAME) and not node.args.get("expression")):
        return carriers(node.this, scope)
    if isinstance(node, (*BOOLEAN, exp.Query)):
        return frozenset()
    if isinstance(node, exp.Case | exp.If | exp.Coalesce):
        return frozenset(c for result in _results(node) for c in carriers(result, scope))
    length = _prefix_length(node)
    if length is not None:
        inner = carriers(node.this, scope)
        return frozenset(_shortened(carrier, length) for carrier in inner)
    inner = frozenset(c for child in node.iter_expressions() for c in carriers(child, scope))
    return frozenset(Carrier(carrier.base, changed=True) for carrier in inner)


def _of_column(column: exp.Column, scope: Scope) -> frozenset[Carrier]:
    found = source_of(column, scope)
    if found is None:
        return frozenset()
    source, _ = found
    if isinstance(source, exp.Table):
        return frozenset({Carrier((f"{source.db}.{source.name}", column.name))})
    if not isinstance(source, Scope):
        return frozenset()
    return frozenset(
        carrier
        for expression, inner in outputs(source, column.name)
        for carrier in carriers(expression, inner)
    )


def _results(node: exp.Expr) -> list[exp.Expr]:
    """What a CASE, IF or COALESCE can give, without what it decides by."""
    if isinstance(node, exp.Coalesce):
        return [node.this, *node.expressions]
    branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
    default = node.args.get("default") or node.args.get("false")
    return [branch.args["true"] for branch in branches] + ([default] if default else [])


def _prefix_length(node: exp.Expr) -> int | None:
    """n, if `node` is the first n characters of node.this."""
    length: exp.Expr | None = None
    match node:
        case exp.Substring() if (start := node.args.get("start")) is not None:
            length = node.args.get("length") if start.is_int and int(start.this) == 1 else None
        case exp.Left():
            length = node.expression
    return int(length.this) if length is not None and length.is_int else None


def _shortened(carrier: Carrier, length: int) -> Carrier:
    shortest = length if carrier.prefix is None else min(length, carrier.prefix)
    return Carrier(carrier.base, shortest, carrier.changed)
