"""The noise that a rule asks for: the plan must add enough of it, and every dataset's budget hold what it costs."""

from __future__ import annotations

from collections.abc import Iterator

from mpcstats.plan.limits import Limited
from mpcstats.plan.moving.moves import moves
from mpcstats.policy.case import Case
from mpcstats.policy.noise import datasets, limits_of, lost, wanted
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Rule

CARD = "noise"
OFFER = "noise-counts"


def noise(case: Case) -> Iterator[Reason]:
    """What is wrong with the plan's noise; where nobody has counted what was lost before, anything is too much."""
    yield from added(case)
    if case.rule is not None and case.rule.permit:
        yield from _spent(case, case.rule)


def added(case: Case) -> Iterator[Reason]:
    """What is wrong with the noise that the plan adds, whatever was lost before."""
    rule = case.rule
    if rule is None or not rule.permit:
        return
    columns = wanted(case.plan, rule, case.catalogue)
    if columns:
        yield from _missing(case, rule, columns)
    yield from _false(case, _limits(case))


def unsaid(rule: Rule) -> Iterator[Reason]:
    """That `rule` asks for noise and does not say how much, so that every question is refused."""
    if rule.noise != "none" and rule.privacy is None:
        yield Reason(
            "gate",
            f"rule {rule.name} asks for noise on {rule.noise}, and does not say how much: give it "
            'privacy = { epsilon = "..." }',
        )


def _missing(case: Case, rule: Rule, columns: tuple[int, ...]) -> Iterator[Reason]:
    asks = f"rule {rule.name} asks for noise on {rule.noise}"
    if CARD not in case.cards or OFFER not in case.cards[CARD].offers:
        yield Reason("gate", f"{asks}, which no protocol here adds")
        return
    yield from unsaid(rule)
    if rule.privacy is None:
        return
    totals, step = case.plan.aggregate.totals, case.plan.noise
    noisy = set() if step is None else {each.column for each in step.columns}
    for column in (c for c in columns if c not in noisy):
        bounded = moves(case.plan, case.catalogue, column, _limits(case)) is not None
        why = (
            "the plan does not add it"
            if bounded
            else "nothing bounds what one person adds to it: ask about persons, one row a person, or give "
            "its datasets rows_per_person and clamps"
        )
        yield Reason("gate", f"{asks}, and {totals[column].name} has none: {why}")
    if step is not None and step.sticky and not rule.privacy.sticky:
        yield Reason("gate", f"{asks} that is new in every run, and that of the plan is not")
    if step is not None and not rule.privacy.holds(step.loss):
        yield Reason(
            "gate", f"{asks}, {rule.privacy}, and that of the plan costs more: {step.loss}"
        )


def _limits(case: Case) -> Limited:
    return limits_of(case.policy, case.rule, datasets(case.plan))


def _false(case: Case, limits: Limited) -> Iterator[Reason]:
    """Noise for less than what one person moves a total by, or for other limits than those of the policy."""
    step = case.plan.noise
    if step is not None and dict(step.limits) != limits:
        yield Reason(
            "gate", "the plan's noise is for other limits on what a person adds than the policy's"
        )
    for each in () if step is None else step.columns:
        true = moves(case.plan, case.catalogue, each.column, limits)
        name = case.plan.aggregate.totals[each.column].name
        if (
            true is None
            or each.l1 < true.l1
            or each.l2_squared < true.l2_squared
            or each.cells < true.cells
        ):
            yield Reason("gate", f"the plan's noise on {name} is for less than a person adds to it")


def _spent(case: Case, rule: Rule) -> Iterator[Reason]:
    budgets = {budget.dataset: budget for budget in case.policy.privacy}
    for dataset, loss in lost(case.plan).items():
        if dataset not in budgets:
            yield Reason(
                "denied",
                f"{dataset} has no budget of privacy, so nothing may be told of its persons under "
                f"rule {rule.name}: give it one, [[privacy]] in the policy",
            )
        elif case.losses is None:
            # Not "used-up": it is this party that has not counted.
            yield Reason(
                "denied",
                f"{dataset} has a budget of {budgets[dataset]}, and what was told before was not "
                "counted: what is unknown is denied",
            )
        elif why := budgets[dataset].refusal(case.losses.lost(dataset), loss):
            yield Reason("used-up", why)
