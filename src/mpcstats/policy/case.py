"""A case: all that a decision depends on, and nothing else, so equal cases are decided alike at every party."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mpcstats.cards.load import Cards
from mpcstats.plan.physical import Physical
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Policy, Rule
from mpcstats.policy.sensitivity import Sensitivity, sensitivity
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement


@dataclass(frozen=True, slots=True)
class Case:
    """A plan as a party meets it: its records, the day, who asks, and the papers that came with the question.

    `papers` are signed statements as they came, unchecked. `day` is YYYY-MM-DD, from the question. `spent`: how
    many questions this party permitted before, of the project or template and in the period of the rule's budget
    (`Budget.since`); None if it has not counted, which is over any budget.
    """

    plan: Physical
    catalogue: Catalogue
    policy: Policy
    cards: Cards
    day: str
    user: str | None = None  # who asks for the initiator, by principal's name
    project: str | None = None
    question: str = ""  # digest of the question: what its user has signed
    principals: Principals = field(default_factory=lambda: Principals(()))
    papers: tuple[Statement, ...] = ()
    spent: int | None = None
    found: Sensitivity = field(init=False)
    rule: Rule | None = field(init=False)

    def __post_init__(self) -> None:
        # Frozen: the two that follow from the others are set here, once.
        found = sensitivity(self.plan, self.catalogue)
        object.__setattr__(self, "found", found)
        object.__setattr__(self, "rule", self.policy.rule(self.plan.scenario, found.level))


# One ground on which a plan may be refused; gives every reason that it has.
Condition = Callable[[Case], Iterator[Reason]]
