"""Receipts: a good one holds in every check, and for each check there is one that fails it, and names who."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.governance.audited import (
    ANSWER,
    AUTHORISER,
    OPERATOR,
    PARTIES,
    RUN,
    SALT,
    Audited,
    answer_file,
    key_of,
    principals,
)
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.receipt import check_receipt
from mpcstats.party.question import Question as Asked
from mpcstats.records.ledger.commitment import commit
from mpcstats.records.ledger.finding import blame, verify_receipt
from mpcstats.records.ledger.receipt import PartyPart, Question, Receipt, answer_bytes, part_of
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement

EXAMPLES = Path(__file__).parents[2] / "examples" / "governance"
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
Change = Callable[[Any], None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Audited]:
    made = Audited(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A receipt that holds, as plain data."""
    world = Audited(tmp_path_factory.mktemp("good"))
    receipt = json.loads(json.dumps(world.receipt().to_json()))
    world.close()
    return receipt


def bad(receipt: Receipt, **more: Any) -> list[tuple[str, str | None]]:
    """Check and party of what does not hold."""
    return [(f.check, f.party) for f in verify_receipt(receipt, principals(), **more) if not f.good]


def test_a_good_receipt_holds_in_every_check(good: Any) -> None:
    receipt = Receipt.from_json(good)
    found = verify_receipt(receipt, principals(), answer=answer_file())
    assert [str(f) for f in found if not f.good] == []
    assert json.loads(json.dumps(receipt.to_json())) == good
    assert {f.check for f in found} == {
        *("terms", "parties", "agreement", "agreed terms", "agreement logged", "checkpoint"),
        *("inclusion", "cosignatures", "order", "decision", "openings", "gate", "transcripts"),
        *("approvals relied on", "approval", "result", "answer"),
    }
    for check in ("agreement", "checkpoint", "inclusion", "cosignatures", "order", "decision"):
        assert [f.party for f in found if f.check == check] == list(PARTIES)


def test_the_question_has_the_digest_that_every_party_computes() -> None:
    asked = Asked("SELECT '保'", "supervision", "of 2024", "bureau", ("bureau", "h1"), "2026-09-21")
    question = Question.model_validate(
        {
            "text": asked.text,
            "scenario": asked.scenario,
            "purpose": asked.purpose,
            "initiator": asked.initiator,
            "recipients": list(asked.recipients),
            "day": asked.day,
            "user": asked.user,
            "project": asked.project,
        }
    )
    assert question.digest == asked.digest()
    assert question.to_json() == asked.to_json()


def part(receipt: Any, party: str) -> Any:
    return next(p for p in receipt["parties"] if p["party"] == party)


def first(receipt: Any, party: str, kind: str) -> Any:
    return next(e for e in part(receipt, party)["entries"] if e["entry"]["kind"] == kind)


def set_body(party: str, kind: str, **body: Any) -> Change:
    return lambda r: first(r, party, kind)["entry"]["body"].update(body)


def flip(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]


def cut_line(receipt: Any, party: str, line: int) -> None:
    lines = part(receipt, party)["checkpoint"].splitlines(keepends=True)
    part(receipt, party)["checkpoint"] = "".join(lines[:line] + lines[line + 1 :])


