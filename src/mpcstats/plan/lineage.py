"""Where a column's values come from, through the sub-queries of one fragment, down to the catalogue's columns."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

Base = tuple[str, str]  # (dataset, column)


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


def behind(column: exp.Column, scope: Scope) -> Base | list[tuple[exp.Expr, Scope]]:
    """The catalogue column that `column` names, or the expressions of the output column that it names.

    That is a sub-query's, or by its alias one of its own query. Nothing if it cannot be told.
    """
    if not column.table:
        known = column.name in selected(scope.expression)
        return outputs(scope, column.name) if known else []
    found = source_of(column, scope)
    source = None if found is None else found[0]
    if isinstance(source, exp.Table):
        return f"{source.db}.{source.name}", column.name
    return outputs(source, column.name) if isinstance(source, Scope) else []


def origins(node: exp.Expr, scope: Scope) -> frozenset[Base | None]:
    """The catalogue columns that `node` passes on as they are, UPPER and TRIM passed over: one for each side of a
    set operation, None for a side that passes on no column.
    """
    node = node.unnest()
    while isinstance(node, exp.Upper | exp.Trim) and not node.args.get("expression"):
        node = node.this.unnest()
    if not isinstance(node, exp.Column):
        return frozenset({None})
    found = behind(node, scope)
    if isinstance(found, tuple):
        return frozenset({found})
    bases = frozenset(base for item, inner in found for base in origins(item, inner))
    return bases or frozenset({None})
