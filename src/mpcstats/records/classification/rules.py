"""Rules of classification: by a column's name, type, unit and values, which level to propose for it, and why.

Rules are data: mpcstats comes with a table (governance/classification.toml), and an owner may use another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.catalogue.column import Range, Type
from mpcstats.records.catalogue.metadata import Kind, LevelName, PerMille, Text
from mpcstats.records.shipped import shipped
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

Confidence = Literal["certain", "likely", "possible"]
Pattern = Annotated[str, Field(min_length=1, max_length=128)]
Check = Literal["resident-id"]


class ValueTest(Table):
    """What a value meets or not; a rule asks it of `per_mille` of the sampled values, and of `least` at least.

    check: the check character of a resident id (GB 11643). pattern: a regular expression (RE2) for the whole value.
    codes: half-open ranges of codes. Values count in upper case, without spaces around.
    """

    check: Check | None = None
    pattern: Pattern | None = None
    codes: Annotated[tuple[Range, ...], Listed] = ()
    per_mille: PerMille = 0
    least: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [self.check is not None, self.pattern is not None, bool(self.codes)]
        if given.count(True) != 1:
            raise ValueError("expected one of check, pattern and codes")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"expected a regular expression, got: {error}") from None
        for low, high in self.codes:
            if low >= high:
                raise ValueError(f"expected code ranges [from, to), got {low!r} to {high!r}")
        return self


class Rule(Table):
    """Proposes `level` for a column that meets every condition given.

    names: patterns (* and ?) of the column's name or title, small letters; unless: patterns of names that the rule
    does not mean. special: ranges of codes that the entry is to have, so that a question that picks one is HIGH.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    level: LevelName
    confidence: Confidence
    reason: Text
    kind: Kind | None = None
    special: Annotated[tuple[Range, ...], Listed] = ()
    names: Annotated[tuple[Pattern, ...], Listed] = ()
    unless: Annotated[tuple[Pattern, ...], Listed] = ()
    types: Annotated[tuple[Type, ...], Listed] = ()
    units: Annotated[tuple[Pattern, ...], Listed] = ()
    values: ValueTest | None = None

    @model_validator(mode="after")
    def _conditional(self) -> Self:
        if not (self.names or self.units or self.values):
            raise ValueError(f"expected rule {self.id} to name names, units or values")
        return self

    def speaks_of(self, seen: Seen) -> bool:
        """Whether the column meets every condition; one on values is not met where none were sampled."""
        named = (seen.name.lower(), (seen.title or "").lower())
        if self.names and not any(_fits(name, self.names) for name in named):
            return False
        if any(_fits(name, self.unless) for name in named):
            return False
        if self.types and seen.type not in self.types:
            return False
        if self.units and seen.unit not in self.units:
            return False
        return self.values is None or seen.meets(self.values)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return bool(name) and any(fnmatchcase(name, pattern.lower()) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a sample's values: how many there are (NULL left out), and how many meet a test. No value is kept."""

    values: int
    meeting: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a column: its entry as far as there is one, and what an owner has counted at home."""

    name: str
    type: Type | None = None
    unit: str | None = None
    title: str | None = None
    counts: tuple[tuple[ValueTest, Counts], ...] = ()

    def counted(self, test: ValueTest) -> Counts | None:
        """The counts for `test`, if the owner has made them."""
        return next((counts for known, counts in self.counts if known == test), None)

    def meets(self, test: ValueTest) -> bool:
        """Whether enough of the sampled values meet `test`."""
        counts = self.counted(test)
        if counts is None or counts.meeting < test.least:
            return False
        return 1000 * counts.meeting >= test.per_mille * counts.values


class Unmatched(Table):
    """What is proposed for a column that no rule speaks of."""

    level: LevelName
    reason: Text


class ReviewTerms(Table):
    """How long a decision holds at most, and as what a column counts whose review is overdue."""

    within_days: Annotated[int, Field(ge=1, le=3660)]
    overdue: LevelName


class RulesFile(Table):
    """classification.toml."""

    version: Version
    review: ReviewTerms
    unmatched: Unmatched
    rule: Annotated[tuple[Rule, ...], Listed]

    @property
    def tests(self) -> tuple[ValueTest, ...]:
        """Every test of values that a rule makes: what an owner has to count."""
        return tuple(dict.fromkeys(rule.values for rule in self.rule if rule.values is not None))


def load_rules(path: Path | None = None) -> RulesFile:
    """The rules in the file at `path`, or those that mpcstats comes with. Raises UsageError with file and place."""
    where = shipped("classification.toml") if path is None else path
    table = read_toml(where, RulesFile)
    names = [rule.id for rule in table.rule]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{where}: expected one rule {name}, got several")
    return table
