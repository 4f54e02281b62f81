"""What becomes of a question whose run has lost a party: those who are left may be asked to go on without it."""

from __future__ import annotations

from dataclasses import replace

from mpcstats.errors import TransportFault, UsageError
from mpcstats.party.compile import Papers, planned
from mpcstats.party.node import Node
from mpcstats.party.question import Question, Resumes
from mpcstats.plan.offer import SHAMIR


def going_on(
    node: Node, question: Question, papers: Papers, label: str, fault: TransportFault
) -> Question | None:
    """The question to those who are left of run `label`, which `fault` has ended; None if they cannot go on.

    They can if the shares were dealt before, the policy permits answers of who is left, and enough are. It is a
    question of its own: decided, charged and written down as every other. Raises TransportFault that says why, where
    shares were kept and those who are left have no plan for them.
    """
    before = question.resumes
    run = label if before is None else before.run
    without = (fault.party,) if before is None else (*before.without, fault.party)
    if not node.keeps(run) or fault.party in (node.me, *question.recipients):
        return None
    try:
        left = replace(question, engine=SHAMIR, resumes=Resumes(run, without))
        planned(left, node.records, papers)
    except UsageError as error:
        raise TransportFault(
            fault.party, f"{fault.reason}; who is left cannot go on: {error}"
        ) from fault
    return left
