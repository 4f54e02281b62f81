"""The rights register at an organisation's desk: what is entered, who held what, what a job lacks, certificates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.desk.journals import JournalFiles, enter, read_signed, write_new
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.keys import read_signing_key
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.journal import Add
from mpcstats.records.principals import Principals
from mpcstats.records.rights.admission import Input, Missing, missing
from mpcstats.records.rights.certificate import KIND, certificate, check_certificate
from mpcstats.records.rights.events import CHINESE, Objection, Resolution
from mpcstats.records.rights.register import Entered, RightsRegister
from mpcstats.records.rights.terms import Scope
from mpcstats.records.signed import Statement


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table to print, and the register's head that it rests on."""

    head: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of the register before a job; `datasets` as NAME or NAME:COLUMN,COLUMN."""

    day: str
    initiator: str
    publishers: tuple[str, ...]
    datasets: tuple[str, ...]
    scenario: str
    purpose: str


def opened(files: JournalFiles) -> RightsRegister:
    """The register of the journal. Raises UsageError with file and line."""
    principals = files.who()
    register = RightsRegister(principals)
    files.load(principals, register.add)
    return register


def shown(files: JournalFiles, asset: str | None = None) -> Sheet:
    """Every statement, or those about one asset. Raises UsageError if there is none about it."""
    register = opened(files)
    entered = register.entered() if asset is None else register.history(asset)
    if asset is not None and not entered:
        known = ", ".join(register.book.assets) or "none"
        raise UsageError(f"expected a registered asset ({known}), got {asset}")
    rows = tuple(_row(one) for one in entered)
    return Sheet(register.head, ("no", "day", "kind", "about", "holder", "signed by"), rows)


def held(files: JournalFiles, day: str) -> Sheet:
    """Who held what on `day`."""
    found = opened(files).as_of(day)
    rows = tuple(
        (
            one.asset,
            one.number,
            f"{one.right.name} {one.right.value}",
            one.holder,
            one.under or "",
            one.terms.basis.by,
            _scope(one.scope),
            one.since,
            one.until or "",
        )
        for one in found.held
    )
    columns = ("asset", "number", "right", "holder", "under", "basis", "scope", "since", "until")
    return Sheet(found.head, columns, rows)


def lacking(files: JournalFiles, job: Job) -> tuple[Missing, ...]:
    """Every right that the job lacks; owners, and columns that are not named, are those of the catalogue."""
    catalogue = Catalogue.load(Consortium.load(files.consortium).catalogue)
    return missing(
        opened(files),
        day=job.day,
        initiator=job.initiator,
        publishers=job.publishers,
        inputs=_inputs(job.datasets, catalogue),
        scenario=job.scenario,
        purpose=job.purpose,
    )


@dataclass(frozen=True, slots=True)
class Seal:
    """Who signs a certificate, with which key, on which day."""

    signer: str
    key: Path
    issued: str


def certified(files: JournalFiles, asset: str, day: str, seal: Seal, out: Path) -> str:
    """Write the signed certificate of the asset to a new file; the register's head that it names."""
    register = opened(files)
    body = certificate(register, asset, day, issued=seal.issued)
    made = Statement.of(KIND, body).sign(seal.signer, read_signing_key(seal.key))
    check_certificate(made, register, files.who())  # by a registrar, or it would certify nothing
    write_new(out, json.dumps(made.to_json(), ensure_ascii=False, indent=2) + "\n")
    return str(made.body["head"])


def check_certified(files: JournalFiles, path: Path) -> Statement:
    """The certificate in the file. Raises UsageError unless a registrar signed what the register says."""
    made = read_signed(path)
    check_certificate(made, opened(files), files.who())
    return made


def entered(
    files: JournalFiles, statement: Path, signatures: dict[str, Path], out: Path | None
) -> Statement:
    """Sign the statement in the file and append it, or with `out` write it there. Raises UsageError."""
    return enter(files, statement, signatures, _fold, out)


def _fold(principals: Principals) -> Add:
    return RightsRegister(principals).add


def _inputs(datasets: Sequence[str], catalogue: Catalogue) -> tuple[Input, ...]:
    found = []
    for text in datasets:
        name, colon, columns = text.partition(":")
        dataset = catalogue.dataset(name)
        named = tuple(columns.split(",")) if colon else tuple(dataset.columns)
        unknown = [column for column in named if column not in dataset.columns]
        if unknown:
            raise UsageError(f"{name}: expected columns of the catalogue, got {unknown[0]!r}")
        found.append(Input(name, dataset.owner, named))
    return tuple(found)


def _row(one: Entered) -> tuple[str, ...]:
    event, body = one.event, one.statement.body
    if isinstance(event, Objection | Resolution):
        about = event.objection
        detail = event.asset if isinstance(event, Objection) else event.outcome
    else:
        about, detail = str(body["number"]), str(body.get("asset", body.get("under", "")))
    kind = f"{one.statement.kind.removeprefix('right-')} {CHINESE[one.statement.kind]}"
    signed = ", ".join(s.signer for s in one.statement.signatures)
    holder = str(body.get("holder", ""))
    return (str(one.number), event.day, kind, f"{about} {detail}".strip(), holder, signed)


def _scope(scope: Scope) -> str:
    parts = (scope.columns, scope.scenarios, scope.purposes)
    return " / ".join(", ".join(part) for part in parts)
