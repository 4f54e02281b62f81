"""The desk of papers and projects, by its commands: keys, signing at several places, journals, asking with papers."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mpcstats.cli.app import app
from mpcstats.errors import UsageError
from mpcstats.party.desk.paper import approval_of, licence_of, read_paper, read_paper_files
from mpcstats.party.files.config import Address, Consortium
from mpcstats.party.files.keys import make_keys, read_signing_key
from mpcstats.party.history import History
from mpcstats.party.registers import load_principals
from mpcstats.records.ledger import Ledger, entries

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "demos" / "settlement"
EXAMPLES = CHECKOUT / "examples" / "governance"
PARTIES = ("bureau", "hospital", "insurer")
DAY = "2026-03-01"


def done(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def fails(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """A consortium's folder: keys, principals.toml, consortium.toml with a policy that asks for papers."""
    keys = tmp_path / "keys"
    members = [
        make_keys(party, keys).entry(Address("127.0.0.1", 7000 + n), f"keys/{party}.crt")
        for n, party in enumerate(PARTIES)
    ]
    entries = [
        done("principal", name, *[w for r in roles for w in ("--role", r)], "--folder", keys, *more)
        for name, roles, more in (
            ("bureau.desk", ["user"], ["--real-name"]),
            ("bureau.office", ["authoriser"], []),
            ("office.health", ["authoriser", "government"], []),
            ("bureau.lab", ["operator", "user"], []),
            ("office.drugs", ["government"], []),
            ("office.insurance", ["government"], []),
        )
    ]
    (tmp_path / "principals.toml").write_text("version = 1\n" + "\n".join(entries), "utf-8")
    policy = (DEMO / "policy.toml").read_text(encoding="utf-8")
    asking = 'minimum_persons = 11\nrequires = ["real-name", "approval"]\nsignatures = 2\n'
    policy = policy.replace("minimum_persons = 11\n", asking)
    policy = policy.replace("minimum_persons = 30\n", asking.replace("11", "30"))
    (tmp_path / "policy.toml").write_text(policy, encoding="utf-8")
    head = [
        'name = "a test"',
        f'catalogue = "{DEMO / "catalogue.toml"}"',
        'policy = "policy.toml"',
        'compute = ["bureau", "hospital", "insurer"]',
        "[registers]",
        'principals = "principals.toml"',
        'projects = "projects.jsonl"',
    ]
    (tmp_path / "consortium.toml").write_text("\n".join([*head, *members]), encoding="utf-8")
    return tmp_path


def test_a_principals_key_is_made_once_and_fits_its_entry(town: Path) -> None:
    principals = load_principals(Consortium.load(town / "consortium.toml"))
    key = read_signing_key(town / "keys" / "bureau.desk.sign")
    assert principals.key("bureau.desk") == key.public_key().public_bytes_raw()
    found = principals.get("bureau.desk")
    assert found is not None
    assert found.real_name
    assert (town / "keys" / "bureau.desk.sign").stat().st_mode & 0o777 == 0o600
    folder = ["--folder", town / "keys"]
    again = fails("principal", "bureau.desk", "--role", "user", *folder)
    assert "expected no such file" in str(again.exception)
    both = fails("principal", "x", "--role", "operator", "--role", "authoriser", *folder)
    assert "who authorises must not operate" in str(both.exception)
    wrong = fails("principal", "x", "--role", "chief", *folder)
    assert "roles[1]: input should be 'party', 'user'" in str(wrong.exception)
    assert "at least 1 item" not in str(wrong.exception)
    assert not (town / "keys" / "x.sign").exists()
    assert "a principal's name" in str(fails("principal", "X", "--role", "user").exception)


def approval_body(town: Path, **change: str) -> Path:
    """An approval of the demo's question as a template."""
    text = (EXAMPLES / "approval.toml").read_text(encoding="utf-8")
    head, _, _ = text.partition("\n[template]")
    sql = (DEMO / "question.sql").read_text(encoding="utf-8").replace("20088", ":to_day")
    slot = 'name = "to_day"\ntype = "integer"\nminimum = 20000\nmaximum = 20453\n'
    body = f'{head}\n[template]\nsql = """\n{sql}"""\n[[template.slots]]\n{slot}'
    for old, new in change.items():
        body = body.replace(old, new)
    path = town / "approval.toml"
    path.write_text(body, encoding="utf-8")
    return path


