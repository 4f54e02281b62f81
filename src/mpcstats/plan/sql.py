"""The SQL door: the text of a question (DuckDB dialect) as a block of scans.

One SELECT that groups and aggregates the join of relations. What stands inside a relation's sub-query is its
owner's business (plan.names, plan.rules.split_owners); what the outer SELECT may hold is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from mpcstats.errors import UsageError
from mpcstats.plan.context import Context
from mpcstats.plan.logical import Block, Group, Measure, Scan, conjuncts
from mpcstats.plan.names import DIALECT, qualified
from mpcstats.plan.physical import OutputColumn

AGGREGATES = "COUNT(*), COUNT(x), COUNT(DISTINCT key), SUM(x)"
# Clauses of the outer SELECT that have a meaning here; the others are refused by name.
CLAUSES = frozenset({"with_", "expressions", "from_", "joins", "where", "group", "order"})
# The names of relations become those of fragments and steps.
RELATION = re.compile("[a-z_][a-z0-9_]{0,39}")
CLAUSE_NAMES = {
    "distinct": "SELECT DISTINCT",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "windows": "WINDOW",
    "limit": "LIMIT",
    "offset": "OFFSET",
    "sample": "USING SAMPLE",
    "into": "INTO",
}


def parse(context: Context) -> Block:
    """The question of `context` as a block. Raises UsageError, with the place, at what is not supported."""
    tree = read_select(context.text)
    _check_clauses(tree, context)
    names = [_output_name(item) for item in tree.expressions]
    using = {
        name.name.lower()
        for j in tree.args.get("joins") or ()
        for name in j.args.get("using") or ()
    }
    tree = qualified(tree, context)
    if using:
        tree = _without_using(tree, using)
    groups = _groups(tree, context)
    measures, output = _output(tree, names, groups, context)
    joins: Sequence[exp.Join] = tree.args.get("joins") or ()
    items = [tree.args["from_"].this, *(join.this for join in joins)]
    aliases = [item.alias_or_name for item in items]
    for item, alias in zip(items, aliases, strict=True):
        if not alias or aliases.count(alias) > 1:
            raise context.refuse(
                item, f"expected a name of its own for each relation, got {alias!r}"
            )
        if not RELATION.fullmatch(alias):
            raise context.refuse(
                item,
                "expected a relation's name of at most 40 lower-case letters, digits and _, got "
                f"{alias[:60]!r}: give it an alias",
            )
    where = tree.args.get("where")
    conditions = [c for join in joins for c in conjuncts(join.args.get("on"))]
    return Block(
        sources=tuple(Scan(alias, item) for alias, item in zip(aliases, items, strict=True)),
        conditions=(*conditions, *conjuncts(where.this if where else None)),
        groups=tuple(Group(node) for node in groups),
        measures=measures,
        output=output,
        order=_order(tree, output, context),
    )


def read_select(text: str) -> exp.Select:
    """The one SELECT that `text` is. Raises UsageError, with line and column, for anything else."""
    try:
        statements = [tree for tree in sqlglot.parse(text, read=DIALECT) if tree is not None]
    except ParseError as error:
        first = error.errors[0]
        raise UsageError(
            f"line {first['line']}, column {first['col']}: expected SQL (DuckDB dialect), "
            f"got {first['highlight']!r}: {first['description']}"
        ) from None
    except TokenError as error:
        raise UsageError(f"expected SQL (DuckDB dialect), got: {error}") from None
    if len(statements) != 1:
        raise UsageError(f"expected one SELECT, got {len(statements)} statements")
    tree = statements[0]
    if not isinstance(tree, exp.Select):
        raise UsageError(f"expected one SELECT, got {tree.key.upper()}")
    return tree


def _check_clauses(tree: exp.Select, context: Context) -> None:
    for name, node in tree.args.items():
        if node and name not in CLAUSES:
            what = CLAUSE_NAMES.get(name, name.strip("_").upper())
            place = node[0] if isinstance(node, list) else node
            raise context.refuse(
                place if isinstance(place, exp.Expr) else tree,
                f"{what} over joint data is not supported yet; it may stand in one owner's sub-query",
                what,
            )
    if tree.args.get("from_") is None:
        raise context.refuse(tree, "expected FROM with at least one relation")
    for join in tree.args.get("joins") or ():
        if join.side or join.method or join.kind not in {"", "INNER", "CROSS"}:
            what = " ".join(filter(None, (join.method, join.side, join.kind)))
            raise context.refuse(
                join,
                f"a {what} join between owners is not supported yet; supported: INNER JOIN on the "
                "person key, and IN, NOT IN, EXISTS, NOT EXISTS in WHERE",
                what.split()[0],
            )
    for item in tree.expressions:
        if item.is_star:
            raise context.refuse(
                item, f"rows are never shown; supported: group columns and {AGGREGATES}"
            )


def _output_name(item: exp.Expr) -> str:
    """The name of an output column: its alias, the column's name, or its text."""
    return item.alias_or_name if isinstance(item, exp.Alias | exp.Column) else item.sql(DIALECT)


