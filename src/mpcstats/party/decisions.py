"""What one party decides, by its records and by what its ledger says; every decision is written down.

A decision is made again whenever it is asked for: registers are read as they are then, and nothing is remembered
but by the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast, get_args

from mpcstats.errors import PeerFault, PolicyRefused, UsageError
from mpcstats.party.agreement import STEP
from mpcstats.party.compile import Known, Papers, Records, case_of, compile_question, planned
from mpcstats.party.data.consent import asks as asked_of_persons
from mpcstats.party.data.frozen import file_digest
from mpcstats.party.data.source import file_of
from mpcstats.party.desk.consent import ConsentDesk, now
from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.history import History
from mpcstats.party.noted import (
    answerable,
    named_asker,
    reasons_kept,
    released,
    request_body,
)
from mpcstats.party.question import Question, days_about, today
from mpcstats.party.registers import Shelf
from mpcstats.party.repeat import Repeat, States, flipped, remembers
from mpcstats.policy.check import check
from mpcstats.policy.noise import lost
from mpcstats.policy.permit import Permit
from mpcstats.records.canonical import JSON
from mpcstats.records.consent.acts import Mode
from mpcstats.records.consent.terms import Ask
from mpcstats.records.consent.token import TOKEN_KIND
from mpcstats.records.ledger import Entry, Ledger
from mpcstats.records.privacy.spending import FIELD, charges
from mpcstats.records.standing import Violation, What, violated

PATTERN = "suppression-pattern"  # protocols/leakage.toml
REGISTERS_CHANGED = "registers have changed since the question was decided: ask again"


class Decisions:
    """The decisions of one party; `records` are those of the last one."""

    def __init__(
        self,
        consortium: Consortium,
        files: PartyFile,
        ledger: Ledger,
        consent: ConsentDesk | None,
    ) -> None:
        self._me = files.party
        self._data = files.data
        self._files = files
        self._ledger = ledger
        self._consent = consent
        self._history = History()
        self._shelf = Shelf(consortium)
        self.records = Records.load(
            self._me,
            catalogue=consortium.catalogue,
            policy=consortium.policy,
            compute=consortium.compute,
            members=tuple(consortium.members),
            registers=self._shelf.current(),
            engines=consortium.engines,
        )

    def decide(self, question: Question, papers: Papers = ()) -> Permit:
        """This party's decision on `question`, written to its ledger. Raises PolicyRefused and UsageError."""
        with self.deciding(question, papers):
            permit = compile_question(question, self.records, papers, self.known(question))
            self._take_tokens(question, permit, papers)
        plan = permit.plan
        self.write_permit(
            question,
            {
                "plan": permit.plan_digest,
                "policy": permit.policy_digest,
                "level": permit.level.name,
                "rule": permit.rule,
                "approvals": list(permit.papers),
                "template": permit.template,
                "exempted": released(plan, exempt=True),
                **({FIELD: charges(charged)} if (charged := lost(plan)) else {}),
                "datasets": sorted({i.dataset for f in plan.fragments for i in f.items}),
            },
        )
        return permit

    @contextmanager
    def deciding(self, question: Question, papers: Papers) -> Iterator[None]:
        """A decision, by records as they are now: what is asked is written down first, and a refusal with its reasons.

        Raises PolicyRefused for another day's question.
        """
        self._ledger.append("request", request_body(question, papers))
        try:
            _check_day(self._me, question)
            # A licence that was cancelled since the node began does not count here either.
            self.records = replace(self.records, registers=self._shelf.current())
            yield
        except PolicyRefused as refusal:
            reasons = reasons_kept(refusal.reasons)
            about: dict[str, JSON] = {"question": question.digest()}
            entry = self._ledger.append(
                "decision", {**about, "permit": False, "reasons": list(reasons)}
            )
            self._write_violations(question, papers, refusal, entry)
            raise

    def write_permit(self, question: Question, why: Mapping[str, JSON]) -> None:
        """Write down that `question` is permitted, and by what."""
        about: dict[str, JSON] = {"question": question.digest(), "permit": True}
        self._ledger.append("decision", {**about, **why})

    def repeat(self, question: Question, papers: Papers = ()) -> Repeat | None:
        """The run that has answered `question`, by this party's ledger, if the policy lets it be told; else None.

        The question is held against the policy as it is now, but for what would be used up: a repeat uses nothing.
        Raises PolicyRefused and UsageError as `decide` does.
        """
        _check_day(self._me, question)
        self.records = replace(self.records, registers=self._shelf.current())
        known = self.known(question)
        plan = planned(question, self.records, papers)
        case = case_of(plan, question, self.records, papers, known)
        unused = replace(case, spent=0, spent_alone=0, used={}, used_alone=None)
        permit = check(unused, party=self._me)
        released = self._history.released.get((permit.plan_digest, permit.policy_digest))
        if released is None or not remembers(permit, self.records.policy):
            return None
        return Repeat(permit, released)

    def write_repeat(self, question: Question, label: str) -> None:
        """Write down that this party has found its part of the run `label` unchanged, for `question`."""
        body = {"question": question.digest(), "initiator": question.initiator, "run": label}
        self._ledger.append("repeat", body)

    def charge(self, question: Question, permit: Permit, label: str, states: States) -> None:
        """Charge for an answer whose suppression pattern is another than that of the last answer of its kind here.

        Its kind is its template, or its plan where it is of none. Which cells flip is written down nowhere.
        """
        self._history.read_on(self._ledger)
        runs = self._history.answered[permit.template or permit.plan_digest]
        if flipped(self._files, runs, label, states):
            body = {"question": question.digest(), "run": label, "because": PATTERN}
            self._ledger.append("charge", body)

    def _take_tokens(self, question: Question, permit: Permit, papers: Papers) -> None:
        """Consents that came with the question. Raises PolicyRefused, a violation, if one has been used before."""
        tokens = [paper for paper in papers if paper.kind == TOKEN_KIND]
        if self._consent is None or not tokens:
            return
        second = now()
        try:
            refused = self._consent.take(tokens, self.asks(question, permit, second), second=second)
        except UsageError as error:
            raise PolicyRefused(self._me, (str(error),)) from None
        replayed = [str(each) for each in refused if each.violation]
        if replayed:
            raise PolicyRefused(self._me, tuple(replayed), ("replayed-token",))

    def asks(self, question: Question, permit: Permit, second: str) -> dict[Mode, Ask]:
        """What the plan wants of this party's datasets that need consent."""
        matter = question.digest()
        return asked_of_persons(
            permit.plan, self.records.catalogue, self._me, matter=matter, second=second
        )

    def known(self, question: Question) -> Known:
        """What this party's ledger says of earlier questions, and what its project has frozen of its datasets."""
        registers = self.records.registers
        self._history.read_on(self._ledger)
        project = None
        if registers.projects is not None and question.project is not None:
            project = registers.projects.get(question.project, question.day)
        frozen = {} if project is None else project.frozen
        return Known(
            used=self._history.used,
            used_alone=self._history.used_by[question.initiator],
            inputs={n: file_digest(file_of(n, s)) for n, s in self._data.items() if n in frozen},
            spending=self._history.spending,
            losses=self._history.losses,
            standing=self._history.standing(named_asker(question), registers.principals),
        )

    def _write_violations(
        self, question: Question, papers: Papers, refusal: PolicyRefused, entry: Entry
    ) -> None:
        """Who asked what it must have known to be forbidden loses the right to ask, from its next question on."""
        principals = self.records.registers.principals
        for what in refusal.violations:
            if what in get_args(What):
                body = Violation(
                    offender=answerable(question, papers, principals),
                    what=cast("What", what),
                    subject=question.digest(),
                    entry=entry.index,
                    by=self._me,
                    at=entry.time,
                )
                violated(self._ledger, body)

    def check_still(self, label: str, question: Question) -> None:
        """Raises PolicyRefused and PeerFault unless the last decision still holds, for the run `label`."""
        self.check_unchanged()
        self._check_label(label, question)

    def check_unchanged(self) -> None:
        """Raises PolicyRefused if a register has changed since the decision: who asks may have waited for long."""
        if self._shelf.current() is not self.records.registers:
            raise PolicyRefused(self._me, (REGISTERS_CHANGED,))

    def _check_label(self, label: str, question: Question) -> None:
        """Raises PeerFault for the label of an earlier run, whose initiator chose it: it would get two agreements."""
        self._history.read_on(self._ledger)
        if label in self._history.labels:
            reason = f"expected a new label for its run, got {label[:16]}, which an earlier run had"
            raise PeerFault(question.initiator, STEP, reason)


def _check_day(me: str, question: Question) -> None:
    """Decisions go by the question's day, so a question may not choose it: what was stopped today stood yesterday."""
    if question.day not in days_about(datetime.now(UTC)):
        reason = (
            f"the question is of {question.day}, and it is {today()} here, in UTC: ask again with "
            "today's date"
        )
        raise PolicyRefused(me, (reason,))
