"""Every column that a plan reads is one item of the catalogue, of its owner, and of an element without a dispute."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.policy.resolution import unresolved


def columns_known(case: Case) -> Iterator[Reason]:
    """One reason for each column that is not so."""
    disputed = case.registers.disputed(case.catalogue)
    for why in unresolved(case.plan, case.catalogue, disputed):
        yield Reason("catalogue", why)
