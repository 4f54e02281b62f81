"""MeDShare (SYSTEMS.md row 1): requests, packages with contracts, actions that are held against them, provenance.

Four nodes, each with its own SQLite file; the bureau is the custodian, all that it writes is replicated.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.plan.question import Setting, plan_question
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.contracts.contract import Contract, job_actions, rows_digest
from mpcstats.records.contracts.custodian import Custodian
from mpcstats.records.contracts.dealing import ACTION, Package
from mpcstats.records.contracts.dealings import Dealings, wrapped
from mpcstats.records.journal import body_as
from mpcstats.records.ledger import Entry, Ledger, entries
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.provenance import provenance
from mpcstats.records.record import record_digest
from mpcstats.records.replication.block import Copies
from mpcstats.records.replication.compare import faults
from mpcstats.records.replication.file import read_copies
from mpcstats.records.replication.replica import Replica
from mpcstats.records.signed import Statement
from mpcstats.records.standing import VIOLATION, Violation, standing, violated

ROOT = Path(__file__).parents[2]
NODES = ("bureau", "h1", "h2", "p")
ROLES = {
    **{name: ["party"] for name in NODES},
    "p.analyst": ["user"],
    "p.clerk": ["reviewer"],
    "h1.doctor": ["user"],
    "h2.doctor": ["user"],
    "bureau.licensing": ["authoriser"],
    "p.licensing": ["authoriser"],
    "nhsa": ["regulator"],
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}
AT = "2026-03-02T08:00:00Z"
LATER = "2027-01-01T00:00:00Z"
QUERY = hashlib.sha256(b"the diabetes fund report").hexdigest()
OTHER_QUERY = hashlib.sha256(b"who has it").hexdigest()
ROWS = [b"510001,310,21,183000", b"510002,390,11,4200"]
SALT = bytes(range(32))


def public(name: str) -> str:
    return base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()


EVERYBODY = Principals(
    Principal.model_validate({"name": name, "key": public(name), "roles": roles})
    for name, roles in ROLES.items()
)


def contract(**more: Any) -> Contract:
    """The example's contract, over the rows of this test."""
    made = Contract.load(ROOT / "examples" / "governance" / "contract.toml")
    asset = {**made.asset.model_dump(), "rows": rows_digest(ROWS, SALT)}
    return Contract.model_validate({**made.to_json(), "asset": asset, **more})


def signed(kind: str, signer: str, **body: Any) -> Statement:
    return Statement.of(kind, body).sign(signer, KEYS[signer])


def released(made: Contract) -> Statement:
    return signed("contract", made.owner, **made.to_json())


def access(user: str = "p.analyst", *, signer: str | None = None, **more: Any) -> Statement:
    body = {
        "contract": "settlement-2026",
        "asset": "bureau.settlement",
        "user": user,
        "purpose": "diabetes-report",
        "query": QUERY,
        "uses": 2,
        "nonce": secrets.token_hex(16),
    }
    return signed("access", signer or user, **{**body, **more})


def action(
    package: Statement,
    *actions: str,
    actor: str = "p.analyst",
    signer: str | None = None,
    **more: Any,
) -> Statement:
    body: dict[str, Any] = {
        "package": package.digest,
        "actor": actor,
        "actions": list(actions),
        "query": QUERY,
        "result": None,
        "cells": None,
        "nonce": secrets.token_hex(16),
    }
    return signed("action", signer or actor, **{**body, **more})


def release(package: Statement, **more: Any) -> Statement:
    result = hashlib.sha256(b"the table that came out").hexdigest()
    return action(package, "release", **{"result": result, "cells": 12, **more})


class InLedger:
    """A party's ledger as a log."""

    def __init__(self, path: Path, party: str = "bureau") -> None:
        self.path = path
        self.ledger = Ledger.open(path, party=party, signing_key=KEYS[party])
        self.append = self.ledger.append

    def entries(self, kind: str | None = None, *, since: int = 0) -> Iterator[Entry]:
        found = (entry for entry in entries(self.path) if entry.index >= since)
        return (entry for entry in found if kind in (None, entry.kind))


