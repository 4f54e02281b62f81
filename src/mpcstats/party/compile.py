"""From a question's text to a permit, by one party's own records: plan it, see what the policy asks, check it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path

from mpcstats.cards.load import Cards, load_cards
from mpcstats.errors import UsageError
from mpcstats.party.candidates import Candidate, asked_for, chosen, weighed
from mpcstats.party.data.rehearsal import rehearse
from mpcstats.party.question import Question
from mpcstats.plan.comparison import compared
from mpcstats.plan.limits import Limited
from mpcstats.plan.margins import check_chooses
from mpcstats.plan.offer import REP3, Offer, Seats
from mpcstats.plan.owners import owners_of
from mpcstats.plan.padded import padded
from mpcstats.plan.partial import outliving, resumed
from mpcstats.plan.physical import Gate, Physical, PrivateJoin
from mpcstats.plan.question import Setting, plan_question
from mpcstats.plan.strictness import Checks
from mpcstats.policy.budget import Budget, Per
from mpcstats.policy.case import Case
from mpcstats.policy.check import check
from mpcstats.policy.conditions.approval import approved
from mpcstats.policy.least import Least, least, least_checks
from mpcstats.policy.magnitude import magnitudes
from mpcstats.policy.noise import datasets, limits_of, with_noise
from mpcstats.policy.permit import Permit
from mpcstats.policy.registers import Registers
from mpcstats.policy.releases import by_own, releases
from mpcstats.policy.rule import Policy
from mpcstats.policy.sensitivity import sensitivity
from mpcstats.records.budget import Spending
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.papers.approval import KIND as APPROVAL
from mpcstats.records.privacy.spending import Losses
from mpcstats.records.signed import Statement
from mpcstats.records.standing import Standing

Papers = tuple[Statement, ...]  # that come with a question, unchecked
MOST_PAPERS = 32


@dataclass(frozen=True, slots=True)
class Records:
    """What party `party` decides by: its catalogue, policy and cards, who computes, and who is in the consortium.

    `compute` are the compute parties of rep3, none where it is not offered; `engines` what else is offered.
    """

    party: str
    catalogue: Catalogue
    policy: Policy
    cards: Cards
    compute: tuple[str, ...]
    members: tuple[str, ...]
    registers: Registers = field(default_factory=Registers)
    engines: tuple[Offer, ...] = ()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """All engines that are offered, in the order in which they are preferred where they cost the same."""
        return (*([Offer(REP3, self.compute)] if self.compute else ()), *self.engines)

    @classmethod
    def load(
        cls,
        party: str,
        *,
        catalogue: Path,
        policy: Path,
        compute: tuple[str, ...],
        members: tuple[str, ...],
        registers: Registers | None = None,
        engines: tuple[Offer, ...] = (),
    ) -> Records:
        """The records of `party` from its files. Raises UsageError with file and place."""
        return cls(
            party,
            Catalogue.load(catalogue),
            Policy.load(policy),
            load_cards(),
            compute,
            members,
            Registers() if registers is None else registers,
            engines,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What this party alone knows: how often each paper was used before, how many questions of the project or
    template it has permitted in the rule's period, digests of its own frozen datasets, who may not ask any more.
    """

    used: Mapping[str, int] = field(default_factory=dict)
    used_alone: Mapping[str, int] | None = None  # by this question's initiator; None: all of them
    inputs: Mapping[str, str] = field(default_factory=dict)
    spending: Spending | None = None
    standing: Standing | None = None
    losses: Losses | None = None


NOTHING = Known()


def read_papers(value: object) -> Papers:
    """The papers in `value`, which comes from another party. Raises UsageError if it is no list of statements."""
    if not isinstance(value, list) or len(value) > MOST_PAPERS:
        raise UsageError(f"expected a list of at most {MOST_PAPERS} papers with the question")
    return tuple(Statement.from_json(paper) for paper in value)


Stage = Callable[[Physical, Question, Records, Papers], Physical]


def planned(question: Question, records: Records, papers: Papers = ()) -> Physical:
    """The plan of `question` on the engine that is chosen, whose gate opens what the policy permits and what
    `papers` exempt.

    Raises UsageError where it cannot be computed, or names parties or an engine that do not exist.
    """
    return chosen(candidates(question, records, papers)).plan


