"""Chongqing, national smart medical-insurance laboratory: who authorises does not operate; who operates is licensed.

The licence part of row 3 of SYSTEMS.md, through files as an office would write them and at every party.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Known, Papers, Records, permitted, planned
from mpcstats.party.desk.paper import add_signature, licence_of, read_paper
from mpcstats.party.files.keys import make_signing_key, principal_entry
from mpcstats.party.question import Question
from mpcstats.plan.physical import Physical
from mpcstats.policy.permit import Permit
from mpcstats.policy.registers import Registers
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "demos" / "settlement"
EXAMPLE = CHECKOUT / "examples" / "governance" / "licence.toml"
PARTIES = ("bureau", "hospital", "insurer")
SQL = (DEMO / "question.sql").read_text(encoding="utf-8")
QUESTION = Question(
    *(SQL, "supervision", "diabetes fund report 2025", "bureau", ("bureau",)),
    day="2026-03-01",
    user="bureau.lab",
)
# 授权 AUTHORISER: the bureau's office; 运营 OPERATOR: the laboratory.
WHO = {"bureau.office": ["authoriser"], "bureau.lab": ["operator", "user"], "lab": ["operator"]}


@cache
def plan_at(party: str, question: Question) -> Physical:
    """The plan that `party` makes of the question; papers do not change it."""
    records = Records.load(
        party,
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )
    return planned(question, records)


class Office:
    """Keys and principals as files, the three parties' records, and one licence signed by the authoriser."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        entries = ["version = 1\n"]
        self.keys: dict[str, Path] = {}
        for name, roles in WHO.items():
            self.keys[name], public = make_signing_key(name, folder / "keys")
            entries.append(principal_entry(name, public, roles, real_name=True))
        path = folder / "principals.toml"
        path.write_text("\n".join(entries), encoding="utf-8")
        parties = {
            name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in PARTIES
        }
        self.principals = Principals.load(
            path, {name: key.public_key().public_bytes_raw() for name, key in parties.items()}
        )
        self.request = self.signed("request", {"question": QUESTION.digest()}, "bureau.lab")
        self.licence = self.sign_example("bureau.office")

    def signed(self, kind: str, body: dict[str, Any], name: str) -> Statement:
        where = self.folder / f"{kind}-{name}.paper.json"
        where.unlink(missing_ok=True)
        return add_signature(where, Statement.of(kind, body), name, self.keys[name])

    def sign_example(self, name: str, **change: Any) -> Statement:
        body = {**licence_of(EXAMPLE).body, **change}
        return self.signed("licence", body, name)

    def records(self, party: str) -> Records:
        return Records.load(
            party,
            catalogue=DEMO / "catalogue.toml",
            policy=DEMO / "policy.toml",
            compute=PARTIES,
            members=PARTIES,
            registers=Registers(self.principals),
        )

    def decide(
        self, party: str, *licences: Statement, question: Question = QUESTION, used: int = 0
    ) -> Permit:
        papers: Papers = (self.request, *licences)
        known = Known({each.digest: used for each in licences})
        plan = plan_at(party, question)
        return permitted(plan, question, self.records(party), papers, known)

    def refused(self, *licences: Statement, **more: Any) -> str:
        """Why not; the same at every party."""
        said = set()
        for party in PARTIES:
            with pytest.raises(PolicyRefused) as caught:
                self.decide(party, *licences, **more)
            said.add("\n".join(caught.value.reasons))
        (only,) = said
        return only


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_authoriser_and_operator_are_two_principals_with_two_keys(office: Office) -> None:
    lab = office.principals.get("bureau.lab")
    assert lab is not None
    with pytest.raises(UsageError, match="expected an authoriser or an operator, got both in one"):
        principal_entry("bureau.both", lab.key, ["authoriser", "operator"], real_name=False)
    entry = principal_entry("bureau.boss", lab.key, ["authoriser"], real_name=False)
    own = principal_entry("bureau.lab", lab.key, ["operator"], real_name=False)
    path = office.folder / "one-key.toml"
    path.write_text(f"version = 1\n{entry}\n{own}", encoding="utf-8")
    with pytest.raises(UsageError, match="expected a key of its own for every principal"):
        Principals.load(path, {})


def test_the_licence_file_round_trips(office: Office) -> None:
    path = office.folder / "licence-bureau.office.paper.json"
    assert read_paper(path) == office.licence
    assert office.licence.signers(office.principals) == ("bureau.office",)


def test_inside_the_licence_every_party_permits_the_same_plan(office: Office) -> None:
    permits = [office.decide(party, office.licence) for party in PARTIES]
    assert len({permit.plan_digest for permit in permits}) == 1
    assert {permit.papers for permit in permits} == {(office.licence.digest,)}


def test_an_operator_runs_inside_a_licence_alone(office: Office) -> None:
    assert "operator bureau.lab runs only inside a licence" in office.refused()
    own = replace(QUESTION, user=None)  # nobody in person: the bureau itself is no operator
    assert office.decide("insurer", question=own).papers == ()


def test_the_operator_cannot_license_itself(office: Office) -> None:
    assert "expected an authoriser on 2026-03-01" in office.refused(
        office.sign_example("bureau.lab")
    )
    assert "it is for operator lab, bureau.lab asks" in office.refused(
        office.sign_example("bureau.office", operator="lab")
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario": "research"}, "it is for scenario research, the question is of supervision"),
        ({"columns": {"bureau.enrolment": ["certno"]}}, "does not cover hospital.cases.diag_main"),
        ({"protocols": ["gate"]}, "it does not cover protocol lookup_join"),
        ({"operations": ["count", "join", "sum"]}, "it does not cover operation group-by"),
        ({"until": "2026-02-01"}, "it is valid from 2026-01-01 to 2026-02-01"),
        ({"since": "2026-04-01"}, "it is valid from 2026-04-01"),
    ],
    ids=["scenario", "columns", "protocols", "operations", "until", "since"],
)
def test_scenario_datasets_columns_protocols_and_dates_bite(
    office: Office, change: dict[str, Any], words: str
) -> None:
    assert words in office.refused(office.sign_example("bureau.office", **change))


def test_the_quota_bites_and_is_recorded_as_a_violation(office: Office) -> None:
    quota = int(office.licence.body["quota"])  # type: ignore[arg-type]
    assert office.decide("hospital", office.licence, used=quota - 1).papers
    assert f"its quota is {quota} runs" in office.refused(office.licence, used=quota)
    with pytest.raises(PolicyRefused) as caught:
        office.decide("hospital", office.licence, used=quota)
    assert caught.value.violations == ("over-budget",)


def test_another_question_is_not_the_one_that_the_operator_signed(office: Office) -> None:
    other = replace(QUESTION, purpose="another purpose")
    assert "bureau.lab has not signed the question" in office.refused(
        office.licence, question=other
    )
