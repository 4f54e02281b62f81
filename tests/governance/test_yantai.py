"""Yantai: value data on the chain, the person authorises, the institution applies, the regulator sees all.

One test or more for each item of the system's least list. The chain is the owner's journal of consents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.consenting import CLAIM, FIELDS, IDS, SECOND, Office

from mpcstats.errors import UsageError
from mpcstats.party.answer import Answer
from mpcstats.party.compile import Records, compile_question
from mpcstats.party.data.consent import ConsentFilter, asks, left_out_shown
from mpcstats.party.data.sources import Own, Sources
from mpcstats.party.desk.consent import Chosen
from mpcstats.party.desk.statements import event_lines, view_text
from mpcstats.party.question import Question
from mpcstats.party.run import play
from mpcstats.policy.permit import Permit
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.consent.grants import Consented
from mpcstats.records.consent.terms import Ask
from mpcstats.records.consent.view import safe_box, uses_of_asset
from mpcstats.records.signed import Statement
from mpcstats.session import Session
from mpcstats.transport.lockstep import lockstep

PROJECT = Path(__file__).parents[2]
ASK = Ask("bureau", ("insurer",), FIELDS, *CLAIM, SECOND)
RESULT = "5e" * 32


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def apply(office: Office, run: str, ask: Ask = ASK, second: str = SECOND) -> frozenset[str]:
    """The institution applies: a run uses whatever is granted to it, and something is delivered."""
    chosen = office.desk.choose({"per-matter": replace(ask, second=second)})
    assert office.desk.begin(run, chosen, second=second) == ()
    if office.desk.consents().uses(run):
        office.desk.deliver(run, RESULT, second=second)
    return chosen.persons["per-matter"].persons


# Four verbs ---------------------------------------------------------------------------------------


def test_register_grant_apply_supervise(office: Office) -> None:
    asset = office.asset(0)  # register: the asset's digest, owner, level
    grant = office.grant(0, "insurer")
    assert apply(office, "run1") == {office.person(0)}  # the grant's digest -> the delivery's
    (use,) = uses_of_asset(office.desk.consents(), asset)
    assert (use.run, use.consents, use.result) == ("run1", (grant,), RESULT)
    office.freeze(asset)  # supervise: the regulator reads all, and freezes
    assert apply(office, "run2") == set()
    office.freeze(asset, frozen=False)
    assert apply(office, "run3") == {office.person(0)}
    kinds = [event.kind for event in office.desk.consents().events]
    assert kinds == [
        "consent-asset",
        "consent-grant",
        *("consent-use", "consent-delivery"),
        *("consent-freeze", "consent-freeze"),
        *("consent-use", "consent-delivery"),
    ]


def test_a_frozen_grant_is_refused_until_it_is_thawed(office: Office) -> None:
    office.asset(0)
    grant = office.grant(0, "insurer")
    office.freeze(grant)
    assert apply(office, "run1") == set()
    assert [r.reason for r in office.desk.consents().refusals(grant, ASK)] == ["frozen"]


# Use after revoke, expiry, most uses --------------------------------------------------------------


def test_use_after_revoke_is_refused(office: Office) -> None:
    office.asset(0)
    grant = office.grant(0, "insurer")
    assert apply(office, "run1") == {office.person(0)}
    chosen = office.desk.choose({"per-matter": ASK})
    office.revoke(0, grant)
    assert apply(office, "run2") == set()  # from the next run on
    refused = office.desk.begin("run3", chosen, second=SECOND)
    assert [each.reason for each in refused] == ["revoked"]
    refused_by_the_journal(office, grant, "revoked")


def test_use_after_expiry_is_refused(office: Office) -> None:
    office.asset(0)
    grant = office.grant(0, "insurer", expires="2026-06-01T09:00:00Z")
    assert apply(office, "run1", second="2026-06-01T09:00:00Z") == {office.person(0)}
    office.second = late = "2026-06-01T09:00:01Z"
    chosen = office.desk.choose({"per-matter": ASK})
    assert apply(office, "run2", second=late) == set()
    refused = office.desk.begin("run3", chosen, second=late)
    assert [each.reason for each in refused] == ["expired"]
    refused_by_the_journal(office, grant, "expired", second=late)


def test_use_beyond_the_most_uses_is_refused(office: Office) -> None:
    office.asset(0)
    grant = office.grant(0, "insurer", most_uses=2)
    assert apply(office, "run1") == apply(office, "run2") == {office.person(0)}
    assert apply(office, "run3") == set()
    refused_by_the_journal(office, grant, "used-up")


def refused_by_the_journal(office: Office, grant: str, reason: str, second: str = SECOND) -> None:
    """An owner that would write such a use all the same finds no journal that takes it."""
    before = office.desk.journal.read_bytes()
    first = next(e.body for e in office.desk.consents().events if e.kind == "consent-use")
    forged = first.model_copy(update={"run": "forged", "second": second})
    assert grant in str(forged)
    with pytest.raises(UsageError, match=f"consent {grant[:16]}: {reason}"):
        office.desk.record_own(forged, second=second)
    assert office.desk.journal.read_bytes() == before


# The regulator and the safe box -------------------------------------------------------------------


def test_the_regulator_reconstructs_all_uses_of_one_asset(office: Office) -> None:
    mine, other = office.asset(0), office.asset(1)
    office.asset(0, "bureau.enrolment")
    office.grant(0, "insurer")
    office.grant(0, "bank")
    office.grant(1, "insurer")
    apply(office, "run1")
    apply(office, "run2", replace(ASK, recipients=("bank",)))
    elsewhere = replace(ASK, fields=("bureau.enrolment.paid_amt",))
    office.desk.begin("run3", office.desk.choose({"opt-out": elsewhere}), second=SECOND)
    office.desk.begin("run4", office.desk.choose({"opt-out": ASK}), second=SECOND)  # without grants
    given = {"person": office.person(1), "dataset": "bureau.settlement"}
    office.bring("consent-opt-out", given, "realname")
    office.desk.begin("run5", office.desk.choose({"opt-out": ASK}), second=SECOND)
    consents = office.desk.consents()
    assert [use.run for use in uses_of_asset(consents, mine)] == ["run1", "run2", "run4", "run5"]
    assert [use.run for use in uses_of_asset(consents, other)] == ["run1", "run4"]
    assert [use.recipients for use in uses_of_asset(consents, mine)][:2] == [
        ("insurer",),
        ("bank",),
    ]
    with pytest.raises(UsageError, match="expected an asset of the journal"):
        uses_of_asset(consents, "0" * 64)


def test_the_safe_box_holds_assets_live_grants_and_uses(office: Office) -> None:
    asset, second = office.asset(0), office.asset(0, "bureau.enrolment")
    office.asset(1)
    live = office.grant(0, "insurer")
    ended, once = office.grant(0, "bank"), office.grant(0, "insurer", most_uses=1)
    office.grant(1, "insurer")
    early = office.grant(0, "bank", not_before="2026-06-02T00:00:00Z")
    office.revoke(0, ended)
    apply(office, "run1")
    box = safe_box(office.desk.consents(), office.person(0), SECOND)
    assert [digest for digest, _ in box.assets] == [asset, second]
    assert {g.digest: g.state for g in box.grants} == {
        live: "live", ended: "revoked", once: "live", early: "not yet"
    }  # fmt: skip
    assert [(u.run, u.consents, u.result) for u in box.uses] == [("run1", (live,), RESULT)]
    frozen = office.freeze(live)
    assert frozen in [
        event.digest for event in safe_box(office.desk.consents(), office.person(0), SECOND).history
    ]
    assert _states(office) == ["frozen", "revoked", "live", "not yet"]
    office.freeze(live, frozen=False)
    opted = {"person": office.person(0), "dataset": "bureau.settlement"}
    office.bring("consent-opt-out", opted, "realname")
    assert _states(office) == ["opted out", "revoked", "opted out", "opted out"]
    later = safe_box(office.desk.consents(), office.person(0), "2026-06-09T00:00:00Z")
    assert [g.state for g in later.grants] == ["expired", "revoked", "expired", "expired"]
    assert safe_box(office.desk.consents(), office.person(5), SECOND).history == ()


def _states(office: Office) -> list[str]:
    return [g.state for g in safe_box(office.desk.consents(), office.person(0), SECOND).grants]


def test_one_tap_revokes_whatever_the_box_shows_as_live(office: Office) -> None:
    office.asset(0)
    office.grant(0, "insurer")
    office.grant(0, "bank")
    for granted in safe_box(office.desk.consents(), office.person(0), SECOND).live:
        office.revoke(0, granted.digest)
    assert safe_box(office.desk.consents(), office.person(0), SECOND).live == ()
    assert apply(office, "run1") == set()


def test_the_safe_boxs_history_is_the_journals(office: Office) -> None:
    for number in range(2):
        office.asset(number)
        office.grant(number, "insurer")
    apply(office, "run1")
    office.revoke(1, office.grant(1, "bank"))
    apply(office, "run2")
    lines = [json.loads(line)["body"] for line in office.desk.journal.read_text().splitlines()]
    consents = office.desk.consents()
    for number in range(2):
        history = safe_box(consents, office.person(number), SECOND).history
        expected = [line["second"] for line in lines if _about(lines, line, office.person(number))]
        assert [event.second for event in history] == expected
        assert [event.number - 1 for event in history] == [
            n for n, line in enumerate(lines) if _about(lines, line, office.person(number))
        ]
    everybody = {
        e.number for n in range(2) for e in safe_box(consents, office.person(n), SECOND).history
    }
    assert everybody == set(range(1, len(lines) + 1))  # nothing is in no box
    with office.desk.journal.open("rb+") as file:  # a box over a shortened chain would differ
        file.truncate(office.desk.journal.stat().st_size - 1000)
    with pytest.raises(UsageError):
        office.desk.consents()


def _about(lines: list[Any], line: Mapping[str, Any], person: str) -> bool:
    """Whether a record is about the person, by its text alone: a delivery is about those whom its run used."""
    statement = line["statement"]
    body = statement["body"]
    if statement["kind"] == "consent-delivery":
        runs = [o for o in lines if o["statement"]["kind"] == "consent-use"]
        return any(
            _about(lines, o, person) for o in runs if o["statement"]["body"]["run"] == body["run"]
        )
    grants = [o["statement"] for o in lines if o["statement"]["body"].get("person") == person]
    mine = {_digest(each) for each in grants}
    return body.get("person") == person or not mine.isdisjoint(body.get("consents", ()))


def _digest(statement: Mapping[str, Any]) -> str:
    return Statement.from_json(statement).digest


def test_the_chain_holds_digests_and_keyed_pseudonyms_only(office: Office) -> None:
    for number in range(3):
        office.enrol(number)
        office.asset(number)
        office.grant(number, "insurer")
    apply(office, "run1")
    consents = office.desk.consents()
    written = [
        office.desk.journal.read_bytes(),
        office.desk.spent.read_bytes(),
        "\n".join(event_lines(consents)).encode(),
        view_text(consents, person=office.person(0), asset=None, second=SECOND).encode(),
    ]
    assert not [number for number in IDS for text in written if number.encode() in text]
    assert office.person(0).encode() in written[0]  # the control: it is there by pseudonym
    # Of others the person's own box holds nothing.
    assert office.person(1).encode() not in written[3]
    theirs = {
        h.digest for h in consents.holdings.held.values() if h.body.person != office.person(0)
    }
    assert len(theirs) == 2
    assert not [digest for digest in theirs if digest.encode() in written[3]]


# In a question: the grants decide row by row ------------------------------------------------------

PARTIES = ("bureau", "hospital", "insurer")
CATALOGUE = """
version = 1