# Who changes a receipt on its way: name, change, and the check that fails with whose part.
CHANGES: dict[str, tuple[Change, tuple[str, str | None]]] = {
    "the question's text": (
        lambda r: r["question"].update(text="SELECT 1"),
        ("terms", None),
    ),
    "another plan": (lambda r: r.update(plan="00" * 32), ("terms", None)),
    "a term changed for all": (
        lambda r: r["terms"].update(catalogue="00" * 32),
        ("agreed terms", "hospital"),
    ),
    "a term left out": (lambda r: r["terms"].pop("catalogue"), ("agreed terms", "insurer")),
    "another run": (lambda r: r.update(run="0" * 64), ("order", "bureau")),
    "an agreement changed": (
        lambda r: part(r, "hospital")["agreement"]["body"]["commitments"].update(spine="0" * 64),
        ("agreement", "hospital"),
    ),
    "an agreement without a signature": (
        lambda r: part(r, "hospital")["agreement"].update(signatures={}),
        ("agreement", "hospital"),
    ),
    "an agreement of another kind": (
        lambda r: part(r, "hospital")["agreement"].update(kind="approval"),
        ("agreement", "hospital"),
    ),
    "a party left out": (lambda r: r["parties"].pop(1), ("parties", "bureau")),
    "a recipient left out": (lambda r: r["parties"].pop(0), ("result", "bureau")),
    "a party of another name": (
        lambda r: part(r, "insurer").update(party="nobody"),
        ("key", "nobody"),
    ),
    "a person in place of a party": (
        lambda r: part(r, "insurer").update(party=OPERATOR),
        ("key", OPERATOR),
    ),
    "an entry changed": (
        set_body("hospital", "opening", leak="everything"),
        ("inclusion", "hospital"),
    ),
    "an entry's time changed": (
        lambda r: first(r, "bureau", "finish")["entry"].update(time="2026-01-01T00:00:00Z"),
        ("inclusion", "bureau"),
    ),
    "an entry's proof changed": (
        lambda r: first(r, "bureau", "start")["proof"].insert(0, "0" * 64),
        ("inclusion", "bureau"),
    ),
    "an entry left out": (
        lambda r: part(r, "insurer")["entries"].pop(1),
        ("order", "insurer"),
    ),
    "entries in another order": (
        lambda r: part(r, "insurer")["entries"].reverse(),
        ("order", "insurer"),
    ),
    "a finish left out": (lambda r: part(r, "insurer")["entries"].pop(), ("order", "insurer")),
    "a decision left out": (
        lambda r: part(r, "insurer")["entries"].pop(0),
        ("decision", "insurer"),
    ),
    "a decision of another policy": (
        set_body("insurer", "decision", policy="0" * 64),
        ("decision", "insurer"),
    ),
    "a decision of another plan": (
        set_body("insurer", "decision", plan="0" * 64),
        ("decision", "insurer"),
    ),
    "a refusal": (set_body("insurer", "decision", permit=False), ("decision", "insurer")),
    "a permit that is no true": (set_body("insurer", "decision", permit="yes"), ("decision", "insurer")),
    "a checkpoint of another party": (
        lambda r: part(r, "insurer").update(checkpoint=part(r, "bureau")["checkpoint"]),
        ("checkpoint", "insurer"),
    ),
    "a checkpoint's own signature": (lambda r: cut_line(r, "bureau", 4), ("checkpoint", "bureau")),
    "a cosignature left out": (lambda r: cut_line(r, "bureau", 5), ("cosignatures", "bureau")),
    "an opening told otherwise": (
        set_body("hospital", "opening", to=["insurer"]),
        ("openings", "hospital"),
    ),
    "a gate told otherwise": (
        set_body("insurer", "finish", gate={"k": 3, "cells": 1, "suppressed": None}),
        ("gate", "insurer"),
    ),
    "an approval left out": (
        lambda r: r["approvals"].clear(),
        ("approvals relied on", "bureau"),
    ),
    "an approval changed": (
        lambda r: r["approvals"][0]["body"].update(plan="0" * 64),
        ("approval", None),
    ),
    "an approval without a signature": (
        lambda r: r["approvals"][0].update(signatures={}),
        ("approval", None),
    ),
    "a transcript told otherwise": (
        lambda r: first(r, "insurer", "finish")["entry"]["body"]["transcript"]["bureau"].update(sent="0"),
        ("transcripts", "insurer or bureau"),
    ),
    "no commitment to the answer": (
        set_body("bureau", "finish", result=None),
        ("result", "bureau"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_receipt_fails_and_says_where(good: Any, name: str) -> None:
    change, expected = CHANGES[name]
    receipt = copy.deepcopy(good)
    change(receipt)
    assert receipt != good
    assert expected in bad(Receipt.from_json(receipt))


def test_every_byte_of_every_signature_and_proof_counts(good: Any) -> None:
    """One hex digit or sign of base64 changed, anywhere in what the parties have signed."""
    changed = 0
    for p in range(len(PARTIES)):
        texts: list[tuple[Any, Any]] = [
            (lambda r, p=p: r["parties"][p]["agreement"]["signatures"], PARTIES[p])
        ]
        for e, logged in enumerate(good["parties"][p]["entries"]):
            texts.append((lambda r, p=p, e=e: r["parties"][p]["entries"][e]["entry"], "previous"))
            for i in range(len(logged["proof"])):
                texts.append((lambda r, p=p, e=e: r["parties"][p]["entries"][e]["proof"], i))
        for where, name in texts:
            receipt = copy.deepcopy(good)
            where(receipt)[name] = flip(where(receipt)[name])
            assert PARTIES[p] in {party for _, party in bad(Receipt.from_json(receipt))}
            changed += 1
    assert changed > 30


@pytest.mark.parametrize(
    ("differs", "expected"),
    [
        ({"agreed": {"hospital": {"terms": {"plan": "00" * 32}}}}, ("agreed terms", "hospital")),
        ({"agreed": {"hospital": {"plan": "00" * 32}}}, None),
        ({"decision": {"insurer": {"policy": "00" * 32}}}, ("decision", "insurer")),
        ({"decision": {"insurer": {"approvals": ["00" * 32]}}}, ("approvals relied on", "insurer")),
        ({"opening": {"insurer": {"to": ["insurer", "bureau"]}}}, ("openings", "insurer")),
        ({"finish": {"hospital": {"gate": {"k": 1}}}}, ("gate", "hospital")),
        ({"finish": {"bureau": {"result": None}}}, ("result", "bureau")),
    ],
)
def test_a_party_that_did_otherwise_is_named_though_all_its_signatures_are_good(
    world: Audited, differs: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    if expected is None:  # its ledger has no decision on the plan that it has agreed to
        with pytest.raises(UsageError, match=r"expected an entry decision of question .* got none"):
            world.receipt(**differs)
        return
    receipt = world.receipt(**differs)
    assert bad(receipt) == [expected]


def test_two_agreements_for_one_run_do_not_pass(world: Audited) -> None:
    """The digest in the start entry fixes which of two signed agreements a party has run on."""
    receipt = world.receipt()
    other = world.agreed("hospital", RUN, commitments={"spine": commit(b"other rows", SALT)})
    raw = json.loads(json.dumps(receipt.to_json()))
    part(raw, "hospital")["agreement"] = json.loads(json.dumps(other.to_json()))
    assert bad(Receipt.from_json(raw)) == [("agreement logged", "hospital")]


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        (OPERATOR, key_of(OPERATOR), "expected signers who are authoriser"),
        ("hospital", key_of("hospital"), "expected signers who are authoriser"),
        (AUTHORISER, STRANGER, "expected a signature by the key of bureau.authoriser, got another"),
        ("nobody", STRANGER, "expected a known principal, got 'nobody'"),
    ],
)
def test_an_approval_of_somebody_who_may_not_fails(
    world: Audited, name: str, key: Ed25519PrivateKey, why: str
) -> None:
    world.approvals[:] = [Statement.of("approval", {"plan": world.plan}).sign(name, key)]
    found = verify_receipt(world.receipt(), principals())
    (fault,) = [f for f in found if not f.good]
    assert fault.check == "approval"
    assert why in fault.why


def test_an_approval_that_nobody_relied_on_fails(world: Audited) -> None:
    differs: dict[str, Any] = {name: {"approvals": []} for name in PARTIES}
    assert bad(world.receipt(decision=differs)) == [("approval", None)]


def test_the_quorum_counts_parties_of_the_consortium_alone(good: Any) -> None:
    receipt = Receipt.from_json(good)
    assert bad(receipt, quorum=2) == []
    assert set(bad(receipt, quorum=3)) == {("cosignatures", name) for name in PARTIES}
    without = Principals(
        [e for n in principals().names if n != "insurer" and (e := principals().get(n))]
    )
    found = verify_receipt(receipt, without)
    assert ("cosignatures", "bureau") in {(f.check, f.party) for f in found if not f.good}


@pytest.mark.parametrize(
    "change",
    [
        {"rows": [[4212]]},
        {"salt": "00" * 32},
        {"salt": None},
        {"salt": "zz"},
        {"states": [["suppressed"]]},
        {"columns": ["person"]},
    ],
)
def test_another_answer_does_not_open_the_commitment(good: Any, change: dict[str, Any]) -> None:
    receipt = Receipt.from_json(good)
    assert bad(receipt, answer=answer_file()) == []
    assert bad(receipt, answer={**answer_file(), "more": 1}) == []
    assert bad(receipt, answer={**answer_file(), **change}) == [("answer", None)]
    assert bad(receipt, answer={}) == [("answer", None)]


def test_an_answers_bytes_have_one_form() -> None:
    assert answer_bytes(ANSWER) == b'{"columns":["persons"],"rows":[[4211]],"states":[["value"]]}'
    with pytest.raises(UsageError, match=r"^expected an answer with columns, rows, states$"):
        answer_bytes({"rows": []})


def test_blame_names_party_and_entry(good: Any) -> None:
    receipt = copy.deepcopy(good)
    first(receipt, "hospital", "opening")["entry"]["body"]["leak"] = "everything"
    receipt["approvals"].clear()
    found = blame(verify_receipt(Receipt.from_json(receipt), principals()))
    assert ("inclusion", "hospital", 3) in [(f.check, f.party, f.entry) for f in found]
    assert all(not f.good and f.party for f in found)
    said = "hospital: entry 3: inclusion: expected a proof that entry 3 opening is in the log, "
    assert any(str(f).startswith(said) for f in found)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda r: r.update(version=2), "version"),
        (lambda r: r.update(extra=1), "extra"),
        (lambda r: r.pop("plan"), "plan"),
        (lambda r: r.update(plan="x"), "plan"),
        (lambda r: r["question"].update(recipients="bureau"), "question.recipients"),
        (lambda r: r["parties"][1].update(entries=[]), r"parties\[2\].entries"),
        (lambda r: r["parties"][1]["entries"][0].update(proof=["0"]), r"parties\[2\].entries\[1\].proof\[1\]"),
        (lambda r: r["parties"][1]["entries"][0]["entry"].update(index=True), r"parties\[2\].entries\[1\].entry"),
        (lambda r: r["parties"][1]["entries"][0]["entry"].update(kind="x"), r"parties\[2\].entries\[1\].entry"),
        (lambda r: r["parties"][1]["entries"][0]["entry"]["body"].update(k=1.5), r"parties\[2\].entries\[1\].entry"),
        (lambda r: r["parties"][1]["agreement"].pop("kind"), r"parties\[2\].agreement"),
        (lambda r: r["parties"].append(r["parties"][0]), "two of one"),
        (lambda r: r["approvals"].append({}), r"approvals\[2\]"),
    ],
)  # fmt: skip
def test_a_receipt_of_another_form_is_refused_with_its_place(
    good: Any, tmp_path: Path, change: Change, place: str
) -> None:
    receipt = copy.deepcopy(good)
    change(receipt)
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(receipt), "utf-8")
    with pytest.raises(UsageError, match=rf"receipt.json: .*{place}"):
        Receipt.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_receipt_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"receipt.json: "):
        Receipt.load(path)
    with pytest.raises(UsageError, match=r"none.json: expected a receipt, got: No such file"):
        Receipt.load(tmp_path / "none.json")


