"""What a plan releases below the rule's minimums must be what an approval exempts, and no more."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.physical import Release
from mpcstats.policy.case import Case
from mpcstats.policy.conditions.approval import counting, exempting
from mpcstats.policy.reason import Reason
from mpcstats.policy.releases import columns_of, own_cells
from mpcstats.records.papers.words import joined


def exempted(case: Case) -> Iterator[Reason]:
    """Why a release that names an approval is not within what that approval exempts."""
    gate = case.plan.gate
    exempt = [release for release in gate.releases if release.exempt is not None]
    if not exempt:
        return
    if gate.card in case.cards and "per-recipient" not in case.cards[gate.card].offers:
        card = case.cards[gate.card]
        yield Reason(
            "gate",
            f"the plan opens cells to some recipients and not to others, which {card.id} "
            f"v{card.version} does not do",
        )
    for release in exempt:
        if why := _against(case, release):
            to = joined(release.recipients)
            yield Reason("gate", f"the plan opens cells below the minimum to {to}: {why}")


def _against(case: Case, release: Release) -> str | None:
    """Why the release is not exempted; None if it is."""
    number = (release.exempt or "")[:16]
    paper = next((p for p in exempting(case) if p.digest == release.exempt), None)
    exemption = None if paper is None else paper.body.exemption
    if paper is None or exemption is None:
        return f"no approval {number} that counts exempts them"
    if paper.digest not in counting(case):
        return f"approval {number} has been used up"
    more = tuple(name for name in release.recipients if name not in exemption.recipients)
    if more:
        return f"approval {number} is not for {joined(more)}"
    if release.columns is None or not set(release.columns) <= set(columns_of(case.plan, exemption)):
        return f"approval {number} is for columns {joined(exemption.cells)} alone"
    if exemption.own_row and not all(
        release.cells is not None
        and set(release.cells) <= set(own_cells(case.plan, case.catalogue, name))
        for name in release.recipients
    ):
        return f"approval {number} is for a recipient's own row alone"
    return None
