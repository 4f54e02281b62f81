"""Consents: pseudonyms, terms, the fold of a journal, and what is spent exactly once."""

from __future__ import annotations

import hmac
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.consenting import AUTHORITY, CLAIM, FIELDS, IDS, SECOND, Office, key_of, public

from mpcstats.errors import UsageError
from mpcstats.party.desk.consent import Chosen, ConsentDesk
from mpcstats.records.canonical import JSON
from mpcstats.records.consent.acts import Mode, Use
from mpcstats.records.consent.book import Book
from mpcstats.records.consent.grants import Due
from mpcstats.records.consent.pseudonym import (
    PseudonymKey,
    make_pseudonym_key,
    pseudonym_sql,
    read_pseudonym_key,
)
from mpcstats.records.consent.spent import Spent
from mpcstats.records.consent.terms import Ask
from mpcstats.records.journal import EMPTY
from mpcstats.records.second import check_second, later_second, seconds_between
from mpcstats.records.signed import Statement

ASK = Ask("bureau", ("p",), FIELDS, *CLAIM, SECOND)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# Pseudonyms and seconds ---------------------------------------------------------------------------


@settings(max_examples=12)
@given(st.binary(min_size=32, max_size=32), st.lists(st.text(max_size=80), max_size=8))
def test_the_database_computes_the_hmac_of_rfc_2104(secret: bytes, texts: list[str]) -> None:
    texts = [t for t in texts if "\0" not in t and t.isprintable()]
    key = PseudonymKey(secret)
    with duckdb.connect() as database:
        database.execute("CREATE TABLE t AS SELECT unnest($t::VARCHAR[]) AS id", {"t": texts})
        database.execute("INSERT INTO t VALUES (NULL)")
        query = f"SELECT {pseudonym_sql('id')}, {pseudonym_sql('id', matter=True)} FROM t"
        found = database.execute(query, key.parameters()).fetchall()
    expected = [(key.person(text), key.matter(text)) for text in texts]
    assert found == [*expected, (None, None)]
    assert [p for p, _ in expected] == [
        hmac.digest(secret, t.encode(), "sha256").hex() for t in texts
    ]


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made = make_pseudonym_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 32
    assert read_pseudonym_key(path) == made
    assert made.secret.hex() not in repr(made)
    with pytest.raises(UsageError, match="keys are never replaced"):
        make_pseudonym_key(path)
    path.chmod(0o640)
    with pytest.raises(
        UsageError, match=r"key: expected a key that its owner alone.*got mode 0640"
    ):
        read_pseudonym_key(path)
    path.chmod(0o600)
    path.write_bytes(made.secret + b"\n")
    with pytest.raises(UsageError, match="expected a key of 32 bytes, got 33"):
        read_pseudonym_key(path)


def test_persons_and_matters_have_pseudonyms_of_their_own() -> None:
    one, other = PseudonymKey(bytes(32)), PseudonymKey(bytes([1]) * 32)
    assert len({one.person("x"), one.matter("x"), other.person("x"), other.matter("x")}) == 4


def test_seconds_have_one_form() -> None:
    assert seconds_between("2024-02-28T23:59:59Z", "2024-03-01T00:00:00Z") == 86_401
    assert later_second("2023-12-31T23:59:59Z", 1) == "2024-01-01T00:00:00Z"
    for wrong in ("2024-02-30T00:00:00Z", "2024-2-03T00:00:00Z", "2024-02-03 00:00:00", "", "now"):
        with pytest.raises(UsageError, match="YYYY-MM-DDThh:mm:ssZ"):
            check_second(wrong)


# The journal --------------------------------------------------------------------------------------


