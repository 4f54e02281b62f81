"""Hainan, real-world data of Boao Lecheng: projects that the government leads, and data traced to their source.

Row 4 of SYSTEMS.md, item by item: a journal in a file, statements signed by m of n, decisions at every party.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Known, Records, permitted, planned
from mpcstats.party.data.frozen import file_digest
from mpcstats.party.question import Question
from mpcstats.plan.physical import Physical
from mpcstats.plan.template import Pattern
from mpcstats.policy.registers import Registers
from mpcstats.policy.rule import Policy
from mpcstats.records.journal import Journal, append
from mpcstats.records.papers.project import Projects, Registered
from mpcstats.records.papers.template import Template
from mpcstats.records.papers.trace import Record, Traces, Value, check_chain, link_of
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import read_toml

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "demos" / "settlement"
EXAMPLE = CHECKOUT / "examples" / "governance" / "project.toml"
PARTIES = ("bureau", "hospital", "insurer")
OFFICES = ("office.drugs", "office.health", "office.insurance")
ROLES: dict[str, list[str]] = {
    **{party: ["party"] for party in PARTIES},
    **{office: ["government"] for office in OFFICES},
    "office.past": ["government"],
    "watch": ["regulator"],
    "bureau.office": ["authoriser"],
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}


def principal(name: str) -> Principal:
    return Principal.model_validate(
        {
            "name": name,
            "key": base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode(),
            "roles": ROLES[name],
            "until": "2026-01-31" if name == "office.past" else None,
        }
    )


EVERYBODY = Principals(principal(name) for name in ROLES)
SQL = (DEMO / "question.sql").read_text(encoding="utf-8")
NAME = "rwd-2026-01"
QUESTION = Question(
    *(SQL, "supervision", "outcomes of the first year", "bureau", ("bureau",)),
    day="2026-03-01",
    project=NAME,
)
DATASETS = {
    "bureau.enrolment": "bureau",
    "bureau.settlement": "bureau",
    "hospital.cases": "hospital",
    "insurer.policies": "insurer",
    "insurer.claims": "insurer",
}


def records(party: str, projects: Projects | None) -> Records:
    made = Records.load(
        party,
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
        registers=Registers(EVERYBODY, projects=projects),
    )
    # The demo's policy, but what is not of level NONE belongs to a government-led project.
    rules = tuple(
        r.model_copy(
            update={
                "requires": ["project"] if r.permit else [],
                "government_led": r.permit,
                "recipients": ["*"],
            }
        )
        for r in made.policy.rules
    )
    return replace(made, policy=Policy.of(rules, made.policy.accepted))


@cache
def plan_of(question: Question) -> Physical:
    return planned(question, records("bureau", None))


PLAN = plan_of(QUESTION)


class Register:
    """A journal of projects in a file, and the fold over it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "projects.jsonl"

    def add(self, kind: str, *names: str, **said: Any) -> Statement:
        head = Journal.load(self.path, EVERYBODY).head
        statement = Statement.of(kind, {"after": head, "project": NAME, **said})
        for name in names:
            statement = statement.sign(name, KEYS[name])
        append(self.path, statement, EVERYBODY, Projects(EVERYBODY).add)
        return statement

    def register(self, *names: str, **change: Any) -> Statement:
        said = {
            "day": "2026-01-05",
            "title": "outcomes of a licensed product",
            "sponsor": "bureau",
            "risk": "high",
            "government_led": True,
            "government": list(OFFICES),
            "signatures": 2,
            "datasets": DATASETS,
            "analyses": [PLAN.digest()],
            "initiators": ["bureau"],
            "results": ["bureau"],
        }
        return self.add("project-registered", *(names or ("bureau",)), **{**said, **change})

    def start(self, *names: str, **change: Any) -> Statement:
        said = {"day": "2026-01-10", "until": "2026-06-30", **change}
        return self.add("project-start", *(names or OFFICES[:2]), **said)

    @property
    def projects(self) -> Projects:
        found = Projects(EVERYBODY)
        Journal.load(self.path, EVERYBODY, found.add)
        return found

    def decide(
        self,
        question: Question = QUESTION,
        papers: tuple[Statement, ...] = (),
        inputs: Mapping[str, str] | None = None,
        party: str = "hospital",
    ) -> str:
        """What `party` says to the question; nothing if it permits it."""
        known = Known(inputs=inputs or {})
        try:
            permitted(plan_of(question), question, records(party, self.projects), papers, known)
        except PolicyRefused as refusal:
            return "\n".join(refusal.reasons)
        return ""


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path)


