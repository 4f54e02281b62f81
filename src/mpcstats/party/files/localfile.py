"""local.toml: a consortium whose parties all run on one machine, each as a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.party.data.source import Source
from mpcstats.party.files.config import SILENCE, Silence
from mpcstats.party.files.enginefiles import EnginesTable, Name, check_engines
from mpcstats.party.files.registerfiles import RegisterFiles, RegistersTable
from mpcstats.party.files.sourcetable import Files, Text
from mpcstats.plan.offer import Offer
from mpcstats.records.tomlfile import Table, read_toml

FILE = "local.toml"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """Parties, who computes on rep3 and on other `engines`, where each dataset is.

    `scenario` and `purpose` are those of questions that name none.
    """

    name: str
    path: Path
    catalogue: Path
    policy: Path
    compute: tuple[str, ...]
    initiator: str
    silence: float
    scenario: str | None
    purpose: str | None
    data: Mapping[str, Mapping[str, Source]] = field(repr=False)  # party -> dataset -> where
    registers: RegisterFiles = field(default_factory=RegisterFiles)
    consent: Mapping[str, Path] = field(default_factory=dict)  # party -> its consent.toml
    engines: tuple[Offer, ...] = ()

    @property
    def parties(self) -> tuple[str, ...]:
        """Everyone: compute parties first."""
        others = (party for offer in self.engines for party in offer.compute)
        return tuple(dict.fromkeys((*self.compute, *others, self.initiator, *self.data)))

    @classmethod
    def load(cls, folder: Path, *, data: Path | None = None) -> LocalFile:
        """The local.toml in `folder`, or the file itself; data files are below `data`, or below its data_root.

        A file written with ./ comes with local.toml, and lies beside it whatever `data` is.
        Raises UsageError with file and place.
        """
        path = folder / FILE if folder.is_dir() else folder
        table = read_toml(path, LocalTable)
        here = path.parent
        root = here / table.data_root if data is None else data
        if data is not None and not data.is_dir():
            raise UsageError(f"{data}: expected the folder of the data, got none")
        return cls(
            table.name,
            path,
            here / table.catalogue,
            here / table.policy,
            tuple(table.compute or ()),
            table.first,
            table.silence,
            table.scenario,
            table.purpose,
            {
                party: {
                    dataset: where.source(here if where.is_beside else root)
                    for dataset, where in files.items()
                }
                for party, files in table.data.items()
            },
            RegisterFiles.of(table.registers, here),
            {party: here / where for party, where in table.consent.items()},
            table.engines.offers,
        )


class LocalTable(Table):
    """local.toml: a consortium on one machine. Paths are relative to it, `silence` is in seconds."""

    name: Text
    catalogue: Text
    policy: Text
    compute: list[Name] | None = None
    engines: EnginesTable = Field(default_factory=EnginesTable)
    initiator: Name | None = None
    silence: Silence = SILENCE
    scenario: Text | None = None
    purpose: Text | None = None
    data_root: Text = "."
    registers: RegistersTable = Field(default_factory=RegistersTable)
    consent: dict[Name, Text] = Field(default_factory=dict)
    data: dict[Name, Files] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_engines(self.compute, self.engines)
        if not self.compute and self.initiator is None:
            raise ValueError("expected initiator = ... where no compute parties of rep3 are named")
        return self

    @property
    def first(self) -> str:
        """Who asks unless somebody else is named."""
        return self.initiator or (self.compute or [""])[0]