def test_two_sign_an_approval_at_two_places_and_the_question_is_permitted(town: Path) -> None:
    consortium = ["--consortium", town / "consortium.toml"]
    keys, paper, request = town / "keys", town / "a.paper.json", town / "r.paper.json"
    question = ["--question", DEMO / "question.sql"]
    what = ["--scenario", "supervision", "--purpose", "persons settled in a period"]
    who = ["--user", "bureau.desk"]
    explain = ["explain", *question, *consortium, "--party", "bureau", *what, *who]
    paper_files = ["--paper", request, "--paper", paper]
    # The day of the question is today: the approval's term must hold it.
    body = approval_body(town, **{"2026-01-01": "2020-01-01", "2026-12-31": "2099-12-31"})

    refused = fails(*explain)
    assert refused.exit_code != 0
    assert "a request for question" in refused.output
    assert "\n  plan " in refused.output  # for who is to approve it
    assert "expected an approval by 2 different authorisers, got what counts from nobody" in (
        refused.output
    )
    done("paper", "request", *question, "--party", "bureau", *what, *who,
         "--key", keys / "bureau.desk.sign", "--out", request)  # fmt: skip
    shown = done("paper", "approve", body, "--signer", "bureau.office",
                 "--key", keys / "bureau.office.sign", "--out", paper)  # fmt: skip
    assert "\ntemplate " in shown
    assert "got what counts from bureau.office" in fails(*explain, *paper_files).output
    done("paper", "sign", paper, "--signer", "office.health", "--key", keys / "office.health.sign")
    assert [s.signer for s in read_paper(paper).signatures] == ["bureau.office", "office.health"]
    assert done("paper", "check", paper, *consortium) == f"{paper}: good\n"
    assert "permitted by the policy of bureau" in done(*explain, *paper_files)
    assert "bureau.office, office.health" in done("paper", "show", paper)

    raw = json.loads(paper.read_text(encoding="utf-8"))
    raw["body"]["uses"] += 1
    paper.write_text(json.dumps(raw), encoding="utf-8")
    checked = fails("paper", "check", paper, *consortium)
    assert checked.exit_code == 1
    assert "it was changed, or somebody else signed it" in checked.output
    assert "does not count" in fails(*explain, *paper_files).output


def test_a_paper_that_does_not_count_is_found_at_the_desk(town: Path) -> None:
    consortium = ["--consortium", town / "consortium.toml", "--day", DAY]
    paper = town / "l.paper.json"
    sign = ["--signer", "bureau.lab", "--key", town / "keys" / "bureau.lab.sign", "--out", paper]
    done("paper", "licence", EXAMPLES / "licence.toml", *sign)
    checked = fails("paper", "check", paper, *consortium)
    assert checked.exit_code == 1
    assert "expected the signature of an authoriser on 2026-03-01, got bureau.lab" in checked.output
    # Another paper is never written over this one.
    over = fails("paper", "approve", EXAMPLES / "approval.toml", *sign)
    assert "write to another file" in str(over.exception)
    late = fails("paper", "check", paper, *consortium[:2], "--day", "2027-01-01")
    assert "it is valid from 2026-01-01 to 2026-12-31" in late.output


def test_the_examples_are_papers() -> None:
    assert approval_of(EXAMPLES / "approval.toml").body["number"] == "A-2026-017"
    assert approval_of(EXAMPLES / "exemption.toml").body["exemption"]
    assert licence_of(EXAMPLES / "licence.toml").body["quota"] == 12