def candidates(question: Question, records: Records, papers: Papers = ()) -> tuple[Candidate, ...]:
    """The plan of `question` on each engine that is offered, the one that is asked for alone if one is.

    They are the same at all parties that agree on what the handshake compares. Raises UsageError for an engine that
    is not offered.
    """
    offers = asked_for(records.offers, question.engine)
    with _shallow():
        owners = owners_of(question.text, records.catalogue)

        def plan(offer: Offer) -> Physical:
            return planned_on(offer.seats(owners), question, records, papers)

        def case(plan: Physical) -> Case:
            return case_of(plan, question, records, papers)

        return tuple(weighed(offer.engine, partial(plan, offer), case) for offer in offers)


def planned_on(seats: Seats, question: Question, records: Records, papers: Papers = ()) -> Physical:
    """The plan of `question` on one engine. Raises UsageError where it cannot be computed."""
    setting = Setting(
        catalogue=records.catalogue,
        engine=seats.engine,
        compute=seats.compute,
        threshold=seats.threshold,
        initiator=question.initiator,
        recipients=question.recipients,
        scenario=question.scenario,
        purpose=question.purpose,
        k=1,
        helpers=records.policy.helpers,
    )
    draft = plan_question(question.text, setting)
    asked, checks = _least(draft, question, records), _checks(draft, question, records)
    stricter = replace(
        setting,
        k=asked.persons,
        contributors=asked.contributors > 1,
        contributions=asked.p > 0 or asked.largest is not None,
        complement=asked.complement and asked.persons > 1,
        rounding=asked.rounding,
        quantiles=asked.quantiles,
        suppression=asked.suppression.method,
        percent=asked.suppression.percent,
        checks=checks,
        limits=_limits(draft, question, records),
    )
    if stricter != setting:
        draft = plan_question(question.text, stricter)
        # What is read for checks alone may be of a level that asks for stricter ones; there are few.
        while (checks := _checks(draft, question, records)) != draft.checks:
            draft = plan_question(question.text, replace(stricter, checks=checks))
    return reduce(lambda plan, stage: stage(plan, question, records, papers), STAGES, draft)


def compile_question(
    question: Question, records: Records, papers: Papers = (), known: Known = NOTHING
) -> Permit:
    """The permit of this party for `question`, with the papers that came with it.

    Raises UsageError as `planned`, PolicyRefused with every reason.
    """
    with _shallow():
        plan = planned(question, records, papers)
        return permitted(plan, question, records, papers, known)


def permitted(
    plan: Physical,
    question: Question,
    records: Records,
    papers: Papers = (),
    known: Known = NOTHING,
) -> Permit:
    """The permit of this party for `plan`, which is that of `question`.

    Raises PolicyRefused with every reason, UsageError if this party cannot compute the plan.
    """
    check_chooses(plan, records.party)
    return check(case_of(plan, question, records, papers, known), party=records.party)


def case_of(
    plan: Physical,
    question: Question,
    records: Records,
    papers: Papers = (),
    known: Known = NOTHING,
) -> Case:
    """All that this party's decision on `plan`, which is that of `question`, depends on."""
    case = Case(
        plan,
        records.registers.graded(records.catalogue, question.day),
        records.policy,
        records.cards,
        day=question.day,
        user=question.user,
        project=question.project,
        question=question.digest(),
        registers=records.registers,
        papers=papers,
        standing=known.standing,
        used=known.used,
        used_alone=known.used_alone,
        inputs=known.inputs,
        losses=known.losses,
    )
    spending = known.spending
    if spending is None or case.rule is None or case.rule.budget is None:
        return case
    alone = _spent(case, case.rule.budget, spending, initiator=question.initiator)
    return replace(case, spent=_spent(case, case.rule.budget, spending), spent_alone=alone)


def _spent(case: Case, budget: Budget, spending: Spending, initiator: str | None = None) -> int:
    """How many questions like this one (of `initiator` alone) have been permitted here in the period of the budget.

    Of several templates that are approved for it, or datasets that it reads, the one that has been used most counts.
    """
    names = _counted(case, budget.per)
    since, until = budget.since(case.day), budget.until(case.day)
    counts = (
        spending.spent(budget.per, name, since=since, until=until, initiator=initiator)
        for name in names
        if name
    )
    return max(counts, default=0)


def _counted(case: Case, per: Per) -> Iterable[str | None]:
    """The names under which the question counts."""
    match per:
        case "project":
            return (case.project,)
        case "template":
            return approved(case)
        case "initiator":
            return (case.plan.initiator,)
        case "purpose":
            return (case.plan.purpose,)
        case "dataset":
            return {item.dataset for f in case.plan.fragments for item in f.items}


@contextmanager
def _shallow() -> Iterator[None]:
    """A question that nests too deeply for Python's stack is its author's fault, and ends nobody's node."""
    try:
        yield
    except RecursionError:
        raise UsageError("expected a question that nests less deeply, got one too deep") from None