class Four:
    """Four nodes on files in one folder; the bureau keeps a custodian's log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes = {name: self.opened(name) for name in NODES}
        self.custodian = Custodian("bureau", KEYS["bureau"], self.nodes["bureau"], EVERYBODY)

    def opened(self, name: str) -> Replica:
        return Replica.open(
            self.path(name), me=name, key=KEYS[name], nodes=NODES, principals=EVERYBODY
        )

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.sqlite"

    def exchange(self) -> None:
        for _ in range(2):  # the second time, the seals made in the first
            for giver in self.nodes.values():
                for taker in self.nodes.values():
                    if taker is not giver:
                        taker.take(giver.since(taker.have()), sender=giver.me)

    def crash(self, name: str) -> None:
        self.nodes.pop(name).close()

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()

    def kinds(self, node: str = "bureau") -> list[str]:
        return [block.kind for block in self.nodes[node].log("bureau")]

    def shown(self, names: Iterable[str] = NODES) -> list[Copies]:
        return [read_copies(self.path(name)) for name in names]


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    """Four nodes; the bureau has released its settlement rows under the example's contract."""
    four = Four(tmp_path)
    four.custodian.release(released(contract()), at=AT)
    yield four
    four.close()


# --- request(user, purpose, query) -> authenticate -> package = data reference + contract


def test_a_request_gets_a_package_with_the_data_reference_and_the_contract(four: Four) -> None:
    asked = access()
    package = four.custodian.request(asked, at=AT)
    assert package.signers(EVERYBODY) == ("bureau",)
    body = body_as(package, Package)
    assert (body.contract, body.access) == (released(contract()).digest, asked.digest)
    assert (body.reference, body.asset) == (contract().asset.digest, "bureau.settlement")
    assert (body.actions, body.level, body.until, body.uses) == (
        ("sum", "count", "join", "release"),
        "MODERATE",
        "2026-12-31",
        2,
    )
    assert four.kinds() == ["contract", "access", "package"]


def test_the_data_reference_hides_the_rows_and_holds_their_owner_to_them() -> None:
    assert rows_digest(ROWS, SALT) != rows_digest(ROWS, bytes(32))
    assert rows_digest(ROWS, SALT) != rows_digest(ROWS[::-1], SALT)
    assert rows_digest([b"ab", b"c"], SALT) != rows_digest([b"a", b"bc"], SALT)
    with pytest.raises(UsageError, match="expected a salt of 32 bytes, got 3"):
        rows_digest(ROWS, b"abc")


@pytest.mark.parametrize(
    ("asked", "at", "reason"),
    [
        ({"user": "h2.doctor"}, AT, "is for h1, p"),
        ({"user": "p.clerk"}, AT, "p.clerk has none of the roles user, party on 2026-03-02"),
        ({"purpose": "marketing"}, AT, "is for diabetes-report, not marketing"),
        ({"asset": "bureau.enrolment"}, AT, "is for bureau.settlement, not bureau.enrolment"),
        ({}, LATER, "is valid 2026-01-01 to 2026-12-31, not on 2027-01-01"),
        ({"uses": 41}, AT, "has 40 uses left, 41 asked for"),
    ],
)
def test_a_request_outside_the_contract_is_refused_with_the_reason_and_kept(
    four: Four, asked: dict[str, Any], at: str, reason: str
) -> None:
    with pytest.raises(PolicyRefused, match=reason) as caught:
        four.custodian.request(access(**asked), at=at)
    assert caught.value.party == "bureau"
    assert four.kinds() == ["contract", "access"]
    assert not standing(four.nodes["bureau"].log("bureau"), "p.analyst", EVERYBODY).revoked


