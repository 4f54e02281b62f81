"""A policy: for each scenario and level, whether a question may be answered and within which bounds.

The table is total: what it does not say is denied. A rule for a higher level is never wider than one for a lower
level of the same scenario, so raising a level never permits more; a file that breaks this is not loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mpcstats.cards.card import Adversary
from mpcstats.errors import UsageError
from mpcstats.plan.private import PaddedJoin, PrivateJoin
from mpcstats.plan.strictness import STRICTNESS, Checks
from mpcstats.policy.budget import Budget
from mpcstats.policy.dummies import Dummies
from mpcstats.policy.history import History
from mpcstats.policy.operations import Operation
from mpcstats.policy.privacy import Privacy
from mpcstats.policy.suppression import DEFAULT, Suppression
from mpcstats.records.levels import Level
from mpcstats.records.privacy.budget import PrivacyBudget
from mpcstats.records.privacy.padding import Padding
from mpcstats.records.tomlfile import Table, Version, read_toml

ANYBODY = "*"
PLACEHOLDER = (
    "@"  # begins a kind of party in a template (policy.template), which is no party's name
)
STRENGTH: dict[Adversary, int] = {"semi-honest": 0, "malicious": 1}

# What a rule that does not name these fields has there.
UNSAID: Mapping[str, object] = {
    "privacy": None,
    "suppression": None,
    "quantile_rounding": 1,
    "minimum_corruptions": 1,
    "partial": False,
    "padding": None,
}

# What an answer may look like. aggregate: cells that the gate has opened; plain: as it stands, without a gate.
Form = Literal["aggregate", "plain"]
WIDTH: dict[Form, int] = {"aggregate": 0, "plain": 1}
Noise = Literal["none", "counts", "all"]  # what noise is added to before a cell is opened
Zeros = Literal["suppressed", "shown"]  # of a column to which nobody contributes
SIZE, NOISY_SIZE = PrivateJoin.size, PaddedJoin.size  # leakage
LOUDNESS: dict[Noise, int] = {"none": 0, "counts": 1, "all": 2}


def _level(value: object) -> object:
    if isinstance(value, str) and value in Level.__members__:
        return Level[value]
    raise ValueError(f"expected a level of {', '.join(Level.__members__)}")


Name = Annotated[str, Field(min_length=1, max_length=64)]
# What must have been granted before a plan may run, beside the bounds: each is a file of policy/conditions.
Requirement = Literal[
    "real-name", "licence", "approval", "project", "rights", "registration", "acknowledgement"
]

# What a question must have, so that it is counted so. Who asks, and what is read, every question says.
COUNTED: Mapping[str, Requirement] = {
    "project": "project",
    "template": "approval",
    "purpose": "approval",
}


class Concentration(Table):
    """(n,k) dominance: the `largest` contributions of an amount together are at most `percent` of it."""

    largest: Annotated[int, Field(ge=1, le=3)]
    percent: Annotated[int, Field(ge=1, le=100)]

    def within(self, other: Concentration) -> bool:
        """Whether what this one lets pass the other does as well: fewer contributions are never more."""
        return self.largest >= other.largest and self.percent <= other.percent

    def __str__(self) -> str:
        return f"({self.largest}, {self.percent}) dominance"


class Rule(Table):
    """What scenario and level permit. Without `permit` nothing, and `because` says why.

    minimum_persons: least persons of a cell that is opened; adversary: what every protocol must withstand at
    least; leakage: all that may leak; recipients: who may learn an answer ("*": any party).
    minimum_corruptions: how many compute parties together must learn nothing, at least.
    minimum_contributors, dominance: for magnitudes (policy.magnitude), least contributors of a cell, and the
    p-ratio in per cent: a cell is unsafe if its total less its two largest contributions is under that part of
    the largest. concentration: (n,k) dominance. complement: those of a cell who do not contribute to a column are
    none or as many as a cell must have. zeros: whether it may be told that nobody contributes. rounding:
    counts are told as the nearest multiples of it. quantile_rounding: above 1, quantiles are told as the nearest
    multiples of it, wherever their rank is, which else must have that many persons on each side. suppression: how
    cells are hidden beside others where totals are shown. noise: on what; privacy: how much of it. checks: what
    becomes of rows that fail the catalogue's checks, which are then made on shares. operations: all that may be
    computed; not given: anything.
    signatures: how many authorisers must sign an approval; government_led: only for projects that are;
    fee: who asks is charged. history: cells are compared with those of earlier runs.
    partial: where compute parties are lost on the way, those who are left may open what they have put in, as a new
    answer.
    padding: the size of an intersection, which two parties without a third cannot hide, is told with noise, by dummies,
    where leakage does not name it as it is.
    adjudication: beside all this, and even where `permit` is false, the payable amount of a person's own event
    may be told against that person's one-shot token.
    """

    scenario: Name
    level: Annotated[Level, BeforeValidator(_level)]
    permit: bool
    because: str = ""
    minimum_persons: Annotated[int, Field(ge=1, le=1 << 40)] = 1
    adversary: Adversary = "semi-honest"
    leakage: list[Name] = Field(default_factory=list)
    minimum_parties: Annotated[int, Field(ge=1)] = 3
    minimum_corruptions: Annotated[int, Field(ge=1)] = 1
    recipients: list[Name] = Field(default_factory=list)
    engines: list[Name] = Field(default_factory=list)
    blind_keys: bool = True  # a person key may join data of several owners, unseen
    requires: list[Requirement] = Field(default_factory=list)
    minimum_contributors: Annotated[int, Field(ge=1, le=1 << 20)] = 1
    dominance: Annotated[int, Field(ge=0, le=100)] = 0
    concentration: Concentration | None = None
    complement: bool = False
    zeros: Zeros = "suppressed"
    rounding: Annotated[int, Field(ge=1, le=1 << 20)] = 1
    quantile_rounding: Annotated[int, Field(ge=1, le=1 << 40)] = 1
    suppression: Suppression | None = None
    noise: Noise = "none"
    checks: Checks = "none"
    privacy: Privacy | None = None
    budget: Budget | None = None
    history: History | None = None
    operations: Annotated[list[Operation], Field(min_length=1)] | None = None
    form: Form = "aggregate"
    signatures: Annotated[int, Field(ge=1, le=64)] = 1
    government_led: bool = False
    fee: bool = False
    adjudication: bool = False
    partial: bool = False
    padding: Dummies | None = None

    @property
    def name(self) -> str:
        """How refusals call the rule."""
        return f"{self.scenario} x {self.level.name} {self.level.chinese}"

    @property
    def dummies(self) -> Padding | None:
        """The law of dummies in a private join; None where its size may be told as it is, or nothing says how many."""
        return None if self.padding is None or SIZE in self.leakage else self.padding.law

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.permit and not self.because:
            raise ValueError(f"expected rule {self.name} to say why it denies: because = ...")
        if self.permit and not (self.leakage and self.recipients and self.engines):
            raise ValueError(
                f"expected rule {self.name} to name leakage, recipients and engines: what is not "
                "named is denied"
            )
        # A condition that is never asked would look like one that is met.
        if self.privacy is not None and self.noise == "none":
            raise ValueError(
                f"expected rule {self.name} to say what its privacy is for: noise = ..."
            )
        if self.padding is not None and NOISY_SIZE not in self.leakage:
            raise ValueError(
                f"expected rule {self.name} to permit the leakage {NOISY_SIZE}, which its padding is for"
            )
        if self.government_led and "project" not in self.requires:
            raise ValueError(
                f"expected rule {self.name} to require project where it is government_led"
            )
        if self.signatures > 1 and "approval" not in self.requires:
            raise ValueError(
                f"expected rule {self.name} to require approval where it asks for signatures"
            )
        if self.history is not None and self.history.otherwise == "budget" and self.budget is None:
            raise ValueError(
                f"expected rule {self.name} to have a budget where its history leaves other questions to it"
            )
        needed = None if self.budget is None else COUNTED.get(self.budget.per)
        if self.budget is not None and needed is not None and needed not in self.requires:
            raise ValueError(
                f"expected rule {self.name} to require {needed} where it has a budget for each "
                f"{self.budget.per}"
            )
        return self


class Helper(Table):
    """Which compute parties `owner` accepts as helper in a lookup join of its data."""

    owner: Name
    accepts: list[Name]


class PolicyFile(Table):
    """policy.toml."""

    version: Version
    rule: list[Rule]
    helper: list[Helper] = Field(default_factory=list)
    privacy: list[PrivacyBudget] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Policy:
    """A typed policy; `digest` is SHA-256 of what it says, in whatever order it says it.

    `privacy` is what may be lost of each dataset over all answers; where it has none, no noisy answer is given.
    """

    rules: tuple[Rule, ...]
    accepted: tuple[Helper, ...]
    digest: str
    privacy: tuple[PrivacyBudget, ...] = ()
    _by_case: Mapping[tuple[str, Level], Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_case = {(rule.scenario, rule.level): rule for rule in self.rules}
        object.__setattr__(self, "_by_case", by_case)

    @classmethod
    def load(cls, path: Path) -> Policy:
        """The policy file at `path`. Raises UsageError with file and place."""
        table = read_toml(path, PolicyFile)
        try:
            return cls.of(tuple(table.rule), tuple(table.helper), tuple(table.privacy))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    @classmethod
    def of(
        cls,
        rules: tuple[Rule, ...],
        accepted: tuple[Helper, ...],
        privacy: tuple[PrivacyBudget, ...] = (),
    ) -> Policy:
        """A policy of these rules.

        Raises UsageError with every fault: two rules for one case, two entries for one owner, names that are kinds
        of parties, a higher level that permits more.
        """
        faults = list(_faults(rules, accepted))
        budgeted = [budget.dataset for budget in privacy]
        if len(set(budgeted)) != len(budgeted):
            faults.append("expected one [[privacy]] for each dataset, got several")
        if faults:
            raise UsageError("; ".join(faults))
        return cls(rules, accepted, _digest(rules, accepted, privacy), privacy)

    def rule(self, scenario: str, level: Level) -> Rule | None:
        """The rule for `scenario` and `level`; None, which denies, if there is none."""
        return self._by_case.get((scenario, level))

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that the policy speaks of."""
        return tuple(dict.fromkeys(rule.scenario for rule in self.rules))

    def helpers(self, left: str, right: str) -> tuple[str, ...]:
        """The parties that both owners accept as helper."""
        accepts = {helper.owner: helper.accepts for helper in self.accepted}
        first, second = accepts.get(left, []), accepts.get(right, [])
        return tuple(name for name in first if name in second)