[[dataset]]
name = "bureau.settlement"
owner = "bureau"
rows = 60
consent = "per-matter"
[dataset.columns]
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
psn_cash_pay = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1_000_000, unit = "fen" }

[[dataset]]
name = "insurer.policies"
owner = "insurer"
rows = 30
[dataset.columns]
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
premium = { type = "integer", level = "MODERATE", minimum = 0, maximum = 1_000_000, unit = "fen" }
"""
TEXT = """SELECT COUNT(*) AS persons, SUM(s.cash) AS cash, SUM(p.premium) AS premium
FROM insurer.policies p
JOIN (SELECT certno, SUM(psn_cash_pay) AS cash FROM bureau.settlement GROUP BY certno) s
ON p.certno = s.certno"""
QUESTION = Question(TEXT, "commercial", "a test of grants", "insurer", ("insurer",), "2026-09-21")
READ = ["bureau.settlement.certno", "bureau.settlement.psn_cash_pay"]


def files(folder: Path) -> dict[str, Path]:
    """Two settlements of each person, one id badly typed, and everybody's policy."""
    (folder / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
    settlements = [f"{number},{100 * i}" for i, number in enumerate(IDS)]
    settlements += [f" {number.lower()},{7 * i}" for i, number in enumerate(IDS)]
    policies = [f"{number},{50 + i}" for i, number in enumerate(IDS)]
    paths = {}
    for name, header, lines in (
        ("bureau.settlement", "certno,psn_cash_pay", settlements),
        ("insurer.policies", "certno,premium", policies),
    ):
        paths[name] = folder / f"{name}.csv"
        paths[name].write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return paths


def permits(folder: Path) -> dict[str, Permit]:
    """Every party's permit for QUESTION, under the policy of the demonstration."""
    policy = PROJECT / "demos" / "settlement" / "policy.toml"
    found = {}
    for party in PARTIES:
        records = Records.load(
            party,
            catalogue=folder / "catalogue.toml",
            policy=policy,
            compute=PARTIES,
            members=PARTIES,
        )
        found[party] = compile_question(QUESTION, records)
    return found


def own_rows(
    paths: Mapping[str, Path], permit: Permit, catalogue: Path, consent: ConsentFilter | None
) -> Own:
    data = {name: path for name, path in paths.items() if name.startswith(permit.party + ".")}
    return Sources(permit.party, data, Catalogue.load(catalogue)).read(permit.plan, consent=consent)


def test_a_question_counts_the_rows_of_those_who_granted_it_and_no_others(
    office: Office, tmp_path: Path
) -> None:
    paths, granting = files(tmp_path), list(range(0, 24, 2))
    given = {"scenario": "commercial", "purpose": "a test of grants"}
    for number in range(24):
        office.asset(number)
    for number in granting:
        office.grant(number, "insurer", fields=list(READ), **given)
    office.grant(1, "insurer", fields=READ[:1], **given)  # not for all that the question reads
    office.grant(3, "bank", fields=list(READ), **given)
    allowed = permits(tmp_path)
    chosen = begun(office, allowed["bureau"])
    owns = {
        party: own_rows(paths, permit, tmp_path / "catalogue.toml", office.desk.filter(chosen))
        for party, permit in allowed.items()
    }

    def body(party: str) -> Any:
        async def run(session: Session) -> Answer | None:
            return await play(session, allowed[party], owns[party].rows)

        return run

    outcome = lockstep({party: body(party) for party in PARTIES})
    answer = outcome.results["insurer"]
    assert answer is not None
    assert answer.rows == (plainly(paths, [IDS[n] for n in granting]),)
    assert answer.rows != (plainly(paths, list(IDS)),)
    assert outcome.results["bureau"] is None
    # How many were left out is the bureau's to know; others learn it where both numbers are at least k.
    (left,) = owns["bureau"].left_out
    assert (left.rows, left.persons, left.kept_rows, left.kept_persons) == (24, 12, 24, 12)
    assert [left_out_shown(left.persons, left.kept_persons, k) for k in (11, 13)] == [
        12,
        "suppressed",
    ]
    # The chain has the job: who asked, for what, by the question's digest, and whose grants it used.
    (use,) = office.desk.consents().uses("run1")
    assert (use.recipients, use.matter, len(use.consents)) == (("insurer",), QUESTION.digest(), 12)


def begun(office: Office, permit: Permit) -> Chosen:
    """What the bureau's node does between its decision and its reading."""
    known = Catalogue.load(office.folder / "catalogue.toml")
    asked = asks(permit.plan, known, "bureau", matter=QUESTION.digest(), second=SECOND)
    chosen = office.desk.choose(asked)
    assert office.desk.begin("run1", chosen, second=SECOND) == ()
    return chosen


def plainly(paths: Mapping[str, Path], persons: list[str]) -> tuple[int, ...]:
    """The answer over these persons alone, by one database that sees everything."""
    with duckdb.connect() as database:
        for name, path in paths.items():
            database.execute(f"CREATE SCHEMA {name.split('.')[0]}")
            database.execute(
                f"CREATE TABLE {name} AS SELECT * REPLACE (UPPER(TRIM(certno)) AS certno) "
                f"FROM read_csv('{path}', types = {{'certno': 'VARCHAR'}}) "
                "WHERE UPPER(TRIM(certno)) IN (SELECT unnest($persons))",
                {"persons": persons},
            )
        (row,) = database.execute(TEXT).fetchall()
    return tuple(int(value) for value in row)


def test_without_a_grant_nobody_is_counted(office: Office, tmp_path: Path) -> None:
    paths = files(tmp_path)
    allowed = permits(tmp_path)["bureau"]
    with pytest.raises(UsageError, match="expected the consents of its persons"):
        own_rows(paths, allowed, tmp_path / "catalogue.toml", None)
    own = own_rows(
        paths,
        allowed,
        tmp_path / "catalogue.toml",
        ConsentFilter(office.desk.key, {"per-matter": Consented("per-matter", frozenset())}),
    )
    assert [rows.keys.shape[0] for rows in own.rows.values()] == [0]
    assert [left.kept_rows for left in own.left_out] == [0]
