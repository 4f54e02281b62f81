"""A plan in the terms of papers: the columns that it reads, its protocols and operations, and who asks."""

from __future__ import annotations

from mpcstats.plan.physical import Physical
from mpcstats.records.papers.asked import Asked, ColumnRead


def asked_of(
    plan: Physical, *, question: str, user: str | None, project: str | None, day: str
) -> Asked:
    """What `plan` asks for. An operation is the kind of a step, in small letters: sum, lookup, cohort, gate."""
    items = [item for fragment in plan.fragments for item in fragment.items]
    columns = dict.fromkeys(ColumnRead(i.dataset, i.column, i.special) for i in items)
    return Asked(
        question=question,
        plan=plan.digest(),
        scenario=plan.scenario,
        purpose=plan.purpose,
        initiator=plan.initiator,
        recipients=plan.gate.recipients,
        user=user,
        project=project,
        day=day,
        persons=plan.gate.k,
        columns=tuple(columns),
        protocols=tuple(step.card for step in plan.steps),
        operations=tuple(type(step).__name__.lower() for step in plan.steps),
    )