def test_each_act_needs_the_signature_of_who_may_do_it(office: Office) -> None:
    person, other = office.person(0), office.person(1)
    office.enrol(0)
    asset = office.asset(0)
    opt_out: dict[str, JSON] = {"person": person, "dataset": "bureau.settlement"}
    freeze: dict[str, JSON] = {"target": asset, "frozen": True, "because": "a test"}
    enrol: dict[str, JSON] = {"person": other, "key": public("other").hex()}
    cases: tuple[tuple[str, Mapping[str, JSON], str, str | None, str], ...] = (
        ("consent-opt-out", opt_out, person, IDS[1], "by the person's key, got another"),
        (
            "consent-opt-out",
            opt_out,
            "clerk",
            None,
            "role authority on 2026-06-01, got that of clerk",
        ),
        ("consent-opt-out", {**opt_out, "person": other}, person, IDS[0], "role authority"),
        (
            "consent-opt-out",
            {**opt_out, "person": other},
            other,
            IDS[1],
            "expected an enrolled key",
        ),
        ("consent-freeze", freeze, AUTHORITY, None, "role regulator"),
        ("person-key", enrol, "bureau", None, "role authority"),
        ("person-key", {**enrol, "key": public(IDS[0]).hex()}, AUTHORITY, None, "of its own"),
        (
            "consent-asset",
            {**opt_out, "level": "LOW", "content": asset},
            AUTHORITY,
            None,
            "role party",
        ),
    )
    for kind, given_, signer, key, message in cases:
        with pytest.raises(UsageError, match=message):
            office.bring(kind, given_, signer, key)
    assert len(office.desk.consents().events) == 2
    office.bring("consent-opt-out", opt_out, person, IDS[0])  # the control


def test_what_does_not_hold_is_not_recorded(office: Office) -> None:
    with pytest.raises(UsageError, match="registered assets of the person, got none in bureau"):
        office.grant(0)
    asset = office.asset(0)
    with pytest.raises(
        UsageError, match=r"one asset of a person in bureau\.settlement, got a second"
    ):
        office.asset(0)
    grant = office.granted(0)
    digest = office.record(grant)
    with pytest.raises(UsageError, match="expected a new statement, got it again"):
        office.record(grant)
    with pytest.raises(UsageError, match="expected a consent of the person, got another's"):
        office.revoke(1, digest)
    office.revoke(0, digest)
    with pytest.raises(UsageError, match="got a revoked one"):
        office.revoke(0, digest)
    with pytest.raises(UsageError, match="expected an asset or consent of the journal"):
        office.freeze("0" * 64)
    with pytest.raises(UsageError, match="got a target that is not frozen"):
        office.freeze(asset, frozen=False)
    office.second = "2026-05-31T00:00:00Z"
    with pytest.raises(UsageError, match="expected 2026-06-01T08:00:00Z or later"):
        office.freeze(asset)
    office.second = SECOND
    with pytest.raises(UsageError, match="expected owner bureau, got hospital"):
        office.bring(
            "consent-opt-out",
            {"owner": "hospital", "person": office.person(0), "dataset": "hospital.cases"},
            AUTHORITY,
        )
    assert len(office.desk.consents().events) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fields": [FIELDS[0], FIELDS[1]]}, "expected the fields in order, each once"),
        ({"fields": []}, "fields: "),
        ({"fields": ["psn_cash_pay"]}, r"fields\[1\]: "),
        ({"person": IDS[0]}, "person: "),
        ({"expires": "2026-05-01T00:00:00Z"}, "expected not_before <= expires"),
        ({"most_uses": 0}, "most_uses: "),
        ({"nonce": "1"}, "nonce: "),
        ({"note": "x"}, "note: "),
    ],
)
def test_a_body_of_another_form_is_refused_with_its_place(
    office: Office, changed: dict[str, object], message: str
) -> None:
    body = {**office.granted(0).body, **changed}
    statement = Statement.of("consent-grant", body).sign(AUTHORITY, key_of(AUTHORITY))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message) as caught:
        office.record(statement)
    assert IDS[0] not in str(caught.value)


def test_a_record_is_the_owners_and_a_changed_line_is_found(office: Office) -> None:
    office.asset(0)
    office.grant(0)
    path = office.desk.journal
    whole = path.read_text()
    assert not [number for number in IDS if number in whole]
    for old, new in (("MODERATE", "NONE"), (AUTHORITY, "clerk"), (SECOND, "2026-06-01T08:00:01Z")):
        path.write_text(whole.replace(old, new))
        with pytest.raises(UsageError, match=r"consent.jsonl: line \d: "):
            ConsentDesk.open(office.path).consents()
    first, second = whole.splitlines(keepends=True)
    for lines in (second, second + first, first + first):
        path.write_text(lines)
        with pytest.raises(UsageError):
            ConsentDesk.open(office.path).consents()