def test_all_packages_together_give_no_more_uses_than_the_contract(four: Four) -> None:
    four.custodian.request(access(uses=39), at=AT)
    with pytest.raises(PolicyRefused, match="has 1 uses left, 2 asked for"):
        four.custodian.request(access("h1.doctor"), at=AT)
    four.custodian.request(access("h1.doctor", uses=1), at=AT)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            access("p.analyst", signer="h1.doctor"),
            "expected the signature of p.analyst and no other",
        ),
        (
            Statement.of("access", access().body),
            "expected the signature of p.analyst and no other, got none",
        ),
        (
            Statement("access", access(uses=1).text, access(uses=2).signatures),
            "expected a signature by the key of p.analyst, got another",
        ),
        (access(contract="another"), "expected a contract of bureau, got 'another'"),
        (access(nonce="ab"), "nonce: string should match pattern"),
        (access(more="fields"), "more: extra inputs are not permitted"),
        (released(contract()), "expected a statement of kind access, got contract"),
    ],
)
def test_a_forged_request_is_refused_and_nothing_of_it_is_kept(
    four: Four, asked: Statement, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        four.custodian.request(asked, at=AT)
    assert four.kinds() == ["contract"]


def test_a_principal_whose_time_is_over_is_nobody(tmp_path: Path) -> None:
    gone = Principals(
        Principal.model_validate(
            {"name": name, "key": public(name), "roles": roles, "until": "2026-03-01"}
            if name == "p.analyst"
            else {"name": name, "key": public(name), "roles": roles}
        )
        for name, roles in ROLES.items()
    )
    log = InLedger(tmp_path / "bureau.sqlite")
    with log.ledger:
        custodian = Custodian("bureau", KEYS["bureau"], log, gone)
        custodian.release(released(contract()), at=AT)
        with pytest.raises(UsageError, match="expected a principal that may act on 2026-03-02"):
            custodian.request(access(), at=AT)


# --- every action appended to a chain replicated on >= 4 nodes


def test_every_action_is_on_four_nodes_and_each_comes_to_the_same_verdicts(four: Four) -> None:
    package = four.custodian.request(access(), at=AT)
    assert four.custodian.report(action(package, "sum", "join"), at=AT).allowed
    assert four.custodian.report(release(package), at=AT).allowed
    assert not four.custodian.report(action(package, "distinct"), at=AT).allowed
    four.exchange()
    for node in four.nodes.values():
        held = node.log("bureau")
        assert [b.kind for b in held][-4:] == ["action", "action", "action", "violation"]
        assert node.sealed_by("bureau", len(held)) == NODES
        seen = Dealings.of("bureau", held, EVERYBODY)
        assert seen.due == []
        assert [record.index for record in seen.proven] == [len(held)]
        assert seen.standing("p.analyst").revoked
    assert faults(four.shown(), EVERYBODY) == ()


def test_a_custodian_that_hides_a_violation_is_found_out_by_every_node(four: Four) -> None:
    package = four.custodian.request(access(), at=AT)
    log = four.nodes["bureau"]
    log.append(ACTION, wrapped(action(package, "rank"), AT))
    log.append("access", wrapped(access(), AT))
    four.exchange()
    with pytest.raises(
        UsageError,
        match=r"record 5 of bureau: expected the violation of p\.analyst .* it was hidden",
    ):
        Dealings.of("bureau", four.nodes["h2"].log("bureau"), EVERYBODY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uses": 3}, "expected what its contract gives, got something else"),
        ({"actions": ["rank"]}, "expected what its contract gives, got something else"),
        ({"access": "0" * 64}, "expected the request that it answers right before it"),
    ],
)
def test_a_custodian_that_gives_more_than_the_contract_is_found_out(
    four: Four, change: dict[str, Any], message: str
) -> None:
    good = four.custodian.request(access(), at=AT)
    asked = access()
    log = four.nodes["bureau"]
    log.append("access", wrapped(asked, AT))
    body = {**good.body, "access": asked.digest, **change}
    log.append("package", wrapped(signed("package", "bureau", **body), AT))
    with pytest.raises(UsageError, match=message):
        Dealings.of("bureau", log.log("bureau"), EVERYBODY)


def test_a_custodian_that_dates_a_request_back_is_found_out(four: Four) -> None:
    four.custodian.request(access(), at="2026-12-31T08:00:00Z")
    log = four.nodes["bureau"]
    log.append("access", wrapped(access(), AT))
    with pytest.raises(
        UsageError, match="expected a dealing from 2026-12-31T08:00:00Z on, got one"
    ):
        Dealings.of("bureau", log.log("bureau"), EVERYBODY)


def test_a_clock_that_runs_backwards_does_not_stop_a_custodian(four: Four) -> None:
    four.custodian.request(access(), at="2026-03-02T08:00:05Z")
    package = four.custodian.request(access(), at="2026-03-02T08:00:04Z")
    assert package.body["at"] == "2026-03-02T08:00:05Z"
    with pytest.raises(UsageError, match="expected a time as YYYY-MM-DDThh:mm:ssZ"):
        four.custodian.request(access(), at="now")


# --- a disallowed action => violation record + automatic revocation before the next request


