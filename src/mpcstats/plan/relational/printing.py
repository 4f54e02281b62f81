"""The algebra as text: one node a line, what it is over indented below it."""

from __future__ import annotations

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

INDENT = "  "


def printed(node: Rel | Answer) -> str:
    """`node` as text; the same text means the same algebra, but for facts of the catalogue."""
    if not isinstance(node, Answer):
        return "\n".join(_lines(node))
    parts = [*(f"{name} := {_sql(key)}" for name, key in node.keys)]
    parts += [_aggregate(aggregate) for aggregate in node.aggregates]
    shown = ", ".join(f"{output.name} = {_sql(output.node)}" for output in node.outputs)
    having = "" if node.having is None else f" having {_sql(node.having)}"
    who = f" of {node.person}" if node.person is not None else ""
    counted = f" counted by {', '.join(node.counted)}" if node.counted else ""
    head = f"answer {shown}{having}: {', '.join(parts)}{who}{counted}"
    return "\n".join([head, *(INDENT + line for line in _lines(node.input))])


def _lines(rel: Rel) -> list[str]:
    return [_head(rel), *(INDENT + line for below in _inputs(rel) for line in _lines(below))]


def _inputs(rel: Rel) -> tuple[Rel, ...]:
    match rel:
        case Owned():
            return ()
        case Union():
            return rel.parts
        case Join():
            return (rel.left, rel.right)
        case Extend() | Filter() | Group() | Window():
            return (rel.input,)


def _head(rel: Rel) -> str:
    match rel:
        case Owned():
            return f"{rel.owner}: {_sql(rel.query)}"
        case Union():
            return "union"
        case Extend():
            return "extend " + ", ".join(f"{name} := {_sql(node)}" for name, node in rel.columns)
        case Filter():
            return f"filter {_sql(rel.condition)}"
        case Join():
            on = " and ".join(
                [*(f"{a} = {b}" for a, b in rel.on), *(_sql(node) for node in rel.residual)]
            )
            return f"{rel.kind} join on {on}, flag {rel.flag}"
        case Group():
            made = "".join(f", {_aggregate(aggregate)}" for aggregate in rel.aggregates)
            return f"group by {', '.join(rel.keys)}{made}"
        case Window():
            made = ", ".join(
                f"{f.name} := {f.kind}" + ("" if f.of is None else f"({f.of}, {f.by})")
                for f in rel.functions
            )
            order = ", ".join(_order(ordering) for ordering in rel.order)
            return f"window by {', '.join(rel.partition)} ordered by {order}: {made}"


def _aggregate(aggregate: Aggregated) -> str:
    of = "" if aggregate.of is None else _sql(aggregate.of)
    at = "" if aggregate.at is None else f" at {aggregate.at[0]}/{aggregate.at[1]}"
    return f"{aggregate.name} := {aggregate.kind}({of}){at}"


def _order(ordering: Ordering) -> str:
    return ordering.name + (" desc" if ordering.descending else "")


def _sql(node: Expr) -> str:
    """In SQL; the algebra's names need no quotes here."""
    return node.sql(DIALECT).replace('"', "")
