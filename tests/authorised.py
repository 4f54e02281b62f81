"""The domain pack's six parties under the default policy: registers that are filled, and each question's papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.joint import CARDS
from tests.pack import DATA, DEMO, QUESTIONS, ROOT, question

from mpcstats.party.client import local_file
from mpcstats.party.compile import Papers, Records
from mpcstats.party.desk.paper import request_of
from mpcstats.party.desk.policy import DEFAULT, filled_file, read_policy
from mpcstats.party.question import Question
from mpcstats.party.registers import load_registers
from mpcstats.party.sandbox.offices import (
    AUTHORISER,
    DOCUMENT,
    GOVERNMENT,
    Offices,
    enter_registrations,
    enter_rights,
)
from mpcstats.plan.template import Pattern
from mpcstats.policy.operations import OPERATIONS
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.day import later
from mpcstats.records.papers.approval import KIND as APPROVAL
from mpcstats.records.papers.licence import KIND as LICENCE
from mpcstats.records.papers.template import Template
from mpcstats.records.principals import Role

LAB = "bureau.lab"
ROLES: Mapping[str, tuple[Role, ...]] = {
    LAB: ("user", "operator"),
    AUTHORISER: ("authoriser",),
    GOVERNMENT: ("government", "registrar", "regulator"),
}
PROJECT = "pack"
PRODUCT = "product:answers"
KINDS = ROOT / "examples" / "governance" / "parties.toml"


@dataclass(frozen=True)
class Exempt:
    """Cells that an approval shows to `recipients` where others see them suppressed."""

    recipients: tuple[str, ...]
    cells: tuple[str, ...]
    own_row: bool = False


class Authorised:
    """Everything that is on file before the bureau asks; `config` is what runs, under the default policy."""

    def __init__(self, folder: Path) -> None:
        shipped = local_file(DEMO, data=DATA)
        self.offices = Offices(folder, shipped.parties, ROLES)
        self.folder = folder
        self.catalogue = Catalogue.load(shipped.catalogue)
        policy = filled_file(read_policy(DEFAULT, KINDS))
        (folder / "policy.toml").write_text(policy, "utf-8")
        self.config = replace(
            shipped, policy=folder / "policy.toml", registers=self.offices.files, scenario=None
        )
        self._enter()

    def records(self, party: str = "bureau") -> Records:
        """What `party` decides by."""
        config = self.config
        return Records.load(
            party,
            catalogue=config.catalogue,
            policy=config.policy,
            compute=config.compute,
            members=config.parties,
            registers=load_registers(config.registers, self.offices.principals),
        )

    def question(self, name: str, text: str | None = None) -> Question:
        """Question `name` of the pack as the bureau asks it (or another text in its place)."""
        about = QUESTIONS[name]
        return Question(
            question(name) if text is None else text,
            about.scenario,
            _purpose(name),
            "bureau",
            about.recipients,
            self.offices.day,
            LAB,
            PROJECT,
        )

    def papers(self, name: str, asked: Question, exempt: Sequence[Exempt] = ()) -> Papers:
        """The request, an approval of the template for each exemption (or one), and the operator's licence."""
        since, until = self.offices.day, later(self.offices.day, 30)
        term = {"scenario": asked.scenario, "since": since, "until": until}
        approval: dict[str, Any] = {
            **term,
            "number": f"A-{name}",
            "template": _template(name),
            "purposes": [asked.purpose],
            "initiators": [asked.initiator],
            "recipients": list(asked.recipients),
            "uses": 100,
            "persons": 11,
        }
        approvals = [approval] if not exempt else []
        for i, each in enumerate(exempt):
            exemption = {
                "recipients": list(each.recipients),
                "cells": list(each.cells),
                "because": "the domain pack's README says so",
                "own_row": each.own_row,
            }
            number = f"A-{name}-{i}"
            approvals.append({**approval, "number": number, "persons": 1, "exemption": exemption})
        licence = {
            **term,
            "number": f"L-{name}",
            "operator": LAB,
            "columns": {d.name: sorted(d.columns) for d in self.catalogue.datasets},
            "protocols": sorted(CARDS),
            "operations": list(OPERATIONS),
            "quota": 100,
        }
        return (
            self.offices.signed(request_of(asked), LAB),
            *(self.offices.sign(APPROVAL, approval, AUTHORISER) for approval in approvals),
            self.offices.sign(LICENCE, licence, AUTHORISER),
        )

    def _enter(self) -> None:
        uses = [(about.scenario, _purpose(name)) for name, about in QUESTIONS.items()]
        enter_rights(self.offices, self.catalogue, uses)
        self._enter_product(uses)
        enter_registrations(self.offices, self.catalogue)
        self.offices.enter(
            *("projects", "project-registered", "bureau"),
            project=PROJECT,
            title="the questions of the domain pack",
            sponsor="bureau",
            risk="high",
            government_led=True,
            government=[GOVERNMENT],
            signatures=1,
            datasets={dataset.name: dataset.owner for dataset in self.catalogue.datasets},
            analyses=[Pattern.of(Template.model_validate(_template(n))).digest for n in QUESTIONS],
            initiators=["bureau"],
            results=list(self.config.parties),
        )
        until = later(self.offices.day, 90)
        self.offices.enter("projects", "project-start", GOVERNMENT, project=PROJECT, until=until)

    def _enter_product(self, uses: Sequence[tuple[str, str]]) -> None:
        """What comes of the questions is a product of the bureau's, which it lets the others publish."""
        scope = {
            "columns": ["*"],
            "scenarios": sorted({scenario for scenario, _ in uses}),
            "purposes": sorted({purpose for _, purpose in uses}),
        }
        terms = {
            "basis": {"by": "contract", "document": DOCUMENT},
            "scope": scope,
            "since": self.offices.day,
            "stage": "TRADE",
        }
        self.offices.enter(
            *("rights", "right-first", "bureau"),
            asset=PRODUCT,
            number="P-1",
            right="OPERATE",
            holder="bureau",
            terms=terms,
            sensitivity="general",
            lineage={"inputs": [d.name for d in self.catalogue.datasets], "plans": [DOCUMENT]},
        )
        for party in self.config.parties:
            if party != "bureau":
                self.offices.enter(
                    *("rights", "right-licence", "bureau"),
                    number=f"P-{party.upper()}",
                    under="P-1",
                    right="OPERATE",
                    holder=party,
                    terms=terms,
                )


def _purpose(name: str) -> str:
    return f"question {name} of the domain pack"


def _template(name: str) -> dict[str, Any]:
    return {"sql": question(name), "slots": []}