def test_a_part_is_of_a_run_that_the_ledger_has(world: Audited) -> None:
    world.receipt()
    ledger = world.ledgers["bureau"]
    with pytest.raises(
        UsageError, match=r"expected an entry start of run 0000000000000000, got none"
    ):
        part_of(ledger, world.agreed("bureau", "0" * 64))
    with pytest.raises(UsageError, match=r"^expected an entry below 3, got 3$"):
        part_of(ledger, world.agreed("bureau", RUN), size=3)
    whole = part_of(ledger, world.agreed("bureau", RUN))
    assert PartyPart.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    # After the exchange: the checkpoint of all entries is not cosigned, that of the run's end is.
    assert "hospital" not in whole.checkpoint
    assert "hospital" in part_of(ledger, world.agreed("bureau", RUN), size=5).checkpoint


def test_a_receipts_digest_is_of_its_content(good: Any) -> None:
    receipt = Receipt.from_json(good)
    plain = json.dumps(good, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert receipt.digest == hashlib.sha256(plain.encode()).hexdigest()


def test_a_part_holds_its_own_run_alone(world: Audited) -> None:
    world.receipt()
    second = world.receipt("ab" * 32)
    assert [bad(second), len(second.parties[0].entries)] == [[], 4]
    assert second.parties[0].entries[0].entry.index > 4


def test_the_example_holds() -> None:
    found = check_receipt(
        EXAMPLES / "receipt.json",
        EXAMPLES / "receipt_consortium.toml",
        principals=EXAMPLES / "receipt_principals.toml",
        answer=EXAMPLES / "receipt_answer.json",
    )
    assert [str(f) for f in found if not f.good] == []
    # Without the principals' file nobody knows the authoriser.
    found = check_receipt(EXAMPLES / "receipt.json", EXAMPLES / "receipt_consortium.toml")
    assert [f.check for f in found if not f.good] == ["approval"]


def test_the_command_says_whom_to_blame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        *("--consortium", EXAMPLES / "receipt_consortium.toml"),
        *("--principals", EXAMPLES / "receipt_principals.toml"),
    )
    verify = ["receipt", "verify", *map(str, options)]
    assert app([*verify, str(EXAMPLES / "receipt.json")], standalone_mode=False) in (None, 0)
    assert "checks, all hold" in capsys.readouterr().out
    raw = json.loads((EXAMPLES / "receipt.json").read_text("utf-8"))
    first(raw, "insurer", "decision")["entry"]["body"]["rule"] = "\x1b[31mred"
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(raw), "utf-8")
    assert app([*verify, str(path)], standalone_mode=False) == 1
    said = capsys.readouterr().out
    assert "not borne out by the records of insurer" in said
    assert "\x1b[31m" not in said
    app(["receipt", "show", str(path)], standalone_mode=False)
    assert "supervision: inpatients who are enrolled" in capsys.readouterr().out


def test_the_consortium_file_may_name_the_principals(tmp_path: Path) -> None:
    text = (EXAMPLES / "receipt_consortium.toml").read_text("utf-8")
    path = tmp_path / "consortium.toml"
    named = f'[registers]\nprincipals = "{EXAMPLES / "receipt_principals.toml"}"\n'
    path.write_text(f"{text}\n{named}", "utf-8")
    answer = str(EXAMPLES / "receipt_answer.json")
    command = ["receipt", "verify", str(EXAMPLES / "receipt.json"), "--answer", answer, "--json"]
    done = CliRunner().invoke(app, [*command, "--consortium", str(path)], catch_exceptions=False)
    found = json.loads(done.output)
    assert (done.exit_code, {one["good"] for one in found}) == (0, {True})
    path.write_text(text, "utf-8")
    done = CliRunner().invoke(app, [*command, "--consortium", str(path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert [one["check"] for one in json.loads(done.output) if not one["good"]] == ["approval"]
