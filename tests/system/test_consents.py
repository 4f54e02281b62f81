"""Consent between nodes: rows without it are not counted, a token counts once, and its replay is a violation."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from mpcstats.errors import PolicyRefused
from mpcstats.party.ask import Result, ask
from mpcstats.party.node import Node
from mpcstats.party.question import Question, today
from mpcstats.records.day import later
from mpcstats.records.signed import Statement

if TYPE_CHECKING:
    from tests.system.conftest import Town

TEXT = """SELECT COUNT(*) AS persons
FROM (SELECT DISTINCT UPPER(TRIM(certno)) AS certno FROM hospital.cases) c
JOIN bureau.enrolment e ON e.certno = c.certno"""
PURPOSE = "a test of consents"
FIELDS = ["hospital.cases.certno"]
GRANTED = 30


def question(purpose: str = PURPOSE) -> Question:
    return Question(TEXT, "supervision", purpose, "bureau", ("bureau",), today())


@pytest.fixture(scope="module")
def consenting() -> Iterator[ModuleType]:
    """tests/consenting.py."""
    path = Path(__file__).parents[1] / "consenting.py"
    spec = importlib.util.spec_from_file_location("consenting", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["consenting"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["consenting"]


class Consents:
    """The hospital's desk in the town's folder, and persons who are both its patients and enrolled."""

    def __init__(self, town: Town, consenting: ModuleType) -> None:
        folder = town.folder / "consent"
        folder.mkdir()
        self.office = consenting.Office(folder, "hospital")
        self.authority = consenting.AUTHORITY
        self.office.second = f"{later(today(), -1)}T00:00:00Z"
        town.variant(
            "catalogue.toml",
            "catalogue.toml",
            ('name = "hospital.cases"\n', 'name = "hospital.cases"\nconsent = "per-matter"\n'),
        )
        own = town.folder / "parties" / "hospital.toml"
        text = own.read_text("utf-8")
        own.write_text(f'consent = "../consent/consent.toml"\n{text}', "utf-8")
        with duckdb.connect() as database:
            rows = database.execute(
                "SELECT DISTINCT UPPER(TRIM(certno)) AS id FROM read_csv($cases) "
                "WHERE id IN (SELECT certno FROM read_parquet($enrolled)) ORDER BY id LIMIT $most",
                {
                    "cases": str(town.data / "hospital" / "cases.csv.gz"),
                    "enrolled": str(town.data / "bureau" / "enrolment.parquet"),
                    "most": GRANTED + 2,
                },
            ).fetchall()
        self.persons = [self.office.desk.key.person(row[0]) for row in rows]

    def terms(self, person: str) -> dict[str, Any]:
        return {
            "person": person,
            "recipient": "bureau",
            "fields": FIELDS,
            "scenario": "supervision",
            "purpose": PURPOSE,
            "not_before": f"{later(today(), -1)}T00:00:00Z",
            "expires": f"{later(today(), 1)}T23:00:00Z",
            "nonce": person[:32],
        }

    def grant(self, person: str) -> None:
        asset = {"person": person, "dataset": "hospital.cases", "level": "MODERATE"}
        self.office.bring("consent-asset", {**asset, "content": person}, "hospital")
        given = {**self.terms(person), "most_uses": 10}
        self.office.record(self.office.sign("consent-grant", given, self.authority))

    def token(self, person: str, matter: str) -> Statement:
        given = {**self.terms(person), "matter": matter}
        made = self.office.sign("consent-token", given, self.authority)
        assert isinstance(made, Statement)
        return made


def persons(result: Result) -> object:
    assert result.answer is not None
    return result.answer.rows[0][0]


def start(town: Town) -> None:
    town.serve("hospital")
    town.serve("insurer")
    town.wait("hospital", "insurer")


def refused(node: Node, papers: tuple[Statement, ...] = ()) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        ask(node, question(), papers)
    assert caught.value.party == "hospital"
    return caught.value


def test_rows_without_consent_are_not_counted_and_a_token_counts_once(
    town: Town, consenting: ModuleType
) -> None:
    consents = Consents(town, consenting)
    *granting, extra, _ = consents.persons
    for person in granting:
        consents.grant(person)
    start(town)
    token = consents.token(extra, question().digest())
    with town.node() as node:
        first = ask(node, question())
        assert persons(first) == GRANTED
        # At least k persons stayed, and at least k were left out: so the number may be known.
        left = first.left_out["hospital"]["hospital.cases"]
        assert isinstance(left, int)
        assert left >= 11
        assert first.left_out["bureau"] == {}
        with_token = ask(node, question(), (token,))
        assert persons(with_token) == GRANTED + 1
        # Used up: the next run has the grants alone, and to show the token again is a violation.
        assert persons(ask(node, question())) == GRANTED
        assert "replayed" in refused(node, (token,)).reasons[0]
        assert "may not ask since entry" in refused(node).reasons[0]
    kinds = town.ledger("hospital")
    assert kinds.count("violation") == 1
    assert kinds.count("start") == 3
    heads = [e.body["consents"] for e in town.entries("hospital") if e.kind == "start"]
    assert len(set(heads)) == 3  # each start names the journal that it rests on
    runs = {e.body["run"] for e in town.entries("hospital") if e.kind == "start"}
    known = consenting.ConsentDesk.open(consents.office.path).consents()
    assert all(known.uses(run) for run in runs)


def test_few_who_do_not_consent_are_not_told(town: Town, consenting: ModuleType) -> None:
    consents = Consents(town, consenting)
    for person in consents.persons[:12]:
        consents.grant(person)
    start(town)
    with town.node() as node:
        told = ask(node, question()).left_out["hospital"]["hospital.cases"]
        assert told != "suppressed"
        # Another purpose: nobody consents, so nobody is counted, and how many were left out is not said.
        other = ask(node, question("another purpose"))
    assert other.answer is not None
    assert other.answer.suppressed == 1
    assert other.left_out["hospital"]["hospital.cases"] == "suppressed"
