"""Expressions in the form that is wanted of them."""

from __future__ import annotations

from sqlglot import exp

from mpcstats.plan.relational.algebra import Expr
from mpcstats.plan.relational.scalars import Scalars
from mpcstats.plan.relational.wants import Want
from mpcstats.plan.tables import Call, Node, Null, Number


def translated(scalars: Scalars, want: Want, node: Expr) -> Node:
    """`node` in the form that is wanted of it."""
    match want.form:
        case "code":
            if scalars.fact(node).kind == "text":
                return scalars.value(node, want.labels)
            return placed(scalars.value(node), want)
        case "flag":
            return scalars.flag(node)
        case "known":
            return scalars.flag(exp.Not(this=exp.Is(this=node.copy(), expression=exp.Null())))
        case "number":
            return scalars.value(node)
        case "digest":
            plain = node.unnest()
            if isinstance(plain, exp.Column):
                return scalars.find(Want(plain.name, "digest"))
    raise scalars.refused(node)


def placed(node: Node, want: Want) -> Node:
    """The place of a number among the labels."""
    labels = [label for label in want.labels if isinstance(label, int)]
    first = labels[0]
    if labels == list(range(first, first + len(labels))):
        return node if first == 0 else Call("sub", (node, Number(first)))
    found: Node = Null()
    for position in reversed(range(len(labels))):
        found = Call("if", (Call("eq", (node, Number(labels[position]))), Number(position), found))
    return found
