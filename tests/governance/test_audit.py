"""Audit, trace, accountability (SYSTEMS.md, rows 16 and 17): what the ledgers and a receipt show of a run, and of whom.

Row 16, least: a signed append-only hash-chained log per party; each party's head in the others' logs; a verifier that
replays a run; blame; no values in logs. Row 17, of the ledger: the result equals what the ledger says; a ledger that
cannot be written stops the run; no personal data in it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.governance.audited import (
    ANSWER,
    FRAGMENTS,
    PARTIES,
    SALT,
    Audited,
    answer_file,
    principals,
    public,
)
from tests.system.conftest import SETTLEMENT, Town

from mpcstats.cli.app import app
from mpcstats.errors import PeerFault, UsageError
from mpcstats.party.compile import Records, compile_question
from mpcstats.party.files.config import Consortium
from mpcstats.party.question import Question as Asked
from mpcstats.party.question import today
from mpcstats.party.sandbox import demo
from mpcstats.records.ledger import entries, file, verify
from mpcstats.records.ledger.checkpoint import checkpoint_digest, read_checkpoint
from mpcstats.records.ledger.commitment import opens
from mpcstats.records.ledger.finding import blame, verify_receipt
from mpcstats.records.ledger.log import kept, latest
from mpcstats.records.ledger.receipt import Question, Receipt
from mpcstats.records.ledger.witness import SplitView, Witness, forked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Audited]:
    made = Audited(tmp_path)
    yield made
    made.close()


def whole(world: Audited, name: str, *notes: str) -> str | None:
    others = {other: public(other) for other in PARTIES if other != name}
    path = world.path(name)
    return verify(path, public(name), party=name, kept=notes, cosigners=others).fault


# row 16: per-party append-only hash-chained signed log


def test_every_party_has_its_own_signed_log_in_which_each_entry_fixes_those_before_it(
    world: Audited,
) -> None:
    world.receipt()
    for name in PARTIES:
        ledger = world.ledgers[name]
        for entry in ledger.entries():
            note, _ = read_checkpoint(ledger.checkpoint(entry.index), name, public(name))
            assert entry.previous == checkpoint_digest(note, name, public(name))
        assert whole(world, name) is None


def test_the_log_is_only_appended_to(world: Audited) -> None:
    world.receipt()
    with closing(sqlite3.connect(world.path("bureau"))) as db:
        for statement in ("DELETE FROM entry WHERE number = 2", "UPDATE entry SET content = ''"):
            with pytest.raises(sqlite3.IntegrityError, match=r"^append-only$"):
                db.execute(statement)


# row 16: cross-anchoring


def test_each_partys_head_stands_in_the_others_logs(world: Audited) -> None:
    receipt = world.receipt()
    for part in receipt.parties:
        note, point = read_checkpoint(part.checkpoint, part.party, public(part.party))
        for other in PARTIES:
            if other != part.party:
                said = [
                    e.body
                    for e in world.ledgers[other].entries("cosigned")
                    if e.body["origin"] == point.origin
                ]
                digest = checkpoint_digest(note, part.party, public(part.party))
                assert [(b["size"], b["checkpoint"]) for b in said] == [(point.size, digest)]


def test_a_ledger_rolled_back_with_all_its_signatures_is_found_by_the_others(
    world: Audited, tmp_path: Path
) -> None:
    """The bureau puts back the file of before the run: by itself it is whole, the hospital's head says it is not."""
    old = tmp_path / "old.sqlite"
    world.decide("bureau")
    shutil.copy(world.path("bureau"), old)
    world.receipt()
    assert verify(old, public("bureau"), party="bureau").fault is None
    note = kept(world.path("hospital"), "bureau")
    fault = verify(old, public("bureau"), party="bureau", kept=[note]).fault
    assert fault is not None
    assert fault.startswith("entry 2: expected 7 entries as a kept checkpoint says, got 2")
    assert whole(world, "bureau", note) is None


