"""A jurisdiction's profile: least thresholds, what must be said with a request, texts that users acknowledge.

A profile only adds: thresholds are raised to it and never lowered, and of several the strictest counts. None of
this is legal advice; `checked` says whether somebody has held the file against its sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.day import Day
from mpcstats.records.names import Digest
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

ProfileName = Literal["CN", "EU", "JP", "US-CMS"]
PROFILES: tuple[ProfileName, ...] = get_args(ProfileName)
# What a request declares beside its question; each is a field of `Declaration`.
Required = Literal[
    "legal_basis",
    "special_category_basis",
    "impact_assessment",
    "retention_until",
    "data_use_agreement",
    "public_notice",
    "minimum_necessary",
]


Line = Annotated[str, Field(min_length=1, max_length=500)]


class Declaration(Table):
    """What an initiator declares with its request: short text, digests of documents, a day; never anybody's data."""

    legal_basis: Line | None = None
    special_category_basis: Line | None = None
    impact_assessment: Digest | None = None
    retention_until: Day | None = None  # the last day on which the answer is kept
    data_use_agreement: Digest | None = None
    public_notice: Digest | None = None
    minimum_necessary: Line | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Least persons and contributors of a cell, and the p-ratio of dominance in per cent."""

    minimum_persons: int = 1
    minimum_contributors: int = 1
    dominance: int = 0

    def raised(self, other: Thresholds) -> Thresholds:
        """The stricter of each."""
        return Thresholds(
            max(self.minimum_persons, other.minimum_persons),
            max(self.minimum_contributors, other.minimum_contributors),
            max(self.dominance, other.dominance),
        )


class Text(Table):
    """A text that every user acknowledges before access, and again after `days` days or when it changes."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    title: Line
    body: Annotated[str, Field(min_length=1, max_length=16 * 1024)]
    days: Annotated[int, Field(ge=1, le=3660)]

    @property
    def digest(self) -> str:
        """SHA-256 of title and body, in hex: what an acknowledgement names."""
        parts = (self.title.encode(), self.body.encode())
        return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()


class Profile(Table):
    """What one jurisdiction asks. `because` gives the ground of each threshold and requirement, by its name."""

    version: Version
    name: ProfileName
    title: Line
    sources: Annotated[tuple[Line, ...], Listed, Field(min_length=1)]
    checked: bool
    minimum_persons: Annotated[int, Field(ge=1, le=1 << 40)]
    minimum_contributors: Annotated[int, Field(ge=1, le=1 << 20)]
    dominance: Annotated[int, Field(ge=0, le=100)]
    required: Annotated[tuple[Required, ...], Listed]
    because: dict[str, Line]
    text: Annotated[tuple[Text, ...], Listed, Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        named = {"minimum_persons", "minimum_contributors", "dominance", *self.required}
        if set(self.because) != named:
            differ = ", ".join(sorted(set(self.because) ^ named))
            raise ValueError(
                f"expected because for each threshold and requirement, differs in {differ}"
            )
        names = [text.name for text in self.text]
        if len(set(names)) != len(names):
            raise ValueError("expected texts of different names, got two of one")
        return self

    @property
    def thresholds(self) -> Thresholds:
        """The least that the profile asks for."""
        return Thresholds(self.minimum_persons, self.minimum_contributors, self.dominance)

    def missing(self, declared: Declaration, day: str) -> tuple[str, ...]:
        """Every reason why a request of `day` does not declare what the profile asks for; () if it does."""
        found = [
            f"profile {self.name} asks for {name}: {self.because[name]}"
            for name in self.required
            if getattr(declared, name) is None
        ]
        until = declared.retention_until
        if "retention_until" in self.required and until is not None and until < day:
            found.append(
                f"profile {self.name} asks for a retention_until from {day} on, got {until}"
            )
        return tuple(found)


def load_profile(path: Path) -> Profile:
    """The profile in a file. Raises UsageError with file and place."""
    return read_toml(path, Profile)


def shipped(name: str) -> Profile:
    """The profile of that name that mpcstats comes with. Raises UsageError with the names that there are."""
    if name not in PROFILES:
        raise UsageError(f"expected a profile of {', '.join(PROFILES)}, got {name[:40]!r}")
    with resources.as_file(resources.files(__package__) / f"{name.lower()}.toml") as path:
        return load_profile(path)


def strictest(profiles: Iterable[Profile]) -> Thresholds:
    """The thresholds of a question that falls under all of `profiles`: of each, the strictest."""
    found = Thresholds()
    for profile in profiles:
        found = found.raised(profile.thresholds)
    return found
