"""Every column that a plan reads must be one of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason


def columns_known(case: Case) -> Iterator[Reason]:
    """One reason for each column that the catalogue does not have; a made-up plan may name one."""
    items = {item for fragment in case.plan.fragments for item in fragment.items}
    for dataset, column in sorted({(item.dataset, item.column) for item in items}):
        known = case.catalogue.has(dataset) and column in case.catalogue.dataset(dataset).columns
        if not known:
            yield Reason(
                "catalogue",
                f"the catalogue has no column {dataset}.{column}: what is unknown is denied",
            )
