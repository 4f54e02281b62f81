#!/usr/bin/env python3
"""One claim, adjudicated once: a bureau's node as a process, an insurer with a secret rule, a person's token.

usage: .venv/bin/python demos/adjudication/demo.py     (needs the extra `pair`: pip install '.[pair]')
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mpcstats.errors import PolicyRefused
from mpcstats.party.adjudication.insurer import rule_commitment
from mpcstats.party.client import connect
from mpcstats.party.desk import statements
from mpcstats.party.desk.consent import ConsentDesk, now
from mpcstats.party.desk.receipt import check_receipt
from mpcstats.party.files.config import Address
from mpcstats.party.files.keys import make_keys, make_signing_key, principal_entry
from mpcstats.party.sandbox.local import LOOPBACK, free_ports
from mpcstats.records.consent.view import safe_box
from mpcstats.records.second import FORM
from mpcstats.records.signed import Statement

HERE = Path(__file__).parent
PARTIES = ("bureau", "insurer", "hospital")  # the hospital has no part in a claim of these two
FIELDS = [f"bureau.settlement.{c}" for c in ("med_type", "preselfpay_amt", "psn_cash_pay", "setl_day")]  # fmt: skip
PERSON, EVENT, PURPOSE = "990101197501010010", "S0001", "claim under a health policy"
EXPECTED = (
    960_000  # fen: (1,250,000 - 50,000) * 80 %; the amount paid first by the person is excluded
)


def write_town(town: Path) -> Path:
    """Keys, the bureau's desk of consents, each party's own file; the consortium's file."""
    (town / "parties").mkdir()
    entries = []
    for party, port in zip(PARTIES, free_ports(len(PARTIES)), strict=True):
        made = make_keys(party, town / "keys")
        entries.append(made.entry(Address(LOOPBACK, port), f"keys/{party}.crt"))
        desk, data = 'consent = "../consent.toml"', f'"bureau.settlement" = "{HERE}/settlement.csv"'
        keys = f'tls_key = "../keys/{party}.key"\nsigning_key = "../keys/{party}.sign"'
        own = f'{desk}\n[data]\n{data}\n' if party == "bureau" else ""  # fmt: skip
        (town / "parties" / f"{party}.toml").write_text(
            f'party = "{party}"\n{keys}\nledger = "../{party}.sqlite"\n{own}'
        )
    _, public = make_signing_key("realname", town / "keys")
    authority = principal_entry("realname", public, ["authority"], real_name=False)
    (town / "principals.toml").write_text(f"version = 1\n{authority}\n")
    statements.make_key(town / "pseudonyms.key")
    rule = rule_commitment(HERE / "rule.toml", HERE / "catalogue.toml")
    desk = (HERE / "desk.toml").read_text()
    (town / "consent.toml").write_text(f'{desk}rules = {{ insurer = ["{rule}"] }}\n')
    (town / "consortium.toml").write_text(
        f'name = "claims"\ncatalogue = "{HERE}/catalogue.toml"\npolicy = "{HERE}/policy.toml"\n'
        f"compute = {list(PARTIES)}\n\n" + "\n".join(entries)
    )
    return town / "consortium.toml"


def token(town: Path, desk: ConsentDesk) -> Statement:
    """Signed at a counter of the real-name authority: this event, this insurer, these fields, once."""
    person = desk.pseudonym(PERSON, "trim-upper")
    terms = statements.terms("bureau", person, "insurer", FIELDS, "commercial", PURPOSE)
    window = {"not_before": now(), "expires": f"{datetime.now(UTC) + timedelta(hours=48):{FORM}}"}
    made = statements.make("consent-token", {**terms, "matter": desk.key.matter(EVENT), **window})
    return statements.signed(made, "realname", town / "keys" / "realname.sign")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mpcstats-claims-") as folder:
        town = Path(folder)
        consortium = write_town(town)
        desk = ConsentDesk.open(town / "consent.toml")
        given = token(town, desk)
        serve = (
            "-m",
            "mpcstats.cli",
            "serve",
            "--consortium",
            str(consortium),
            "--party",
            "bureau",
        )
        log = town / "bureau.log"
        with (
            log.open("wb") as said,
            subprocess.Popen([sys.executable, *serve], stderr=said) as bureau,
        ):
            try:
                while "listens at" not in log.read_text():
                    assert bureau.poll() is None, log.read_text()
                    time.sleep(0.05)
                with connect(consortium, party="insurer") as insurer:
                    paid = insurer.adjudicate(event=EVENT, token=given, rule=HERE / "rule.toml")
                    try:
                        insurer.adjudicate(event=EVENT, token=given, rule=HERE / "rule.toml")
                    except PolicyRefused as refusal:
                        again = refusal.reasons
            finally:
                bureau.terminate()
        (use,) = safe_box(desk.consents(), desk.pseudonym(PERSON, "trim-upper"), now()).uses
        assert paid.receipt is not None
        findings = check_receipt(paid.receipt, consortium, answer=paid.kept)
    print(f"the insurer learns   {paid}")
    print("the bureau learns    that a claim was made: neither the rule nor the amount")
    print(f"the person sees      {', '.join(use.recipients)} used {len(use.fields)} fields, once")
    print(f"a second time        refused: {'; '.join(again)}")
    print(f"the receipt          {len(findings)} checks, {sum(f.good for f in findings)} good")
    assert (paid.payable, use.consents) == (EXPECTED, (given.digest,))
    assert "replayed" in again[0]
    assert all(finding.good for finding in findings)


if __name__ == "__main__":
    main()
