"""The registration of data resources at an organisation's desk: where it stands, and its export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mpcstats.party.desk.journals import JournalFiles, enter, journal_files
from mpcstats.party.files.config import Consortium
from mpcstats.records.journal import Add
from mpcstats.records.principals import Principals
from mpcstats.records.registration.export import as_csv, as_json
from mpcstats.records.registration.register import Registrations
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.signed import Statement


@dataclass(frozen=True, slots=True)
class Registry:
    """The journal's files, and the working days that publicity is counted by."""

    files: JournalFiles
    holidays: Path | None = None

    def opened(self) -> Registrations:
        """The register. Raises UsageError with file and line."""
        principals = self.files.who()
        register = Registrations(principals, Calendar.load(self.holidays))
        self.files.load(principals, register.add)
        return register

    def fold(self, principals: Principals) -> Add:
        """Takes the journal's statements, as a new register."""
        return Registrations(principals, Calendar.load(self.holidays)).add


def registry(
    consortium: Path,
    *,
    journal: Path | None = None,
    principals: Path | None = None,
    holidays: Path | None = None,
) -> Registry:
    """The registry of the files that are given, else of those that the consortium file names. Raises UsageError."""
    files = journal_files(consortium, "registrations", journal=journal, principals=principals)
    named = Consortium.load(consortium).registers.holidays
    return Registry(files, named if holidays is None else holidays)


@dataclass(frozen=True, slots=True)
class Standing:
    """The registrations as they stood on a day, as rows of text, and the register's head."""

    head: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def shown(registry: Registry, day: str) -> Standing:
    """Where every registration stood on `day`."""
    register = registry.opened()
    rows = tuple(
        (
            entry.number,
            entry.form.asset,
            entry.form.name,
            entry.form.holder,
            f"{entry.state_on(day).name} {entry.state_on(day).value}",
            entry.code or "",
            entry.until or entry.publicity_until or "",
        )
        for entry in register.entries(day)
    )
    columns = ("entry", "asset", "name", "holder", "state", "code", "until")
    return Standing(register.head, columns, rows)


def exported(registry: Registry, day: str, form: Literal["json", "csv"]) -> str:
    """The registrations on `day` in the form's fields."""
    register = registry.opened()
    entries = register.entries(day)
    return as_csv(entries, day) if form == "csv" else as_json(entries, day, register.head)


def entered(
    registry: Registry, statement: Path, signatures: dict[str, Path], out: Path | None
) -> Statement:
    """Sign the statement in the file and append it, or with `out` write it there. Raises UsageError."""
    return enter(registry.files, statement, signatures, registry.fold, out)
