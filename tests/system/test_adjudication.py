"""Adjudication between a bureau's node and an insurer's over TLS: once, for the token's event, insurer and fields."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.consenting import IDS, Office
from tests.system.conftest import cli

from mpcstats.errors import PolicyRefused
from mpcstats.party.adjudication import insurer as asking
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.client import Party, connect
from mpcstats.party.desk.statements import text_of
from mpcstats.party.files.config import Consortium
from mpcstats.party.question import today
from mpcstats.party.registers import load_principals
from mpcstats.party.sandbox.local import environment
from mpcstats.records.consent.view import Used, safe_box
from mpcstats.records.day import later
from mpcstats.records.ledger.finding import verify_receipt
from mpcstats.records.ledger.receipt import Receipt
from mpcstats.records.signed import Statement

if TYPE_CHECKING:
    from tests.system.conftest import Town

EXAMPLE = Path(__file__).parents[2] / "examples" / "governance" / "rule.toml"
EVENT = "S0001"
PAYABLE = 960_000  # (1,250,000 - 50,000) * 80 %: preselfpay_amt is excluded
SETTLED_DAY = 20_000
CATALOGUE = """
version = 1

[[dataset]]
name = "bureau.settlement"
owner = "bureau"
rows = 60
consent = "per-matter"
[dataset.columns]
setl_id = { type = "text", level = "MODERATE" }
certno = { type = "text", level = "HIGH", person = true, key = "trim-upper" }
med_type = { type = "integer", level = "MODERATE", domain = [11, 14, 21, 52] }
psn_cash_pay = { type = "integer", level = "MODERATE", minimum = 0, maximum = 60_000_000, unit = "fen" }
preselfpay_amt = { type = "integer", level = "MODERATE", minimum = 0, maximum = 60_000_000, unit = "fen" }
setl_day = { type = "integer", level = "MODERATE", minimum = 19_723, maximum = 30_000, unit = "day" }
drg_code = { type = "text", level = "MODERATE", domain = ["A", "B"] }
"""
POLICY = """
version = 1