def _least(plan: Physical, question: Question, records: Records) -> Least:
    """What the policy asks of the gate."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    profile, policy = records.registers.profile, records.policy
    return least(plan, catalogue=catalogue, policy=policy, profile=profile)


def _checks(plan: Physical, question: Question, records: Records) -> Checks:
    """What becomes of rows that fail the catalogue's checks, as the policy asks."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    return least_checks(plan, catalogue=catalogue, policy=records.policy)


def _limits(plan: Physical, question: Question, records: Records) -> Limited:
    """What owners let one person add, where the policy asks for noise on a plan like this one."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    rule = records.policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    return limits_of(records.policy, rule, datasets(plan))


def _with_minimums(plan: Physical, question: Question, records: Records, _: Papers) -> Physical:
    """The gate opens what the policy permits for a question of this level, and no smaller cell.

    Where nothing tells who stands behind an amount, the gate cannot ask for it, and the policy refuses.
    """
    catalogue = records.registers.graded(records.catalogue, question.day)
    ruled = _least(plan, question, records).release(question.recipients)
    amounts: tuple[int, ...] = ()
    if ruled.on_amounts:
        names = magnitudes(plan, catalogue)
        amounts = tuple(i for i, t in enumerate(plan.aggregate.totals) if t.name in names)
        if not all(plan.tests.backing[i].amounts for i in amounts):
            amounts, ruled = (), replace(ruled, contributors=1, p=0, largest=None)
    found = by_own(plan, catalogue, ruled)
    return _gated(plan, replace(plan.gate, releases=found, magnitudes=amounts))


def _with_exemptions(
    plan: Physical, question: Question, records: Records, papers: Papers
) -> Physical:
    """Beside these, the gate opens what authorisers have exempted, to whom they have named."""
    if not any(paper.kind == APPROVAL for paper in papers):
        return plan
    case = case_of(plan, question, records, papers)
    found = tuple(each for ruled in plan.gate.releases for each in releases(case, ruled))
    return _gated(plan, replace(plan.gate, releases=found))


def _with_history(plan: Physical, question: Question, records: Records, _: Papers) -> Physical:
    """Cells are compared with earlier ones before the gate where the rule says so."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    rule = records.policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    if rule is None or rule.history is None:
        return plan
    wanted = rule.history
    return compared(plan, catalogue, persons=wanted.persons, cells=wanted.cells)


def _gated(plan: Physical, gate: Gate) -> Physical:
    return replace(plan, steps=(*plan.steps[:-1], gate))


def _with_noise(plan: Physical, question: Question, records: Records, _: Papers) -> Physical:
    """Before the gate, the noise that the policy asks for, once for all releases."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    rule = records.policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    return with_noise(plan, rule, catalogue, _limits(plan, question, records))


def _with_partial(plan: Physical, question: Question, records: Records, _: Papers) -> Physical:
    """Where the rule says so, shares are kept; a question that goes on with a run has the plan of who is left."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    rule = records.policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    kept = outliving(plan) if rule is not None and rule.partial else plan
    lost = question.resumes
    return kept if lost is None else resumed(kept, lost.run, lost.without)


def _with_dummies(plan: Physical, question: Question, records: Records, _: Papers) -> Physical:
    """In a private join, the dummies that the rule asks for."""
    catalogue = records.registers.graded(records.catalogue, question.day)
    rule = records.policy.rule(plan.scenario, sensitivity(plan, catalogue).level)
    law = None if rule is None else rule.dummies
    return plan if law is None else padded(plan, law)


def _opened_once(plan: Physical, _: Question, __: Records, ___: Papers) -> Physical:
    """A private join opens its cell to all of its recipients alike."""
    if isinstance(plan.aggregate, PrivateJoin) and len(plan.gate.releases) > 1:
        raise UsageError(
            "engine pair opens an answer under one rule: ask on another engine where an approval exempts somebody"
        )
    return plan


def _of_members(plan: Physical, _: Question, records: Records, __: Papers) -> Physical:
    unknown = [party for party in plan.parties if party not in records.members]
    if unknown:
        raise UsageError(
            f"expected parties of the consortium ({', '.join(records.members)}), got "
            f"{', '.join(unknown)}"
        )
    return plan


def _rehearsed(plan: Physical, _: Question, records: Records, __: Papers) -> Physical:
    rehearse(plan, records.catalogue)
    return plan


STAGES: tuple[Stage, ...] = (
    _with_minimums,
    _with_exemptions,
    _with_history,
    _with_noise,
    _with_partial,
    _with_dummies,
    _opened_once,
    _of_members,
    _rehearsed,
)
