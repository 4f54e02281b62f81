"""Provenance: who did what to an asset, from the records of any nodes' logs, each record once.

A record that several logs hold is one row; so what one node has lost, another still says. What a statement's
signer did not sign is no provenance: it is named as a fault of the log that holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from mpcstats.errors import UsageError
from mpcstats.records.contracts.contract import Contract
from mpcstats.records.contracts.dealing import (
    ACCESS,
    ACTION,
    CONTRACT,
    PACKAGE,
    Access,
    Package,
    Report,
    signed_by,
)
from mpcstats.records.contracts.dealings import unwrapped
from mpcstats.records.principals import Principals
from mpcstats.records.record import Record, record_digest
from mpcstats.records.second import day_of
from mpcstats.records.standing import VIOLATION, Violation, read_violation

OK = "allowed"
NO_PACKAGE = "no package"
ORDER = (CONTRACT, ACCESS, PACKAGE, ACTION)  # what can only come after what, in one second
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deed:
    """`who` did `what` to the asset, `at` a second in UTC; `digest` names the statement of `kind` that says so.

    `verdict` is OK, NO_PACKAGE for a request that got none, or what the owner's log holds against it. `of` is the
    digest of the statement that it answers or acts on.
    """

    at: str
    kind: str
    asset: str
    who: str
    what: str
    verdict: str
    digest: str
    query: str | None = None
    of: str | None = None
    result: str | None = None
    cells: int | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """All deeds in order of time, and what in which log could not be believed."""

    asset: str
    deeds: tuple[Deed, ...]
    faults: tuple[str, ...]


def provenance(
    logs: Mapping[str, Iterable[Record]],
    asset: str,
    principals: Principals,
    *,
    keepers: Mapping[str, str] | None = None,
) -> Provenance:
    """What was done to `asset` by all `logs` together, each by the name under which a fault is told.

    `keepers` says whose log of that name is: its violations are taken as that party's alone. A violation is not
    signed by itself, so in a log that is not named there its own word is taken for who recorded it.
    Complete as soon as every record is in one of the logs. Raises nothing for a record that is wrong.
    """
    known = _Known()
    faults: list[str] = []
    for name, records in logs.items():
        for record in records:
            try:
                known.take(record, principals, (keepers or {}).get(name))
            except UsageError as error:
                faults.append(f"{name}, record {record.index}: {error}")
    faults += known.gaps()
    deeds = [deed for deed in known.deeds() if deed.asset == asset]
    deeds.sort(key=lambda deed: (deed.at, ORDER.index(deed.kind), deed.digest))
    return Provenance(asset, tuple(deeds), tuple(faults))


@dataclass(slots=True)
class _Known:
    """The statements by their digest, with the second at which they first came in."""

    contracts: dict[str, tuple[str, Contract]] = field(default_factory=dict)
    accesses: dict[str, tuple[str, Access]] = field(default_factory=dict)
    packages: dict[str, tuple[str, Package]] = field(default_factory=dict)
    reports: dict[str, tuple[str, Report]] = field(default_factory=dict)
    violations: dict[str, Violation] = field(default_factory=dict)

    def take(self, record: Record, principals: Principals, keeper: str | None) -> None:
        """One record of any kind. Raises UsageError if it is not what its signer signed, or its keeper may say."""
        if record.kind == VIOLATION:
            violation = read_violation(record)
            if keeper not in (None, violation.by):
                raise UsageError(f"violation: expected one by {keeper}, got one by {violation.by}")
            self.violations[record_digest(VIOLATION, record.body)] = violation
            return
        if record.kind not in (CONTRACT, ACCESS, PACKAGE, ACTION):
            return
        statement, at = unwrapped(record.body)
        digest, day = statement.digest, day_of(at)
        match record.kind:
            case "contract":
                made = signed_by(statement, CONTRACT, Contract, "owner", principals, day)
                self.contracts[digest] = _first(self.contracts.get(digest), at, made)
            case "access":
                asked = signed_by(statement, ACCESS, Access, "user", principals, day)
                self.accesses[digest] = _first(self.accesses.get(digest), at, asked)
            case "package":
                given = signed_by(statement, PACKAGE, Package, "owner", principals, day)
                self.packages[digest] = _first(self.packages.get(digest), at, given)
            case _:
                report = signed_by(statement, ACTION, Report, "actor", principals, day)
                self.reports[digest] = _first(self.reports.get(digest), at, report)

    def gaps(self) -> Iterator[str]:
        """What is missing: actions whose package no log has, so that nobody can say on what they were."""
        for digest, (_, report) in self.reports.items():
            if report.package not in self.packages:
                yield (
                    f"action {digest[:16]} of {report.actor}: expected its package {report.package[:16]} "
                    "in one of the logs, got none: give more nodes' logs"
                )

    def deeds(self) -> Iterator[Deed]:
        """Every deed, of whichever asset."""
        answered = {package.access for _, package in self.packages.values()}
        for digest, (at, made) in self.contracts.items():
            what = f"released for {', '.join(made.actions)}"
            yield Deed(at, CONTRACT, made.asset.name, made.owner, what, OK, digest)
        for digest, (at, asked) in self.accesses.items():
            verdict = OK if digest in answered else NO_PACKAGE
            what = f"asked for {asked.uses} uses for {asked.purpose}"
            yield Deed(at, ACCESS, asked.asset, asked.user, what, verdict, digest, asked.query)
        for digest, (at, given) in self.packages.items():
            what = f"gave a package to {given.user}"
            parts = (at, PACKAGE, given.asset, given.owner, what, OK, digest)
            yield Deed(*parts, query=given.query, of=given.access)
        # Only the owner of the package judges what was done with it.
        against = {(v.by, v.subject): v.what for v in self.violations.values()}
        for digest, (at, report) in self.reports.items():
            if report.package in self.packages:
                package = self.packages[report.package][1]
                verdict = against.get((package.owner, digest), OK)
                what = ", ".join(report.actions)
                yield Deed(
                    *(at, ACTION, package.asset, report.actor, what, verdict, digest),
                    *(report.query, report.package, report.result, report.cells),
                )


def _first(held: tuple[str, T] | None, at: str, found: T) -> tuple[str, T]:
    """The same statement as it came in first, of two logs that may have had it at different times."""
    return (at, found) if held is None or at < held[0] else held
