"""Who contributes to a measure: by its form, the rows for which CASE gives something, and those with a value."""

from __future__ import annotations

from sqlglot import exp

from mpcstats.plan.facts import united
from mpcstats.plan.local import known
from mpcstats.plan.logical import Block, Expr, Measure, locals_of, members_of


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


def everyone_contributes(measure: Measure, block: Block) -> bool:
    """Whether every person of a cell contributes to a measure: there is no CASE, and no column that may be NULL."""
    node = measure.sql
    if node is None or measure.kind == "distinct":
        return True
    if node.find(exp.Case, exp.If) is not None:
        return False
    facts = (_nullable(column, block) for column in node.find_all(exp.Column))
    return not any(facts)


def _nullable(column: exp.Column, block: Block) -> bool:
    for source in block.sources:
        if column.table in members_of(source):
            return united([known(local).fact(column) for local in locals_of(source)]).nullable
    return True


def _counts(node: Expr) -> bool:
    """Whether a row with this value contributes anything."""
    plain = node.unnest()
    nothing = (
        isinstance(plain, exp.Literal) and not plain.is_string and str(plain.this) in ("0", "0.0")
    )
    return not nothing and not isinstance(plain, exp.Null)
