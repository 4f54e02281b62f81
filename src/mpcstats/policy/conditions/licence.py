"""An operator runs only inside a licence, column by column and step by step (运营与授权分离)."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.conditions.real_name import unsigned
from mpcstats.policy.reason import Reason
from mpcstats.policy.uncounted import unread
from mpcstats.records.papers.licence import KIND, Licence, faults, operators
from mpcstats.records.papers.papers import Paper


def operated(case: Case) -> Iterator[Reason]:
    """Whoever is an operator needs a licence, whether or not the rule requires one of everybody."""
    rule = case.rule
    if rule is None or not rule.permit or "licence" in rule.requires:
        return
    if operators(case.asked, case.principals):
        yield from licence(case)


def licence(case: Case) -> Iterator[Reason]:
    """Why the question is inside no licence of an operator who asks."""
    asking = case.user or case.plan.initiator
    if not operators(case.asked, case.principals):
        yield Reason("licence", f"expected an operator to ask, with a licence; {asking} is none")
        return
    against: list[Reason] = []
    for paper in case.read.licences:
        why = list(_against(case, paper))
        if not why:
            return
        against += why
    yield Reason("licence", f"operator {asking} runs only inside a licence, got none that counts")
    yield from against
    yield from unread(case, KIND)


def counting(case: Case) -> tuple[str, ...]:
    """The digests of the licences that count for the case: what a run of it uses up."""
    return tuple(p.digest for p in case.read.licences if not any(_against(case, p)))


def _against(case: Case, paper: Paper[Licence]) -> Iterator[Reason]:
    """Why the question is not inside one licence."""
    body, name = paper.body, f"{paper.name} ({paper.body.number})"
    why = [*faults(body, paper.signers, case.asked, case.principals)]
    if body.operator == case.user and any(unsigned(case)):
        why.append(f"{case.user} has not signed the question")
    yield from (Reason("licence", f"{name} does not count: {each}") for each in why)
    if not why and (spent := case.used_up(paper.digest, body.quota)):
        yield Reason(spent, f"{name} has been used up: its quota is {body.quota} runs")
