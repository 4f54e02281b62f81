"""`mpcstats rights` and `mpcstats registration`: the example files, signed and entered from the command line."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from tests.governance.rights_office import KEYS
from typer.testing import CliRunner

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk import journals
from mpcstats.party.desk.journals import keys_of, read_statement, write_new
from mpcstats.records.journal import EMPTY
from mpcstats.records.registration.events import KINDS as REGISTRATION_KINDS
from mpcstats.records.rights.events import KINDS as RIGHTS_KINDS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "governance"
PARTIES = ("bureau", "hospital", "insurer", "vendor")

RIGHTS = {
    "1_first_settlement": "bureau",
    "2_first_cases": "hospital",
    "3_licence_settlement": "bureau insurer",
    "4_licence_cases": "hospital",
    "5_first_product": "insurer",
    "6_change": "bureau insurer",
    "7_objection": "vendor",
    "8_resolution": "registry",
    "9_transfer": "hospital",
    "10_cancel": "bureau",
}
REGISTRATION = {
    "1_draft": "bureau",
    "2_submit": "bureau",
    "3_review": "registry",
    "4_publish": "registry",
    "5_objection": "vendor",
    "6_resolution": "registry",
    "7_code": "registry",
    "8_amendment": "bureau registry",
    "9_renewal": "bureau registry",
    "10_cancel": "bureau",
}


class Desk:
    """A folder with a consortium file, principals and keys, and commands run against a journal in it."""

    def __init__(self, folder: Path, group: str) -> None:
        self.folder = folder
        self.group = group
        self.register = folder / f"{group}.jsonl"
        public = {
            name: base64.b64encode(key.public_key().public_bytes_raw()).decode()
            for name, key in KEYS.items()
        }
        entries = [
            f'[[party]]\nname = "{name}"\naddress = "127.0.0.1:{7000 + n}"\n'
            f'fingerprint = "sha256:{n:064x}"\ncertificate = "c"\nsigning_key = "{public[name]}"\n'
            for n, name in enumerate(PARTIES)
        ]
        (folder / "consortium.toml").write_text(
            f'name = "test"\ncatalogue = "{ROOT}/demos/settlement/catalogue.toml"\npolicy = "p"\n'
            'compute = ["bureau", "hospital", "insurer"]\n' + "\n".join(entries),
            encoding="utf-8",
        )
        (folder / "principals.toml").write_text(
            f'version = 1\n[[principal]]\nname = "registry"\nkey = "{public["registry"]}"\n'
            'roles = ["registrar"]\n',
            encoding="utf-8",
        )
        for name, key in KEYS.items():
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            (folder / f"{name}.sign").write_bytes(pem)

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """The output of the command; raises what the command raises."""
        given = [
            self.group,
            *(str(a) for a in arguments),
            *("--register", str(self.register)),
            *("--consortium", str(self.folder / "consortium.toml")),
            *("--principals", str(self.folder / "principals.toml")),
        ]
        done = CliRunner().invoke(app, given, catch_exceptions=True)
        if isinstance(done.exception, UsageError):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.output

    def append(self, file: Path, signers: str, *more: str | Path) -> str:
        signs = [part for name in signers.split() for part in ("--sign", self.key(name))]
        return self.run("append", file, *signs, *more)

    def key(self, name: str) -> str:
        return f"{name}={self.folder / name}.sign"

    def play(self, examples: dict[str, str], upto: int | None = None) -> None:
        """Enter the first `upto` examples."""
        for name, signers in list(examples.items())[:upto]:
            self.append(EXAMPLES / self.group / f"{name}.toml", signers)


@pytest.fixture
def rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(journals, "today", lambda: "2026-12-31")
    return Desk(tmp_path, "rights")


@pytest.fixture
def registration(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "registration")


def test_every_kind_has_an_example() -> None:
    for group, examples, kinds in (
        ("rights", RIGHTS, RIGHTS_KINDS),
        ("registration", REGISTRATION, REGISTRATION_KINDS),
    ):
        files = list((EXAMPLES / group).glob("*.toml"))
        assert {path.stem for path in files} == set(examples)
        assert {read_statement(path, EMPTY).kind for path in files} == set(kinds)


def test_the_rights_examples_are_entered_and_shown(rights: Desk) -> None:
    rights.play(RIGHTS)
    shown = rights.run("show")
    assert [kind in shown for kind in ("首次", "许可", "转移", "变更", "注销", "异议")] == [
        True
    ] * 6
    assert "bureau, insurer" in rights.run("show", "bureau.settlement")
    held = rights.run("as-of", "2026-03-01")
    assert "USE 使用" in held
    assert "2026-06-30" in held
    assert "L-2026-1" not in rights.run("as-of", "2026-04-01")
    with pytest.raises(UsageError, match=r"a registered asset \(bureau.settlement, .*got bureau.x"):
        rights.run("show", "bureau.x")


def test_what_a_job_lacks_is_printed(rights: Desk) -> None:
    rights.play(RIGHTS, 5)
    job = [
        *("missing", "--day", "2026-02-02", "--initiator", "insurer", "--publisher", "insurer"),
        *("--scenario", "commercial", "--purpose", "fund report 2026"),
    ]
    settled = ["--dataset", "bureau.settlement:certno,fund_pay_sumamt"]
    assert "nothing is missing" in rights.run(*job, *settled)
    whole = rights.run(*job, "--dataset", "bureau.settlement", code=1)
    assert "use: insurer has no USE 使用 of bureau.settlement (" in whole
    with pytest.raises(UsageError, match="expected columns of the catalogue, got 'nothing'"):
        rights.run(*job, "--dataset", "bureau.settlement:nothing")


def test_a_certificate_is_written_and_checked(rights: Desk) -> None:
    rights.play(RIGHTS, 5)
    out = rights.folder / "certificate.json"
    made: list[str | Path] = [
        *("certificate", "bureau.settlement", "--day", "2026-02-02", "--out", out),
        *("--signer", "registry", "--key", rights.folder / "registry.sign"),
    ]
    rights.run(*made)
    rights.append(EXAMPLES / "rights" / "6_change.toml", "bureau insurer")
    assert "the register says the same" in rights.run("check", out)
    with pytest.raises(UsageError, match="move it away first"):
        rights.run(*made)
    changed = json.loads(out.read_text(encoding="utf-8"))
    changed["body"]["number"] = "R-1"
    out.write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(UsageError, match="expected a signature by the key of registry"):
        rights.run("check", out)
    with pytest.raises(UsageError, match="the signature of a registrar, got that of bureau"):
        rights.run(
            *("certificate", "bureau.settlement", "--day", "2026-02-02", "--signer", "bureau"),
            *("--key", rights.folder / "bureau.sign", "--out", rights.folder / "other.json"),
        )
    assert not (rights.folder / "other.json").exists()


def test_two_organisations_sign_one_after_the_other(rights: Desk) -> None:
    rights.play(RIGHTS, 2)
    licence, draft = EXAMPLES / "rights" / "3_licence_settlement.toml", rights.folder / "l.json"
    before = rights.register.read_bytes()
    with pytest.raises(UsageError, match="insurer, who takes the right in stage SHARE"):
        rights.append(licence, "bureau")
    assert rights.register.read_bytes() == before
    rights.append(licence, "bureau", "--out", draft)
    assert rights.register.read_bytes() == before
    assert "signed by bureau, insurer" in rights.append(draft, "insurer")


def test_a_day_that_has_not_come_is_not_entered(
    rights: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days never go back, so one statement of a far day would keep every later one out."""
    monkeypatch.setattr(journals, "today", lambda: "2026-01-04")
    with pytest.raises(
        UsageError, match="a day that has come, 2026-01-04 at the latest, got 2026-0"
    ):
        rights.play(RIGHTS, 1)
    assert not rights.register.exists()
    monkeypatch.setattr(journals, "today", lambda: "2026-01-05")
    rights.play(RIGHTS, 1)


