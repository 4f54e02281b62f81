"""Which papers a run uses up: every approval and licence that counts, where one is asked for or exempts cells."""

from __future__ import annotations

from mpcstats.policy.case import Case
from mpcstats.policy.conditions import approval, licence
from mpcstats.records.papers.licence import operators


def uses(case: Case) -> tuple[str, ...]:
    """The digests of the papers that a permit for the case rests on; `Case.used` counts them at the next one."""
    required = () if case.rule is None else case.rule.requires
    exempt = {release.exempt for release in case.plan.gate.releases}
    approvals = tuple(
        digest for digest in approval.counting(case) if "approval" in required or digest in exempt
    )
    operated = "licence" in required or bool(operators(case.asked, case.principals))
    return (*approvals, *(licence.counting(case) if operated else ()))
