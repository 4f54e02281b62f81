"""The offices of the governance demo: who signs, and what has been entered in the registers before anybody asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mpcstats.party.files.keys import (
    Made,
    make_keys,
    make_signing_key,
    principal_entry,
    read_signing_key,
)
from mpcstats.party.files.registerfiles import RegisterFiles
from mpcstats.party.question import today
from mpcstats.party.registers import Fold
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.day import later
from mpcstats.records.journal import Journal, append
from mpcstats.records.papers.project import Projects
from mpcstats.records.principals import Principals, Role
from mpcstats.records.registration.code import make_code
from mpcstats.records.registration.register import Registrations
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.signed import Statement

USER, AUTHORISER, GOVERNMENT = "bureau.desk", "office.one", "office.two"
AUTHORITY = "office.three"
ROLES: Mapping[str, tuple[Role, ...]] = {
    USER: ("user",),
    AUTHORISER: ("authoriser",),
    GOVERNMENT: ("government", "registrar", "regulator"),
    AUTHORITY: ("authority",),  # signs for persons who cannot themselves
}
PROJECT = "diabetes-2024"
DOCUMENT = "ab" * 32  # SHA-256 of the paper that a right rests on; the demo has no such papers
PUBLISHED, CODED = -45, -20  # days before today: more than ten working days lie between
FOLDS: Mapping[str, Callable[[Principals], Fold]] = {
    "rights": RightsRegister,
    "registrations": lambda principals: Registrations(principals, Calendar.load(None)),
    "projects": Projects,
}


class Offices:
    """Keys and registers in `folder`. `made` are the parties' keys; every register is a file of `files`.

    `roles` are the principals beside the parties.
    """

    def __init__(
        self,
        folder: Path,
        parties: Sequence[str],
        roles: Mapping[str, tuple[Role, ...]] = ROLES,
    ) -> None:
        self.day = today()
        self.folder = folder
        self.made: Mapping[str, Made] = {name: make_keys(name, folder / "keys") for name in parties}
        self.keys = {name: made.signing_key for name, made in self.made.items()}
        registers = folder / "registers"
        registers.mkdir()
        self.files = RegisterFiles(
            principals=registers / "principals.toml",
            projects=registers / "projects.jsonl",
            rights=registers / "rights.jsonl",
            registrations=registers / "registrations.jsonl",
        )
        self.principals = self._principals(registers / "principals.toml", roles)

    def sign(self, kind: str, body: Mapping[str, Any], *signers: str) -> Statement:
        """The statement, signed by each of `signers` with its key."""
        return self.signed(Statement.of(kind, body), *signers)

    def signed(self, statement: Statement, *signers: str) -> Statement:
        """`statement` with the signature of each of `signers` too."""
        for name in signers:
            statement = statement.sign(name, read_signing_key(self.keys[name]))
        return statement

    def enter(self, register: str, kind: str, signer: str, **body: Any) -> Statement:
        """Append the statement to the register, as of today unless `day` is given. Raises UsageError."""
        path, fold = getattr(self.files, register), FOLDS[register]
        head = Journal.load(path, self.principals, fold(self.principals).add).head
        made = self.sign(kind, {"after": head, "day": self.day, **body}, signer)
        append(path, made, self.principals, fold(self.principals).add)
        return made

    def _principals(self, path: Path, roles: Mapping[str, tuple[Role, ...]]) -> Principals:
        entries = ["version = 1\n"]
        for name, own in roles.items():
            self.keys[name], public = make_signing_key(name, self.folder / "keys")
            entries.append(principal_entry(name, public, own, real_name=True))
        path.write_text("\n".join(entries), encoding="utf-8")
        return Principals.load(path, {name: made.public_key for name, made in self.made.items()})


def enter_rights(offices: Offices, catalogue: Catalogue, uses: Sequence[tuple[str, str]]) -> None:
    """The first right of every dataset is its owner's, who licenses the bureau for `uses` (scenario, purpose)."""
    scope = {
        "scenarios": sorted({scenario for scenario, _ in uses}),
        "purposes": sorted({purpose for _, purpose in uses}),
    }
    every = {"columns": ["*"], "scenarios": ["*"], "purposes": ["*"]}
    for number, dataset in enumerate(catalogue.datasets, start=1):
        offices.enter(
            *("rights", "right-first", dataset.owner),
            asset=dataset.name,
            number=f"R-{number}",
            right="HOLD",
            holder=dataset.owner,
            terms=_terms(offices, "law", every, "COLLECT"),
            sensitivity="general",
        )
    for number, dataset in enumerate(catalogue.datasets, start=1):
        if dataset.owner != "bureau":
            columns = {"columns": sorted(dataset.columns)}
            offices.enter(
                *("rights", "right-licence", dataset.owner),
                number=licence_of(dataset.name),
                under=f"R-{number}",
                right="USE",
                holder="bureau",
                terms=_terms(offices, "contract", {**scope, **columns}, "PROCESS"),
            )


def licence_of(dataset: str) -> str:
    """The number of the bureau's licence of `dataset`."""
    return "L-" + dataset.replace(".", "-").upper()


def enter_registrations(offices: Offices, catalogue: Catalogue) -> None:
    """Every dataset from draft to code: drafted, submitted, reviewed, public for ten working days, coded."""
    past, since = later(offices.day, PUBLISHED), later(offices.day, CODED)
    entries = {f"N-{number}": each for number, each in enumerate(catalogue.datasets, start=1)}
    for entry, dataset in entries.items():
        name, holder = dataset.name, dataset.owner
        form = {
            "asset": name,
            "holder": holder,
            "name": name,
            "type": "table",
            "format": "Parquet",
            "storage": "on premises",
            "documents": [DOCUMENT],
            "commitment": DOCUMENT,
        }
        step = "registration-step"
        said = {"day": past, "entry": entry}
        offices.enter("registrations", "registration-draft", holder, **said, form=form)
        offices.enter("registrations", step, holder, **said, takes="submit")
        reviewed = {"outcome": "accept", "reason": "the form is complete"}
        offices.enter("registrations", "registration-review", GOVERNMENT, **said, **reviewed)
        offices.enter("registrations", step, GOVERNMENT, **said, takes="publish")
    for serial, entry in enumerate(entries, start=1):
        code = make_code("R", "990000", int(since[:4]), serial)
        said = {"day": since, "entry": entry, "code": code}
        offices.enter("registrations", "registration-code", GOVERNMENT, **said)


def enter_project(offices: Offices, catalogue: Catalogue, plan: str) -> None:
    """A project of the bureau for the one analysis `plan` (a digest), led and started by the government."""
    offices.enter(
        *("projects", "project-registered", "bureau"),
        project=PROJECT,
        title="what diabetes costs the fund and the insurer",
        sponsor="bureau",
        risk="high",
        government_led=True,
        government=[GOVERNMENT],
        signatures=1,
        datasets={dataset.name: dataset.owner for dataset in catalogue.datasets},
        analyses=[plan],
        initiators=["bureau"],
        results=["bureau"],
    )
    until = later(offices.day, 90)
    offices.enter("projects", "project-start", GOVERNMENT, project=PROJECT, until=until)


def _terms(
    offices: Offices, basis: str, scope: Mapping[str, list[str]], stage: str
) -> dict[str, Any]:
    return {
        "basis": {"by": basis, "document": DOCUMENT},
        "scope": dict(scope),
        "since": offices.day,
        "stage": stage,
    }
