"""Standing, acknowledgements and registers' files at the desk, by the commands: without a run, with real keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.journals import journal_files
from mpcstats.party.desk.standing import reinstated
from mpcstats.party.files.config import Address, Consortium
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.registers import load_principals, load_registers
from mpcstats.party.sandbox.offices import AUTHORISER, USER, Offices
from mpcstats.records.ledger import Ledger
from mpcstats.records.standing import Violation, standing, violated

PARTIES = ("bureau", "hospital", "insurer")
AT = "2026-06-01T08:00:00Z"


class Desk:
    """A consortium's files in `folder`, and the bureau's ledger with one violation in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.offices = folder, Offices(folder, PARTIES)
        entries = [
            self.offices.made[name].entry(Address("127.0.0.1", 7000 + i), f"keys/{name}.crt")
            for i, name in enumerate(PARTIES)
        ]
        self.consortium, read = folder / "consortium.toml", folder / "read.jsonl"
        self.consortium.write_text(
            "\n".join(
                (
                    'name = "desk"\ncatalogue = "c.toml"\npolicy = "p.toml"',
                    f"compute = {list(PARTIES)!r}".replace("'", '"'),
                    *replace(self.offices.files, profile="CN", acknowledgements=read).lines(),
                    *entries,
                )
            ),
            encoding="utf-8",
        )
        (folder / "parties").mkdir()
        (folder / "parties" / "bureau.toml").write_text(
            'party = "bureau"\ntls_key = "../keys/bureau.key"\nsigning_key = "../keys/bureau.sign"\n'
            'ledger = "../bureau.sqlite"\n',
            encoding="utf-8",
        )
        key = read_signing_key(self.offices.keys["bureau"])
        with Ledger.open(folder / "bureau.sqlite", party="bureau", signing_key=key) as ledger:
            said = {"offender": USER, "what": "over-budget", "subject": "ab" * 32}
            more = {"entry": 0, "by": "bureau", "at": AT}
            violated(ledger, Violation.model_validate({**said, **more}))

    @property
    def ours(self) -> tuple[str, ...]:
        return ("--consortium", str(self.consortium), "--party", "bureau")

    def key(self, name: str) -> str:
        return str(self.offices.keys[name])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def run(*arguments: str) -> str:
    """What the command prints; its errors come out as they are."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_who_has_lost_the_right_gets_it_back_by_a_signature_of_others(desk: Desk) -> None:
    shown = run("standing", "show", *desk.ours)
    assert f"entry 0: over-budget of {USER} at {AT} stands: it may not ask" in shown
    digest = shown.split("violation ")[1].strip()
    out = str(desk.folder / "forgiven.json")
    said = ("--offender", USER, "--violation", digest, "--reason", "an error", "--out", out)
    run("standing", "forgive", *said, "--signer", AUTHORISER, "--key", desk.key(AUTHORISER))
    assert run("standing", "reinstate", out, *desk.ours) == "entry 1 of bureau\n"
    assert f"at {AT} is forgiven" in run("standing", "show", *desk.ours)


def test_nobody_forgives_itself_nor_what_is_not_there(desk: Desk) -> None:
    digest = run("standing", "show", *desk.ours).split("violation ")[1].strip()
    for signer, violation, why in (
        (USER, digest, "expected the signature of an authoriser or regulator of another"),
        ("hospital", digest, "expected the signature of an authoriser or regulator of another"),
        (AUTHORISER, "cd" * 32, "expected violations of bureau.desk in this log"),
    ):
        out = str(desk.folder / f"{signer}-{violation[:4]}.json")
        said = ("--offender", USER, "--violation", violation, "--reason", "an error", "--out", out)
        run("standing", "forgive", *said, "--signer", signer, "--key", desk.key(signer))
        with pytest.raises(UsageError, match=why):
            run("standing", "reinstate", out, *desk.ours)
    assert "it may not ask" in run("standing", "show", *desk.ours)


def test_a_party_without_a_ledger_has_nothing_to_enter_it_in(desk: Desk) -> None:
    (desk.folder / "bureau.sqlite").unlink()
    statement = desk.offices.sign("reinstatement", {"offender": USER}, AUTHORISER)
    with pytest.raises(UsageError, match="expected a ledger, got no file"):
        reinstated(desk.consortium, "bureau", statement, at=AT)
    assert not (desk.folder / "bureau.sqlite").exists()
    assert not standing((), USER, desk.offices.principals).revoked


def test_a_user_acknowledges_what_it_has_not_yet(desk: Desk) -> None:
    ours = ("--consortium", str(desk.consortium))
    shown = run("paper", "acknowledge", *ours)
    assert "Confidentiality training" in shown
    assert "acknowledged by" not in shown
    signed = run("paper", "acknowledge", *ours, "--user", USER, "--key", desk.key(USER))
    assert f"2 acknowledged by {USER}" in signed
    again = run("paper", "acknowledge", *ours, "--user", USER, "--key", desk.key(USER))
    assert f"0 acknowledged by {USER}" in again
    agreed = Consortium.load(desk.consortium)
    read = load_registers(agreed.registers, load_principals(agreed))
    assert read.acknowledgements is not None
    assert read.profile is not None
    assert read.acknowledgements.missing(read.profile, USER, desk.offices.day) == ()
    # With another's key nothing is acknowledged; a user without a key is a slip.
    for user, why in (("office.two", "expected the signing key of office.two"), ("x", "known")):
        with pytest.raises(UsageError, match=why):
            run("paper", "acknowledge", *ours, "--user", user, "--key", desk.key(USER))
    with pytest.raises(UsageError, match="expected --user and --key together"):
        run("paper", "acknowledge", *ours, "--user", USER)


def test_a_register_is_that_of_the_consortium_unless_another_is_named(desk: Desk) -> None:
    files = journal_files(desk.consortium, "rights")
    assert files.journal == desk.offices.files.rights
    assert files.who().digest == desk.offices.principals.digest
    other = desk.folder / "other.jsonl"
    assert journal_files(desk.consortium, "rights", journal=other).journal == other
    text = desk.consortium.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(("rights", "acknowledge"))]
    desk.consortium.write_text("\n".join(kept), encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected rights = .* in \[registers\]"):
        journal_files(desk.consortium, "rights")
    with pytest.raises(UsageError, match=r"expected profile = .* and acknowledgements"):
        run("paper", "acknowledge", "--consortium", str(desk.consortium))
