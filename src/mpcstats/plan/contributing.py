"""Who contributes to a measure, by its form: the rows for which CASE gives something."""

from __future__ import annotations

from sqlglot import exp

from mpcstats.plan.logical import Expr, Measure


def contributing(of: Expr | None) -> Expr | None:
    """When a row contributes to an aggregate of `of`, by its form: where CASE gives neither 0 nor NULL.

    None: always.
    """
    if of is None:
        return None
    plain = of.unnest()
    if not isinstance(plain, exp.Case | exp.If):
        return None
    branches = plain.args["ifs"] if isinstance(plain, exp.Case) else [plain]
    default = plain.args.get("default") if isinstance(plain, exp.Case) else plain.args.get("false")
    results = [_counts(branch.args["true"]) for branch in branches]
    last = default is not None and _counts(default)
    if all(results) and last:
        return None
    found = exp.Case(
        ifs=[
            exp.If(this=branch.this.copy(), true=exp.Boolean(this=result))
            for branch, result in zip(branches, results, strict=True)
        ],
        default=exp.Boolean(this=last),
    )
    if isinstance(plain, exp.Case) and plain.this is not None:
        found.set("this", plain.this.copy())
    return found


def everyone_contributes(measure: Measure) -> bool:
    """Whether every person of a cell contributes to a measure, by its form: there is no condition in it."""
    return measure.sql is None or measure.sql.find(exp.Case, exp.If) is None


def _counts(node: Expr) -> bool:
    """Whether a row with this value contributes anything."""
    plain = node.unnest()
    nothing = (
        isinstance(plain, exp.Literal) and not plain.is_string and str(plain.this) in ("0", "0.0")
    )
    return not nothing and not isinstance(plain, exp.Null)
