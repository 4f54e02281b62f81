"""The least thresholds of the jurisdiction's profile, whatever the rule says: a profile only adds."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.conditions.gate_rules import thresholds, unheld
from mpcstats.policy.reason import Reason


def profile(case: Case) -> Iterator[Reason]:
    """Why the gate opens cells that the profile does not, or that nobody would hold against it."""
    found = case.registers.profile
    if found is None:
        return
    # An approval exempts from the rule's minimums and not from these.
    releases = case.plan.gate.releases
    yield from unheld(case, f"profile {found.name}", thresholds(found), releases)
    least = min(release.k for release in releases)
    if least < found.minimum_persons:
        yield Reason(
            "minimum-persons",
            f"profile {found.name} opens cells of at least {found.minimum_persons} persons, the plan those "
            f"of {least}",
        )
