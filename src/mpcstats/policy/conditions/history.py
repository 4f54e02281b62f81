"""The history: cells are compared with earlier ones where the rule says so, and nothing escapes the comparison."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.physical import Cohort, Comparison, Physical
from mpcstats.policy.case import Case
from mpcstats.policy.history import History
from mpcstats.policy.reason import Reason


def history(case: Case) -> Iterator[Reason]:
    """Why a plan's cells are not compared as the rule says."""
    rule = case.rule
    if rule is None or not rule.permit or rule.history is None:
        return
    plan, wanted = case.plan, rule.history
    asks = f"rule {rule.name} asks for {wanted}"
    step = plan.comparison
    if step is None and not isinstance(plan.aggregate, Cohort):
        if wanted.otherwise == "refuse":
            yield Reason(
                "history",
                f"{asks}, and only cohorts of persons along one owner's rows can be compared: join on the "
                "person key, one row a person, and group by a few public labels",
            )
        return
    if any(release.exempt is not None for release in plan.gate.releases):
        yield Reason("history", f"{asks}: no approval exempts cells from it")
    if step is None and isinstance(plan.aggregate, Cohort):
        rows = plan.fragment(plan.aggregate.spine).rows
        yield Reason(
            "history",
            f"{asks} over {wanted.persons:,} persons; the spine of this question has {rows:,} rows, or no "
            "person key of the catalogue",
        )
    elif step is not None and not _as_asked(step, plan, wanted):
        yield Reason("history", f"{asks}, and the plan has another one")


def _as_asked(step: Comparison, plan: Physical, wanted: History) -> bool:
    sizes = (step.persons, step.cells, step.k)
    return sizes == (wanted.persons, wanted.cells, plan.gate.k)