@pytest.mark.parametrize(
    ("bad", "at", "what"),
    [
        ({"actions": ["quantile"]}, AT, "disallowed-action"),
        ({"actions": ["duplicate"]}, AT, "disallowed-action"),
        ({"actions": ["sum", "exfiltrate"]}, AT, "disallowed-action"),  # a word of no contract
        ({"actions": ["sum"], "query": OTHER_QUERY}, AT, "outside-template"),
        ({"actions": ["sum"]}, LATER, "disallowed-action"),  # the contract has ended
    ],
)
def test_one_violating_action_revokes_before_the_next_request(
    four: Four, bad: dict[str, Any], at: str, what: str
) -> None:
    package = four.custodian.request(access(), at=AT)
    statement = action(package, **bad)
    verdict = four.custodian.report(statement, at=at)
    assert verdict.what == what
    record = four.nodes["bureau"].log("bureau")[-1]
    assert record.kind == VIOLATION
    assert record.body == {
        "offender": "p.analyst",
        "what": what,
        "subject": statement.digest,
        "entry": record.index - 1,
        "by": "bureau",
        "at": at,
    }
    with pytest.raises(PolicyRefused, match=f"p.analyst has no right to ask: {what}"):
        four.custodian.request(access(), at=AT)
    held = four.nodes["bureau"].log("bureau")
    assert not standing(held, "h1.doctor", EVERYBODY).revoked  # nobody else is


def test_more_uses_than_given_and_more_releases_than_jobs_are_violations(four: Four) -> None:
    package = four.custodian.request(access(uses=1), at=AT)
    assert four.custodian.report(action(package, "sum"), at=AT).allowed
    assert four.custodian.report(release(package), at=AT).allowed
    assert four.custodian.report(release(package), at=AT).what == "over-budget"
    other = four.custodian.request(access("h1.doctor", uses=1), at=AT)
    assert four.custodian.report(action(other, "sum", actor="h1.doctor"), at=AT).allowed
    over = four.custodian.report(action(other, "sum", actor="h1.doctor"), at=AT)
    assert over.what == "over-budget"


def test_who_acts_with_somebody_elses_package_is_the_offender(four: Four) -> None:
    package = four.custodian.request(access(), at=AT)
    verdict = four.custodian.report(action(package, "sum", actor="h1.doctor"), at=AT)
    assert (verdict.what, verdict.why) == ("disallowed-action", "the package is for p.analyst")
    records = four.nodes["bureau"].log("bureau")
    assert standing(records, "h1.doctor", EVERYBODY).revoked
    assert not standing(records, "p.analyst", EVERYBODY).revoked


def test_a_violation_takes_all_packages_of_the_offender(four: Four) -> None:
    first, second = (four.custodian.request(access(), at=AT) for _ in range(2))
    four.custodian.report(action(first, "rank"), at=AT)
    assert four.custodian.report(action(second, "sum"), at=AT).why == (
        "the right to act was gone before"
    )


def test_a_violation_that_the_node_itself_records_counts_for_requests_too(four: Four) -> None:
    log = four.nodes["bureau"]
    token = Violation(
        offender="p", what="replayed-token", subject=QUERY, entry=1, by="bureau", at=AT
    )
    violated(log, token)
    with pytest.raises(PolicyRefused, match="no right to ask: replayed-token of p at"):
        four.custodian.request(access(), at=AT)  # p.analyst is of p


def test_a_crash_between_action_and_violation_loses_neither(four: Four) -> None:
    package = four.custodian.request(access(), at=AT)
    four.nodes["bureau"].append(ACTION, wrapped(action(package, "rank"), AT))
    four.crash("bureau")  # before the violation is written
    node = four.nodes["bureau"] = four.opened("bureau")
    again = Custodian("bureau", KEYS["bureau"], node, EVERYBODY)
    assert four.kinds()[-2:] == ["action", "violation"]
    with pytest.raises(PolicyRefused, match="disallowed-action"):
        again.request(access(), at=AT)


