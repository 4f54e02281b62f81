"""What a rule requires beside its bounds: one condition for each requirement, asked only where the rule names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mpcstats.policy.case import Case, Condition
from mpcstats.policy.conditions.acknowledgement import acknowledgement
from mpcstats.policy.conditions.approval import approval
from mpcstats.policy.conditions.licence import licence
from mpcstats.policy.conditions.project import project
from mpcstats.policy.conditions.real_name import real_name
from mpcstats.policy.conditions.registration import registration
from mpcstats.policy.conditions.rights import rights
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Requirement

CONDITIONS: Mapping[Requirement, Condition] = {
    "real-name": real_name,
    "licence": licence,
    "approval": approval,
    "project": project,
    "rights": rights,
    "registration": registration,
    "acknowledgement": acknowledgement,
}


def granted(case: Case) -> Iterator[Reason]:
    """Every requirement of the rule that is not met; one that nothing here can test counts so."""
    for _, reasons in asked(case):
        yield from reasons


def asked(case: Case) -> Iterator[tuple[Requirement, tuple[Reason, ...]]]:
    """Each requirement of the rule, and why it is not met; no reasons if it is."""
    rule = case.rule
    if rule is None or not rule.permit:
        return
    for requirement in sorted(set(rule.requires)):
        condition = CONDITIONS.get(requirement)
        if condition is None:
            unknown = Reason(
                "denied",
                f"rule {rule.name} requires {requirement}, which cannot be tested here: what is unknown "
                "is denied",
            )
            yield requirement, (unknown,)
        else:
            yield requirement, tuple(condition(case))
