"""All datasets, unions and combinations together, as all parties have agreed on them; read from one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from mpcstats.errors import UsageError
from mpcstats.records.catalogue.checks import LEFT, RIGHT, CrossCheck
from mpcstats.records.catalogue.column import Column, Type
from mpcstats.records.catalogue.combination import Combination, shipped_combinations
from mpcstats.records.catalogue.dataset import Dataset, Union, check_operand
from mpcstats.records.tomlfile import Listed, Location, Table, Version, read_toml, said


class CatalogueFile(Table):
    """catalogue.toml, and the same as JSON."""

    version: Version
    dataset: Annotated[tuple[Dataset, ...], Listed] = ()
    union: Annotated[tuple[Union, ...], Listed] = ()
    combination: Annotated[tuple[Combination, ...], Listed] = ()
    crosscheck: Annotated[tuple[CrossCheck, ...], Listed] = ()


class Catalogue:
    """All datasets and unions by name. Immutable; `digest` names its content.

    `added` are combinations beside those that mpcstats comes with, which hold in every catalogue. `crosschecks` are
    what must hold of rows of two datasets.
    """

    def __init__(
        self,
        datasets: tuple[Dataset, ...],
        unions: tuple[Union, ...] = (),
        added: tuple[Combination, ...] = (),
        crosschecks: tuple[CrossCheck, ...] = (),
    ) -> None:
        self._datasets = {dataset.name: dataset for dataset in datasets}
        self._unions = {union.name: union for union in unions}
        self.added = added
        self.crosschecks = crosschecks
        self.combinations = (*shipped_combinations(), *added)
        names = [*(d.name for d in datasets), *(u.name for u in unions)]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(
                    f"{name}: expected one entry, got {names.count(name)} (a conflict to be settled)"
                )
        rules = [combination.name for combination in self.combinations]
        for name in rules:
            if rules.count(name) > 1:
                raise UsageError(f"combination {name}: expected a name of its own, got it twice")
        for union in unions:
            self._check_union(union)
        for check in crosschecks:
            if sum(other.name == check.name for other in crosschecks) > 1:
                raise UsageError(
                    f"crosscheck {check.name}: expected a name of its own, got it twice"
                )
            self._check_crosscheck(check)

    @classmethod
    def load(cls, path: str | Path) -> Catalogue:
        """Read a catalogue file. Raises UsageError with the file and the place in it."""
        return cls._of(read_toml(Path(path), CatalogueFile, place=_place), str(path))

    @classmethod
    def of_table(cls, table: Mapping[str, Any], origin: str) -> Catalogue:
        """The catalogue in `table`, plain data that came from `origin`. Raises UsageError with the place in it."""
        try:
            entries = CatalogueFile.model_validate(table)
        except ValidationError as error:
            faults = [f"{_place(dict(table), e['loc'])}: {said(e['msg'])}" for e in error.errors()]
            raise UsageError(f"{origin}: " + "; ".join(faults)) from None
        return cls._of(entries, origin)

    @classmethod
    def _of(cls, entries: CatalogueFile, origin: str) -> Catalogue:
        try:
            return cls(entries.dataset, entries.union, entries.combination, entries.crosscheck)
        except UsageError as error:
            raise UsageError(f"{origin}: {error}") from None

    @property
    def file(self) -> CatalogueFile:
        """The content as its file's model."""
        return CatalogueFile(
            version=1,
            dataset=self.datasets,
            union=self.unions,
            combination=self.added,
            crosscheck=self.crosschecks,
        )

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """All datasets."""
        return tuple(self._datasets.values())

    @property
    def unions(self) -> tuple[Union, ...]:
        """All unions."""
        return tuple(self._unions.values())

    def column(self, dataset: str, name: str) -> Column | None:
        """The column `name` of `dataset`, if both exist."""
        found = self._datasets.get(dataset)
        return None if found is None else found.columns.get(name)

    @cached_property
    def items(self) -> Mapping[tuple[str, str], Column]:
        """Every item: (dataset, column) -> its entry."""
        return {(d.name, name): c for d in self.datasets for name, c in d.columns.items()}

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
        groups: tuple[Mapping[str, Table], ...] = (
            self._datasets,
            self._unions,
            {combination.name: combination for combination in self.combinations},
            {check.name: check for check in self.crosschecks},
        )
        entries = [
            [entry.model_dump(mode="json") for _, entry in sorted(group.items())]
            for group in groups
        ]
        text = json.dumps(entries, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def members(self, name: str) -> tuple[Dataset, ...]:
        """The datasets whose rows the dataset or union `name` has. Raises UsageError if there is neither."""
        union = self._unions.get(name)
        return tuple(self.dataset(part) for part in (union.of if union is not None else (name,)))

    def _check_crosscheck(self, check: CrossCheck) -> None:
        try:
            for side, name in ((LEFT, check.left), (RIGHT, check.right)):
                for dataset in self.members(name):
                    _check_side(dataset, check, side)
        except (UsageError, ValueError) as error:
            raise UsageError(f"crosscheck {check.name}: {error}") from None

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


def _check_side(dataset: Dataset, check: CrossCheck, side: str) -> None:
    """Raises ValueError unless `dataset` has what the cross-check asks of that side."""
    for name in check.keys:
        if name not in dataset.columns:
            raise ValueError(f"expected {dataset.name} to have the key {name!r}")
    for name in sorted(check.columns(side)):
        check_operand(name, dataset.columns)
    keys = [dataset.columns[name] for name in check.keys]
    if side == RIGHT and not any(key.unique or key.most for key in keys):
        raise ValueError(
            f"expected unique = true or most = ... of {' or '.join(check.keys)} in {dataset.name}: how many rows stand "
            "beside one row must be public"
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