def test_a_book_reads_on_what_others_write(office: Office) -> None:
    other = ConsentDesk.open(office.path)
    assert other.consents().events == ()
    office.asset(0)
    grant = office.grant(0)
    assert [event.digest for event in other.consents().events][1:] == [grant]
    other.record(office.granted(0), second=SECOND)
    assert len(office.desk.consents().events) == 3
    assert office.desk.head == other.head != EMPTY


@pytest.mark.parametrize(
    "change", [lambda b: b[: b.index(b"\n") + 1], lambda b: b"", lambda b: b" " + b]
)
def test_a_journal_that_was_cut_off_or_changed_is_refused(
    office: Office, change: Callable[[bytes], bytes]
) -> None:
    """Put back to an old copy, it would bring a revoked grant back."""
    office.asset(0)
    office.revoke(0, office.grant(0))
    path = office.desk.journal
    path.write_bytes(change(path.read_bytes()))
    for use in (office.desk.consents, lambda: office.asset(1)):
        with pytest.raises(
            UsageError, match="begin with the 3 records that were read, got another"
        ):
            use()
    path.unlink()
    with pytest.raises(UsageError, match="expected a journal, got: No such file"):
        office.desk.consents()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"body": {}', "expected a whole line"),
        (b"[]\n", "expected a statement with kind"),
        (b"{\n", "expected one JSON object"),
        (b"x" * (256 * 1024 + 1) + b"\n", "expected a whole line"),
    ],
)
def test_a_line_that_is_no_record_is_named(office: Office, line: bytes, message: str) -> None:
    office.asset(0)
    with office.desk.journal.open("ab") as file:
        file.write(line)
    with pytest.raises(UsageError, match=rf"consent\.jsonl: line 2: {message}"):
        office.desk.consents()


def test_what_does_not_hold_leaves_book_and_file_as_they_were(office: Office) -> None:
    office.asset(0)
    before = office.desk.journal.read_bytes()
    with pytest.raises(UsageError, match="a second"):
        office.asset(0)
    assert office.desk.journal.read_bytes() == before
    office.grant(0)  # the book goes on from there
    assert len(ConsentDesk.open(office.path).consents().events) == 2


def test_clocks_that_differ_by_little_are_put_in_order(office: Office) -> None:
    office.second = later_second(SECOND, 60)
    office.asset(0)
    office.second = SECOND
    grant = office.grant(0)
    assert [event.second for event in office.desk.consents().events] == [
        later_second(SECOND, 60)
    ] * 2
    # What was revoked before a run began is revoked for it, whatever the run's clock says.
    office.second = later_second(SECOND, 100)
    chosen = office.desk.choose({"per-matter": replace(ASK, second=office.second)})
    office.revoke(0, grant)
    refused = office.desk.begin("r", chosen, second=later_second(SECOND, 90))
    assert [each.reason for each in refused] == ["revoked"]
    office.second = later_second(SECOND, 39)
    with pytest.raises(UsageError, match="is the clock right"):
        office.asset(1)


# Whose rows may be counted ------------------------------------------------------------------------


def choose(office: Office, mode: Mode = "per-matter", **changed: object) -> frozenset[str]:
    ask = replace(ASK, **changed)  # type: ignore[arg-type]
    return office.desk.consents().consented(ask, mode).persons


def test_only_what_covers_the_whole_ask_counts(office: Office) -> None:
    for number in range(4):
        office.asset(number)
    office.grant(0)
    office.grant(1, fields=[FIELDS[0]])
    office.grant(2, recipient="q")
    office.grant(3)
    office.grant(3, recipient="q")
    people = [office.person(number) for number in range(4)]
    assert choose(office) == {people[0], people[3]}
    assert choose(office, fields=FIELDS[:1]) == {people[0], people[1], people[3]}
    assert choose(office, recipients=("p", "q")) == {people[3]}
    assert choose(office, purpose="marketing") == set()
    assert choose(office, scenario="research") == set()
    assert choose(office, second="2026-06-03T08:00:01Z") == set()
    assert choose(office, second="2026-06-01T07:59:59Z") == set()
    for wrong in ({"recipients": ()}, {"fields": ()}, {"owner": "q"}, {"person": people[0]}):
        with pytest.raises(UsageError, match="expected recipients and fields of bureau"):
            choose(office, **wrong)