def test_the_registration_examples_are_entered_and_exported(
    registration: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "today", lambda: "2029-12-31")
    holidays: list[str | Path] = ["--holidays", EXAMPLES / "holidays.toml"]
    for name, signers in REGISTRATION.items():
        registration.append(EXAMPLES / "registration" / f"{name}.toml", signers, *holidays)
    shown = registration.run("show", "--day", "2026-03-18", *holidays)
    assert "CODED 已赋码" in shown
    assert "2029-03-17" in shown
    assert "CHANGED 已变更" in registration.run("show", "--day", "2026-05-06", *holidays)
    out = registration.folder / "export.csv"
    registration.run("export", "--day", "2026-03-18", "--format", "csv", "--out", out, *holidays)
    assert "医保结算明细" in out.read_text(encoding="utf-8")
    whole = json.loads(registration.run("export", "--day", "2026-03-18", *holidays))
    assert whole["registrations"][0]["登记状态"] == "已赋码"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.toml", "kind = 3", "expected the kind of statement"),
        ("x.toml", 'kind = "right-first"\nafter = "x"', "expected no after in a draft"),
        ("x.toml", 'kind = "right-first"\nday = 2026-01-01', r"body\.day: expected text"),
        ("x.toml", "kind = 1 2", r"expected TOML in UTF-8, got: .*line 1"),
        ("x.json", "[1]", "expected a table, got list"),
        ("x.json", '{"kind": ', r"expected JSON in UTF-8, got: .*line 1"),
        (
            "x.json",
            '{"kind": "a", "body": {}, "signatures": 3}',
            "a table of at most 64 signatures",
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"{name}: .*{message}"):
        read_statement(path, EMPTY)


