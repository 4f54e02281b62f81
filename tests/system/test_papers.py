"""Papers over TLS: a question runs with what every party asks for, an approval ends, and registers are compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import Disagreement, PolicyRefused
from mpcstats.party.ask import ask
from mpcstats.party.data.frozen import file_digest
from mpcstats.party.desk.paper import request_of
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.keys import make_signing_key, principal_entry, read_signing_key
from mpcstats.party.history import History
from mpcstats.party.question import Question, today
from mpcstats.party.registers import load_principals
from mpcstats.plan.template import Pattern
from mpcstats.records.day import later
from mpcstats.records.journal import Journal, append
from mpcstats.records.papers.project import Projects
from mpcstats.records.papers.template import Template
from mpcstats.records.signed import Statement

if TYPE_CHECKING:
    from tests.system.conftest import Town

TEXT = (Path(__file__).parents[2] / "demos/settlement/question.sql").read_text("utf-8")
DAY = today()
NAME = "rwd-1"
TEMPLATE = {"sql": TEXT, "slots": []}
WHO = {"bureau.desk": ["user"], "office.one": ["authoriser"], "office.two": ["government"]}
REQUIRED = """minimum_persons = 11
requires = ["real-name", "approval", "project"]
government_led = true
"""


class Registers:
    """Principals, a policy that asks for papers, and a running project in the town's folder."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.keys: dict[str, Ed25519PrivateKey] = {}
        entries = ["version = 1\n"]
        for name, roles in WHO.items():
            path, public = make_signing_key(name, town.folder / "keys")
            self.keys[name] = read_signing_key(path)
            entries.append(principal_entry(name, public, roles, real_name=True))
        for party in ("bureau", "hospital"):
            self.keys[party] = read_signing_key(town.folder / "keys" / f"{party}.sign")
        (town.folder / "principals.toml").write_text("\n".join(entries), "utf-8")
        town.variant("policy.toml", "policy.toml", ("minimum_persons = 11\n", REQUIRED),
                     ("minimum_persons = 30\n", REQUIRED.replace("11", "30")))  # fmt: skip
        town.variant(
            "consortium.toml",
            "consortium.toml",
            (
                "silence",
                'registers = { principals = "principals.toml", projects = "projects.jsonl" }\nsilence',
            ),
        )
        self.principals = load_principals(Consortium.load(town.consortium))
        self.journal = town.folder / "projects.jsonl"
        digest = Pattern.of(Template.model_validate(TEMPLATE)).digest
        owners = ("bureau.enrolment", "bureau.settlement", "hospital.cases")
        self.add(
            *("project-registered", "bureau"),
            title="a test",
            sponsor="bureau",
            risk="high",
            government_led=True,
            government=["office.two"],
            signatures=1,
            datasets={
                name: name.split(".")[0] for name in (*owners, "insurer.policies", "insurer.claims")
            },
            analyses=[digest],
            initiators=["bureau"],
            results=["bureau"],
        )
        self.add("project-start", "office.two", until=later(DAY, 30))

    def add(self, kind: str, signer: str, **said: Any) -> None:
        head = Journal.load(self.journal, self.principals).head
        body = {"after": head, "day": DAY, "project": NAME, **said}
        statement = Statement.of(kind, body).sign(signer, self.keys[signer])
        append(self.journal, statement, self.principals, Projects(self.principals).add)

    def question(self, purpose: str = "a test") -> Question:
        return Question(
            *(TEXT, "supervision", purpose, "bureau", ("bureau",), DAY),
            user="bureau.desk",
            project=NAME,
        )

    def papers(self, question: Question, **change: Any) -> tuple[Statement, ...]:
        body: Mapping[str, Any] = {
            "number": "A-1",
            "template": TEMPLATE,
            "scenario": "supervision",
            "purposes": ["a test"],
            "initiators": ["bureau"],
            "recipients": ["bureau"],
            "uses": 1,
            "persons": 11,
            "since": later(DAY, -1),
            "until": later(DAY, 30),
            **change,
        }
        return (
            request_of(question).sign("bureau.desk", self.keys["bureau.desk"]),
            Statement.of("approval", body).sign("office.one", self.keys["office.one"]),
        )


def test_a_question_runs_with_its_papers_as_often_as_was_approved(town: Town) -> None:
    registers = Registers(town)
    data = town.data / "hospital" / "cases.csv.gz"
    registers.add("dataset-frozen", "hospital", dataset="hospital.cases", digest=file_digest(data))
    town.serve("hospital")
    town.serve("insurer")
    town.wait("hospital", "insurer")
    question = registers.question()
    papers = registers.papers(question)
    with town.node() as node:
        with pytest.raises(PolicyRefused, match="expected a request for question"):
            ask(node, question)
        result = ask(node, question, papers)
        assert result.answer is not None
        assert result.permit.papers == (papers[1].digest,)
        more = registers.papers(question, uses=2)
        assert ask(node, question, more).answer == result.answer
        with pytest.raises(PolicyRefused, match="has been used up: 1 uses") as caught:
            ask(node, question, papers)
        assert caught.value.violations == ("over-budget",)
        # One violation is enough: whatever papers its user comes with, until it is reinstated.
        with pytest.raises(
            PolicyRefused, match=r"bureau\.desk may not ask since entry \d+: over-budget"
        ):
            ask(node, question, registers.papers(question, uses=9))
        # Stopped while all nodes are up: from the next question on.
        registers.add("project-stopped", "office.two", because="a test")
        with pytest.raises(PolicyRefused, match="it is stopped on"):
            ask(node, question, registers.papers(question, uses=9))
    for party in ("bureau", "hospital", "insurer"):
        assert History.of(town.entries(party)).runs == {NAME: 2}
    starts = [e.body["papers"] for e in town.entries("hospital") if e.kind == "start"]
    assert starts == [[papers[1].digest], [more[1].digest]]


def test_registers_that_differ_stop_a_run_and_a_changed_dataset_too(town: Town) -> None:
    registers = Registers(town)
    question = registers.question()
    papers = registers.papers(question, uses=9)
    other = town.folder / "others.jsonl"
    other.write_bytes(registers.journal.read_bytes())
    theirs = town.variant("consortium.toml", "theirs.toml", ("projects.jsonl", "others.jsonl"))
    # The bureau's data are not what it froze; then the insurer's journal lacks what the others' has.
    registers.add("dataset-frozen", "bureau", dataset="bureau.enrolment", digest="00" * 32)
    town.serve("hospital")
    town.serve("insurer", consortium=theirs)
    town.wait("hospital", "insurer")
    with (
        town.node() as node,
        pytest.raises(PolicyRefused, match=r"dataset bureau\.enrolment is frozen as 0000"),
    ):
        ask(node, question, papers)
    registers.journal.write_bytes(other.read_bytes())
    registers.add(
        *("dataset-frozen", "hospital"),
        dataset="hospital.cases",
        digest=file_digest(town.data / "hospital" / "cases.csv.gz"),
    )
    with town.node() as node, pytest.raises(Disagreement, match="projects"):
        ask(node, question, papers)