def test_opting_out_outweighs_a_grant_until_it_is_withdrawn(office: Office) -> None:
    office.asset(0)
    office.grant(0)
    person = office.person(0)
    given_ = {"person": person, "dataset": "bureau.settlement", "scenario": "commercial"}
    assert choose(office, "opt-out") == set()
    opted = office.bring("consent-opt-out", given_, AUTHORITY)
    assert choose(office) == set()
    assert choose(office, "opt-out") == {person}
    assert choose(office, "opt-out", scenario="research") == set()
    assert choose(office, "opt-out", second="2026-06-01T07:00:00Z") == set()  # as of before
    office.revoke(0, opted)
    assert choose(office) == {person}
    assert choose(office, "opt-out") == set()


def test_a_freeze_outweighs_all_until_it_is_lifted(office: Office) -> None:
    asset = office.asset(0)
    grant = office.grant(0)
    for target in (asset, grant):
        office.freeze(target)
        assert choose(office) == set()
        assert [r.reason for r in office.desk.consents().refusals(grant, ASK)] == ["frozen"]
        office.freeze(target, frozen=False)
        assert choose(office) == {office.person(0)}
    office.freeze(asset)
    assert choose(office, "opt-out") == {office.person(0)}


def test_a_run_uses_up_what_it_was_given_and_writes_it_down(office: Office) -> None:
    office.asset(0)
    office.asset(1)
    office.grant(0, most_uses=1)
    standing = office.grant(1)
    chosen = office.desk.choose({"per-matter": ASK})
    assert chosen.persons["per-matter"].persons == {office.person(0), office.person(1)}
    assert begin(office, "run1", chosen) == []
    assert begin(office, "run2", chosen) == ["used-up"]
    again = office.desk.choose({"per-matter": ASK})
    assert again.persons["per-matter"].persons == {office.person(1)}
    assert begin(office, "run1", again) == ["replayed"]  # a label is used once
    assert begin(office, "run2", again) == []
    (use,) = office.desk.consents().uses("run2")
    assert use.consents == (standing,)
    office.revoke(1, standing)
    assert begin(office, "run3", again) == ["revoked"]  # chosen before, revoked since


def begin(office: Office, run: str, chosen: Chosen) -> list[str]:
    return [refusal.reason for refusal in office.desk.begin(run, chosen, second=SECOND)]


def test_who_opts_out_after_the_choice_is_not_counted(office: Office) -> None:
    chosen = office.desk.choose({"opt-out": ASK})
    assert begin(office, "run1", chosen) == []
    office.bring(
        "consent-opt-out", {"person": office.person(0), "dataset": "bureau.settlement"}, AUTHORITY
    )
    assert begin(office, "run2", chosen) == ["opted-out"]
    assert begin(office, "run2", office.desk.choose({"opt-out": ASK})) == []


def test_a_grant_without_end_is_used_before_one_that_runs_out(office: Office) -> None:
    office.asset(0)
    office.grant(0, most_uses=1)
    standing = office.grant(0)
    dues = office.desk.consents().consented(ASK, "per-matter").dues
    assert dues == (Due(standing, None),)


