"""Authorisers have approved the plan, or a template that the question is one of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mpcstats.errors import UsageError
from mpcstats.plan.template import Pattern, outside, pattern_of
from mpcstats.policy.case import Case
from mpcstats.policy.conditions.real_name import unsigned
from mpcstats.policy.reason import Code, Reason
from mpcstats.policy.uncounted import unread
from mpcstats.records.papers.approval import (
    KIND,
    Approval,
    approvers,
    faults,
)
from mpcstats.records.papers.papers import Paper
from mpcstats.records.papers.template import Template
from mpcstats.records.papers.words import joined


def approval(case: Case) -> Iterator[Reason]:
    """Why too few authorisers have approved. Distinct ones count, over all approvals that count."""
    wanted = 1 if case.rule is None else case.rule.signatures
    names: set[str] = set()
    against: list[Reason] = []
    for paper in case.read.approvals:
        why = list(_against(case, paper))
        against += why
        if not why:
            names.update(approvers(paper.body, paper.signers, case.asked, case.principals))
    if len(names) < wanted:
        by = "an authoriser" if wanted == 1 else f"{wanted} different authorisers"
        yield Reason(
            "approval",
            f"expected an approval by {by}, got what counts from {joined(tuple(sorted(names)))}",
        )
        yield from against
        yield from unread(case, KIND)


def counting(case: Case) -> tuple[str, ...]:
    """The digests of the approvals that count for the case: what a run of it uses up."""
    return tuple(p.digest for p in case.read.approvals if not any(_against(case, p)))


def exempting(case: Case) -> tuple[Paper[Approval], ...]:
    """The approvals that exempt cells of the question from the rule's minimums, in the order of their digests.

    As many different authorisers must have signed each as the rule asks for. How often one has been used is left out:
    a plan depends on it, and parties may have met different numbers of questions.
    """
    wanted = 1 if case.rule is None else case.rule.signatures
    found = [
        paper
        for paper in case.read.approvals
        if paper.body.exemption is not None
        and _templates(case, [paper])
        and not _faults(case, paper)
        and len(set(approvers(paper.body, paper.signers, case.asked, case.principals))) >= wanted
    ]
    return tuple(sorted(found, key=lambda paper: paper.digest))


def fitting(case: Case) -> frozenset[str]:
    """The digests of the templates among the papers that the question is one of, whoever has approved them.

    For a register that names templates itself: who asks may have written all of these.
    """
    return _templates(case, case.read.approvals)


def approved(case: Case) -> frozenset[str]:
    """The digests of the templates that the question is one of, and that are approved for it."""
    return _templates(case, (p for p in case.read.approvals if not _faults(case, p)))


def _templates(case: Case, papers: Iterable[Paper[Approval]]) -> frozenset[str]:
    found = set()
    for paper in papers:
        template = paper.body.template
        pattern = _pattern(template)
        if template is None or not isinstance(pattern, Pattern):
            continue
        if outside(template.sql, template.slots, case.plan.question) is None:
            found.add(pattern.digest)
    return frozenset(found)


def _faults(case: Case, paper: Paper[Approval]) -> list[str]:
    """Why an approval does not count, its template and its uses aside."""
    why = [*faults(paper.body, paper.signers, case.asked, case.principals)]
    if case.user in paper.body.users and any(unsigned(case)):
        why.append(f"{case.user} has not signed the question")
    return why


def _one_too_many(case: Case) -> bool:
    """Whether an authoriser's paper, in date or not, is about this question: the sender may have sent one too many."""
    # An authoriser's: with a paper of its own making nobody excuses itself.
    given = [
        paper
        for paper in case.read.approvals
        if approvers(paper.body, paper.signers, case.asked, case.principals)
    ]
    return bool(_templates(case, given)) or any(p.body.plan == case.asked.plan for p in given)


def _against(case: Case, paper: Paper[Approval]) -> Iterator[Reason]:
    """Why one approval does not count."""
    body, name = paper.body, f"{paper.name} ({paper.body.number})"
    if why := _faults(case, paper):
        yield from (Reason("paper", f"{name} does not count: {each}") for each in why)
        return
    template, pattern = body.template, _pattern(body.template)
    if isinstance(pattern, str):
        yield Reason("paper", f"{name} does not count: {pattern}")
    elif template is not None and (
        place := outside(template.sql, template.slots, case.plan.question)
    ):
        code: Code = "paper" if _one_too_many(case) else "outside-template"
        yield Reason(code, f"the question is outside the template of {name}: {place}")
    elif spent := case.used_up(paper.digest, body.uses):
        yield Reason(spent, f"{name} has been used up: {body.uses} uses were approved")


def _pattern(template: Template | None) -> Pattern | str | None:
    """The template's pattern; in words why it cannot be read; None if there is no template."""
    if template is None:
        return None
    try:
        return pattern_of(template.sql, template.slots)
    except UsageError as error:
        return f"its template: {error}"