def _faults(rules: tuple[Rule, ...], accepted: tuple[Helper, ...]) -> Iterator[str]:
    cases: dict[tuple[str, Level], list[Rule]] = {}
    for rule in rules:
        cases.setdefault((rule.scenario, rule.level), []).append(rule)
    for same in cases.values():
        if len(same) > 1:
            yield f"expected one rule for {same[0].name}, got several"
    owners = [helper.owner for helper in accepted]
    if len(set(owners)) != len(owners):
        yield "expected one [[helper]] for each owner, got several"
    named = [name for rule in rules for name in rule.recipients]
    named += [name for helper in accepted for name in (helper.owner, *helper.accepts)]
    for kind in sorted({name for name in named if name.startswith(PLACEHOLDER)}):
        yield f"expected names of parties, got {kind}, a kind of party: fill the template first"
    sizes = sorted({rule.history.persons for rule in rules if rule.history is not None})
    if len(sizes) > 1:  # all compare with what any of them has opened
        yield f"expected one number of persons in all histories, got {', '.join(map(str, sizes))}"
    for scenario in dict.fromkeys(rule.scenario for rule in rules):
        yield from _out_of_order([rule for rule in rules if rule.scenario == scenario])


def _out_of_order(rules: list[Rule]) -> Iterator[str]:
    """Where a level of one scenario permits more than a lower one."""
    for lower, higher in pairwise(sorted(rules, key=lambda rule: rule.level)):
        if more := list(wider(higher, lower)):
            yield (
                f"expected rule {higher.name} to permit no more than {lower.name}, but it has "
                + ", ".join(more)
            )
    permitted = [rule.level for rule in rules if rule.permit]
    missing = [
        level.name
        for level in Level
        if permitted and level < max(permitted) and level not in permitted
    ]
    if missing:
        yield (
            f"scenario {rules[0].scenario}: expected {max(permitted).name} to permit no more than lower "
            f"levels, but nothing is permitted for {', '.join(missing)}"
        )


