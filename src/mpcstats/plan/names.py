"""The names in a question: WITH is written out, every column gets its relation, what is unknown is refused.

Also refused here: what no owner's database is asked to do, because it would read something else than the
catalogue's datasets, would not give every owner the same meaning, or could fail on one row and so tell of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from mpcstats.plan.context import Context
from mpcstats.plan.lineage import selected

DIALECT = "duckdb"
MOST_NODES = 20_000

REFUSED: Mapping[type[exp.Expr], str] = {
    exp.Anonymous: "a function that is not known here",
    exp.AnonymousAggFunc: "an aggregate that is not known here",
    exp.Placeholder: "a parameter",
    exp.Parameter: "a parameter",
    exp.TableSample: "a sample",
    exp.Pivot: "PIVOT",
    exp.Lateral: "LATERAL",
    exp.Unnest: "UNNEST",
    exp.Explode: "UNNEST",
    exp.Values: "VALUES",
    exp.Columns: "COLUMNS",
    exp.Rollup: "ROLLUP",
    exp.Cube: "CUBE",
    exp.GroupingSets: "GROUPING SETS",
    exp.Rand: "a random number",
    exp.Uuid: "a random number",
    exp.CurrentDate: "the current date",
    exp.CurrentTime: "the current time",
    exp.CurrentTimestamp: "the current time",
    exp.CurrentDatetime: "the current time",
    exp.Localtimestamp: "the current time",
    exp.Fetch: "FETCH",
}
# The clauses of a sub-query that have a meaning here, by the names that sqlglot gives them.
SET_CLAUSES = frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"})
CLAUSES = frozenset(
    {"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "qualify"}
    | {"windows", "order", "limit", "offset"}
)
LARGEST = (1 << 63) - 1
SUPPORTED = "supported in an owner's sub-query: joins, filters, CASE, aggregates and windows over its own datasets"


def qualified(tree: exp.Select, context: Context) -> exp.Select:
    """`tree` without WITH, every column naming its relation, stars written out, aliases and ordinals replaced."""
    tree = _written_out(normalize_identifiers(tree.copy(), dialect=DIALECT), context)
    _check_constructs(tree, context)
    for query in tree.find_all(exp.Query):
        if query is not tree:
            _check_query(query, context)
    schema = _schema(tree, context)
    try:
        tree = qualify(
            tree,
            dialect=DIALECT,
            schema=schema,
            allow_partial_qualification=True,
            validate_qualify_columns=False,
        )
    except OptimizeError as error:
        raise context.refuse(
            None, f"expected a question whose names fit together, got: {error}"
        ) from None
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count) or any(star.args.values()):
            raise context.refuse(star, "* is not supported here: expected COUNT(*) or columns")
    for row in tree.find_all(exp.TableColumn):
        raise context.refuse(row, f"{row.name!r} is a relation: expected one of its columns")
    for scope in traverse_scope(tree):
        _check_columns(scope, context)
    return tree


def _written_out(tree: exp.Select, context: Context) -> exp.Select:
    """Every name that WITH gives is replaced by a sub-query, inner names before outer ones."""
    size = sum(1 for _ in tree.walk())
    return cast(exp.Select, _inlined(tree, {}, _Room(MOST_NODES - size), context))


@dataclass(slots=True)
class _Room:
    """How many nodes the question may still grow by: names that stand for names double it each time."""

    nodes: int


def _inlined(
    node: exp.Expr, known: Mapping[str, exp.Expr], room: _Room, context: Context
) -> exp.Expr:
    with_ = node.args.get("with_")
    if with_ is not None:
        if with_.recursive:
            raise context.refuse(with_, "WITH RECURSIVE is not supported", "WITH")
        for cte in with_.expressions:
            query = _inlined(cte.this, known, room, context)
            known = {**known, cte.alias: exp.Subquery(this=query, alias=cte.args["alias"])}
        node.set("with_", None)
    for child in list(node.iter_expressions()):
        if isinstance(child, exp.Table) and not child.db and child.name in known:
            room.nodes -= sum(1 for _ in known[child.name].walk())
            if room.nodes < 0:
                raise context.refuse(
                    child,
                    f"expected a question of at most {MOST_NODES} parts with WITH written out",
                )
            child.replace(_named(known[child.name], child))
        else:
            _inlined(child, known, room, context)
    return node


def _named(query: exp.Expr, table: exp.Table) -> exp.Expr:
    """A copy of the sub-query `query` under the name that `table` has in FROM."""
    copy = query.copy()
    if table.alias:
        copy.args["alias"].set("this", table.args["alias"].this)
    return copy


def _check_constructs(tree: exp.Expr, context: Context) -> None:
    for node in tree.walk():
        for kind, what in REFUSED.items():
            if isinstance(node, kind):
                name = f" ({node.name})" if isinstance(node, exp.Anonymous) else ""
                raise context.refuse(node, f"{what}{name} is not supported; {SUPPORTED}")
        if isinstance(node, exp.From | exp.Join):
            _check_source(node.this, context)
        if isinstance(node, exp.Join) and node.method:
            raise context.refuse(
                node, f"a {node.method} join is not supported; {SUPPORTED}", node.method
            )
        if type(node) is exp.Cast and not node.to.is_type(*exp.DataType.TEXT_TYPES):
            message = (
                "CAST fails where one row's value does not fit, and so tells of it: write TRY_CAST"
            )
            raise context.refuse(node, message)
        _check_constants(node, context)
        if isinstance(node, exp.Subquery) and _is_scalar(node) and not _single_row(node.this):
            message = "a sub-query used as a value must be one aggregate without GROUP BY"
            raise context.refuse(node, message)


def _check_constants(node: exp.Expr, context: Context) -> None:
    """What may fail on single rows unless it is written in the question: patterns, and numbers of more than 64 bits."""
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
        digits = str(node.this).lstrip("0")
        largest = LARGEST + isinstance(node.parent, exp.Neg)
        if len(digits) > len(str(largest)) or int(digits or "0") > largest:
            raise context.refuse(node, f"expected a whole number of 64 bits, got {digits[:30]}")
    given: list[exp.Expr] = []
    if type(node).__name__.startswith("Regexp") or isinstance(node, exp.SimilarTo):
        given = [part for part in node.iter_expressions() if part is not node.this]
    elif isinstance(node, exp.Escape):
        likes = node.find_all(exp.Like, exp.ILike)
        given = [node.expression, *(like.expression for like in likes)]
    for part in given:
        if not isinstance(part, exp.Literal):
            message = "expected a pattern as a text: one that a row gives may be invalid, and its failure tells of it"
            raise context.refuse(part, message)


def _check_query(query: exp.Query, context: Context) -> None:
    """A sub-query has the clauses that plan.items and plan.special know, where they look for them."""
    known = {"this", "alias"} if isinstance(query, exp.Subquery) else SET_CLAUSES
    for name, part in query.args.items():
        if part and name not in (CLAUSES if isinstance(query, exp.Select) else known):
            what = name.strip("_").replace("_", " ").upper()
            raise context.refuse(query, f"{what} is not supported here; {SUPPORTED}")
    if isinstance(query, exp.Subquery) and not isinstance(query.this, exp.Query):
        message = "a join in parentheses is not supported: write it as a sub-query with SELECT"
        raise context.refuse(query, message)
    group, order = query.args.get("group"), query.args.get("order")
    if group is not None and group.args.get("all"):
        message = "GROUP BY ALL is not supported in a sub-query: write the columns"
        raise context.refuse(query, message)
    for ordered in order.expressions if order is not None else ():
        if isinstance(ordered.this, exp.Var):
            message = "ORDER BY ALL is not supported in a sub-query: write the columns"
            raise context.refuse(query, message)
    for name in ("limit", "offset"):
        bound = query.args.get(name)
        if bound is not None and bound.find(exp.Column, exp.Query) is not None:
            raise context.refuse(query, f"expected a number in {name.upper()}")


def _check_source(item: exp.Expr, context: Context) -> None:
    if isinstance(item, exp.Subquery):
        return
    if not isinstance(item, exp.Table) or not isinstance(item.this, exp.Identifier):
        raise context.refuse(item, f"expected a dataset or a sub-query in FROM; {SUPPORTED}")
    if item.alias_column_names:
        raise context.refuse(
            item, "names for a dataset's columns are not supported; use a sub-query"
        )
    name = f"{item.db}.{item.name}"
    if not context.knows(name) or item.catalog:
        known = ", ".join(sorted(context.catalogue.names))
        raise context.refuse(
            item, f"unknown dataset {item.sql(DIALECT)!r}; the catalogue has: {known}"
        )


def _is_scalar(node: exp.Subquery) -> bool:
    return not isinstance(
        node.parent, exp.From | exp.Join | exp.In | exp.Exists | exp.SetOperation | exp.Subquery
    )


def _single_row(query: exp.Expr) -> bool:
    return (
        isinstance(query, exp.Select)
        and query.args.get("group") is None
        and all(item.find(exp.AggFunc) and not item.find(exp.Window) for item in query.expressions)
    )


def _schema(tree: exp.Expr, context: Context) -> MappingSchema:
    tables: dict[str, dict[str, dict[str, str]]] = {}  # schema -> table -> column -> type
    for table in tree.find_all(exp.Table):
        columns = context.shape(f"{table.db}.{table.name}").columns
        kinds = {n: "BIGINT" if f.kind == "integer" else "VARCHAR" for n, f in columns.items()}
        tables.setdefault(table.db, {})[table.name] = kinds
    return MappingSchema(dict[str, object](tables), dialect=DIALECT, normalize=False)


def _check_columns(scope: Scope, context: Context) -> None:
    for column in scope.columns:
        if not column.table:
            if not _is_output(column, scope):
                raise _unknown(column, scope, context)
            continue
        found: Scope | None = scope
        while found is not None and column.table not in found.sources:
            found = found.parent
        if found is None:
            raise context.refuse(
                column, f"unknown relation {column.table!r}; in FROM: {', '.join(scope.sources)}"
            )
        names = _columns(found.sources[column.table], context)
        if names.count(column.name) != 1:
            raise _unknown_in(column, column.table, names, context)


def _is_output(column: exp.Column, scope: Scope) -> bool:
    """Whether `column` is the name of an output column in ORDER BY or DISTINCT ON, which stays as it is.

    What it stands for is read by plan.items.
    """
    clause = column.find_ancestor(exp.Order, exp.Distinct, exp.Query)
    own = clause is not None and clause.parent is scope.expression
    return own and column.name in selected(scope.expression)


def _columns(source: exp.Expr | Scope, context: Context) -> list[str]:
    if isinstance(source, Scope):
        return selected(source.expression)
    return list(context.shape(f"{source.args['db'].name}.{source.name}").columns)


def _unknown(column: exp.Column, scope: Scope, context: Context) -> Exception:
    sources = {name: _columns(source, context) for name, source in scope.sources.items()}
    holders = [name for name, columns in sources.items() if column.name in columns]
    if holders:
        choice = " or ".join(f"{name}.{column.name}" for name in holders)
        return context.refuse(
            column, f"{column.name!r} is in more than one relation: write {choice}"
        )
    names = list(dict.fromkeys(name for columns in sources.values() for name in columns))
    return context.refuse(
        column, f"unknown column {column.name!r}; existing columns: {', '.join(names)}"
    )


def _unknown_in(column: exp.Column, table: str, names: list[str], context: Context) -> Exception:
    if column.name in names:
        return context.refuse(
            column, f"{table!r} has more than one column {column.name!r}: rename one"
        )
    return context.refuse(
        column, f"unknown column {column.name!r} of {table!r}; existing columns: {', '.join(names)}"
    )
