"""Linear expressions: those whose value is the sum of their values over the parts of their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlglot import exp

from mpcstats.plan.relational.algebra import Expr

Parts = Callable[[exp.Column], Sequence[Expr] | None]


def in_parts(node: Expr, parts: Parts) -> list[Expr] | None:
    """`node` with the first, the second, ... of the `parts` of its columns in their place; None if it is not linear.

    Every column must have parts: a constant, or a column without, is nobody's.
    """
    match node:
        case exp.Column():
            found = parts(node)
            return None if found is None else [part.copy() for part in found]
        case exp.Paren():
            return _around(parts, node.this, lambda a: exp.Paren(this=a))
        case exp.Neg():
            return _around(parts, node.this, lambda a: exp.Neg(this=exp.Paren(this=a)))
        case exp.Coalesce(this=inner, expressions=[exp.Literal() as zero]) if is_zero(zero):
            return _around(parts, inner, lambda a: exp.Coalesce(this=a, expressions=[zero.copy()]))
        case exp.Add() | exp.Sub():
            one, other = in_parts(node.this, parts), in_parts(node.expression, parts)
            if one is None or other is None or len(one) != len(other):
                return None
            pairs = zip(one, other, strict=True)
            return [
                type(node)(this=exp.Paren(this=a), expression=exp.Paren(this=b)) for a, b in pairs
            ]
        case exp.Mul():
            for factor, other in ((node.this, node.expression), (node.expression, node.this)):
                number = factor.unnest()
                if isinstance(number, exp.Literal) and number.is_int:
                    return _around(parts, other, partial(_times, number))
    return None


def _around(parts: Parts, inner: Expr, made: Callable[[Expr], Expr]) -> list[Expr] | None:
    found = in_parts(inner, parts)
    return None if found is None else [made(part) for part in found]


def _times(number: Expr, part: Expr) -> Expr:
    return exp.Mul(this=exp.Paren(this=part), expression=number.copy())


def is_zero(node: exp.Literal) -> bool:
    """Whether it is the number 0."""
    return not node.is_string and str(node.this) in ("0", "0.0")