def wider(one: Rule, other: Rule) -> Iterator[str]:
    """In which bounds `one` permits more than `other`; nothing if `other` permits all that `one` does."""
    if one.adjudication and not other.adjudication:
        yield "adjudication"
    if not one.permit:
        return
    if one.minimum_persons < other.minimum_persons:
        yield "a smaller minimum_persons"
    if STRENGTH[one.adversary] < STRENGTH[other.adversary]:
        yield "a weaker adversary"
    for name in ("minimum_parties", "minimum_corruptions"):
        if getattr(one, name) < getattr(other, name):
            yield f"a smaller {name}"
    for name in ("blind_keys", "partial"):
        if getattr(one, name) and not getattr(other, name):
            yield name
    if fewer := set(other.requires) - set(one.requires):
        yield f"fewer requires ({', '.join(sorted(fewer))})"
    yield from _wider_sets(one, other)
    yield from _wider_asked(one, other)


def _wider_sets(one: Rule, other: Rule) -> Iterator[str]:
    for name in ("leakage", "recipients", "engines"):
        more = set(getattr(one, name)) - set(getattr(other, name))
        # "*" stands for everybody among recipients only; as leakage or engine it is a name that nothing has.
        if more and not (name == "recipients" and ANYBODY in other.recipients):
            yield f"more {name} ({', '.join(sorted(more))})"
    if other.operations is not None:
        # Not given: anything, of which the closed list need not be all.
        named = ["any"] if one.operations is None else one.operations
        if extra := set(named) - set(other.operations):
            yield f"more operations ({', '.join(sorted(extra))})"