def test_another_custodian_refuses_who_is_proven_to_have_broken_a_contract(
    four: Four, tmp_path: Path
) -> None:
    package = four.custodian.request(access(), at=AT)
    four.custodian.report(action(package, "rank"), at=AT)
    four.exchange()
    proven = Dealings.of("bureau", four.nodes["h1"].log("bureau"), EVERYBODY).proven
    other = Custodian("h1", KEYS["h1"], four.nodes["h1"], EVERYBODY)
    made = contract(owner="h1", parties=["p"])
    other.release(released(made), at=AT)
    other.request(access(), at=AT)  # by its own log alone it would not know
    with pytest.raises(
        PolicyRefused, match=r"disallowed-action of p\.analyst .* recorded by bureau"
    ):
        other.request(access(), at=AT, elsewhere=proven)


# --- replayed and forged actions are rejected, and revoke nobody


def test_a_replayed_action_is_rejected_and_revokes_nobody(four: Four) -> None:
    package = four.custodian.request(access(), at=AT)
    done = action(package, "sum")
    four.custodian.report(done, at=AT)
    before = four.kinds()
    for custodian in (
        four.custodian,
        Custodian("bureau", KEYS["bureau"], four.nodes["bureau"], EVERYBODY),
    ):
        with pytest.raises(UsageError, match="expected a fresh nonce, got one again: a replay"):
            custodian.report(done, at=AT)
    assert four.kinds() == before
    asked = access()
    four.custodian.request(asked, at=AT)
    with pytest.raises(UsageError, match="expected a fresh nonce, got one again: a replay"):
        four.custodian.request(asked, at=AT)


def test_a_forged_action_is_rejected_and_revokes_nobody(four: Four) -> None:
    package = four.custodian.request(access(), at=AT)
    good = action(package, "sum")
    bad = action(package, "rank")
    before = four.kinds()
    elsewhere = Statement.of("package", {"x": 1})
    for forged, message in [
        (action(package, "rank", signer="h1.doctor"), "expected the signature of p.analyst"),
        (Statement("action", bad.text, good.signatures), "expected a signature by the key of"),
        (Statement.of("action", bad.body), "and no other, got none"),
        (bad.sign("h1.doctor", KEYS["h1.doctor"]), "and no other, got h1.doctor, p.analyst"),
        (action(elsewhere, "rank"), "expected a package of bureau, got"),
        (action(package, "Steal!"), r"actions\[1\]: string should match pattern"),
        (release(package, cells=None), "expected result and cells with a release"),
    ]:
        with pytest.raises(UsageError, match=message):
            four.custodian.report(forged, at=AT)
    assert four.kinds() == before
    assert four.custodian.report(good, at=AT).allowed


# --- reinstatement


def reinstated(signer: str, four: Four, *, offender: str = "p.analyst") -> Statement:
    held = [b for b in four.nodes["bureau"].log("bureau") if b.kind == VIOLATION]
    return signed(
        "reinstatement",
        signer,
        offender=offender,
        violations=[record_digest(VIOLATION, b.body) for b in held],
        reason="explained at the hearing",
        day="2026-03-02",
    )


def test_a_reinstatement_works_from_the_next_request_on_and_not_for_a_new_violation(
    four: Four,
) -> None:
    package = four.custodian.request(access(), at=AT)
    four.custodian.report(action(package, "rank"), at=AT)
    pardon = reinstated("nhsa", four)
    for who in ("p.licensing", "h1", "p.analyst"):
        with pytest.raises(
            UsageError, match="expected the signature of an authoriser or regulator"
        ):
            four.custodian.reinstate(reinstated(who, four), at=AT)
    four.custodian.reinstate(pardon, at=AT)
    package = four.custodian.request(access(), at=AT)
    four.custodian.report(action(package, "rank"), at=AT)
    # The old one says nothing of the new violation, however often it is written down.
    four.custodian.reinstate(pardon, at=AT)
    with pytest.raises(PolicyRefused, match="no right to ask"):
        four.custodian.request(access(), at=AT)


# --- the asset is a dataset commitment, the action is a job