def test_the_journal_itself_refuses_a_use_that_is_not_covered(office: Office) -> None:
    office.asset(0)
    grant = office.grant(0, most_uses=1)
    given_: dict[str, object] = {
        "owner": "bureau", "run": "r", "mode": "per-matter", "recipients": ["p"],
        "fields": sorted(FIELDS), "scenario": CLAIM[0], "purpose": CLAIM[1], "second": SECOND,
        "consents": [grant],
    }  # fmt: skip
    for changed, message in (
        ({"purpose": "marketing"}, "other-purpose"),
        ({"recipients": ["q"]}, "other-recipient"),
        ({"recipients": ["p", "q"]}, "for every person one consent a recipient"),
        ({"consents": ["0" * 64]}, "unknown"),
        ({"consents": [grant, grant]}, "for every person one consent a recipient"),
        ({"consents": []}, "for every person one consent a recipient"),
        ({"mode": "opt-out"}, "expected no consents in mode opt-out"),
        ({"second": "2026-06-01T09:00:00Z"}, "expected a use by"),
    ):
        with pytest.raises(UsageError, match=message):
            office.desk.record_own(Use.model_validate({**given_, **changed}), second=SECOND)
    office.desk.record_own(Use.model_validate(given_), second=SECOND)
    with pytest.raises(UsageError, match="used-up"):
        office.desk.record_own(Use.model_validate({**given_, "run": "s"}), second=SECOND)
    with pytest.raises(UsageError, match="expected a run that has used something"):
        office.desk.deliver("s", "0" * 64, second=SECOND)
    office.desk.deliver("r", "0" * 64, second=SECOND)
    with pytest.raises(UsageError, match="delivered nothing yet"):
        office.desk.deliver("r", "1" * 64, second=SECOND)


def test_an_ask_that_no_statement_holds_is_refused_with_its_place(office: Office) -> None:
    office.asset(0)
    many = tuple(f"bureau.settlement.c{n}" for n in range(65))
    chosen = office.desk.choose({"opt-out": replace(ASK, fields=many)})
    with pytest.raises(UsageError, match="consent-use: fields: "):
        office.desk.begin("r", chosen, second=SECOND)
    assert len(office.desk.consents().events) == 1


STEPS = ("grant", "token", "opt-out", "revoke", "freeze")


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), min_size=3, max_size=12))
def test_only_a_grant_or_a_token_ever_adds_a_person(steps: list[tuple[str, int]]) -> None:
    """And a person who opts out, revokes or is frozen is no more than taken away; in mode opt-out the reverse."""
    with TemporaryDirectory() as folder:
        office = Office(Path(folder))
        assets = [office.asset(number) for number in range(3)]
        given_: dict[int, list[str]] = {number: [] for number in range(3)}
        seen, spared = choose(office, matter=MATTER), choose(office, "opt-out")
        for step, number in steps:
            person = office.person(number)
            if step == "grant":
                given_[number].append(office.grant(number))
            elif step == "token":
                terms = {**office.granted(number).body, "matter": MATTER}
                terms = {name: terms[name] for name in terms if name not in ("most_uses", "nonce")}
                given_[number].append(office.bring("consent-token", terms, AUTHORITY))
            elif step == "opt-out":
                opted = {"person": person, "dataset": "bureau.settlement"}
                office.bring("consent-opt-out", opted, AUTHORITY)
            elif step == "revoke" and given_[number]:
                office.revoke(number, given_[number].pop())
            elif step == "freeze":
                frozen = office.desk.consents().holdings.is_frozen(assets[number], SECOND)
                office.freeze(assets[number], frozen=True) if not frozen else None
            now, now_spared = choose(office, matter=MATTER), choose(office, "opt-out")
            assert now - seen <= ({person} if step in ("grant", "token") else set())
            assert seen - now <= {person}
            assert spared <= now_spared
            assert not now & now_spared
            seen, spared = now, now_spared


MATTER = "7a" * 32


def test_many_consents_are_written_in_several_statements(office: Office) -> None:
    office.asset(0)
    office.grant(0)
    office.grant(0, recipient="q")
    consents = office.desk.consents()
    two = replace(ASK, recipients=("p", "q"))
    found = consents.consented(two, "per-matter")
    assert [consents.holdings.held[d.consent].body.recipient for d in found.dues] == ["p", "q"]
    office.desk.begin("r", office.desk.choose({"per-matter": two}), second=SECOND)
    assert [len(use.consents) for use in office.desk.consents().uses("r")] == [2]


# Spent --------------------------------------------------------------------------------------------

DIGEST = "ab" * 32


