"""The algebra of relational plans as SQL, to be run in DuckDB: what it means, by another engine than the planner's.

Every column has its name of the algebra. Columns that only some parts of a union have are left out.
"""

from __future__ import annotations

from sqlglot import exp

from mpcstats.plan.names import DIALECT
from mpcstats.plan.relational.algebra import (
    Aggregated,
    Answer,
    Expr,
    Extend,
    Filter,
    Group,
    Join,
    Ordering,
    Owned,
    Rel,
    Union,
    Window,
)

FUNCTIONS = {"count": "COUNT({})", "distinct": "COUNT(DISTINCT {})", "sum": "SUM({})"}
FUNCTIONS |= {"min": "MIN({})", "max": "MAX({})"}


def rows_of(rel: Rel) -> str:
    """A SELECT of the rows of `rel`."""
    match rel:
        case Owned():
            return rel.query.sql(DIALECT)
        case Union():
            names = ", ".join(_name(name) for name in rel.facts)
            return " UNION ALL ".join(f"SELECT {names} FROM ({rows_of(p)})" for p in rel.parts)
        case Filter():
            return f"SELECT * FROM ({rows_of(rel.input)}) WHERE {rel.condition.sql(DIALECT)}"
        case Extend():
            made = ", ".join(f"{node.sql(DIALECT)} AS {_name(n)}" for n, node in rel.columns)
            return f"SELECT *, {made} FROM ({rows_of(rel.input)})"
        case Join():
            return _join(rel)
        case Group():
            keys = ", ".join(_name(key) for key in rel.keys)
            made = "".join(f", {_aggregate(a)}" for a in rel.aggregates)
            return f"SELECT {keys}{made} FROM ({rows_of(rel.input)}) GROUP BY {keys}"
        case Window():
            return _window(rel)


def answer_of(answer: Answer) -> str:
    """A SELECT of the cells of `answer`, in no order."""
    keys = [f"{node.sql(DIALECT)} AS {_name(name)}" for name, node in answer.keys]
    made = ", ".join([*keys, *(_aggregate(a) for a in answer.aggregates)])
    group = ", ".join(node.sql(DIALECT) for _, node in answer.keys)
    cells = f"SELECT {made} FROM ({rows_of(answer.input)})" + (
        f" GROUP BY {group}" if group else ""
    )
    shown = ", ".join(f"{o.node.sql(DIALECT)} AS {_name(o.name)}" for o in answer.outputs)
    having = "" if answer.having is None else f" WHERE {answer.having.sql(DIALECT)}"
    return f"SELECT {shown} FROM ({cells}){having}"


def _join(join: Join) -> str:
    ties = " AND ".join(
        [
            *(f"{_name(a)} = {_name(b)}" for a, b in join.on),
            *(f"({node.sql(DIALECT)})" for node in join.residual),
        ]
    )
    left, right = rows_of(join.left), rows_of(join.right)
    if join.kind == "mark":
        # The columns of both sides have different names, so none needs to say whose it is.
        found = f"EXISTS (SELECT 1 FROM ({right}) WHERE {ties})"
        return f"SELECT *, {found} AS {_name(join.flag)} FROM ({left})"
    flagged = f"SELECT *, TRUE AS {_name(join.flag)} FROM ({right})"
    names = ", ".join(_name(n) for n in (*join.left.facts, *join.right.facts))
    flag = f"COALESCE({_name(join.flag)}, FALSE) AS {_name(join.flag)}"
    return f"SELECT {names}, {flag} FROM ({left}) {join.kind} JOIN ({flagged}) ON {ties}"


def _window(window: Window) -> str:
    order = ", ".join(_order(ordering) for ordering in window.order)
    partition = ", ".join(_name(name) for name in window.partition)
    over = f"OVER ({f'PARTITION BY {partition} ' if partition else ''}ORDER BY {order})"
    made = ", ".join(
        f"{f.kind}({'' if f.of is None else f'{_name(f.of)}, {f.by}'}) {over} AS {_name(f.name)}"
        for f in window.functions
    )
    return f"SELECT *, {made} FROM ({rows_of(window.input)})"


def _order(ordering: Ordering) -> str:
    direction = "DESC" if ordering.descending else "ASC"
    return f"{_name(ordering.name)} {direction} NULLS {'FIRST' if ordering.nulls_first else 'LAST'}"


def _aggregate(aggregate: Aggregated) -> str:
    of = "*" if aggregate.of is None else aggregate.of.sql(DIALECT)
    return f"{FUNCTIONS[aggregate.kind].format(of)} AS {_name(aggregate.name)}"


def _name(name: str) -> str:
    node: Expr = exp.to_identifier(name, quoted=True)
    return node.sql(DIALECT)
