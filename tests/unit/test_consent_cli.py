"""`mpcstats consent`, and the example files of consent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.consenting import AUTHORITY, FIELDS, IDS, Office, pem, public
from typer.testing import CliRunner

from mpcstats.cli.consent import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.consent import ConsentDesk, ConsentFile
from mpcstats.party.desk.statements import make, read_statement, view_text
from mpcstats.records.consent.acts import ACTS
from mpcstats.records.consent.grants import Consents
from mpcstats.records.consent.pseudonym import read_pseudonym_key
from mpcstats.records.consent.terms import Ask
from mpcstats.records.consent.view import safe_box
from mpcstats.records.journal import Journal
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import read_toml

EXAMPLES = Path(__file__).parents[2] / "examples" / "governance" / "consent"
UNTIL = "2999-01-01T00:00:00Z"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    found = Office(tmp_path)
    pem(tmp_path / "authority.sign", AUTHORITY)
    found.asset(0)
    return found


def run(*arguments: object, stdin: str | None = None) -> str:
    """What the command prints. Its errors come out as they are, for main prints them."""
    result = CliRunner().invoke(
        app, [str(each) for each in arguments], input=stdin, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def terms(office: Office) -> list[object]:
    fields = [part for name in FIELDS for part in ("--field", name)]
    return [
        *("--person", office.person(0), "--recipient", "insurer", *fields),
        *("--scenario", "commercial", "--purpose", "claims", "--expires", UNTIL),
        *("--signer", AUTHORITY, "--key", office.folder / "authority.sign"),
    ]


def test_grant_view_revoke_and_show(office: Office) -> None:
    desk = ("--desk", office.path)
    grant = run("grant", *desk, *terms(office), "--most-uses", 3).strip()
    box = json.loads(run("view", *desk, "--person", office.person(0), "--json"))
    assert [(g["digest"], g["state"], g["most"]) for g in box["grants"]] == [(grant, "live", 3)]
    signer = ("--signer", AUTHORITY, "--key", office.folder / "authority.sign")
    run("revoke", *desk, "--person", office.person(0), *signer, grant)
    box = json.loads(run("view", *desk, "--person", office.person(0), "--json"))
    assert [g["state"] for g in box["grants"]] == ["revoked"]
    shown = [json.loads(line) for line in run("show", *desk, "--json").splitlines()]
    assert [each["kind"] for each in shown] == ["consent-asset", "consent-grant", "consent-revoke"]
    assert [each["signer"] for each in shown] == ["bureau", AUTHORITY, AUTHORITY]
    asset = shown[0]["digest"]
    assert json.loads(run("view", *desk, "--asset", asset, "--json")) == []
    assert run("view", *desk, "--asset", asset) == "uses: none\n"
    table, view = run("show", *desk), run("view", *desk, "--person", office.person(0))
    assert all(each["digest"] in table and each["kind"] in table for each in shown)
    assert all(word in view for word in (grant, "revoked", "opt outs: none"))
    with pytest.raises(
        UsageError, match="expected a person's pseudonym of 64 hex digits"
    ) as caught:
        run("view", *desk, "--person", "990101199001011234")
    assert "9901" not in str(caught.value)  # an id given by mistake is not repeated
    with pytest.raises(UsageError, match="expected a person or an asset, got both or neither"):
        run("view", *desk)


def test_a_token_is_printed_and_may_be_recorded(office: Office) -> None:
    matter = office.desk.key.matter("S1")
    # Too long: made, because a profile of the owner's decides, and refused there.
    printed = run("token", "--owner", "bureau", "--matter", matter, *terms(office))
    path = office.folder / "token.json"
    path.write_text(printed)
    with pytest.raises(UsageError, match=r"token.json: .*too-long"):
        run("record", "--desk", office.path, path)
    token = read_statement(path)
    ask = Ask(
        "bureau", ("insurer",), FIELDS, "commercial", "claims", "2999-01-01T00:00:00Z", None, matter
    )
    assert [r.reason for r in office.desk.admit(token, ask, "r")] == ["too-long"]
    path.write_text(json.dumps(office.token(0, "S1").to_json()))
    with pytest.raises(UsageError, match="expected an enrolled key of the person"):
        run("record", "--desk", office.path, path)
    office.enrol(0)
    assert run("record", "--desk", office.path, path).strip() == read_statement(path).digest


def test_a_statement_of_any_kind_is_signed_and_recorded(office: Office) -> None:
    body, signed = office.folder / "body.json", office.folder / "signed.json"
    opt_out = {"owner": "bureau", "person": office.person(0), "dataset": "bureau.settlement"}
    body.write_text(json.dumps(opt_out))
    signer = ("--signer", AUTHORITY, "--key", office.folder / "authority.sign")
    signed.write_text(run("sign", "consent-opt-out", body, *signer))
    digest = run("record", "--desk", office.path, signed).strip()
    box = json.loads(run("view", "--desk", office.path, "--person", office.person(0), "--json"))
    assert box["opt_outs"] == [digest]
    assert digest in run("view", "--desk", office.path, "--person", office.person(0))
    body.write_text(json.dumps({**opt_out, "person": "x"}))
    with pytest.raises(UsageError, match=r"body.json: consent-opt-out: person: "):
        run("sign", "consent-opt-out", body, *signer)
    body.write_text("[]")
    with pytest.raises(UsageError, match=r"body.json: expected a table of JSON"):
        run("sign", "consent-opt-out", body, *signer)


def test_a_key_of_pseudonyms_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new.key"
    assert str(path) in run("make-key", path)
    secret = read_pseudonym_key(path).secret
    with pytest.raises(UsageError, match="keys are never replaced"):
        run("make-key", path)
    assert read_pseudonym_key(path).secret == secret


def test_the_pseudonym_of_an_id_comes_from_the_standard_input(office: Office) -> None:
    desk = ("--desk", office.path, "--normalisation", "trim-upper")
    assert run("pseudonym", *desk, stdin=f" {IDS[0].lower()}\n").strip() == office.person(0)
    with pytest.raises(UsageError, match="valid under resident-id") as caught:
        run("pseudonym", "--desk", office.path, stdin=f"{IDS[0][:-1]}0\n")
    assert IDS[0][:17] not in str(caught.value)
    with pytest.raises(UsageError, match="a normalisation of trim-upper, resident-id, exact"):
        run("pseudonym", "--desk", office.path, "--normalisation", "none", stdin="x\n")


def test_a_file_that_is_no_statement_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    for content, message in (
        ("{", "expected one JSON object"),
        ("[]", "expected a statement with kind"),
        ("x" * (256 * 1024 + 1), "expected at most"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=f"s.json: {message}"):
            read_statement(path)
    with pytest.raises(UsageError, match=r"none.json: expected a file of JSON"):
        read_statement(tmp_path / "none.json")
    with pytest.raises(UsageError, match=r"expected a kind of person-key, .*, got other"):
        make("other", {})


@pytest.mark.parametrize(
    ("line", "changed", "message"),
    [
        ("version = 1", "version = 2", "version: "),
        ("owner =", "owners =", "owners: extra inputs"),
        ("longest_token_hours = 72", "longest_token_hours = 0", "longest_token_hours: "),
    ],
)
def test_a_fault_in_consent_toml_is_named(
    tmp_path: Path, line: str, changed: str, message: str
) -> None:
    path = tmp_path / "consent.toml"
    text = (EXAMPLES / "consent.toml").read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, changed))
    with pytest.raises(UsageError, match=rf"consent\.toml: .*{re.escape(message)}"):
        ConsentDesk.open(path)


# The examples -------------------------------------------------------------------------------------


def example() -> Consents:
    """The fold of the example journal."""
    file = read_toml(EXAMPLES / "consent.toml", ConsentFile)
    principals = Principals.load(EXAMPLES / file.principals, {file.owner: public(file.owner)})
    consents = Consents(file.owner, principals, longest=file.longest_token_hours * 3600)
    Journal.load(EXAMPLES / file.journal, principals, consents.add)
    return consents


def test_the_example_journal_has_every_kind_of_statement() -> None:
    consents = example()
    assert {event.kind for event in consents.events} == set(ACTS)
    (person,) = {asset.person for asset in consents.holdings.assets.values()}
    box = safe_box(consents, person, "2026-06-01T12:00:00Z")
    assert [(g.token, g.state) for g in box.grants] == [(False, "revoked"), (True, "used up")]
    assert [(u.run, u.seconds) for u in box.uses] == [("run-1", 90)]
    assert person in view_text(consents, person=person, asset=None, second="2026-06-01T12:00:00Z")


def test_the_example_token_is_the_journals() -> None:
    token = read_statement(EXAMPLES / "token.json")
    assert isinstance(token, Statement)
    held = example().holdings.held[token.digest]
    assert held.body.person == held.signer


def test_the_pseudonym_of_an_event_is_what_tokens_name(office: Office) -> None:
    printed = run("matter", "--desk", office.path, stdin="S0001\n")
    assert printed.strip() == office.desk.key.matter("S0001")
