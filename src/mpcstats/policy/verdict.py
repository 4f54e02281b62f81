"""One party's decision on a plan in full: its level and why, every condition, and the level of every derived column."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.policy.case import Case
from mpcstats.policy.check import Finding, findings
from mpcstats.policy.derived import Derived, derived
from mpcstats.policy.words import level_words
from mpcstats.records.levels import Level


@dataclass(frozen=True, slots=True)
class Verdict:
    """`party` permits the plan, or not, by `rule` of its policy (None where no rule speaks of it).

    `level` is that of the question, which `columns` have, or are `combined` to; `findings` hold every condition,
    passed or with its reasons against.
    """

    party: str
    permitted: bool
    level: Level
    columns: tuple[str, ...]
    combined: tuple[str, ...]
    rule: str | None
    policy: str  # digest
    findings: tuple[Finding, ...]
    derived: tuple[Derived, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason against the plan, in words."""
        return tuple(reason.text for finding in self.findings for reason in finding.reasons)

    @property
    def level_words(self) -> str:
        """The level of the question in both languages."""
        return level_words(self.level)


def verdict(case: Case, *, party: str) -> Verdict:
    """The verdict of `party` on the case. It is no permit: `policy.check` gives that, by the same conditions."""
    found = findings(case)
    against = any(finding.reasons for finding in found)
    return Verdict(
        party,
        not against and case.rule is not None,
        case.found.level,
        case.found.columns,
        case.found.combined,
        None if case.rule is None else case.rule.name,
        case.policy.digest,
        found,
        derived(case.plan, case.catalogue),
    )