# --- project registry with the government-led flag; m of n to start, extend, release ---


def test_a_project_of_high_risk_is_led_by_the_government(register: Register) -> None:
    with pytest.raises(UsageError, match="expected government_led for a project of high risk"):
        register.register(government_led=False, government=[], signatures=0)
    with pytest.raises(UsageError, match="expected 1 to 3 signatures of the government approvers"):
        register.register(signatures=0)
    with pytest.raises(UsageError, match="expected 1 to 3 signatures"):
        register.register(signatures=4)
    with pytest.raises(UsageError, match="every government approver once"):
        register.register(government=[OFFICES[0]] * 2)
    with pytest.raises(UsageError, match="expected 1 of bureau to sign as party"):
        register.register("hospital")
    register.register()
    assert register.projects.state(NAME, "2026-01-05") == "registered"
    assert register.projects.state(NAME, "2026-01-04") is None
    with pytest.raises(UsageError, match="expected a new project"):
        register.register()


@pytest.mark.parametrize(
    "names",
    [
        ("bureau",),
        OFFICES[:1],
        (OFFICES[0], "bureau"),
        (OFFICES[0], "office.past"),
        (OFFICES[0], "watch"),
        (OFFICES[0], "bureau.office"),
    ],
)
def test_without_m_of_n_it_cannot_start(register: Register, names: tuple[str, ...]) -> None:
    register.register()
    before = register.path.read_bytes()
    with pytest.raises(UsageError, match=r"project-start of rwd-2026-01: expected 2 of office\."):
        register.start(*names)
    assert register.path.read_bytes() == before
    assert "it is registered on 2026-03-01, not running" in register.decide()


def test_with_m_of_n_it_starts_and_every_party_permits_its_analysis(register: Register) -> None:
    register.register()
    register.start()
    assert [register.decide(party=party) for party in PARTIES] == ["", "", ""]
    assert register.projects.state(NAME, "2026-01-09") == "registered"
    with pytest.raises(UsageError, match="expected a project that has not started"):
        register.start()


def test_an_extension_needs_them_again(register: Register) -> None:
    register.register()
    with pytest.raises(UsageError, match="expected a project that has started"):
        register.add("project-extend", *OFFICES, day="2026-01-06", until="2026-12-31")
    register.start(until="2026-02-28")
    assert "it is expired on 2026-03-01, not running" in register.decide()
    with pytest.raises(UsageError, match=r"expected 2 of office\..* to sign as government"):
        register.add("project-extend", OFFICES[2], day="2026-02-20", until="2026-12-31")
    with pytest.raises(UsageError, match="expected until after 2026-02-28"):
        register.add("project-extend", *OFFICES, day="2026-02-20", until="2026-02-28")
    register.add("project-extend", *OFFICES[1:], day="2026-02-20", until="2026-12-31")
    assert register.decide() == ""


def test_answers_stay_with_the_result_party_until_they_are_released(register: Register) -> None:
    wide = replace(QUESTION, recipients=("bureau", "hospital"))
    register.register(analyses=[PLAN.digest(), plan_of(wide).digest()])
    register.start()
    assert "go to bureau until they are released, not to hospital" in register.decide(wide)
    said = {"day": "2026-02-01", "recipients": ["hospital"]}
    with pytest.raises(UsageError, match="expected analyses that were registered, got another"):
        register.add("project-release", *OFFICES, **said, analyses=["00" * 32])
    with pytest.raises(UsageError, match=r"expected 2 of office\."):
        register.add("project-release", "bureau", **said, analyses=[plan_of(wide).digest()])
    # The release of one analysis is none of another.
    register.add("project-release", *OFFICES, **said, analyses=[PLAN.digest()])
    assert "until they are released, not to hospital" in register.decide(wide)
    register.add("project-release", *OFFICES, **said, analyses=[plan_of(wide).digest()])
    assert register.decide(wide) == ""


