"""A plan in the terms of papers: the columns that it reads, its protocols and operations, and who asks."""

from __future__ import annotations

from mpcstats.plan.cost import protocols
from mpcstats.plan.physical import Physical
from mpcstats.policy.operations import operations
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.papers.asked import Asked, ColumnRead

EXEMPT = 1 << 40  # more than any minimum: of a plan that opens nothing but what is exempted


def asked_of(
    plan: Physical,
    catalogue: Catalogue,
    *,
    question: str,
    user: str | None,
    project: str | None,
    day: str,
) -> Asked:
    """What `plan` asks for."""
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
        # Cells that an approval exempts are that approval's matter.
        persons=min((release.k for release in plan.gate.ruled), default=EXEMPT),
        columns=tuple(columns),
        protocols=tuple(card for played in protocols(plan).values() for card in played),
        operations=operations(plan, catalogue),
    )
