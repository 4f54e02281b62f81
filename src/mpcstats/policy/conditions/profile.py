"""The least thresholds of the jurisdiction's profile, whatever the rule says: a profile only adds."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason


def profile(case: Case) -> Iterator[Reason]:
    """Why the gate opens cells that the profile does not."""
    found = case.registers.profile
    if found is not None and case.plan.gate.k < found.minimum_persons:
        yield Reason(
            "minimum-persons",
            f"profile {found.name} opens cells of at least {found.minimum_persons} persons, the plan those "
            f"of {case.plan.gate.k}",
        )
