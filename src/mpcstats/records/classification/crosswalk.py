"""The crosswalk from our levels to the grades of GB/T 39725 and GB/T 43697: data, marked where unverified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.records.catalogue.metadata import LevelName, Text
from mpcstats.records.levels import Level
from mpcstats.records.shipped import shipped
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

Standard = Literal["GB/T 39725-2020", "GB/T 43697-2024"]


class Correspondence(Table):
    """What data of `level` are in `standard`; `verified` once somebody has held it against the standard's text."""

    level: LevelName
    standard: Standard
    grades: Annotated[
        tuple[Text, ...], Field(min_length=1), Listed
    ]  # more than one: a case decides
    verified: bool
    note: Text

    def __str__(self) -> str:
        mark = "" if self.verified else " (unverified)"
        return f"{self.standard}: {' or '.join(self.grades)}{mark}"


class CrosswalkFile(Table):
    """crosswalk.toml."""

    version: Version
    correspondence: Annotated[tuple[Correspondence, ...], Listed]

    def of(self, level: Level) -> tuple[Correspondence, ...]:
        """What `level` corresponds to, in the file's order."""
        return tuple(entry for entry in self.correspondence if entry.level is level)


def load_crosswalk(path: Path | None = None) -> CrosswalkFile:
    """The crosswalk at `path`, or that which mpcstats comes with. Raises UsageError with file and place."""
    where = shipped("crosswalk.toml") if path is None else path
    table = read_toml(where, CrosswalkFile)
    cases = [(entry.level, entry.standard) for entry in table.correspondence]
    for level, standard in cases:
        if cases.count((level, standard)) > 1:
            raise UsageError(f"{where}: expected one entry for {level.name} in {standard}")
    return table
