"""The functions and aggregates that the expressions of a frame are made with."""

from __future__ import annotations

from sqlglot import exp

from mpcstats.errors import UsageError
from mpcstats.plan.expression import Expression, condition, made, value


def coalesce(first: object, *others: object) -> Expression:
    """The first of these that is not missing."""
    return _listed(exp.Coalesce, first, others)


def greatest(first: object, *others: object) -> Expression:
    """The greatest of these; what is missing is left out, as in DuckDB."""
    return _listed(exp.Greatest, first, others, ignore_nulls=True)


def least(first: object, *others: object) -> Expression:
    """The least of these; what is missing is left out, as in DuckDB."""
    return _listed(exp.Least, first, others, ignore_nulls=True)


def case(*branches: tuple[Expression, object], default: object = None) -> Expression:
    """The value of the first of the `branches` (condition, value) whose condition holds, else `default`.

    Without a default it is missing where no condition holds.
    """
    if not branches:
        raise UsageError("expected case((condition, value), ...), got no branch")
    parts: list[Expression] = []
    ifs: list[exp.If] = []
    for branch in branches:
        match branch:
            case (if_, then):
                test, result = condition(if_), value(then)
            case _:
                raise UsageError(f"expected a branch (condition, value), got {branch!r:.60}")
        parts += [test, result]
        ifs.append(exp.If(this=test.tree, true=result.tree))
    tree = exp.Case(ifs=ifs)
    if default is not None:
        parts.append(value(default))
        tree.set("default", parts[-1].tree)
    return made(tree, *parts)


def count(of: object = None) -> Expression:
    """The number of rows; of those in which `of` is not missing, if it is given."""
    if of is None:
        return made(exp.Count(this=exp.Star()))
    return _aggregate(exp.Count, of)


def count_distinct(of: object) -> Expression:
    """The number of different values of `of`; what is missing is none."""
    part = _of_a_row(of)
    return made(exp.Count(this=exp.Distinct(expressions=[part.tree])), part)


def sum_(of: object) -> Expression:
    """The sum of `of` over the rows."""
    return _aggregate(exp.Sum, of)


def min_(of: object) -> Expression:
    """The least value of `of`."""
    return _aggregate(exp.Min, of)


def max_(of: object) -> Expression:
    """The greatest value of `of`."""
    return _aggregate(exp.Max, of)


def avg(of: object) -> Expression:
    """The mean of `of` over the rows in which it is not missing."""
    return _aggregate(exp.Avg, of)


def _aggregate(kind: type[exp.Expr], of: object) -> Expression:
    part = _of_a_row(of)
    return made(kind(this=part.tree), part)


def _of_a_row(of: object) -> Expression:
    part = value(of)
    if part.is_aggregate:
        raise UsageError(f"expected no aggregate of an aggregate, got one of {part!r}")
    return part


def _listed(
    kind: type[exp.Expr], first: object, others: tuple[object, ...], **flags: bool
) -> Expression:
    head, *rest = (value(part) for part in (first, *others))
    tree = kind(this=head.tree, expressions=[part.tree for part in rest], **flags)
    return made(tree, head, *rest)
