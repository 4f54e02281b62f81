"""Papers that say nothing are never passed over in silence where a paper of their kind is wanted."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.records.papers.papers import MODELS


def unread(case: Case, kind: str) -> Iterator[Reason]:
    """Why each paper that could have been one of `kind`, and cannot be read, does not count."""
    for paper in case.read.unread:
        # A kind that nobody knows may be a misspelt one.
        if paper.kind == kind or paper.kind not in MODELS:
            yield Reason("paper", f"{paper.name} does not count: {paper.why}")