def test_a_project_of_low_risk_is_its_sponsors_and_no_government_led_one(
    register: Register,
) -> None:
    with pytest.raises(UsageError, match="government approvers in a government-led project only"):
        register.register(risk="low", government_led=False)
    register.register(risk="low", government_led=False, government=[], signatures=0)
    with pytest.raises(UsageError, match="expected 1 of bureau to sign as party"):
        register.start("hospital")
    register.start("bureau")
    refused = register.decide()
    assert "asks for a government-led project, rwd-2026-01 is none" in refused
    assert refused.count("\n") == 0


def test_a_stopped_project_stays_stopped(register: Register) -> None:
    register.register()
    register.start()
    said = {"day": "2026-02-01", "because": "adverse reactions"}
    with pytest.raises(UsageError, match="to sign, got nobody"):
        register.add("project-stopped", "hospital", **said)
    register.add("project-stopped", "watch", **said)
    assert "it is stopped on 2026-03-01" in register.decide()
    with pytest.raises(UsageError, match="expected a project that goes on, got a stopped one"):
        register.add("project-extend", *OFFICES, day="2026-02-02", until="2026-12-31")


def test_nobody_dates_back(register: Register) -> None:
    register.register()
    with pytest.raises(UsageError, match="expected a day from 2026-01-05 on, got 2026-01-04"):
        register.start(day="2026-01-04")


def test_an_unknown_project_is_denied(register: Register) -> None:
    assert "project rwd-2026-01 is not registered on 2026-03-01" in register.decide()
    nobody = replace(QUESTION, project=None)
    assert "expected a question of a registered project, it names none" in register.decide(nobody)
    with pytest.raises(PolicyRefused, match="there is no register of projects here"):
        permitted(PLAN, QUESTION, records("bureau", None))


def test_the_example_is_a_registration(register: Register) -> None:
    class Example(Registered):
        after: str = "0" * 64

    body = read_toml(EXAMPLE, Example)
    assert body.signatures == 2
    register.register(**body.model_dump(mode="json", exclude={"after", "project"}))
    assert register.projects.state(body.project, body.day) == "registered"


# --- the analysis plan is registered before data are touched ---


def test_only_registered_analyses_run(register: Register) -> None:
    register.register()
    register.start()
    other = replace(QUESTION, text=SQL.replace("20088", "20100"))
    assert "is none of its registered analyses" in register.decide(other)
    assert "bureau may ask, not insurer" in register.decide(
        replace(QUESTION, initiator="insurer", recipients=("bureau",))
    )


def test_a_registered_template_covers_its_questions(register: Register) -> None:
    slot = {"name": "last", "type": "integer", "minimum": 20000, "maximum": 20100}
    template = {"sql": SQL.replace("20088", ":last"), "slots": [slot]}
    register.register(analyses=[Pattern.of(Template.model_validate(template)).digest])
    register.start()
    body: dict[str, Any] = {
        "number": "A-1",
        "template": template,
        "scenario": "supervision",
        "purposes": [QUESTION.purpose],
        "initiators": ["bureau"],
        "recipients": ["bureau"],
        "uses": 1,
        "persons": 11,
        "since": "2026-01-01",
        "until": "2026-12-31",
    }
    paper = Statement.of("approval", body).sign("bureau.office", KEYS["bureau.office"])
    assert register.decide(papers=(paper,)) == ""
    assert "none of its registered analyses" in register.decide()  # its text is known by digest
    later = replace(QUESTION, text=SQL.replace("20088", "20101"))
    assert "none of its registered analyses" in register.decide(later, papers=(paper,))