def test_a_job_is_reported_in_the_contracts_words_with_what_it_released(four: Four) -> None:
    demo = ROOT / "demos" / "settlement"
    parties = ("bureau", "insurer", "hospital")
    plan = plan_question(
        (demo / "question.sql").read_text(encoding="utf-8"),
        Setting(
            catalogue=Catalogue.load(demo / "catalogue.toml"),
            engine="rep3",
            compute=parties,
            initiator="bureau",
            recipients=("bureau",),
            scenario="audit",
            purpose="a test",
            k=10,
            helpers=lambda left, right: tuple(p for p in parties if p not in (left, right)),
        ),
    )
    words = job_actions(step.card for step in plan.steps)
    assert words == ("count", "join")
    package = four.custodian.request(access(), at=AT)
    assert four.custodian.report(action(package, *words), at=AT).allowed
    assert four.custodian.report(release(package), at=AT).allowed
    four.exchange()
    seen = provenance({"h2": four.nodes["h2"].log("bureau")}, "bureau.settlement", EVERYBODY)
    job, opened = seen.deeds[-2:]
    assert {job.what, opened.what} == {"count, join", "release"}
    results = {(deed.result, deed.cells) for deed in (job, opened)}
    assert results == {(None, None), (release(package).body["result"], 12)}