RACE = """
import sys, time
from pathlib import Path
from mpcstats.records.consent.book import Book
from mpcstats.records.consent.grants import Due
from mpcstats.records.consent.spent import Spent
folder = Path(sys.argv[1])
with Spent.open(folder / "spent.sqlite") as spent:
    print("ready", flush=True)
    while not (folder / "go").exists():
        time.sleep(0.001)
    refused = spent.spend([Due(sys.argv[2], 1, once=True)], [], sys.argv[3])
print(refused[0].reason if refused else "spent")
"""


def test_of_concurrent_processes_exactly_one_spends_a_token(tmp_path: Path) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), DIGEST, f"r{number}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    ends = sorted(run.communicate(timeout=60)[0].strip() for run in runs)
    assert ends == ["replayed", "replayed", "spent"]


def test_all_or_nothing_is_spent_and_nothing_is_unspent(tmp_path: Path) -> None:
    path, other = tmp_path / "spent.sqlite", "cd" * 32
    with Spent.open(path) as spent:
        assert spent.spend([Due(DIGEST, 2)], [], "r1") == ()
        assert spent.spend([Due(DIGEST, 2)], [], "r2") == ()
        (refused,) = spent.spend([Due(other, None), Due(DIGEST, 2)], [], "r3")
        assert (refused.reason, refused.violation) == ("used-up", False)
        assert (spent.times(DIGEST), spent.times(other)) == (2, 0)
        with pytest.raises(UsageError, match="expected every consent once"):
            spent.spend([Due(other, None), Due(other, None)], [], "r4")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as database:
        for change in ("DELETE FROM spent", "UPDATE spent SET run = 'x'", "DELETE FROM use"):
            if "use" in change:
                database.execute("INSERT INTO use (run, body) VALUES ('r', '{}')")
            with pytest.raises(sqlite3.IntegrityError, match="what is spent stays spent"):
                database.execute(change)
    database.close()


def test_another_file_is_no_file_of_what_is_spent(tmp_path: Path) -> None:
    path = tmp_path / "spent.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (x)")
    database.commit()
    database.close()
    with pytest.raises(UsageError, match="got another database"):
        Spent.open(path)
    path.write_text("no database at all, and longer than the head of a file of SQLite: " * 9)
    with pytest.raises(UsageError, match=r"spent.sqlite: expected a file of what is spent, got: "):
        Spent.open(path)


def test_a_crash_between_spending_and_writing_down_leaves_the_token_spent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.enrol(0)
    token = office.token(0, "S1")
    ask = replace(ASK, person=office.person(0), matter=office.desk.key.matter("S1"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    office.record(token)
    with monkeypatch.context() as patch:
        patch.setattr(Book, "write", crash)
        with pytest.raises(KeyboardInterrupt):
            office.desk.admit(token, ask, "r1")
    office.second = later_second(SECOND, 60)
    office.revoke(0, token.digest)  # what happens later does not unmake the use
    assert office.desk.consents().uses("r1") == ()
    again = ConsentDesk.open(office.path)  # another process, which writes the rest first
    late = replace(ask, second=office.second)
    assert [r.reason for r in again.admit(token, late, "r2")] == ["revoked", "replayed"]
    assert again.settle(second=office.second) == 0
    (use,) = office.desk.consents().uses("r1")
    assert (use.consents, use.second) == ((token.digest,), SECOND)


def test_a_statement_without_signature_or_of_another_kind_is_no_token(office: Office) -> None:
    office.asset(0)
    ask = replace(ASK, person=office.person(0), matter=office.desk.key.matter("S1"))
    bare = replace(office.token(0, "S1"), signatures=())
    assert [r.reason for r in office.desk.admit(bare, ask, "r")] == ["not-signed"]
    with pytest.raises(UsageError, match="expected a consent-token, got consent-grant"):
        office.desk.admit(office.granted(0), ask, "r")
    wrong = Statement.of("consent-token", {"owner": "bureau"})
    with pytest.raises(UsageError, match="person: field required"):
        office.desk.admit(wrong, ask, "r")
    assert json.dumps([str(r) for r in office.desk.consents().refusals("0" * 64, ask)])
