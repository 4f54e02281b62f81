"""Columns that are more sensitive together than alone: an identity beside a diagnosis is HIGH.

A combination speaks of what is opened, or visible row by row. A key that is only compared unseen is not visible:
who asks (policy.sensitivity) leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field

from mpcstats.records.catalogue.column import Column
from mpcstats.records.catalogue.metadata import Kind, LevelName, Text
from mpcstats.records.levels import Level, highest
from mpcstats.records.shipped import shipped
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml


class Combination(Table):
    """Columns of all these `kinds` together are of `level`; `because` says why, in words for a refusal."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    kinds: Annotated[tuple[Kind, ...], Field(min_length=2), Listed]
    level: LevelName
    because: Text


class CombinationsFile(Table):
    """combinations.toml."""

    version: Version
    combination: Annotated[tuple[Combination, ...], Listed]


@dataclass(frozen=True, slots=True)
class Met:
    """A combination that is met, and the names of the columns that meet it, in order."""

    combination: Combination
    columns: tuple[str, ...]


@cache
def shipped_combinations() -> tuple[Combination, ...]:
    """The combinations that hold in every catalogue; a catalogue adds its own and takes none away."""
    return read_toml(shipped("combinations.toml"), CombinationsFile).combination


def met(columns: Mapping[str, Column], combinations: Iterable[Combination]) -> tuple[Met, ...]:
    """The combinations of which `columns`, by name, have every kind; one column alone meets none."""
    found = []
    for combination in combinations:
        wanted = frozenset(combination.kinds)
        having = {name: column.kinds & wanted for name, column in columns.items()}
        names = tuple(sorted(name for name, kinds in having.items() if kinds))
        if len(names) > 1 and frozenset[Kind]().union(*having.values()) == wanted:
            found.append(Met(combination, names))
    return tuple(found)


def together(columns: Mapping[str, Column], combinations: Iterable[Combination]) -> Level:
    """The level of `columns` seen row by row: of the most sensitive one, or of a combination that they meet."""
    alone = (column.level for column in columns.values())
    return highest((*alone, *(m.combination.level for m in met(columns, combinations))))
