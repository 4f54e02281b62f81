"""The consortium of the governance demo: data, keys, registers and consents in one folder, and the bureau's node."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mpcstats.errors import PolicyRefused
from mpcstats.party.answer import Cell
from mpcstats.party.ask import Result, ask, step_count
from mpcstats.party.compile import Papers, Records, planned
from mpcstats.party.data.source import file_of
from mpcstats.party.desk.consent import now
from mpcstats.party.desk.paper import add_signature, request_of
from mpcstats.party.desk.standing import forgiveness, reinstated, violations
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.node import Node
from mpcstats.party.question import Question
from mpcstats.party.registers import load_registers
from mpcstats.party.sandbox import optouts
from mpcstats.party.sandbox.demo import SETTLEMENT, folder, plain_answer
from mpcstats.party.sandbox.local import Local
from mpcstats.party.sandbox.offices import (
    AUTHORISER,
    PROJECT,
    USER,
    Offices,
    enter_project,
    enter_registrations,
    enter_rights,
)
from mpcstats.party.sandbox.synthetic import write_tables
from mpcstats.records.canonical import JSON
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.day import later
from mpcstats.records.papers.approval import KIND as APPROVAL
from mpcstats.records.signed import Statement

NAME = "governance"
FILES = ("catalogue.toml", "policy.toml", "tariff.toml", "buyers.toml", "shares.toml")
CONSENTED = "insurer.policies"  # the dataset whose persons may opt out
# What the bureau asks, and what the hospital and the insurer have licensed it for: scenario and purpose.
FREE = ("supervision", "what the fund and the insurer paid for persons with diabetes in 2024")
PRICED = ("commercial", "diabetes fund report")


class Governed:
    """All of it below the folder `where`; a context manager in which the three nodes run.

    Raises UsageError if the folder has such files already.
    """

    def __init__(self, where: Path, *, persons: int, seed: int) -> None:
        self.where = where.resolve()
        self.rows = write_tables(self.where / "data", persons=persons, seed=seed)
        for name in FILES:
            shutil.copy(folder(NAME) / name, self.where / name)
        shutil.copy(folder(SETTLEMENT) / "question.sql", self.where / "question.sql")
        shipped = LocalFile.load(folder(NAME), data=self.where / "data")
        self.offices = Offices(self.where, shipped.parties)
        self.catalogue = Catalogue.load(self.where / "catalogue.toml")
        dataset = self.catalogue.dataset(CONSENTED)
        desk = optouts.open_desk(self.offices, dataset.owner)
        policies = file_of(CONSENTED, shipped.data[dataset.owner][CONSENTED])
        self.opted_out = optouts.opt_out(self.offices, desk, dataset, policies)
        self.config = replace(
            shipped,
            catalogue=self.where / "catalogue.toml",
            policy=self.where / "policy.toml",
            registers=self.offices.files,
            consent={dataset.owner: desk},
        )
        self.text = (self.where / "question.sql").read_text(encoding="utf-8")
        self._enter()

    def __enter__(self) -> Self:
        self._local = Local(self.config, keep=self.where / "run", made=self.offices.made)
        self._local.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._local.close()

    @property
    def node(self) -> Node:
        """The bureau's node."""
        return self._local.node

    @property
    def consortium(self) -> Path:
        """The consortium file."""
        return self._local.consortium

    def ledger(self, party: str) -> Path:
        """The ledger's file of `party`."""
        return self.where / "run" / "ledgers" / f"{party}.sqlite"

    def question(self, use: tuple[str, str]) -> Question:
        """The demo's question for that scenario and purpose; for FREE in the project."""
        scenario, purpose = use
        return Question(
            *(self.text, scenario, purpose, "bureau", ("bureau",), self.offices.day),
            user=USER,
            project=PROJECT if use == FREE else None,
        )

    def papers(self, question: Question, number: str, *, uses: int = 1) -> Papers:
        """The user's request and the authoriser's approval of the question's plan, which are kept in papers/."""
        body: dict[str, JSON] = {
            "number": number,
            "plan": planned(question, self.node.records).digest(),
            "scenario": question.scenario,
            "purposes": [question.purpose],
            "initiators": [question.initiator],
            "recipients": list(question.recipients),
            "uses": uses,
            "persons": 11,
            "since": self.offices.day,
            "until": later(self.offices.day, 30),
        }
        request, approval = request_of(question), Statement.of(APPROVAL, body)
        return (
            self._signed(f"request-{question.digest()[:8]}", request, USER),
            self._signed(f"approval-{number}", approval, AUTHORISER),
        )

    def ask(
        self,
        question: Question,
        papers: Papers,
        *,
        on_begin: Callable[[int], None] = lambda _: None,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> Result:
        """Ask it together with the hospital and the insurer. Raises what a run raises."""
        return ask(
            self.node,
            question,
            papers,
            on_plan=lambda permit: on_begin(step_count(permit)),
            on_step=on_step,
        )

    def refusal(self, question: Question, papers: Papers = ()) -> PolicyRefused | None:
        """How the bureau's own node refuses the question; None if it permits it. Nothing runs."""
        try:
            self.node.decide(question, papers)
        except PolicyRefused as refusal:
            return refusal
        return None

    def plain(self) -> tuple[tuple[Cell, ...], ...]:
        """What DuckDB says over all tables together, without the rows of those who have opted out."""
        return plain_answer(self.text, self.config, {CONSENTED: self.opted_out})

    def reinstate(self, reason: str) -> Statement:
        """The authoriser forgives the user what the bureau's ledger has against it, by a statement entered there."""
        found = [line.digest for line in violations(self.consortium, "bureau")]
        statement = forgiveness(USER, found, reason, self.offices.day)
        made = self._signed("reinstatement", statement, AUTHORISER)
        reinstated(self.consortium, "bureau", made, at=now())
        return made

    def _signed(self, name: str, statement: Statement, signer: str) -> Statement:
        papers = self.where / "papers"
        papers.mkdir(exist_ok=True)
        path, key = papers / f"{name}.json", self.offices.keys[signer]
        return add_signature(path, statement, signer, key)

    def _enter(self) -> None:
        """Fill the registers, as it is done once before anybody asks."""
        offices, config = self.offices, self.config
        enter_rights(offices, self.catalogue, (FREE, PRICED))
        enter_registrations(offices, self.catalogue)
        records = Records.load(
            "bureau",
            catalogue=config.catalogue,
            policy=config.policy,
            compute=config.compute,
            members=config.parties,
            registers=load_registers(config.registers, offices.principals),
        )
        enter_project(offices, self.catalogue, planned(self.question(FREE), records).digest())
