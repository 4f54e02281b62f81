"""Quantiles: one value of many is told exactly only where the gate asks for its rank, or rounded as the rule says."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan import tables
from mpcstats.plan.physical import Outcome, Physical
from mpcstats.plan.tables import Call, Node, Number, Reference
from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason


def quantiles(case: Case) -> Iterator[Reason]:
    """Which totals tell of a quantile more than the rule permits."""
    rule, plan = case.rule, case.plan
    if rule is None or not rule.permit or not isinstance(plan.aggregate, Outcome):
        return
    base = rule.quantile_rounding
    if base == 1 and plan.gate.k == 1:
        return
    told = exact(plan, plan.aggregate, base)
    for position, total in enumerate(plan.aggregate.totals):
        rank = plan.tests.backing[position].rank
        if total.name not in told or _is_end(rank):  # of an end the gate shows nothing
            continue
        if base > 1:
            words = f"quantiles rounded to {base}, and {total.name} tells one exactly"
        elif rank is None:
            words = f"{rule.minimum_persons} persons on each side of a quantile, of which nothing is known"
        else:
            continue
        yield Reason("gate", f"rule {rule.name} asks for {words}")


def _is_end(rank: tuple[int, int] | None) -> bool:
    return rank is not None and rank[0] in (0, rank[1])


def exact(plan: Physical, outcome: Outcome, base: int) -> frozenset[str]:
    """The totals of `outcome` that hang on a quantile otherwise than through its nearest multiple of `base`."""
    found: set[str] = set()
    for step in plan.steps:
        match step:
            case tables.Quantile():
                found.add(step.column.name)
            case tables.Derive():
                found |= {c.column.name for c in step.columns if _hangs(c.node, found, base)}
            case tables.Divide():
                for each in step.quotients:
                    if {each.numerator, each.denominator} & found:
                        found |= {each.whole.name, each.fraction.name}
            case _:
                pass
    return frozenset(total.name for total in outcome.totals) & found


def _hangs(node: Node, exactly: set[str], base: int) -> bool:
    match node:
        case Reference(name):
            return name in exactly
        case Call("floordiv", (_, Number(value))) if base > 1 and value % base == 0:
            return False
        case Call("isnull", _):
            return False
        case Call(_, parts):
            return any(_hangs(part, exactly, base) for part in parts)
        case _:
            return False