def _wider_asked(one: Rule, other: Rule) -> Iterator[str]:
    """Of the bounds that are not asked for unless they are named."""
    for name in ("minimum_contributors", "dominance"):
        if getattr(one, name) < getattr(other, name):
            yield f"a smaller {name}"
    kept = one.concentration
    if other.concentration is not None and (kept is None or not kept.within(other.concentration)):
        yield f"a concentration that is not within {other.concentration}"
    if one.rounding % other.rounding:
        yield f"a rounding that is no multiple of {other.rounding}"
    own, least = one.quantile_rounding, other.quantile_rounding
    # Exact under a rule on ranks, or rounded whatever the rank: neither permits all that the other does.
    if own != least and (least == 1 or own % least):
        yield f"quantiles {f'rounded to {own}' if own > 1 else 'that are exact'}"
    if (one.suppression or DEFAULT).percent < (other.suppression or DEFAULT).percent:
        yield "less room of hidden amounts"
    if one.zeros == "shown" and other.zeros == "suppressed":
        yield "zeros that are shown"
    if one.signatures < other.signatures:
        yield "fewer signatures"
    if LOUDNESS[one.noise] < LOUDNESS[other.noise]:
        yield "less noise"
    elif other.privacy is not None and (one.privacy is None or one.privacy.wider(other.privacy)):
        yield "noise for a larger loss"
    law, most = one.dummies, other.padding
    # Without `most` no noisy size is told at all; who is told sizes as they are is told enough.
    if law is not None and SIZE not in other.leakage and (most is None or not most.holds(law)):
        yield "dummies for a larger loss"
    if STRICTNESS[one.checks] < STRICTNESS[other.checks]:
        yield "weaker checks"
    if other.budget is not None and (one.budget is None or one.budget.wider(other.budget)):
        yield f"a budget that is not within {other.budget}"
    if other.history is not None and (one.history is None or one.history.wider(other.history)):
        yield f"a history that is not within {other.history}"
    if WIDTH[one.form] > WIDTH[other.form]:
        yield f"a wider form ({one.form})"
    for name in ("complement", "government_led", "fee"):
        if getattr(other, name) and not getattr(one, name):
            yield f"no {name}"


def _digest(
    rules: tuple[Rule, ...], accepted: tuple[Helper, ...], privacy: tuple[PrivacyBudget, ...]
) -> str:
    """Equal for policies that decide alike; the order of `accepts` is kept, for it says which helper a plan takes."""
    plain = [rule.model_dump(mode="json") for rule in rules]
    for rule in plain:
        for name, without in UNSAID.items():
            if rule[name] == without:
                del rule[name]  # what says nothing of it keeps its digest
        for name, value in rule.items():
            rule[name] = sorted(set(value)) if isinstance(value, list) else value
    plain.sort(key=lambda rule: (rule["scenario"], rule["level"]))
    helpers = {helper.owner: helper.accepts for helper in accepted}
    # Limits that nobody has stated are left out: what says nothing of them keeps its digest.
    unsaid: Mapping[str, object] = {"rows_per_person": None, "clamps": {}}
    budgets = {
        budget.dataset: {
            name: value
            for name, value in budget.model_dump(mode="json").items()
            if name not in unsaid or value != unsaid[name]
        }
        for budget in privacy
    }
    text = json.dumps(
        [plain, helpers, *([budgets] if budgets else [])], sort_keys=True, ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()
