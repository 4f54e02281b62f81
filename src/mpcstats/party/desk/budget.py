"""Budgets at the desk: what a party's own ledger shows as spent, beside what its policy permits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.history import History
from mpcstats.policy.rule import Policy
from mpcstats.records.budget import PERS, Per
from mpcstats.records.ledger import entries
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.loss import NOTHING, Loss

ENTRIES = ("request", "decision", "finish", "charge")


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions and charges that `name` (of a project, template, initiator, purpose or dataset) was permitted."""

    per: Per
    name: str
    questions: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """A rule's budget: so many questions for each of what it names, in a period."""

    rule: str
    budget: str


@dataclass(frozen=True, slots=True)
class Lost:
    """What noisy answers have told of any one person in `dataset`; `budget` in words, None where nothing is permitted.

    epsilon and rho are fractions as text; epsilon is None where Gaussian noise has no bound without a delta.
    """

    dataset: str
    epsilon: str | None
    rho: str
    budget: str | None
    spent: bool  # nothing more may be told


@dataclass(frozen=True, slots=True)
class Spent:
    """All of it, for the days from `since` to `until`; losses are over all days."""

    party: str
    since: str
    until: str
    questions: tuple[Asked, ...]
    allowed: tuple[Allowed, ...]
    losses: tuple[Lost, ...]


def spent(consortium: Path, party: str, *, since: str, until: str) -> Spent:
    """What the ledger of `party`, which is not checked here, shows as spent.

    Raises UsageError with the file, or for a day that is none.
    """
    agreed = Consortium.load(consortium)
    files = PartyFile.load(agreed.party_file(party), party=party)
    records = entries(files.ledger) if files.ledger.exists() else []
    history = History.of(record for record in records if record.kind in ENTRIES)
    policy = Policy.load(agreed.policy)
    questions = tuple(
        Asked(per, name, count)
        for per in PERS
        for name in history.spending.names(per)
        if (count := history.spending.spent(per, name, since=since, until=until))
    )
    allowed = tuple(
        Allowed(rule.name, str(rule.budget)) for rule in policy.rules if rule.budget is not None
    )
    return Spent(party, since, until, questions, allowed, tuple(_losses(policy, history)))


def _losses(policy: Policy, history: History) -> Iterator[Lost]:
    budgets = {budget.dataset: budget for budget in policy.privacy}
    for dataset in sorted({*budgets, *history.losses.datasets}):
        loss, budget = history.losses.lost(dataset), budgets.get(dataset)
        epsilon = None if loss.epsilon is None else str(loss.epsilon)
        words = None if budget is None else str(budget)
        yield Lost(
            dataset, epsilon, str(loss.rho), words, budget is None or _is_spent(budget, loss)
        )


def _is_spent(budget: PrivacyBudget, loss: Loss) -> bool:
    """Whether the budget does not hold what is lost already, or holds just that."""
    if budget.refusal(loss, NOTHING) is not None:
        return True
    exact = loss.rho if budget.rho is not None else loss.epsilon
    return exact is not None and budget.delta is None and exact == (budget.rho or budget.epsilon)