def test_files_are_limited_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text("#" * (1 << 19), encoding="utf-8")
    with pytest.raises(UsageError, match="expected at most 262144 bytes, got 524288"):
        read_statement(path, EMPTY)
    with pytest.raises(UsageError, match="expected no such file"):
        write_new(path, "text")
    with pytest.raises(UsageError, match="expected a file to read"):
        read_statement(tmp_path / "none.toml", EMPTY)
    for given in (["a"], ["=x"], ["a="], ["a=x", "a=y"]):
        with pytest.raises(UsageError, match="every signer once, as NAME=KEYFILE"):
            keys_of(given)


@pytest.mark.parametrize("group", ["rights", "registration"])
def test_what_the_consortium_file_names_need_not_be_given(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "today", lambda: "2026-12-31")
    desk = Desk(tmp_path, group)
    desk.play(RIGHTS if group == "rights" else REGISTRATION, upto=7 if group == "rights" else 3)
    path = tmp_path / "consortium.toml"
    command = [group, "show", "--consortium", str(path), "--json"]
    lacking = CliRunner().invoke(app, command)
    name = "rights" if group == "rights" else "registrations"
    assert str(lacking.exception) == (
        f'{path}: expected {name} = "..." in [registers], or the journal named with --register, got neither'
    )
    registers = f'[registers]\n{name} = "{group}.jsonl"\nprincipals = "principals.toml"\n'
    path.write_text(path.read_text(encoding="utf-8") + registers, encoding="utf-8")
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    found = json.loads(shown.output)
    assert found == json.loads(desk.run("show", "--json"))
    assert len(found["rows"]) == (7 if group == "rights" else 1)
    # Review and objections are of the registrar and of parties: without the principals nobody knows the registrar.
    path.write_text(
        path.read_text(encoding="utf-8").replace('principals = "principals.toml"\n', ""),
        encoding="utf-8",
    )
    if group == "registration":
        unknown = CliRunner().invoke(app, command)
        assert "expected a known principal, got 'registry'" in str(unknown.exception)


def test_the_holidays_of_the_consortium_file_count(registration: Desk) -> None:
    registration.play(REGISTRATION, upto=4)
    path = registration.folder / "consortium.toml"
    weekends = json.loads(registration.run("show", "--day", "2026-03-18", "--json"))
    (registration.folder / "holidays.toml").write_text(
        'version = 1\noff = ["2026-03-09"]\n', encoding="utf-8"
    )
    text = path.read_text(encoding="utf-8") + '[registers]\nholidays = "holidays.toml"\n'
    path.write_text(text, encoding="utf-8")
    counted = json.loads(registration.run("show", "--day", "2026-03-18", "--json"))
    assert weekends["rows"][0]["until"] < counted["rows"][0]["until"]


def test_a_statement_that_is_not_taken_is_named_by_its_file(rights: Desk) -> None:
    path = EXAMPLES / "rights" / "1_first_settlement.toml"
    with pytest.raises(UsageError) as caught:
        rights.append(path, "hospital")
    assert str(caught.value) == (
        f"{path}: right-first: expected the signature of bureau, the holder, got that of hospital"
    )