def test_a_bad_file_is_named_with_the_place(tmp_path: Path) -> None:
    body = tmp_path / "approval.toml"
    text = (EXAMPLES / "approval.toml").read_text(encoding="utf-8")
    body.write_text(text.replace("uses = 12", 'uses = "12"'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"approval\.toml: uses: input should be a valid integer"):
        approval_of(body)
    body.write_text(text.replace(":to_day", ":until"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"approval\.toml: template: expected the placeholder"):
        approval_of(body)
    for content in ("[]", "{", '{"kind": 1}', "[" * 100_000):
        body.write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match=r"approval\.toml: expected"):
            read_paper(body)
    body.write_text(" " * 300_000, encoding="utf-8")
    with pytest.raises(UsageError, match="expected at most 262144 bytes"):
        read_paper(body)
    with pytest.raises(UsageError, match="expected a paper to read"):
        read_paper(tmp_path / "none.json")
    with pytest.raises(UsageError, match="expected at most 32 papers"):
        read_paper_files([body] * 33)


def test_a_project_is_drafted_signed_by_several_and_appended(town: Path) -> None:
    consortium = ["--consortium", town / "consortium.toml"]
    keys, out, journal = town / "keys", town / "s.json", town / "projects.jsonl"
    bureau = ["--signer", "bureau", "--key", keys / "bureau.sign", "--out", out]
    done("project", "draft", "project-registered", EXAMPLES / "project.toml", *consortium, *bureau)
    done("project", "append", out, *consortium)
    twice = fails("project", "append", out, *consortium)
    assert "it was moved, is old, or one before it is missing" in str(twice.exception)
    assert str(twice.exception).startswith(f"{out}: project-registered: ")
    out.unlink()

    start = town / "start.toml"
    start.write_text('day = "2026-01-10"\nproject = "rwd-2026-01"\nuntil = "2026-12-31"\n', "utf-8")
    health = ["--signer", "office.health", "--key", keys / "office.health.sign"]
    done("project", "draft", "project-start", start, *consortium, *health, "--out", out)
    alone = fails("project", "append", out, *consortium)
    assert "expected 2 of office.drugs, office.health, office.insurance" in str(alone.exception)
    drugs = ["--signer", "office.drugs", "--key", keys / "office.drugs.sign"]
    done("paper", "sign", out, *drugs)
    done("project", "append", out, *consortium)
    assert len(journal.read_text(encoding="utf-8").splitlines()) == 2
    shown = done("project", "show", *consortium, "--day", DAY)
    assert all(word in shown for word in ("rwd-2026-01", "running", "outcomes of a licensed"))
    (line,) = json.loads(done("project", "show", *consortium, "--day", DAY, "--json"))
    assert (line["state"], line["government_led"], line["risk"]) == ("running", True, "high")
    assert (line["registered"], line["until"]) == ("2026-01-05", "2026-12-31")

    start.write_text('day = "today"\nproject = "rwd-2026-01"\n', encoding="utf-8")
    bad = fails("project", "draft", "project-stopped", start, *consortium, *health, "--out", out)
    assert "start.toml: project-stopped: day: expected a day as YYYY-MM-DD" in str(bad.exception)
    kind = fails("project", "draft", "project-begin", start, *consortium, *health, "--out", out)
    assert "expected a kind of project-registered" in str(kind.exception)


def test_the_ledger_counts_uses_and_runs(town: Path) -> None:
    path = town / "ledger.sqlite"
    key = read_signing_key(town / "keys" / "bureau.sign")
    with Ledger.open(path, party="bureau", signing_key=key) as ledger:
        for project, question, plan in (("p", "q1", "a"), ("p", "q2", "b"), (None, "q3", "c")):
            ledger.append("request", {"question": question, "project": project})
            ledger.append("decision", {"question": question, "permit": plan != "b", "plan": plan})
        for question in ("q1", "q1", "q3"):
            papers = ["1", "2"] if question == "q1" else []
            ledger.append("start", {"question": question, "papers": papers})
    history = History.of(entries(path))
    assert history.used == {"1": 2, "2": 2}
    assert history.runs == {"p": 2}


def test_the_consortium_file_names_its_registers(town: Path) -> None:
    agreed = Consortium.load(town / "consortium.toml")
    assert (agreed.registers.principals, agreed.registers.projects) == (
        town / "principals.toml",
        town / "projects.jsonl",
    )
    raw = tomllib.loads((town / "consortium.toml").read_text(encoding="utf-8"))
    assert "projects" in raw["registers"]
    (town / "projects.jsonl").write_text("{}\n", encoding="utf-8")
    shown = fails("project", "show", "--consortium", town / "consortium.toml")
    assert "projects.jsonl: line 1: expected a statement" in str(shown.exception)


def test_a_value_is_traced_by_commands(town: Path) -> None:
    where = ["--consortium", town / "consortium.toml", "--journal", town / "trace.jsonl"]
    key = ["--key", town / "keys" / "hospital.sign"]
    value = ["trace", "add", "rwd-value", EXAMPLES / "rwd-value.toml", *where, *key]
    assert "expected a known record or value" in str(fails(*value).exception)
    batch = done("trace", "add", "source-record", EXAMPLES / "source-record.toml", *where, *key)
    wrong = fails(*value[:4], *where, "--key", town / "keys" / "bureau.sign")
    assert "expected a signature by the key of hospital" in str(wrong.exception)
    named = done(*value).strip()
    sources = json.loads(done("trace", "sources", named, *where, "--json"))
    assert [tuple(one.values()) for one in sources] == [
        ("2026-02-02", "value of hospital.reactions", named, "hospital", "severity 1.2.0"),
        ("2026-02-01", "batch", batch.strip(), "hospital", None),
    ]
    life = json.loads(done("trace", "life", batch.strip(), *where, "--json"))
    assert life == sources[::-1]
    table = done("trace", "life", batch.strip(), *where)
    assert all(word in table for word in (named, batch.strip(), "severity 1.2.0", "2026-02-01"))
    assert "rwd-value.toml: rwd-value bbbbbbbbbbbbbbbb: expected a new name" in str(
        fails(*value).exception
    )
    kind = fails("trace", "add", "value", EXAMPLES / "rwd-value.toml", *where, *key)
    assert "expected a kind of source-record, rwd-value" in str(kind.exception)
