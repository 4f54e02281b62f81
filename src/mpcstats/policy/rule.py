"""A policy: for each scenario and level, whether a question may be answered and within which bounds.

The table is total: what it does not say is denied. A rule for a higher level is never wider than one for a lower
level of the same scenario, so raising a level never permits more; a file that breaks this is not loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mpcstats.cards.card import Adversary
from mpcstats.errors import UsageError
from mpcstats.records.levels import Level
from mpcstats.records.tomlfile import Table, Version, read_toml

ANYBODY = "*"
STRENGTH: dict[Adversary, int] = {"semi-honest": 0, "malicious": 1}


def _level(value: object) -> object:
    if isinstance(value, str) and value in Level.__members__:
        return Level[value]
    raise ValueError(f"expected a level of {', '.join(Level.__members__)}")


Name = Annotated[str, Field(min_length=1, max_length=64)]
# What must have been granted before a plan may run, beside the bounds: each is a file of policy/conditions.
Requirement = Literal[
    "real-name", "licence", "approval", "project", "rights", "registration", "acknowledgement"
]


class Rule(Table):
    """What scenario and level permit. Without `permit` nothing, and `because` says why.

    minimum_persons: least persons of a cell that is opened; adversary: what every protocol must withstand at
    least; leakage: all that may leak; recipients: who may learn an answer ("*": any party).
    """

    scenario: Name
    level: Annotated[Level, BeforeValidator(_level)]
    permit: bool
    because: str = ""
    minimum_persons: Annotated[int, Field(ge=1, le=1 << 40)] = 1
    adversary: Adversary = "semi-honest"
    leakage: list[Name] = Field(default_factory=list)
    minimum_parties: Annotated[int, Field(ge=1)] = 3
    recipients: list[Name] = Field(default_factory=list)
    engines: list[Name] = Field(default_factory=list)
    blind_keys: bool = True  # a person key may join data of several owners, unseen
    requires: list[Requirement] = Field(default_factory=list)
    signatures: Annotated[int, Field(ge=1, le=64)] = 1  # different authorisers that approve
    government_led: bool = False  # only inside a project that the government leads

    @property
    def name(self) -> str:
        """How refusals call the rule."""
        return f"{self.scenario} x {self.level.name} {self.level.chinese}"

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
        if self.government_led and "project" not in self.requires:
            raise ValueError(
                f"expected rule {self.name} to require project where it is government_led"
            )
        if self.signatures > 1 and "approval" not in self.requires:
            raise ValueError(
                f"expected rule {self.name} to require approval where it asks for signatures"
            )
        return self


class Helper(Table):
    """Which compute parties `owner` accepts as helper in a lookup join of its data."""

    owner: Name
    accepts: list[Name]


class _File(Table):
    version: Version
    rule: list[Rule]
    helper: list[Helper] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Policy:
    """A typed policy; `digest` is SHA-256 of what it says."""

    rules: tuple[Rule, ...]
    accepted: tuple[Helper, ...]
    digest: str

    @classmethod
    def load(cls, path: Path) -> Policy:
        """The policy file at `path`. Raises UsageError with file and place."""
        table = read_toml(path, _File)
        try:
            return cls.of(tuple(table.rule), tuple(table.helper))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    @classmethod
    def of(cls, rules: tuple[Rule, ...], accepted: tuple[Helper, ...]) -> Policy:
        """A policy of these rules. Raises UsageError if two speak of one case, or a higher level permits more."""
        seen = [(rule.scenario, rule.level) for rule in rules]
        for rule in rules:
            if seen.count((rule.scenario, rule.level)) > 1:
                raise UsageError(f"expected one rule for {rule.name}, got several")
        owners = [helper.owner for helper in accepted]
        if len(set(owners)) != len(owners):
            raise UsageError("expected one [[helper]] for each owner, got several")
        for scenario in dict.fromkeys(rule.scenario for rule in rules):
            _check_order([rule for rule in rules if rule.scenario == scenario])
        content = _File(version=1, rule=list(rules), helper=list(accepted))
        text = content.model_dump_json()
        return cls(rules, accepted, hashlib.sha256(text.encode()).hexdigest())

    def rule(self, scenario: str, level: Level) -> Rule | None:
        """The rule for `scenario` and `level`; None, which denies, if there is none."""
        for rule in self.rules:
            if rule.scenario == scenario and rule.level == level:
                return rule
        return None

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that the policy speaks of."""
        return tuple(dict.fromkeys(rule.scenario for rule in self.rules))

    def helpers(self, left: str, right: str) -> tuple[str, ...]:
        """The parties that both owners accept as helper."""
        accepts = {helper.owner: helper.accepts for helper in self.accepted}
        first, second = accepts.get(left, []), accepts.get(right, [])
        return tuple(name for name in first if name in second)


def _check_order(rules: list[Rule]) -> None:
    for lower, higher in pairwise(sorted(rules, key=lambda rule: rule.level)):
        faults = list(_wider(higher, lower))
        if faults:
            raise UsageError(
                f"expected rule {higher.name} to permit no more than {lower.name}, but it has "
                + ", ".join(faults)
            )
    permitted = [rule.level for rule in rules if rule.permit]
    missing = [
        level.name
        for level in Level
        if permitted and level < max(permitted) and level not in permitted
    ]
    if missing:
        raise UsageError(
            f"scenario {rules[0].scenario}: expected {max(permitted).name} to permit no more than lower "
            f"levels, but nothing is permitted for {', '.join(missing)}"
        )


def _wider(higher: Rule, lower: Rule) -> Iterator[str]:
    """In which bounds `higher` permits more than `lower`."""
    if not higher.permit:
        return
    if higher.minimum_persons < lower.minimum_persons:
        yield "a smaller minimum_persons"
    if STRENGTH[higher.adversary] < STRENGTH[lower.adversary]:
        yield "a weaker adversary"
    if higher.minimum_parties < lower.minimum_parties:
        yield "a smaller minimum_parties"
    if higher.blind_keys and not lower.blind_keys:
        yield "blind_keys"
    if higher.signatures < lower.signatures:
        yield "fewer signatures"
    if lower.government_led and not higher.government_led:
        yield "no government_led"
    if fewer := set(lower.requires) - set(higher.requires):
        yield f"fewer requires ({', '.join(sorted(fewer))})"
    for name in ("leakage", "recipients", "engines"):
        more = set(getattr(higher, name)) - set(getattr(lower, name))
        # "*" stands for everybody among recipients only; as leakage or engine it is a name that nothing has.
        if more and not (name == "recipients" and ANYBODY in lower.recipients):
            yield f"more {name} ({', '.join(sorted(more))})"
