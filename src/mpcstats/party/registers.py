"""The registers of a consortium, read from the files that its own file names, and read again when one has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from mpcstats.party.files.config import Consortium
from mpcstats.party.files.registerfiles import RegisterFiles
from mpcstats.policy.registers import Registers
from mpcstats.records.catalogue.sources import Settlements
from mpcstats.records.classification.review import Levels
from mpcstats.records.classification.rules import load_rules
from mpcstats.records.journal import Journal
from mpcstats.records.papers.project import Projects
from mpcstats.records.principals import Principals
from mpcstats.records.profiles.acknowledgement import Acknowledgements
from mpcstats.records.profiles.profile import shipped
from mpcstats.records.registration.register import Registrations
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.signed import Statement


class Fold(Protocol):
    """What a journal is read for."""

    def add(self, statement: Statement) -> None:
        """Take the next statement."""


F = TypeVar("F", bound=Fold)
Stamp = tuple[tuple[Path, int, int], ...]


def load_principals(consortium: Consortium, path: Path | None = None) -> Principals:
    """The parties with their signing keys, and the principals of the file at `path`, or of the consortium's own.

    Raises UsageError with file and place.
    """
    keys = {name: member.signing_key for name, member in consortium.members.items()}
    return Principals.load(consortium.registers.principals if path is None else path, keys)


def load_registers(files: RegisterFiles, principals: Principals) -> Registers:
    """All registers, every statement checked. Raises UsageError with file and line of the first bad one."""
    heads = {"principals": principals.digest}

    def read(name: str, path: Path | None, make: Callable[[], F]) -> F | None:
        if path is None:
            return None
        fold = make()
        heads[name] = Journal.load(path, principals, fold.add).head
        return fold

    calendar = Calendar.load(files.holidays)
    if files.holidays is not None:
        heads["holidays"] = hashlib.sha256(files.holidays.read_bytes()).hexdigest()
    if files.profile is not None:
        heads["profile"] = files.profile
    return Registers(
        principals,
        projects=read("projects", files.projects, lambda: Projects(principals)),
        rights=read("rights", files.rights, lambda: RightsRegister(principals)),
        registrations=read(
            "registrations", files.registrations, lambda: Registrations(principals, calendar)
        ),
        levels=read("levels", files.levels, lambda: Levels(principals, load_rules().review)),
        settlements=read("sources", files.sources, lambda: Settlements(principals)),
        acknowledgements=read(
            "acknowledgements", files.acknowledgements, lambda: Acknowledgements(principals)
        ),
        profile=None if files.profile is None else shipped(files.profile),
        heads=heads,
    )


class Shelf:
    """A consortium's registers as they are on disk now: a licence that was cancelled counts at the next question."""

    def __init__(self, consortium: Consortium) -> None:
        self._consortium = consortium
        self._stamp = self._seen()
        self._read = load_registers(consortium.registers, load_principals(consortium))

    def current(self) -> Registers:
        """The registers; read again if a file has changed. Raises UsageError with file and line."""
        seen = self._seen()
        if seen != self._stamp:
            principals = load_principals(self._consortium)
            self._read, self._stamp = load_registers(self._consortium.registers, principals), seen
        return self._read

    def _seen(self) -> Stamp:
        return tuple(
            (path, state.st_mtime_ns, state.st_size)
            for path in self._consortium.registers.paths
            if path.exists()
            for state in (path.stat(),)
        )