def test_a_dataset_that_is_not_registered_is_not_touched(register: Register) -> None:
    register.register(datasets={n: o for n, o in DATASETS.items() if n != "insurer.claims"})
    register.start()
    assert (
        register.decide() == "project rwd-2026-01: dataset insurer.claims is not registered with it"
    )


def test_a_registration_names_the_owners_that_the_catalogue_has(register: Register) -> None:
    register.register(datasets={**DATASETS, "hospital.cases": "bureau"})
    register.start()
    assert "bureau is not the owner of hospital.cases" in register.decide()


# --- freeze of an analysis dataset ---


def test_a_frozen_dataset_is_used_as_it_was(register: Register, tmp_path: Path) -> None:
    data = tmp_path / "cases.csv"
    data.write_text("certno,diag_main\n", encoding="utf-8")
    register.register()
    register.start()
    said = {"day": "2026-01-20", "dataset": "hospital.cases", "digest": file_digest(data)}
    with pytest.raises(UsageError, match="expected 1 of hospital to sign as party"):
        register.add("dataset-frozen", "bureau", *OFFICES, **said)
    with pytest.raises(UsageError, match="expected a dataset of the project"):
        register.add("dataset-frozen", "hospital", **{**said, "dataset": "hospital.drugs"})
    register.add("dataset-frozen", "hospital", **said)
    with pytest.raises(UsageError, match=r"hospital\.cases once, it is frozen"):
        register.add("dataset-frozen", "hospital", **{**said, "digest": "00" * 32})
    assert register.decide(inputs={"hospital.cases": file_digest(data)}) == ""
    data.write_text("certno,diag_main\n1,E10\n", encoding="utf-8")
    changed = register.decide(inputs={"hospital.cases": file_digest(data)})
    assert f"dataset hospital.cases is frozen as {said['digest'][:16]}" in changed


# --- supervision view ---


def test_the_supervision_view_shows_all_projects(register: Register) -> None:
    register.register()
    register.start()
    register.add(
        "dataset-frozen", "hospital", day="2026-01-20", dataset="hospital.cases", digest="00" * 32
    )
    register.register(
        project="rwd-2026-02", risk="low", government_led=False, government=[], signatures=0
    )
    first, second = register.projects.supervision("2026-03-01", {NAME: 4})
    assert (first.project, first.state, first.until, first.runs) == (
        *(NAME, "running", "2026-06-30"),
        4,
    )
    assert (first.government_led, first.risk, first.frozen) == (True, "high", ("hospital.cases",))
    assert (second.state, second.until, second.runs) == ("registered", None, 0)
    assert register.projects.supervision("2026-01-01", {}) == ()