def test_a_party_that_shows_two_histories_is_convicted_by_its_own_signatures(
    world: Audited, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    second = Audited(tmp_path / "second")
    world.receipt()
    second.receipt(finish={"bureau": {"bytes_sent": 1}})
    keys = {name: public(name) for name in PARTIES}
    hospital = Witness(world.ledgers["hospital"], keys)
    shown = second.ledgers["bureau"]
    lie = {"checkpoint": shown.checkpoint(5), "old": 5, "proof": []}
    with pytest.raises(SplitView) as found:
        hospital.answer("bureau", lie)
    assert forked(found.value.held, found.value.offered, "bureau", public("bureau"))
    world.ledgers["hospital"].append("violation", found.value.body())
    assert whole(world, "hospital") is None
    second.close()


# row 16: a verifier that replays


def replayed(world: Audited, records: Records) -> str:
    """The digest of the plan that the question of the receipt gives anybody who has the same records."""
    question = world.question
    asked = Asked(
        question.text,
        question.scenario,
        question.purpose,
        question.initiator,
        question.recipients,
        question.day,
    )
    return compile_question(asked, records).plan_digest


def test_the_policy_decision_is_replayed_from_the_question(tmp_path: Path) -> None:
    """Compiled anew, the receipt's question gives the plan, the policy and the level that every party has signed."""
    records = Records.load(
        "insurer",
        catalogue=SETTLEMENT / "catalogue.toml",
        policy=SETTLEMENT / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )
    text = (SETTLEMENT / "question.sql").read_text("utf-8")
    asked = Asked(text, "supervision", "of 2024", "bureau", ("bureau",), "2026-09-21")
    permit = compile_question(asked, records)
    question = Question.model_validate(asked.to_json())
    world = Audited(tmp_path, question, permit.plan_digest, permit.policy_digest)
    level = {name: {"level": permit.level.name, "rule": permit.rule} for name in PARTIES}
    receipt = world.receipt(decision=level)
    assert blame(verify_receipt(receipt, principals())) == ()
    assert replayed(world, records) == receipt.plan
    (decision,) = receipt.parties[2].of_kind("decision")
    assert (decision.body["level"], decision.body["policy"]) == (
        permit.level.name,
        permit.policy_digest,
    )
    # Another question is another plan: the receipt cannot be had for one that was not asked.
    world.question = question.model_copy(update={"text": text.replace("'E15'", "'E14'")})
    assert replayed(world, records) != receipt.plan
    world.close()


def test_the_commitments_open_to_the_inputs_alone(world: Audited) -> None:
    receipt = world.receipt()
    for part in receipt.parties:
        said: Any = part.agreement.body["commitments"]
        assert set(said) == set(FRAGMENTS[part.party])
        for fragment, content in FRAGMENTS[part.party].items():
            assert opens(said[fragment], content, SALT)
            assert not opens(said[fragment], content + b" and more", SALT)


def test_the_verifier_is_a_command_that_needs_no_party(
    world: Audited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = Path(__file__).parents[2] / "examples" / "governance"
    world.receipt().save(tmp_path / "receipt.json")
    (tmp_path / "answer.json").write_text(json.dumps(answer_file()), "utf-8")
    command = [
        *("receipt", "verify", str(tmp_path / "receipt.json")),
        *("--consortium", str(examples / "receipt_consortium.toml")),
        *("--principals", str(examples / "receipt_principals.toml")),
        *("--answer", str(tmp_path / "answer.json")),
    ]
    assert app(command, standalone_mode=False) in (None, 0)
    assert "all hold" in capsys.readouterr().out
    other = {**answer_file(), "rows": [[4212]]}
    (tmp_path / "answer.json").write_text(json.dumps(other), "utf-8")
    assert app(command, standalone_mode=False) == 1


# row 16: blame


@pytest.mark.parametrize(
    ("differs", "party", "entry", "check"),
    [
        ({"decision": {"hospital": {"policy": "0" * 64}}}, "hospital", 1, "decision"),
        ({"opening": {"insurer": {"to": ["bureau", "insurer"]}}}, "insurer", 3, "openings"),
        ({"finish": {"hospital": {"gate": {"k": 1}}}}, "hospital", 4, "gate"),
        (
            {"finish": {"insurer": {"transcript": {"bureau": {"sent": "0" * 64}}}}},
            "insurer or bureau",
            None,
            "transcripts",
        ),
        ({"agreed": {"insurer": {"terms": {"plan": "0" * 64}}}}, "insurer", None, "agreed terms"),
    ],
)
def test_who_broke_the_agreement_is_named_with_the_entry(
    world: Audited, differs: dict[str, Any], party: str, entry: int | None, check: str
) -> None:
    found = blame(verify_receipt(world.receipt(**differs), principals()))
    assert [(f.party, f.entry, f.check) for f in found] == [(party, entry, check)]


def test_who_denies_a_run_afterwards_is_named(world: Audited) -> None:
    """The insurer leaves its finish out of the receipt, or puts in one that its log does not have."""
    raw = json.loads(json.dumps(world.receipt().to_json()))
    insurer = raw["parties"][2]
    finish = insurer["entries"].pop()
    found = blame(verify_receipt(Receipt.from_json(raw), principals()))
    assert [(f.party, f.check) for f in found] == [("insurer", "order")]
    finish["entry"]["body"]["bytes_sent"] = 1
    insurer["entries"].append(finish)
    found = blame(verify_receipt(Receipt.from_json(raw), principals()))
    assert [(f.party, f.entry, f.check) for f in found] == [("insurer", 4, "inclusion")]


def test_blame_falls_on_nobody_who_kept_the_agreement(world: Audited) -> None:
    assert blame(verify_receipt(world.receipt(), principals(), answer=answer_file())) == ()


# row 16 and 17: no values in logs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, demo.Shown]:
    """A real run of the settlement demo, in three processes over TLS: its data, its folder, its answer."""
    data, keep = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("keep") / "run"
    demo.make_data(data, persons=1500, seed=3)
    return data, keep, demo.settlement(data, keep)


def values_of(data: Path, answer: Any) -> set[str]:
    """Every text of nine signs or more in any owner's table, and every large number of the answer."""
    found = {
        str(cell) for row in answer.rows for cell in row if isinstance(cell, int) and cell > 10**6
    }
    with duckdb.connect() as database:
        tables = [database.read_parquet(str(path)) for path in data.rglob("*.parquet")]
        tables += [database.read_csv(str(p), all_varchar=True) for p in data.rglob("*.csv.gz")]
        for table in tables:
            for row in table.fetchall():
                found |= {cell for cell in row if isinstance(cell, str) and len(cell.strip()) >= 9}
    return found


def leaks(path: Path, values: set[str]) -> set[str]:
    """Which of the values stand in an entry of the ledger, or anywhere in its file."""
    texts = [entry.content for entry in entries(path)]
    raw = path.read_bytes()
    return {value for value in values if value.encode() in raw or any(value in t for t in texts)}


@pytest.mark.system
def test_no_value_of_anybodys_data_is_in_any_ledger(
    run: tuple[Path, Path, demo.Shown], tmp_path: Path
) -> None:
    data, keep, shown = run
    values = values_of(data, shown.result.answer)
    assert len(values) > 1500
    paths = sorted((keep / "ledgers").glob("*.sqlite"))
    assert [path.stem for path in paths] == sorted(PARTIES)
    for path in paths:
        assert "finish" in {entry.kind for entry in entries(path)}
        assert leaks(path, values) == set()
    # The check would find one: an id number in an entry of a ledger like these.
    some = min(values)
    world = Audited(tmp_path)
    world.ledgers["bureau"].append("fault", {"why": f"no row for {some}"})
    assert leaks(world.path("bureau"), values) == {some}
    world.close()


@pytest.mark.system
def test_the_ledgers_of_a_real_run_are_whole_and_their_checkpoints_can_be_kept(
    run: tuple[Path, Path, demo.Shown], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, keep, shown = run
    assert {name: report.fault for name, report in shown.ledgers.items()} == dict.fromkeys(PARTIES)
    agreed = Consortium.load(keep / "consortium.toml")
    options = ("--consortium", str(keep / "consortium.toml"), "--party", "hospital")
    app(["ledger", "checkpoint", *options], standalone_mode=False)
    note = capsys.readouterr().out
    path = keep / "ledgers" / "hospital.sqlite"
    assert note == latest(path)
    _, point = read_checkpoint(note, "hospital", agreed.member("hospital").signing_key)
    assert point.size == len(entries(path))
    (tmp_path / "note").write_text(note, "utf-8")
    checked = ["ledger", "verify", *options, "--checkpoint", str(tmp_path / "note")]
    assert app(checked, standalone_mode=False) in (None, 0)
    assert f"{point.size} entries of hospital, whole; root {point.root.hex()}" in " ".join(
        capsys.readouterr().out.split()
    )


# row 17


def test_the_result_is_the_one_that_the_ledger_says(world: Audited) -> None:
    receipt = world.receipt()
    good = verify_receipt(receipt, principals(), answer={**ANSWER, "salt": SALT.hex()})
    assert [f.good for f in good if f.check == "answer"] == [True]
    other = {**ANSWER, "rows": [[4210]], "salt": SALT.hex()}
    assert [f.good for f in verify_receipt(receipt, principals(), answer=other)].count(False) == 1
    # Without the salt nobody can try all counts until one fits.
    for count in range(4200, 4220):
        guess = {**ANSWER, "rows": [[count]], "salt": "0" * 64}
        found = verify_receipt(receipt, principals(), answer=guess)
        assert [f.good for f in found if f.check == "answer"] == [False]


def test_a_ledger_that_cannot_be_written_stops_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No permit without an entry: while the file is held by somebody else, the node decides nothing."""
    monkeypatch.setattr(file, "WAIT", 0.01)
    town = Town(tmp_path, tmp_path, silence=30)
    text = (SETTLEMENT / "question.sql").read_text("utf-8")
    asked = Asked(text, "supervision", "of 2024", "bureau", ("bureau",), today())
    with town.node() as node:
        path = tmp_path / "ledgers" / "bureau.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(UsageError, match=r"expected a ledger to write, got: database is l"):
                node.decide(asked)
            other.execute("ROLLBACK")
        assert node.decide(asked).party == "bureau"
    assert town.ledger("bureau") == ["request", "decision"]
    town.close()


def test_a_run_whose_approval_is_not_there_has_no_good_receipt(world: Audited) -> None:
    raw = json.loads(json.dumps(world.receipt().to_json()))
    raw["approvals"] = []
    found = blame(verify_receipt(Receipt.from_json(raw), principals()))
    assert [(f.party, f.check) for f in found] == [(n, "approvals relied on") for n in PARTIES]


def test_a_violation_is_an_entry_that_a_reinstatement_follows(world: Audited) -> None:
    """The kinds that revoke and give back the right to ask, found by kind without reading the whole log."""
    ledger = world.ledgers["bureau"]
    world.receipt()
    said = {"party": "insurer", "violation": "a query outside its template", "question": "0" * 64}
    ledger.append("violation", said)
    ledger.append("reinstatement", {"party": "insurer", "by": "bureau.authoriser"})
    assert [e.body for e in ledger.entries("violation")] == [said]
    (last,) = ledger.newest("reinstatement")
    assert last.index > ledger.entries("violation")[0].index


def test_a_conflict_that_a_peer_makes_up_does_not_pass(world: Audited) -> None:
    world.receipt()
    keys = {name: public(name) for name in PARTIES}
    bureau = Witness(world.ledgers["bureau"], keys)
    made_up = replace_party(world.ledgers["hospital"].checkpoint(), "hospital", "bureau")
    conflict = {"held": made_up, "offered": made_up, "reason": "a split view"}
    with pytest.raises(PeerFault, match="notes that this party has not signed"):
        bureau.accept("hospital", {"conflict": conflict}, size=5)


def replace_party(note: str, old: str, new: str) -> str:
    return note.replace(f"mpcstats/{old}", f"mpcstats/{new}")