[[rule]]
scenario = "commercial"
level = "HIGH"
permit = false
because = "no aggregate of what is highly sensitive"
adjudication = true
"""
ROWS = (
    f"{EVENT},{IDS[0].lower()},21,1250000,70000,{SETTLED_DAY},?",
    f"S0002,{IDS[0]},52,900000,0,{SETTLED_DAY},?",
    f"S0003,{IDS[1]},11,90000,0,{SETTLED_DAY},?",
    f"S0004,{IDS[0]},11,90000,0,{SETTLED_DAY},?",
    f"S0004,{IDS[0]},11,90000,0,{SETTLED_DAY},?",
)
FIELDS = ("med_type", "preselfpay_amt", "psn_cash_pay", "setl_day")


class Claims:
    """A town whose bureau holds settlements and a desk of consents, and whose insurer has the rule of the example."""

    def __init__(self, town: Town) -> None:
        self.town = town
        folder = town.folder / "consent"
        folder.mkdir()
        self.office = Office(folder)
        self.office.second = f"{later(today(), -1)}T00:00:00Z"
        self.office.enrol(0)
        self.office.asset(0)
        (town.folder / "catalogue.toml").write_text(CATALOGUE, "utf-8")
        (town.folder / "policy.toml").write_text(POLICY, "utf-8")
        rows = town.folder / "settlement.csv"
        head = "setl_id,certno,med_type,psn_cash_pay,preselfpay_amt,setl_day,drg_code"
        rows.write_text("\n".join((head, *ROWS)) + "\n", "utf-8")
        for party in ("bureau", "hospital", "insurer"):
            desk = 'consent = "../consent/consent.toml"\n' if party == "bureau" else ""
            data = f'[data]\n"bureau.settlement" = "{rows}"\n' if party == "bureau" else ""
            (town.folder / "parties" / f"{party}.toml").write_text(
                f'party = "{party}"\ntls_key = "../keys/{party}.key"\n'
                f'signing_key = "../keys/{party}.sign"\nledger = "../ledgers/{party}.sqlite"\n'
                f"{desk}\n{data}",
                "utf-8",
            )
        self.rule = town.folder / "rule.toml"
        self.rule.write_text(EXAMPLE.read_text("utf-8"), "utf-8")

    def token(self, event: str = EVENT, **more: Any) -> Statement:
        fields = more.pop("fields", FIELDS)
        window = {
            "not_before": f"{later(today(), -1)}T00:00:00Z",
            "expires": f"{later(today(), 1)}T00:00:00Z",
        }
        given = {"recipient": "insurer", **window, **more}
        return self.office.token(
            0, event, fields=sorted(f"bureau.settlement.{name}" for name in fields), **given
        )

    def serve(self) -> None:
        self.town.serve("bureau")
        self.town.wait("bureau")

    @contextmanager
    def insurer(self) -> Iterator[Party]:
        with connect(self.town.consortium, party="insurer") as found:
            yield found

    def uses(self) -> tuple[Used, ...]:
        desk = type(self.office.desk).open(self.office.path)
        second = f"{later(today(), 1)}T00:00:00Z"
        return safe_box(desk.consents(), self.office.person(0), second).uses


@pytest.fixture
def claims(town: Town) -> Claims:
    return Claims(town)


def refused(insurer: Party, claims: Claims, token: Statement, event: str = EVENT) -> str:
    with pytest.raises(PolicyRefused) as caught:
        insurer.adjudicate(event=event, token=token, rule=claims.rule)
    assert caught.value.party == "bureau"
    return "; ".join(caught.value.reasons)


def test_a_claim_is_paid_once_and_everybody_has_it_in_writing(claims: Claims) -> None:
    claims.serve()
    token = claims.token()
    with claims.insurer() as insurer:
        done = insurer.adjudicate(event=EVENT, token=token, rule=claims.rule)
        assert done.payable == PAYABLE
        assert str(done) == "payable 9600.00 yuan (960000 fen)"
        assert done.closed.troubles == ()
        assert "replayed" in refused(insurer, claims, token)
        # A violation of who asked: it may not ask any more, with whatever token.
        assert "may not ask since entry" in refused(insurer, claims, claims.token("S0002"))
    check_receipt(claims, done)
    check_ledgers(claims, done.label)
    check_safe_box(claims, token, done)


def check_receipt(claims: Claims, done: asking.Adjudicated) -> None:
    """The receipt holds offline, with the amount and without it; not with another amount."""
    assert done.receipt is not None
    assert done.kept is not None
    receipt = Receipt.load(done.receipt)
    principals = load_principals(Consortium.load(claims.town.consortium))
    answer = json.loads(done.kept.read_text("utf-8"))
    findings = verify_receipt(receipt, principals, answer=answer)
    assert [str(each) for each in findings if not each.good] == []
    answer["rows"][0][0] += 1
    findings = verify_receipt(receipt, principals, answer=answer)
    assert [each.check for each in findings if not each.good] == ["answer"]
    text = done.receipt.read_text("utf-8")
    assert RuleFile.load(claims.rule).commitment in text
    for secret in (str(PAYABLE), EVENT, IDS[0], "1250000", "50000"):
        assert secret not in text


def check_ledgers(claims: Claims, label: str) -> None:
    kinds = ["request", "decision", "start", "opening", "finish"]
    for party in ("bureau", "insurer"):
        entries = [e for e in claims.town.entries(party) if e.kind in kinds]
        assert [e.kind for e in entries][:5] == kinds
        opening, finish = entries[3], entries[4]
        assert opening.body["leak"] == "payable-amount"
        assert opening.body["to"] == ["insurer"]
        assert finish.body["run"] == label
        assert isinstance(finish.body["result"], str)
        text = json.dumps([dict(e.body) for e in claims.town.entries(party)])
        for secret in (EVENT, IDS[0], "1250000", "960000", "50000"):
            assert f'"{secret}"' not in text
            assert f" {secret}," not in text
    assert claims.town.ledger("bureau").count("violation") == 1


def check_safe_box(claims: Claims, token: Statement, done: asking.Adjudicated) -> None:
    """The person sees the use, a commitment to the amount, and how long it took from the settlement."""
    (use,) = claims.uses()
    assert use.run == done.label
    assert use.consents == (token.digest,)
    assert use.recipients == ("insurer",)
    finish = next(e for e in claims.town.entries("insurer") if e.kind == "finish")
    assert use.result == finish.body["result"]
    assert use.seconds is not None
    assert use.seconds > 0


# What the token is for, which event is asked for, and the reason that is named.
REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"event": "S0002"}, EVENT, "other-matter"),
    ({"event": "S0003"}, "S0003", "no-event"),  # another person's settlement
    ({"event": "S0009"}, "S0009", "no-event"),  # nobody's
    ({"event": "S0004"}, "S0004", "no-event"),  # two rows
    ({"recipient": "hospital"}, EVENT, "other-recipient"),
    ({"fields": FIELDS[:2]}, EVENT, "other-field"),
    ({"expires": "2026-01-01T00:00:00Z", "not_before": "2025-12-31T00:00:00Z"}, EVENT, "expired"),
    ({"scenario": "research"}, EVENT, "no rule speaks of scenario"),
)


def test_anything_else_is_refused_by_name_and_spends_nothing(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims.serve()
    # What an honest insurer would refuse by itself is sent by one that is not.
    monkeypatch.setattr(asking, "refuse", lambda *_: None)
    with claims.insurer() as insurer:
        for given, event, reason in REFUSED:
            assert reason in refused(insurer, claims, claims.token(**given), event)
        assert claims.uses() == ()
        good = insurer.adjudicate(event=EVENT, token=claims.token(), rule=claims.rule)
    assert good.payable == PAYABLE
    assert "violation" not in claims.town.ledger("bureau")


def test_a_rule_that_the_desk_does_not_name_is_refused(claims: Claims) -> None:
    good = RuleFile.load(claims.rule).commitment
    assert cli("rule-commitment", claims.rule).stdout.strip() == good
    desk = claims.office.path
    desk.write_text(f'{desk.read_text("utf-8")}rules = {{ insurer = ["{good}"] }}\n', "utf-8")
    claims.serve()
    with claims.insurer() as insurer:
        paid = insurer.adjudicate(event=EVENT, token=claims.token(), rule=claims.rule)
        assert paid.payable == PAYABLE
        claims.rule.write_text(
            EXAMPLE.read_text("utf-8").replace("cap = 1_000_000", "cap = 7"), "utf-8"
        )
        assert "other-rule" in refused(insurer, claims, claims.token("S0002"), "S0002")


def test_an_excluded_reason_pays_nothing_and_looks_the_same(claims: Claims) -> None:
    claims.serve()
    with claims.insurer() as insurer:
        paid = insurer.adjudicate(event=EVENT, token=claims.token(), rule=claims.rule)
        none = insurer.adjudicate(event="S0002", token=claims.token("S0002"), rule=claims.rule)
    assert (paid.payable, none.payable) == (PAYABLE, 0)
    for figure in ("rounds", "bytes_sent"):
        assert paid.spent["bureau"][figure] == none.spent["bureau"][figure]
        assert paid.spent["insurer"][figure] == none.spent["insurer"][figure]


def test_a_policy_without_adjudication_refuses(claims: Claims) -> None:
    claims.town.variant("policy.toml", "policy.toml", ("adjudication = true", ""))
    with claims.insurer() as insurer, pytest.raises(PolicyRefused, match="permits no adjudication"):
        insurer.adjudicate(event=EVENT, token=claims.token(), rule=claims.rule)
    assert claims.uses() == ()


def test_the_command_adjudicates(claims: Claims) -> None:
    claims.serve()
    token = claims.town.folder / "token.json"
    token.write_text(text_of(claims.token()), "utf-8")
    arguments = (
        *("adjudicate", "--consortium", claims.town.consortium, "--party", "insurer"),
        *("--rule", claims.rule, "--token", token, "--event", EVENT),
    )
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["payable_fen"] == PAYABLE
    kept = json.loads(Path(said["kept"]).read_text("utf-8"))
    assert kept["rows"] == [[PAYABLE]]
    again = cli(*arguments)
    assert again.returncode == 3
    assert "replayed" in again.stderr


def test_the_demo_shows_who_learns_what() -> None:
    demo = Path(__file__).parents[2] / "demos" / "adjudication" / "demo.py"
    done = subprocess.run(
        [sys.executable, str(demo)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "payable 9600.00 yuan" in done.stdout
    assert "replayed" in done.stdout
