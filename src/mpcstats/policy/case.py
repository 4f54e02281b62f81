"""A case: all that a decision depends on, and nothing else, so equal cases are decided alike at every party."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mpcstats.cards.load import Cards
from mpcstats.plan.physical import Physical
from mpcstats.policy.asked import asked_of
from mpcstats.policy.reason import Code, Reason
from mpcstats.policy.registers import Registers
from mpcstats.policy.rule import Policy, Rule
from mpcstats.policy.sensitivity import Sensitivity, sensitivity
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.papers.asked import Asked
from mpcstats.records.papers.papers import Papers, read
from mpcstats.records.papers.project import Projects
from mpcstats.records.principals import Principals
from mpcstats.records.privacy.spending import Losses
from mpcstats.records.signed import Statement
from mpcstats.records.standing import Standing


@dataclass(frozen=True, slots=True)
class Case:
    """A plan as a party meets it: its records, the day, who asks, and the papers that came with the question.

    `papers` are signed statements as they came, unchecked; `read` is what they say. `day` is YYYY-MM-DD, from the
    question. `spent`: how many questions this party permitted before, of the project or template and in the period
    of the rule's budget (`Budget.since`); None if it has not counted, which is over any budget. `used` says how
    often each paper, by its digest, has been used before; `spent_alone` and `used_alone` say it of this initiator's
    own questions, of which alone it must know (None: all were its own). `inputs` is what is known here of the
    datasets' content, as dataset -> digest.
    """

    plan: Physical
    catalogue: Catalogue
    policy: Policy
    cards: Cards
    day: str
    user: str | None = None  # who asks for the initiator, by principal's name
    project: str | None = None
    question: str = ""  # digest of the question: what its user has signed
    registers: Registers = field(default_factory=Registers)
    papers: tuple[Statement, ...] = ()
    spent: int | None = None
    spent_alone: int | None = None
    losses: Losses | None = None  # what noisy answers have told before, by this party's ledger
    standing: Standing | None = None  # of who asks, by this party's ledger
    used: Mapping[str, int] = field(default_factory=dict)
    used_alone: Mapping[str, int] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    found: Sensitivity = field(init=False)
    rule: Rule | None = field(init=False)
    asked: Asked = field(init=False)  # the question in the terms of papers
    read: Papers = field(init=False)

    def __post_init__(self) -> None:
        # Frozen: what follows from the rest is set here, once.
        found = sensitivity(self.plan, self.catalogue)
        object.__setattr__(self, "found", found)
        object.__setattr__(self, "rule", self.policy.rule(self.plan.scenario, found.level))
        asked = asked_of(
            self.plan,
            self.catalogue,
            question=self.question,
            user=self.user,
            project=self.project,
            day=self.day,
        )
        object.__setattr__(self, "asked", asked)
        object.__setattr__(self, "read", read(self.papers, self.principals))

    @property
    def principals(self) -> Principals:
        """Who may sign."""
        return self.registers.principals

    def used_up(self, paper: str, most: int) -> Code | None:
        """How a paper that may be used `most` times counts as used up; None if it is not.

        By others' questions too, which who asks cannot see: then it has broken no rule.
        """
        if self.used.get(paper, 0) < most:
            return None
        alone = self.used if self.used_alone is None else self.used_alone
        return "over-budget" if alone.get(paper, 0) >= most else "used-up"

    @property
    def projects(self) -> Projects | None:
        """The register of projects, if the consortium keeps one."""
        return self.registers.projects


# One ground on which a plan may be refused; gives every reason that it has.
Condition = Callable[[Case], Iterator[Reason]]