def test_every_protocol_has_a_word_or_is_part_of_another_and_others_are_refused() -> None:
    cards = {path.parent.name for path in (ROOT / "protocols").glob("*/card.toml")}
    # A claim is adjudicated against its person's token; no contract has a word for it.
    assert set(job_actions(cards - {"adjudication"})) == {
        *("sum", "count", "average", "join", "aggregate", "distinct", "quantile", "rank"),
    }
    with pytest.raises(UsageError, match="expected a protocol that contracts have a word for"):
        job_actions(["exfiltrate"])
    with pytest.raises(UsageError, match="expected a protocol that contracts have a word for"):
        job_actions(cards)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"actions": ["sum", "duplicate"]},
            "expected actions of sum, .* in a contract for job, got dup",
        ),
        ({"use": "data"}, "in a contract for data, got sum"),
        ({"use": "data", "actions": ["read"], "level": "HIGH"}, "expected a contract for jobs"),
        ({"since": "2027-01-01"}, "expected since <= until"),
        ({"roles": ["user", "user"]}, "expected different roles"),
        ({"uses": 0}, "uses: input should be greater than or equal to 1"),
        ({"parties": []}, "parties: value should have at least 1 item"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused(
    four: Four, change: dict[str, Any], message: str
) -> None:
    body = {**contract(name="second").to_json(), **change}
    with pytest.raises(UsageError, match=message):
        four.custodian.release(signed("contract", "bureau", **body), at=AT)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"count", ', '"peek", ', r"contract\.toml: contract\.actions\[2\]"),
        (
            'since = "2026-01-01"',
            'since = "1 May"',
            r"contract\.since: expected a day as YYYY-MM-DD",
        ),
        ("uses = 40", "uses = 40.0", r"contract\.uses: input should be a valid integer"),
        ('rows = "1b', 'rows = "1B', r"contract\.asset\.rows: string should match pattern"),
        ("version = 1", "version = 2", "version: input should be 1"),
    ],
)
def test_a_contracts_file_that_is_wrong_says_where(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (ROOT / "examples" / "governance" / "contract.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    path = tmp_path / "contract.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        Contract.load(path)


def test_only_the_owner_releases_and_a_name_only_once(four: Four) -> None:
    with pytest.raises(UsageError, match="expected a new name, got settlement-2026"):
        four.custodian.release(released(contract()), at=AT)
    with pytest.raises(UsageError, match="expected one of bureau, got one of h1"):
        four.custodian.release(released(contract(owner="h1", name="third")), at=AT)
    body = contract(name="third").to_json()
    with pytest.raises(UsageError, match="expected the signature of bureau and no other, got h1"):
        four.custodian.release(signed("contract", "h1", **body), at=AT)


# --- provenance: who did what to asset A, complete under node crash; tamper one block


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nodes' files after h1 and p have worked with the bureau's rows; one violation."""
    four = Four(tmp_path_factory.mktemp("nodes"))
    four.custodian.release(released(contract()), at=AT)
    package = four.custodian.request(access(), at="2026-03-02T08:00:00Z")
    four.custodian.report(action(package, "sum", "join"), at="2026-03-02T08:01:00Z")
    four.custodian.report(release(package), at="2026-03-02T08:02:00Z")
    other = four.custodian.request(access("h1.doctor"), at="2026-03-02T08:03:00Z")
    four.custodian.report(action(other, "rank", actor="h1.doctor"), at="2026-03-02T08:04:00Z")
    with pytest.raises(PolicyRefused):
        four.custodian.request(access("h1.doctor"), at="2026-03-02T08:05:00Z")
    four.exchange()
    four.close()
    return four.folder


@pytest.fixture
def busy(worked: Path, tmp_path: Path) -> Iterator[Four]:
    """The four nodes that have worked, on files of their own."""
    for name in NODES:
        shutil.copy(worked / f"{name}.sqlite", tmp_path)
    four = Four(tmp_path)
    yield four
    four.close()


DEEDS = [
    ("bureau", "released for sum, count, join, release", "allowed"),
    ("p.analyst", "asked for 2 uses for diabetes-report", "allowed"),
    ("bureau", "gave a package to p.analyst", "allowed"),
    ("p.analyst", "sum, join", "allowed"),
    ("p.analyst", "release", "allowed"),
    ("h1.doctor", "asked for 2 uses for diabetes-report", "allowed"),
    ("bureau", "gave a package to h1.doctor", "allowed"),
    ("h1.doctor", "rank", "disallowed-action"),
    ("h1.doctor", "asked for 2 uses for diabetes-report", "no package"),
]


def logs_of(four: Four, names: Sequence[str]) -> dict[str, Any]:
    return {name: read_copies(four.path(name)).blocks for name in names}


def test_provenance_says_who_did_what_in_order(busy: Four) -> None:
    found = provenance(logs_of(busy, NODES), "bureau.settlement", EVERYBODY)
    assert [(d.who, d.what, d.verdict) for d in found.deeds] == DEEDS
    assert found.faults == ()
    assert provenance(logs_of(busy, NODES), "h1.cases", EVERYBODY).deeds == ()


@pytest.mark.parametrize("gone", [("bureau",), ("h1",), ("bureau", "h1", "h2"), ("p", "h1", "h2")])
def test_provenance_is_complete_when_nodes_have_crashed(busy: Four, gone: tuple[str, ...]) -> None:
    whole = provenance(logs_of(busy, NODES), "bureau.settlement", EVERYBODY)
    for name in gone:
        busy.crash(name)
        busy.path(name).unlink()
    rest = [name for name in NODES if name not in gone]
    assert provenance(logs_of(busy, rest), "bureau.settlement", EVERYBODY) == whole


def test_provenance_is_complete_from_logs_that_each_lack_something(busy: Four) -> None:
    whole = provenance(logs_of(busy, NODES), "bureau.settlement", EVERYBODY)
    blocks = read_copies(busy.path("p")).blocks
    odd, even = blocks[::2], blocks[1::2]
    assert provenance({"a": odd, "b": even}, "bureau.settlement", EVERYBODY) == whole
    # And what no log has is told, not passed over.
    actions = [b for b in blocks if b.kind == "action"]
    lacking = provenance({"a": actions}, "bureau.settlement", EVERYBODY)
    assert lacking.deeds == ()
    assert len(lacking.faults) == 3
    assert "expected its package" in lacking.faults[0]


def test_a_statement_that_was_changed_is_no_provenance(busy: Four) -> None:
    changed = [
        b.model_copy(update={"body": json.loads(json.dumps(b.body).replace('"sum"', '"rank"'))})
        for b in read_copies(busy.path("p")).blocks
    ]
    found = provenance({"p": changed}, "bureau.settlement", EVERYBODY)
    assert "p, record 1: contract" in found.faults[0]
    assert "by the key of bureau, got another" in found.faults[0]
    assert "rank, join" not in {deed.what for deed in found.deeds}


def test_only_the_owner_says_that_an_action_broke_its_contract(
    busy: Four, files: tuple[Path, Path]
) -> None:
    job = next(b for b in busy.nodes["h1"].log("bureau") if b.kind == "action")
    subject = Statement.from_json(job.body["statement"]).digest
    form = {"what": "over-budget", "subject": subject, "entry": 1, "by": "bureau", "at": AT}
    claimed = Violation.model_validate({"offender": "p.analyst", **form})
    violated(
        busy.nodes["h1"], claimed
    )  # h1 writes into its own log what the bureau should have said
    done = run(files, busy.path("h1"))
    assert done.exit_code == 1
    assert (
        "log of h1 at h1, record 1: violation: expected one by h1, got one by bureau" in done.output
    )
    shown = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    assert [(d["who"], d["what"], d["verdict"]) for d in shown] == DEEDS


def tamper(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(sql).rowcount == 1
        db.commit()


@pytest.mark.parametrize("node", NODES)
def test_one_tampered_block_is_detected_by_any_other_node(busy: Four, node: str) -> None:
    tamper(
        busy.path(node),
        "UPDATE block SET body = replace(body, 'p.analyst', 'h2.doctor') "
        "WHERE log = 'bureau' AND number = 4",
    )
    for other in NODES:
        if other != node:
            (found,) = faults(busy.shown((node, other)), EVERYBODY)
            assert (found.log, found.index, found.node) == ("bureau", 4, node)


# --- the command


@pytest.fixture
def files(busy: Four) -> tuple[Path, Path]:
    """A consortium file and a principals file for the four nodes."""
    folder = busy.folder
    parties = "\n".join(
        f'[[party]]\nname = "{name}"\naddress = "127.0.0.1:{7000 + i}"\n'
        f'fingerprint = "sha256:{i:064x}"\ncertificate = "{name}.crt"\nsigning_key = "{public(name)}"\n'
        for i, name in enumerate(NODES)
    )
    head = (
        'name = "four"\ncatalogue = "c.toml"\npolicy = "p.toml"\ncompute = ["bureau", "h1", "p"]\n'
    )
    (folder / "consortium.toml").write_text(head + parties)
    others = "\n".join(
        f'[[principal]]\nname = "{name}"\nkey = "{public(name)}"\nroles = {json.dumps(roles)}\n'
        for name, roles in ROLES.items()
        if name not in NODES
    )
    (folder / "principals.toml").write_text("version = 1\n" + others)
    return folder / "consortium.toml", folder / "principals.toml"


def run(files: tuple[Path, Path], *paths: Path, json_lines: bool = True) -> Any:
    given = ["provenance", "--asset", "bureau.settlement", "--consortium", str(files[0])]
    given += ["--principals", str(files[1]), *(["--json"] if json_lines else [])]
    for path in paths:
        given += ["--ledger", str(path)]
    return CliRunner().invoke(app, given)


def test_the_command_prints_who_did_what(busy: Four, files: tuple[Path, Path]) -> None:
    done = run(files, *(busy.path(name) for name in NODES))
    assert done.exit_code == 0, done.output
    shown = [json.loads(line) for line in done.output.splitlines()]
    assert [(d["who"], d["what"], d["verdict"]) for d in shown] == DEEDS
    table = run(files, busy.path("h2"), json_lines=False)
    assert table.exit_code == 0
    head, *rows = table.output.splitlines()
    assert head.split() == ["at", "who", "what", "verdict", "query", "result", "cells", "statement"]
    assert [row.split()[1] for row in rows] == [who for who, _, _ in DEEDS]
    assert all(
        row.index(who) == head.index("who") for row, (who, _, _) in zip(rows, DEEDS, strict=True)
    )


def test_the_command_names_a_tampered_node_and_shows_the_rest(
    busy: Four, files: tuple[Path, Path]
) -> None:
    tamper(
        busy.path("p"),
        "UPDATE block SET kind = 'finish' WHERE log = 'bureau' AND number = 4",
    )
    done = run(files, busy.path("p"), busy.path("h1"))
    assert done.exit_code == 1
    assert "block 4 of the log of bureau: p: expected the head of its content" in done.output
    shown = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    assert [(d["who"], d["what"], d["verdict"]) for d in shown] == DEEDS


def test_the_command_reads_a_partys_ledger_too(files: tuple[Path, Path], tmp_path: Path) -> None:
    log = InLedger(tmp_path / "ledger.sqlite")
    with log.ledger:
        custodian = Custodian("bureau", KEYS["bureau"], log, EVERYBODY)
        custodian.release(released(contract()), at=AT)
        package = custodian.request(access(), at=AT)
        custodian.report(action(package, "rank"), at=AT)
        again = Custodian("bureau", KEYS["bureau"], log, EVERYBODY)
        with pytest.raises(PolicyRefused, match="disallowed-action"):
            again.request(access(), at=AT)
    done = run(files, log.path)
    assert done.exit_code == 0, done.output
    verdicts = [json.loads(line)["verdict"] for line in done.output.splitlines()]
    assert sorted(verdicts) == [*(["allowed"] * 3), "disallowed-action", "no package"]
