"""What a plan computes, apart from who asks, why, in which words, and who may see what: the name of its noise."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mpcstats.plan.physical import Cohort, Physical, Release, Step, Sum

DOMAIN = b"mpcstats noise matter 1"
NOBODY = "-"


def matter(plan: Physical) -> bytes:
    """SHA-256 of what is computed: equal for plans whose cells are the same numbers by the same fragments and steps.

    Left out are the question's text, scenario, purpose, initiator, the names and the order of what comes out, and the
    gate. So another asker, or another release, gets the noise that the first one got. A question that means the same
    and is planned otherwise has another matter.
    """
    gate = replace(plan.gate, releases=(Release((NOBODY,), 1),), magnitudes=())
    bare = replace(
        plan,
        question="",
        scenario="",
        purpose="",
        initiator=NOBODY,
        steps=(*(_unnamed(step) for step in plan.steps[:-1]), gate),
        output=(),
        order=(),
        limit=None,
    )
    return hashlib.sha256(DOMAIN + bare.canonical().encode()).digest()


def _unnamed(step: Step) -> Step:
    """A cohort's or a sum's totals go by position; what they are called is the asker's choice."""
    if not isinstance(step, Sum | Cohort):
        return step
    totals = tuple(replace(total, name=str(i)) for i, total in enumerate(step.totals))
    return replace(step, totals=totals)
