"""Who asks may still ask: a violation takes the right away, until somebody of another organisation gives it back."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.records.standing import Standing


def standing(case: Case) -> Iterator[Reason]:
    """Why who asks has lost the right to."""
    yield from lost(case.standing)


def lost(found: Standing | None) -> Iterator[Reason]:
    """The same of a standing."""
    if found is not None and found.revoked:
        yield Reason(
            "standing",
            f"{found.offender} may not ask since entry {found.by}: {found.why}; an authoriser or regulator of "
            "another organisation can reinstate it",
        )