def _without_using(tree: exp.Select, using: set[str]) -> exp.Select:
    """Under inner joins all columns that USING joins are equal: the first stands for all of them."""

    def first(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Coalesce):
            columns: list[exp.Expr] = [node.this, *node.expressions]
            named = {c.name for c in columns if isinstance(c, exp.Column)}
            if (
                len(named) == 1
                and named <= using
                and all(isinstance(c, exp.Column) for c in columns)
            ):
                return columns[0]
        return node

    for name in ("expressions", "joins", "where", "group", "order"):
        node = tree.args.get(name)
        if isinstance(node, list):
            tree.set(name, [part.transform(first) for part in node])
        elif node is not None:
            tree.set(name, node.transform(first))
    return tree


def _groups(tree: exp.Select, context: Context) -> list[exp.Expr]:
    group = tree.args.get("group")
    if group is None:
        return []
    if group.args.get("all"):
        return [item.unalias() for item in tree.expressions if item.find(exp.AggFunc) is None]
    for node in group.expressions:
        if node.find(exp.AggFunc, exp.Query) is not None or node.find(exp.Column) is None:
            raise context.refuse(node, "expected columns, aliases or ordinals of them in GROUP BY")
    return list(dict.fromkeys(group.expressions))


def _output(
    tree: exp.Select, names: Sequence[str], groups: Sequence[exp.Expr], context: Context
) -> tuple[tuple[Measure, ...], tuple[OutputColumn, ...]]:
    measures: list[Measure] = []
    output: list[OutputColumn] = []
    for item, name in zip(tree.expressions, names, strict=True):
        node = item.unalias()
        if node in groups:
            output.append(OutputColumn(name, "group", groups.index(node)))
            continue
        if context.opens_averages and isinstance(node, exp.Avg) and not _is_distinct(node):
            output.append(OutputColumn(name, "quotient", len(measures), len(measures) + 1))
            measures.append(Measure(name, "sum", node.this))
            measures.append(Measure(f"{name}, rows", "rows", node.this))
            continue
        output.append(OutputColumn(name, "total", len(measures)))
        measures.append(_measure(node, name, context))
    if not measures:
        raise context.refuse(tree, f"expected at least one aggregate: {AGGREGATES}")
    return tuple(measures), tuple(output)


def _is_distinct(node: exp.Avg) -> bool:
    return isinstance(node.this, exp.Distinct | exp.Order)


def _measure(node: exp.Expr, name: str, context: Context) -> Measure:
    inner = node.this
    match node:
        case exp.Count() if isinstance(inner, exp.Star | exp.Literal) or inner is None:
            return Measure(name, "rows", None)
        case exp.Count() if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
            return Measure(name, "distinct", inner.expressions[0])
        case exp.Count() if not isinstance(inner, exp.Distinct) and not node.expressions:
            return Measure(name, "rows", inner)
        case exp.Sum() if not isinstance(inner, exp.Distinct | exp.Order):
            return Measure(name, "sum", inner)
    if isinstance(node, exp.AggFunc):
        what = f"the aggregate {node.sql(DIALECT)} over joint data is not supported yet"
    elif node.find(exp.AggFunc) is not None:
        what = "an expression around aggregates is not supported yet: ask for the aggregates"
    else:
        what = f"expected a column of GROUP BY or an aggregate, got {node.sql(DIALECT)}"
    raise context.refuse(node, f"{what}; supported: {AGGREGATES}")


def _order(
    tree: exp.Select, output: Sequence[OutputColumn], context: Context
) -> tuple[tuple[int, bool], ...]:
    order = tree.args.get("order")
    if order is None:
        return ()
    items = [item.unalias() for item in tree.expressions]
    aliases = [item.alias for item in tree.expressions]
    result = []
    for ordered in order.expressions:
        node = ordered.this
        if isinstance(node, exp.Column) and not node.table and node.name in aliases:
            position = aliases.index(node.name)
        elif node in items:
            position = items.index(node)
        elif _is_whole(node) and 1 <= int(node.this) <= len(items):
            position = int(node.this) - 1
        else:
            known = ", ".join(column.name for column in output)
            raise context.refuse(node, f"expected an output column in ORDER BY: {known}")
        result.append((position, bool(ordered.args.get("desc"))))
    return tuple(result)


def _is_whole(node: exp.Expr) -> bool:
    """Whether `node` is a number as it is written: for sqlglot -1, a Neg without a text of its own, is one too."""
    return isinstance(node, exp.Literal) and node.is_int