def test_a_changed_journal_is_found_and_parties_compare_it(register: Register) -> None:
    register.register()
    one = register.projects.digest
    register.start()
    assert register.projects.digest != one
    lines = register.path.read_text(encoding="utf-8").splitlines()
    forged = json.loads(lines[1])
    forged["body"]["until"] = "2030-01-01"
    register.path.write_text(f"{lines[0]}\n{json.dumps(forged)}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"projects\.jsonl: statement 2: .*it was changed"):
        _ = register.projects


# --- product batch, patient use, outcome, adverse reaction; source records of every value ---

PSEUDONYM_KEY = b"the platform's key for pseudonyms"


def pseudonym(record: str) -> str:
    return hmac.new(PSEUDONYM_KEY, record.encode(), "sha256").hexdigest()


def content(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Chain:
    """A journal of records and values in memory."""

    def __init__(self) -> None:
        self.traces = Traces(EVERYBODY)
        self.links: dict[str, str] = {}

    def add(self, name: str, *of: str, signer: str = "hospital", **change: Any) -> str:
        kind = "rwd-value" if "value" in change else "source-record"
        said = {
            "after": self.traces.digest,
            "day": "2026-02-01",
            "holder": "hospital",
            "of": [pseudonym(each) for each in of],
            "content": content(name),
            **change,
        }
        if kind == "source-record":
            said = {"record": pseudonym(name), **said}
        links = [self.links.get(pseudonym(each), "00" * 32) for each in of]
        link = said.setdefault("link", link_of(said, links))
        self.traces.add(Statement.of(kind, said).sign(signer, KEYS[signer]))
        self.links[str(said.get("record", said.get("value")))] = str(link)
        return str(said.get("record", said.get("value")))

    def life_cycle(self) -> str:
        self.add("batch 7", stage="batch")
        self.add("use 1", "batch 7", stage="use")
        self.add("use 2", "batch 7", stage="use")
        self.add("outcome 1", "use 1", stage="outcome")
        self.add("reaction 1", "use 1", "outcome 1", stage="adr")
        code = {"name": "severity", "version": "1.2.0", "code": content("code")}
        return self.add(
            "value",
            *("outcome 1", "reaction 1"),
            value=content("row 1, column severity"),
            dataset="hospital.reactions",
            transformation=code,
        )


@pytest.fixture
def chain() -> Chain:
    return Chain()


def test_a_batch_has_a_life_cycle(chain: Chain) -> None:
    value = chain.life_cycle()
    life = chain.traces.life(pseudonym("batch 7"))
    stages = [b.stage if isinstance(b, Record) else "value" for b in life]
    assert stages == ["batch", "use", "use", "outcome", "adr", "value"]
    assert [b.stage for b in chain.traces.life(pseudonym("use 2")) if isinstance(b, Record)] == [
        "use"
    ]
    assert isinstance(life[-1], Value)
    assert life[-1].value == value


def test_every_value_traces_to_its_source_and_transformation(chain: Chain) -> None:
    value = chain.life_cycle()
    own, *records_ = chain.traces.sources(value)
    assert isinstance(own, Value)
    assert own.transformation.version == "1.2.0"
    names = {r.record for r in records_ if isinstance(r, Record)}
    assert names == {pseudonym(n) for n in ("outcome 1", "reaction 1", "use 1", "batch 7")}
    check_chain([own, *records_])


def test_a_chain_that_was_changed_is_found_without_the_journal(chain: Chain) -> None:
    whole = chain.traces.sources(chain.life_cycle())
    for at, body in enumerate(whole):
        changed = body.model_copy(update={"content": content("another")})
        with pytest.raises(UsageError, match="expected the link of what it says, it was changed"):
            check_chain([*whole[:at], changed, *whole[at + 1 :]])
    # A record that was made to fit itself no longer fits those that rest on it.
    last = whole[-1].model_copy(update={"content": content("another")})
    last = last.model_copy(update={"link": link_of(last.model_dump(mode="json"), [])})
    with pytest.raises(UsageError, match="it was changed"):
        check_chain([*whole[:-1], last])
    with pytest.raises(UsageError, match=r"expected its source .*, got none"):
        check_chain(whole[:-1])


def test_a_record_rests_on_what_its_stage_may_rest_on(chain: Chain) -> None:
    chain.life_cycle()
    for name, of, stage, words in (
        ("use 3", (), "use", "of stage use to rest on batch, got nobody"),
        ("outcome 2", ("batch 7",), "outcome", "to rest on use, got batch"),
        ("batch 8", ("batch 7",), "batch", "to rest on nobody, got batch"),
        ("adr 2", ("use 9",), "adr", "expected known source records"),
        ("adr 3", ("use 1", "use 1"), "adr", "expected every source once"),
        ("use 1", ("batch 7",), "use", "expected a new name, got one that is known"),
    ):
        with pytest.raises(UsageError, match=words):
            chain.add(name, *of, stage=stage)
    with pytest.raises(UsageError, match="expected sources of its day or before"):
        chain.add("use 4", "batch 7", stage="use", day="2026-01-01")
    with pytest.raises(UsageError, match="expected hospital to sign as a party, got bureau"):
        chain.add("use 5", "batch 7", stage="use", signer="bureau")
    with pytest.raises(UsageError, match="expected the link of what it says and rests on"):
        chain.add("use 6", "batch 7", stage="use", link="00" * 32)
    with pytest.raises(UsageError, match="expected a known record or value"):
        chain.traces.sources("00" * 32)
