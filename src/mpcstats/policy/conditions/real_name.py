"""A person with a real name asks, and has signed the question (实名认证)."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.policy.case import Case
from mpcstats.policy.reason import Reason
from mpcstats.policy.uncounted import unread
from mpcstats.records.papers.request import KIND, faults, not_real


def real_name(case: Case) -> Iterator[Reason]:
    """Why nobody who is known by name stands behind the question."""
    if case.user is None:
        yield Reason(
            "real-name",
            f"a real-name user of {case.plan.initiator} must ask, and the question names none: give its name "
            "and a request that it has signed",
        )
        return
    for why in not_real(case.user, case.asked, case.principals):
        yield Reason("real-name", f"a real-name user of {case.plan.initiator} must ask: {why}")
    yield from unsigned(case)


def unsigned(case: Case) -> Iterator[Reason]:
    """Why the user that the question names has not signed it, which makes the name its initiator's word alone.

    Nor has one whose time is over: its key may be anybody's by then.
    """
    known = None if case.user is None else case.principals.get(case.user)
    if known is not None and not known.valid(case.day):
        yield Reason("real-name", f"{case.user} may not act on {case.day}")
        return
    against = []
    for paper in case.read.requests:
        why = list(faults(paper.body, paper.signers, case.asked))
        if not why:
            return
        against += [Reason("paper", f"{paper.name} does not count: {each}") for each in why]
    yield Reason(
        "real-name",
        f"expected a request for question {case.asked.question[:16]} signed by {case.user or 'a user'}, "
        "got none that counts",
    )
    yield from against
    yield from unread(case, KIND)
