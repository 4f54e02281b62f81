"""The catalogue: which datasets exist, who owns them, and what is public about their columns."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.levels import Level
from mpcstats.records.tomlfile import Location, Table, Version, read_toml

Normalisation = Literal["trim-upper", "resident-id", "exact"]
Type = Literal["text", "integer"]
# Whose rows may be counted: everybody's; of those alone who consent; of all but those who have opted out.
Consent = Literal["none", "per-matter", "opt-out"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
LARGEST = 1 << 62


def _level(value: object) -> object:
    if isinstance(value, str) and value in Level.__members__:
        return Level[value]
    raise ValueError(f"expected a level of {', '.join(Level.__members__)}")


def _tuple(value: object) -> object:
    # TOML has lists only, and a strict model takes a tuple only; its items stay strict.
    return tuple(value) if isinstance(value, list) else value


Listed = BeforeValidator(_tuple)
Range = Annotated[tuple[str, str], Listed]


class Column(Table):
    """What is public about one column: type, level, bounds on its values, and its part in joins."""

    type: Type
    level: Annotated[Level, BeforeValidator(_level)]
    key: Normalisation | None = None  # joins persons or other units, after this normalisation
    person: bool = False  # the key names persons: joins between owners and the gate count these
    distinct: Annotated[int, Field(ge=1)] | None = None  # bound on distinct values
    unique: bool = False
    nullable: bool = True
    domain: Annotated[tuple[int | str, ...] | None, Listed] = None
    minimum: Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | None = None
    maximum: Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | None = None
    unit: str | None = None
    description: str | None = None
    # Half-open ranges of codes that make a predicate HIGH.
    special: Annotated[tuple[Range, ...], Listed] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.minimum is None) != (self.maximum is None):
            raise ValueError("expected minimum and maximum together, got one of them")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"expected minimum <= maximum, got {self.minimum} > {self.maximum}")
        if self.type == "text" and self.minimum is not None:
            raise ValueError("expected bounds on an integer column only, got them on text")
        if self.person and self.key is None:
            raise ValueError("expected person = true on a key, got a column without key = ...")
        if self.domain is not None:
            self._check_domain(self.domain)
        for low, high in self.special:
            if self.type != "text" or low >= high:
                raise ValueError(
                    f"expected special ranges [from, to) of text codes, got {low!r} to {high!r}"
                )
        return self

    def _check_domain(self, domain: tuple[int | str, ...]) -> None:
        kind = int if self.type == "integer" else str
        if not domain or len(set(domain)) != len(domain):
            raise ValueError("expected a domain of one or more different labels")
        if not all(isinstance(label, kind) for label in domain):
            raise ValueError(f"expected a domain of {self.type} labels")
        if self.minimum is not None and self.maximum is not None:
            outside = [
                v for v in domain if isinstance(v, int) and not self.minimum <= v <= self.maximum
            ]
            if outside:
                raise ValueError(f"expected a domain within the bounds, got {outside[0]}")


class Dataset(Table):
    """One table of one owner, with a public bound on its rows."""

    name: Name
    owner: Annotated[str, Field(min_length=1)]
    rows: Annotated[int, Field(ge=1, le=1 << 40)]
    contributor: str | None = None  # the column whose values are the contributing institutions
    description: str | None = None
    consent: Consent = "none"
    columns: dict[str, Column]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, column in self.columns.items():
            if column.distinct is not None and column.distinct > self.rows:
                raise ValueError(
                    f"column {name}: expected distinct <= rows = {self.rows}, got {column.distinct}"
                )
        if self.contributor is not None and self.contributor not in self.columns:
            raise ValueError(f"expected the contributor to be a column, got {self.contributor!r}")
        return self


class Union(Table):
    """One name for the same table of several owners; `party_column` says whose a row is."""

    name: Name
    of: Annotated[tuple[Name, ...], Field(min_length=1), Listed]
    party_column: Annotated[str, Field(min_length=1)] = "party"


class _File(Table):
    version: Version
    dataset: Annotated[tuple[Dataset, ...], Listed] = ()
    union: Annotated[tuple[Union, ...], Listed] = ()


class Catalogue:
    """All datasets and unions by name. Immutable; `digest` names its content."""

    def __init__(self, datasets: tuple[Dataset, ...], unions: tuple[Union, ...] = ()) -> None:
        self._datasets = {dataset.name: dataset for dataset in datasets}
        self._unions = {union.name: union for union in unions}
        names = [*(d.name for d in datasets), *(u.name for u in unions)]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(
                    f"{name}: expected one entry, got {names.count(name)} (a conflict to be settled)"
                )
        for union in unions:
            self._check_union(union)

    @classmethod
    def load(cls, path: str | Path) -> Catalogue:
        """Read a catalogue file. Raises UsageError with the file and the place in it."""
        entries = read_toml(Path(path), _File, place=_place)
        try:
            return cls(entries.dataset, entries.union)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all datasets and unions."""
        return (*self._datasets, *self._unions)

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name. Raises UsageError with the names that exist."""
        if name not in self._datasets:
            raise UsageError(f"expected a dataset of {', '.join(self.names)}, got {name!r}")
        return self._datasets[name]

    def has(self, name: str) -> bool:
        """Whether there is a dataset (not a union) of that name."""
        return name in self._datasets

    def union(self, name: str) -> Union | None:
        """The union of that name, if there is one."""
        return self._unions.get(name)

    def digest(self) -> str:
        """SHA-256 of the content, in hex; the order of entries in the file does not matter."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        entries = [
            [entry.model_dump(mode="json") for _, entry in sorted(group.items())]
            for group in (self._datasets, self._unions)
        ]
        text = json.dumps(entries, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _check_union(self, union: Union) -> None:
        for name in union.of:
            if name not in self._datasets:
                raise UsageError(f"union {union.name}: expected datasets, got {name!r}")
        members = [self._datasets[name] for name in union.of]
        try:
            _check_members(union, members)
        except ValueError as error:
            raise UsageError(f"union {union.name}: {error}") from None


def _check_members(union: Union, members: list[Dataset]) -> None:
    """Raises ValueError unless `members` are tables of one form, each of another owner."""
    if len(set(union.of)) != len(union.of):
        raise ValueError("expected every dataset once, got one twice: its rows would count twice")
    # The party column tells rows apart by owner, so two tables of one owner would fall together.
    if len({member.owner for member in members}) != len(members):
        raise ValueError("expected datasets of different owners, got two of one")
    first = members[0]
    for member in members:
        if _form(member) != _form(first):
            raise ValueError(f"expected {member.name} to have the columns of {first.name}")
        # Keys that are normalised in two ways would not meet, and the answer would be silently wrong.
        keys = [c for c, v in member.columns.items() if v.key != first.columns[c].key]
        if keys:
            raise ValueError(
                f"expected {member.name} to have the keys of {first.name}, differs in {', '.join(keys)}"
            )
    if union.party_column in first.columns:
        raise ValueError(
            f"expected a party_column that no dataset has as a column, got {union.party_column!r}"
        )


def _form(dataset: Dataset) -> dict[str, Type]:
    return {name: column.type for name, column in dataset.columns.items()}


def _place(raw: dict[str, Any], location: Location) -> str:
    """The place of a finding in words: the dataset's name instead of its number."""
    parts = [part for part in location if part != "[key]"]
    if len(parts) >= 2 and isinstance(parts[1], int):
        kind, number = str(parts[0]), parts[1]
        entries = raw.get(kind)
        entry = entries[number] if isinstance(entries, list) and number < len(entries) else {}
        name = entry.get("name") if isinstance(entry, dict) else None
        parts[:2] = [f"{kind} {name if isinstance(name, str) else number + 1}"]
    return ", ".join(str(part) for part in parts) or "the file"
