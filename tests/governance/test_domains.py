"""Personal and public domain (SYSTEMS.md, row 13) and the classifier of outputs (row 14), item by item.

Real files, real keys, real SQLite; the permit is of the settlement demo's question under its own policy.
"""

from __future__ import annotations

import ast
import dataclasses
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import plans

from mpcstats.errors import InternalError, PolicyRefused, UsageError
from mpcstats.party.answer import Answer, answer
from mpcstats.party.compile import Records, compile_question
from mpcstats.party.domains.anonymity import (
    Microdata,
    Part,
    k_anonymity,
    l_diversity,
    t_closeness,
)
from mpcstats.party.domains.classify import Bounds, Output, classify_answer, classify_rows
from mpcstats.party.domains.gate import check_answer, release
from mpcstats.party.domains.pair import Domains
from mpcstats.party.domains.personal import Asked, Organisation, Person, PersonalDomain
from mpcstats.party.domains.public import PublicDomain, Release
from mpcstats.party.domains.vault import Vault, make_key, read_key
from mpcstats.party.question import Question
from mpcstats.plan.physical import Item, OutputColumn
from mpcstats.policy.permit import Permit, issue
from mpcstats.protocols.cells import Opened
from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Ledger, entries
from mpcstats.records.levels import Level

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mpcstats"
DEMO = ROOT / "demos" / "settlement"
BOUNDS = Bounds.load(ROOT / "examples" / "governance" / "domains.toml")
PARTIES = ("bureau", "hospital", "insurer")
RUN = "5" * 32
ONE, OTHER = "a1" * 16, "b2" * 16  # keyed pseudonyms of two made-up persons
CASE: dict[str, JSON] = {"drg_code": "ES21", "tot_fee": 812_300, "days": 6}
DAY = "2026-03-01"


def permit_of(initiator: str = "bureau") -> tuple[Permit, Records]:
    text = (DEMO / "question.sql").read_text(encoding="utf-8")
    asked = Question(text, "supervision", "a test", initiator, (initiator,), "2026-01-01")
    records = Records.load(
        "bureau",
        catalogue=DEMO / "catalogue.toml",
        policy=DEMO / "policy.toml",
        compute=PARTIES,
        members=PARTIES,
    )
    return compile_question(asked, records), records


PERMIT, RECORDS = permit_of()
CATALOGUE = RECORDS.catalogue
ANSWER = answer(
    PERMIT.plan,
    [
        Opened(
            np.array([True, False]),
            np.array([[True, False]] * 3),
            np.array([[True, False]] * 3),
            np.array([[40, 0], [9000, 0], [70, 0]], dtype=np.int64),
        )
    ],
)


def reissued(plan: Any = PERMIT.plan, party: str = "bureau", level: Level = PERMIT.level) -> Permit:
    return issue(plan, party=party, level=level, rule="r", policy_digest=PERMIT.policy_digest)


class Notes(list[Mapping[str, JSON]]):
    """What was written down."""


def consent_for(*granted: tuple[str, str, str, frozenset[str]]) -> Any:
    """A policy's answer: (reader, owner, purpose, fields) as the consent register would say."""

    def consented(asked: Asked) -> frozenset[str]:
        for reader, owner, purpose, fields in granted:
            if (reader, owner, purpose) == (asked.reader, asked.owner, asked.purpose):
                return fields
        return frozenset()

    return consented


CONSENT = consent_for(("insurer", ONE, "claim 17", frozenset({"drg_code", "days"})))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def domains(tmp_path: Path, notes: Notes) -> Iterator[Domains]:
    for name in ("personal", "public"):
        make_key(tmp_path / f"{name}.aes")
    opened = opened_in(tmp_path, notes)
    yield opened
    opened.close()


def opened_in(folder: Path, notes: Notes, public_key: str = "public") -> Domains:
    return Domains.open(
        folder,
        personal_key=folder / "personal.aes",
        public_key=folder / f"{public_key}.aes",
        party="hospital",
        consented=CONSENT,
        note=notes.append,
    )


def read(domain: PersonalDomain, row: str, reader: Any, *fields: str, **other: str) -> Any:
    asked = {"purpose": "claim 17", "day": DAY, **other}
    return domain.read(row, reader, fields=fields or ("drg_code",), **asked)


# --- two stores, two keys ---


def test_each_domain_has_a_store_and_a_key_of_its_own(tmp_path: Path, notes: Notes) -> None:
    for name in ("personal", "public"):
        make_key(tmp_path / f"{name}.aes")
    opened_in(tmp_path, notes).close()
    assert read_key(tmp_path / "personal.aes") != read_key(tmp_path / "public.aes")
    for name in ("personal.aes", "public.aes", "personal.vault", "public.vault"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="expected a key for each domain, got one key for both"):
        opened_in(tmp_path, notes, public_key="personal")


def test_one_domains_key_does_not_open_the_other(domains: Domains, tmp_path: Path) -> None:
    keys = {name: read_key(tmp_path / f"{name}.aes") for name in ("personal", "public")}
    with pytest.raises(UsageError, match="expected the key of this store, got another key"):
        Vault.open(tmp_path / "personal.vault", domain="personal", key=keys["public"])
    with pytest.raises(UsageError, match="expected the store of the public domain"):
        Vault.open(tmp_path / "personal.vault", domain="public", key=keys["personal"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k"
    make_key(path)
    path.chmod(mode)
    with pytest.raises(UsageError, match=f"got mode {mode:04o}"):
        read_key(path)


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "AB" * 32, "zz" * 32])
def test_a_key_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "k"
    path.touch(0o600)
    path.write_text(text, encoding="ascii")
    with pytest.raises(UsageError, match="expected a key of 64 lower-case hex digits"):
        read_key(path)
    with pytest.raises(UsageError, match="expected a place for a new key, got: File exists"):
        make_key(path)


def test_nothing_of_a_row_stands_in_the_file_and_an_erased_row_is_gone(
    domains: Domains, tmp_path: Path
) -> None:
    row = domains.personal.put(ONE, CASE, treating=["hospital"])
    raw = (tmp_path / "personal.vault").read_bytes()
    assert not any(word in raw for word in (b"ES21", b"tot_fee", ONE.encode(), b"hospital"))
    assert row.encode() in raw  # the file is the one that holds the row
    with closing(sqlite3.connect(tmp_path / "personal.vault")) as file:
        (sealed,) = file.execute("SELECT sealed FROM row").fetchone()
    with pytest.raises(PolicyRefused, match="for its owner alone"):
        domains.personal.erase(row, Person(OTHER))
    domains.personal.erase(row, Person(ONE))
    assert domains.personal.rows_of(Person(ONE)) == ()
    assert sealed[:16] not in (tmp_path / "personal.vault").read_bytes()


TAMPER = [
    "UPDATE row SET sealed = zeroblob(length(sealed)) WHERE id = '{one}'",
    "UPDATE row SET nonce = zeroblob(12) WHERE id = '{one}'",
    "UPDATE row SET tag = (SELECT tag FROM row WHERE id = '{two}') WHERE id = '{one}'",
    "UPDATE row SET (nonce, sealed, tag) = (SELECT nonce, sealed, tag FROM row WHERE id = '{two}')",
]


@pytest.mark.parametrize("change", TAMPER)
def test_a_row_that_is_changed_or_moved_is_not_opened(
    domains: Domains, tmp_path: Path, change: str
) -> None:
    one, two = domains.personal.put(ONE, CASE), domains.personal.put(OTHER, CASE)
    with closing(sqlite3.connect(tmp_path / "personal.vault")) as file:
        file.execute(change.format(one=one, two=two))
        file.commit()
    with pytest.raises(UsageError, match=f"row {one}: expected what was put there") as caught:
        read(domains.personal, one, Person(ONE))
    assert "ES21" not in str(caught.value)
    assert read(domains.personal, two, Person(OTHER)) == {"drg_code": "ES21"}


def test_a_row_of_another_store_under_the_same_key_is_not_opened(tmp_path: Path) -> None:
    """The store's own id is bound, and its keys are derived from it."""
    key = bytes(32)
    one = Vault.open(tmp_path / "one", domain="personal", key=key)
    other = Vault.open(tmp_path / "other", domain="personal", key=key)
    with one, other:
        row = one.put(b"content", word="w")
        with closing(sqlite3.connect(tmp_path / "other")) as file:
            file.execute("ATTACH ? AS source", (str(tmp_path / "one"),))
            file.execute("INSERT INTO row SELECT * FROM source.row")
            file.commit()
        assert one.get(row) == b"content"
        with pytest.raises(UsageError, match="expected what was put there"):
            other.get(row)


def test_a_file_that_is_no_vault_and_a_row_that_is_too_large_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no database at all, though long enough to be read" * 9)
    with closing(sqlite3.connect(tmp_path / "other")) as file:
        file.execute("CREATE TABLE t (a)")
    for name, says in (
        ("text", "expected a vault, got: file is not a database"),
        ("other", "expected a vault of mpcstats, got another database"),
        ("no/folder", "expected a place for a vault"),
    ):
        with pytest.raises(UsageError, match=says):
            Vault.open(tmp_path / name, domain="public", key=bytes(32))
    with pytest.raises(UsageError, match="expected a key of 32 bytes, got 16"):
        Vault.open(tmp_path / "v", domain="public", key=bytes(16))
    with Vault.open(tmp_path / "v", domain="public", key=bytes(32)) as vault:
        vault.put(bytes(1 << 20), word="w")
        with pytest.raises(
            UsageError, match="expected a row of at most 1048576 bytes, got 1048577"
        ):
            vault.put(bytes((1 << 20) + 1), word="w")


# --- personal rows: the owner, the treating party, or whom the owner has let ---


def test_the_owner_the_treating_party_and_the_consented_read(
    domains: Domains, notes: Notes
) -> None:
    row = domains.personal.put(ONE, CASE, treating=["hospital"])
    everything = tuple(CASE)
    assert read(domains.personal, row, Person(ONE), *everything) == CASE
    assert read(domains.personal, row, Organisation("hospital"), *everything) == CASE
    assert read(domains.personal, row, Organisation("insurer"), "days") == {"days": 6}
    assert [note["basis"] for note in notes] == ["owner", "treating", "consent"]
    assert [note["reader"] for note in notes] == [None, "hospital", "insurer"]


@pytest.mark.parametrize(
    ("reader", "fields", "purpose"),
    [
        (Person(OTHER), ("days",), "claim 17"),
        (Organisation("bureau"), ("days",), "claim 17"),
        (Organisation("insurer"), ("days", "tot_fee"), "claim 17"),  # a field beyond the consent
        (Organisation("insurer"), ("days",), "marketing"),  # another purpose
        (Organisation("person"), ("days",), "claim 17"),
    ],
)
def test_nobody_else_reads_and_the_refusal_is_written_down(
    domains: Domains, notes: Notes, reader: Any, fields: tuple[str, ...], purpose: str
) -> None:
    row = domains.personal.put(ONE, CASE, treating=["hospital"])
    with pytest.raises(PolicyRefused, match="neither its owner nor treats") as caught:
        read(domains.personal, row, reader, *fields, purpose=purpose)
    assert caught.value.party == "hospital"
    assert notes[-1]["basis"] is None
    written = str(notes) + str(caught.value)
    assert not any(word in written for word in (ONE, "ES21", "812300"))


def test_an_organisation_has_a_partys_name() -> None:
    with pytest.raises(UsageError, match="expected a party's name"):
        Organisation("99 0101")


def test_consent_is_asked_with_the_row_its_owner_and_the_day(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def until_april(question: Asked) -> frozenset[str]:
        asked.append(question)
        return frozenset(CASE) if question.day < "2026-04-01" else frozenset()

    make_key(tmp_path / "k")
    with PersonalDomain.open(
        tmp_path / "v", tmp_path / "k", party="hospital", consented=until_april, note=lambda _: None
    ) as domain:
        row = domain.put(ONE, CASE)
        assert read(domain, row, Organisation("insurer")) == {"drg_code": "ES21"}
        with pytest.raises(PolicyRefused):
            read(domain, row, Organisation("insurer"), day="2026-04-01")
    assert asked[0] == Asked("insurer", row, ONE, ("drg_code",), "claim 17", DAY)


def test_what_cannot_be_written_down_is_not_read(domains: Domains) -> None:
    row = domains.personal.put(ONE, CASE)

    def full(_: Mapping[str, JSON]) -> None:
        raise UsageError("the ledger is full")

    domains.personal._note = full
    with pytest.raises(UsageError, match="the ledger is full"):
        read(domains.personal, row, Person(ONE))


def test_a_person_sees_which_rows_there_are_about_them(domains: Domains) -> None:
    rows = {domains.personal.put(ONE, {"days": n}) for n in range(3)}
    domains.personal.put(OTHER, CASE)
    assert set(domains.personal.rows_of(Person(ONE))) == rows


def test_a_row_needs_a_keyed_pseudonym_and_fields_that_exist(domains: Domains) -> None:
    with pytest.raises(UsageError, match="another form of owner") as caught:
        domains.personal.put("990101199001011234", CASE)
    assert "990101" not in str(caught.value)
    row = domains.personal.put(ONE, CASE)
    with pytest.raises(UsageError, match="expected fields that it has, got diag"):
        read(domains.personal, row, Person(ONE), "diag")
    for wrong in ("0" * 32, "nothing"):
        with pytest.raises(UsageError, match=r"expected (a row of this store|the id of a row)"):
            read(domains.personal, wrong, Person(ONE))


# --- the one-way gate: the release engine ---


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The bureau's ledger with the finished run RUN of the permitted plan, as a node writes it."""
    path = tmp_path / "bureau.ledger"
    key = Ed25519PrivateKey.from_private_bytes(b"bureau".ljust(32))
    about, run = {"question": "1" * 64}, {"run": RUN, "plan": PERMIT.plan_digest}
    with Ledger.open(path, party="bureau", signing_key=key) as book:
        said = {"initiator": "bureau", "scenario": "supervision", "purpose": "a test"}
        book.append("request", {**about, **said})
        level = PERMIT.level.name
        book.append(
            "decision", {**about, "permit": True, "plan": PERMIT.plan_digest, "level": level}
        )
        book.append("start", {**run, "parties": list(PARTIES)})
        book.append("opening", {**run, "leak": "gated-cell", "to": ["bureau"], "shape": [8]})
        book.append("finish", {**run, "wall_ms": 9, "bytes_sent": 9})
    return path


def released(
    public: PublicDomain,
    ledger: Path,
    permit: Permit = PERMIT,
    found: Answer = ANSWER,
    run: str = RUN,
    bounds: Bounds = BOUNDS,
) -> str:
    return release(
        public,
        permit,
        found,
        run=run,
        entries=entries(ledger),
        catalogue=CATALOGUE,
        bounds=bounds,
    )


def test_the_answer_of_a_permitted_run_becomes_public_with_its_suppressed_cells(
    domains: Domains, ledger: Path
) -> None:
    row = released(domains.public, ledger)
    public = domains.public.read(row)
    assert public.columns == ANSWER.columns
    assert public.rows == ((310, 40, 9000, 70), (390, None, None, None))
    assert public.states[1] == ("value", "suppressed", "suppressed", "suppressed")
    assert (public.run, public.plan, public.minimum_persons) == (RUN, PERMIT.plan_digest, 11)
    assert domains.public.ids() == (row,)


def test_a_run_is_released_once(domains: Domains, ledger: Path) -> None:
    released(domains.public, ledger)
    with pytest.raises(UsageError, match="expected an answer that is not public yet"):
        released(domains.public, ledger)


def k_of(k: int) -> Permit:
    plan = PERMIT.plan
    return reissued(
        replace(
            plan,
            steps=(
                *plan.steps[:-1],
                replace(plan.gate, releases=(replace(plan.gate.releases[0], k=k),)),
            ),
        )
    )


def showing_persons() -> Permit:
    first, *others = PERMIT.plan.fragments
    shown = Item("hospital.cases", "certno", "group")
    return reissued(
        replace(PERMIT.plan, fragments=(replace(first, items=(*first.items, shown)), *others))
    )


@pytest.mark.parametrize(
    ("permit", "says"),
    [
        (k_of(10), "the answer is de-identified 去标识化; the gate opens cells of 10 persons"),
        (
            showing_persons(),
            "the answer is identifiable 可识别; the answer shows hospital.cases.cert",
        ),
        (reissued(level=Level.HIGH), "the question is of level HIGH 高敏感"),
        (reissued(party="insurer"), "insurer is no recipient of the answer"),
    ],
)
def test_what_is_not_aggregate_safe_does_not_leave(
    domains: Domains, ledger: Path, permit: Permit, says: str
) -> None:
    with pytest.raises(PolicyRefused, match=says):
        released(domains.public, ledger, permit)
    assert domains.public.ids() == ()


def forge(**change: Any) -> Answer:
    """ANSWER with other content, past what an Answer itself refuses to hold."""
    forged = object.__new__(Answer)
    for each in dataclasses.fields(Answer):
        object.__setattr__(forged, each.name, change.get(each.name, getattr(ANSWER, each.name)))
    return forged


def changed(row: int, column: int, cell: Any, state: Any = "value") -> Answer:
    rows, states = [list(r) for r in ANSWER.rows], [list(s) for s in ANSWER.states]
    rows[row][column], states[row][column] = cell, state
    return forge(rows=tuple(map(tuple, rows)), states=tuple(map(tuple, states)))


BOUND = PERMIT.plan.aggregate.totals[0].bound
NOT_THE_PLANS = [
    (changed(0, 1, "990101199001011234"), "row 1, column persons"),  # text where a number is
    (changed(0, 0, "990101199001011234"), "row 1, column insutype"),  # no public label
    (changed(0, 0, 320), "row 1, column insutype"),
    (changed(0, 1, BOUND + 1), "row 1, column persons"),
    (changed(0, 1, True), "row 1, column persons"),
    (changed(1, 1, 3, "suppressed"), "row 2, column persons"),  # a value under a suppressed cell
    (changed(0, 1, None), "row 1, column persons"),
    (changed(0, 1, 40, "shown"), "row 1, column persons"),
    (changed(1, 0, 310), "row 2: expected every group once"),
    (forge(columns=("name", *ANSWER.columns[1:])), "expected the plan's columns"),
    (forge(rows=ANSWER.rows * 2, states=ANSWER.states * 2), "at most 2 rows"),
    (forge(rows=((310, 40),), states=(("value", "value"),)), "row 1: expected 4 cells"),
]


def quotients(kind: Any, cell: Any, state: Any = "value", *, limit: int | None = None) -> None:
    """Hold an answer of one cell against a plan whose totals are the parts of a ratio, bound 10."""
    columns = (OutputColumn("share", kind, 0, 1),)
    totals = (plans.total("n_dscg", 10), plans.total("r30", 10))
    plan = plans.changed(plans.READMITTED, "outcome", totals=totals)
    plan = dataclasses.replace(plan, output=columns, limit=limit)
    check_answer(plan, forge(columns=("share",), rows=((cell,),), states=((state,),)))


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("ratio", 10.5), ("ratio", -10.5), ("quotient", 0.1), ("quotient", None), ("root", 3.2)],
)
def test_quotients_within_their_bounds_leave(kind: str, cell: float | None) -> None:
    quotients(kind, cell)
    quotients(kind, None, "suppressed")


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        *(("ratio", 11.5), ("ratio", None), ("ratio", 3), ("ratio", "990101199001011234")),
        *(("quotient", 10.5), ("root", -0.1), ("root", 3.4), ("ratio", float("nan"))),
    ],
)
def test_quotients_that_the_plan_cannot_give_do_not(kind: str, cell: Any) -> None:
    with pytest.raises(UsageError, match="row 1, column share"):
        quotients(kind, cell)


def test_no_more_rows_leave_than_the_limit() -> None:
    with pytest.raises(UsageError, match="at most 0 rows"):
        quotients("ratio", 0.5, limit=0)


@pytest.mark.parametrize(("forged", "says"), NOT_THE_PLANS)
def test_a_table_that_the_plan_cannot_give_does_not_leave(
    domains: Domains, ledger: Path, forged: Answer, says: str
) -> None:
    check_answer(PERMIT.plan, changed(0, 1, BOUND))  # what it can give is not refused
    with pytest.raises(UsageError, match=says) as caught:
        released(domains.public, ledger, found=forged)
    assert "990101" not in str(caught.value)
    assert domains.public.ids() == ()


def test_a_run_that_the_ledger_does_not_know_does_not_leave(domains: Domains, ledger: Path) -> None:
    with pytest.raises(UsageError, match="expected a finished run of the permitted plan"):
        released(domains.public, ledger, run="6" * 32)
    with pytest.raises(UsageError, match="expected a finished run of the permitted plan"):
        released(domains.public, ledger, k_of(12))  # another plan's permit for the same run


def test_a_release_cannot_be_made_up_changed_or_replaced_by_a_row(domains: Domains) -> None:
    with pytest.raises(InternalError, match="expected a release from the gate, got one that was"):
        Release(RUN, PERMIT, ANSWER, object())
    with pytest.raises(TypeError, match="seal"):
        Release(RUN, PERMIT, ANSWER)  # type: ignore[call-arg]
    row = read(domains.personal, domains.personal.put(ONE, CASE), Person(ONE))
    others: list[Any] = [row, ANSWER, PERMIT]
    for other in others:
        with pytest.raises(InternalError, match="expected a release from the gate"):
            domains.public.put_release(other)
    assert domains.public.ids() == ()


# --- no path from personal to public but the gate: what the sources say ---

DOMAINS = "party/domains/"
GATE, PUBLIC, PERSONAL, PAIR = (f"{DOMAINS}{n}.py" for n in ("gate", "public", "personal", "pair"))
PACKAGE = "mpcstats.party.domains"
# Said by the gate, and where they are defined, alone.
WRITERS = frozenset({"put_release", "seal_release"})
# Who may take more from the vault's module than `make_key`: a key read or a vault opened elsewhere could be written to.
OPENERS = frozenset({PERSONAL, PUBLIC, PAIR})
# A module of one side may not know the other.
APART = {
    GATE: ("personal", "pair", "vault"),
    PUBLIC: ("personal", "pair", "gate"),
    PERSONAL: ("public", "pair", "gate"),
}


def taken(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def paths(file: str, text: str) -> set[str]:
    """What the source `file` says that would open another way into the public domain."""
    found = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        said = [getattr(node, key, None) for key in ("id", "attr", "name")]
        if isinstance(node, ast.Constant):  # getattr(domain, "put_release")
            said.append(node.value)
        names = {name for name in said if isinstance(name, str)}
        found |= {f"says {name}" for name in names & WRITERS if file not in (GATE, PUBLIC)}
        match node:
            case ast.Attribute(value=ast.Name(id="self")):
                pass
            case ast.Attribute(attr="_vault"):
                found.add("reaches into a vault")
            case ast.ClassDef(bases=bases) if any("PublicDomain" in ast.dump(b) for b in bases):
                found.add("extends the public domain")
    for name in taken(tree):
        if name == f"{PACKAGE}.public._SEAL":
            found.add("takes the seal")
        of_vault = f"{name}.".startswith(f"{PACKAGE}.vault.")
        if of_vault and not name.endswith(".make_key") and file not in OPENERS:
            found.add("opens vaults")
        found |= {
            f"knows {other}"
            for other in APART.get(file, ())
            if f"{name}.".startswith(f"{PACKAGE}.{other}.")
        }
    return found


def test_no_source_has_another_way_into_the_public_domain() -> None:
    texts = {p.relative_to(SOURCE).as_posix(): p.read_text("utf-8") for p in SOURCE.rglob("*.py")}
    assert {GATE, PUBLIC, PERSONAL} <= set(texts)
    assert {file: paths(file, text) for file, text in texts.items() if paths(file, text)} == {}
    calls = [t for f, t in texts.items() for _ in range(t.count(".put_release(")) if f != PUBLIC]
    assert calls == [texts[GATE]]  # once, in the gate


@pytest.mark.parametrize(
    ("file", "text", "breach"),
    [
        ("party/serve.py", "public.put_release(x)", {"says put_release"}),
        ("party/serve.py", "f = getattr(public, 'put_release')", {"says put_release"}),
        (
            "party/desk/x.py",
            "from mpcstats.party.domains.public import seal_release as s",
            {"says seal_release"},
        ),
        ("party/serve.py", "from mpcstats.party.domains.vault import Vault", {"opens vaults"}),
        ("party/serve.py", "from mpcstats.party.domains.vault import read_key", {"opens vaults"}),
        ("party/serve.py", "from mpcstats.party.domains import vault", {"opens vaults"}),
        ("party/serve.py", "import mpcstats.party.domains.vault as v", {"opens vaults"}),
        ("party/serve.py", "d._vault.put(b'', word='')", {"reaches into a vault"}),
        ("party/x.py", "class Wide(public.PublicDomain): ...", {"extends the public domain"}),
        (PERSONAL, "other._vault.put(b'', word='')", {"reaches into a vault"}),
        (PERSONAL, "from mpcstats.party.domains.public import PublicDomain", {"knows public"}),
        (GATE, "from mpcstats.party.domains.personal import Person", {"knows personal"}),
        (GATE, "from mpcstats.party.domains import personal", {"knows personal"}),
        ("cli/x.py", "from mpcstats.party.domains.public import _SEAL", {"takes the seal"}),
        (PUBLIC, "self._vault.put(b'', word='')", set()),
        ("party/serve.py", "from mpcstats.party.domains.vault import make_key", set()),
    ],
)
def test_another_way_would_be_found(file: str, text: str, breach: set[str]) -> None:
    assert paths(file, text) == breach


# --- the classifier of outputs, and k, l, t of microdata (row 14) ---


def microdata(rows: list[tuple[int, ...]], *parts: Part) -> Microdata:
    columns = np.array(rows, dtype=np.int64).T
    names = [f"c{i}" for i in range(len(parts))]
    return Microdata(
        {n: np.ascontiguousarray(c) for n, c in zip(names, columns, strict=True)},
        dict(zip(names, parts, strict=True)),
    )


def test_the_classes_have_their_names_in_the_law() -> None:
    assert {o.name: o.value for o in Output} == {
        "IDENTIFIABLE": "可识别",
        "DE_IDENTIFIED": "去标识化",
        "AGGREGATE_SAFE": "匿名化",
    }


def test_answers_are_classified() -> None:
    assert classify_answer(PERMIT, CATALOGUE, BOUNDS).output is Output.AGGREGATE_SAFE
    assert classify_answer(k_of(10), CATALOGUE, BOUNDS).output is Output.DE_IDENTIFIED
    assert classify_answer(showing_persons(), CATALOGUE, BOUNDS).output is Output.IDENTIFIABLE


GOOD = [(c, v) for c in (1, 2) for v in (1, 2, 3) for _ in range(4)]  # classes of 12, 3 values


@pytest.mark.parametrize(
    ("rows", "parts", "output", "says"),
    [
        (GOOD, ("quasi", "sensitive"), Output.AGGREGATE_SAFE, None),
        (GOOD, ("identifier", "sensitive"), Output.IDENTIFIABLE, "it holds identifiers: c0"),
        (
            GOOD[:-2],
            ("quasi", "sensitive"),
            Output.DE_IDENTIFIED,
            "expected 11 rows in every class",
        ),
        (
            [(1, 1), (1, 2)] * 15 + [(2, 1), (2, 2)] * 14 + [(2, 3)] * 2,
            ("quasi", "sensitive"),
            Output.DE_IDENTIFIED,
            "l-diversity of c1: expected 3 values in every class, got 2 in one",
        ),
        (
            [(1, 1)] * 20 + [(1, 2), (1, 3)] + [(2, 3)] * 20 + [(2, 2), (2, 1)],
            ("quasi", "sensitive"),
            Output.DE_IDENTIFIED,
            "t-closeness of c1: expected every class within 3/10 of the whole",
        ),
    ],
)
def test_microdata_are_classified_by_identifiers_k_l_and_t(
    rows: list[tuple[int, ...]], parts: tuple[Part, ...], output: Output, says: str | None
) -> None:
    found = classify_rows(microdata(rows, *parts), BOUNDS)
    assert found.output is output
    assert found.reasons == () if says is None else says in found.reasons[0]
    assert len(found.reasons) == (says is not None)  # each table has one fault


def test_the_bound_itself_passes_and_the_next_fraction_does_not() -> None:
    # Of classes of 20, 13 : 7 and 7 : 13: each 3/20 from half and half.
    rows: list[tuple[int, ...]] = [
        (c, v) for c, n in ((1, 13), (2, 7)) for v in [1] * n + [2] * (20 - n)
    ]
    table = microdata(rows, "quasi", "sensitive")
    assert t_closeness(table, "c1") == Fraction(3, 20)
    exact = {"version": 1, "minimum_persons": 20, "highest": "LOW", "diversity": 2}
    at = Bounds.model_validate({**exact, "closeness": [3, 20]})
    assert classify_rows(table, at).output is Output.AGGREGATE_SAFE
    below = Bounds.model_validate({**exact, "closeness": [149_999_999, 1_000_000_000]})
    assert classify_rows(table, below).output is Output.DE_IDENTIFIED


TABLES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-1, 1), st.integers(-5, 5)), min_size=1, max_size=30
)


@given(TABLES)
@settings(max_examples=40)
def test_k_and_l_are_those_that_duckdb_counts(rows: list[tuple[int, ...]]) -> None:
    table = microdata(rows, "quasi", "quasi", "sensitive")
    with duckdb.connect() as db:
        db.execute("CREATE TABLE t (a INTEGER, b INTEGER, s INTEGER)")
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        counted = db.execute(
            "SELECT min(n), min(d) FROM (SELECT count(*) AS n, count(DISTINCT s) AS d FROM t GROUP BY a, b)"
        ).fetchone()
    assert (k_anonymity(table), l_diversity(table, "c2")) == counted


def farthest(rows: list[tuple[int, ...]], *, ordered: bool) -> Fraction:
    """t by the definition, in fractions."""
    values = sorted({row[-1] for row in rows})
    found = Fraction(0)
    for group in {row[:-1] for row in rows}:
        own = [row[-1] for row in rows if row[:-1] == group]
        apart = [
            Fraction(own.count(v), len(own)) - Fraction([r[-1] for r in rows].count(v), len(rows))
            for v in values
        ]
        if ordered:
            sums = [abs(sum(apart[: i + 1], Fraction(0))) for i in range(len(apart))]
            found = max(found, sum(sums, Fraction(0)) / max(1, len(values) - 1))
        else:
            found = max(found, sum(map(abs, apart), Fraction(0)) / 2)
    return found


@given(TABLES, st.booleans())
@settings(max_examples=60)
def test_t_is_the_definitions_exactly(rows: list[tuple[int, ...]], ordered: bool) -> None:
    part: Part = "sensitive-ordered" if ordered else "sensitive"
    table = microdata(rows, "quasi", "quasi", part)
    assert t_closeness(table, "c2") == farthest(rows, ordered=ordered) <= 1


@given(TABLES)
@settings(max_examples=40)
def test_leaving_out_a_quasi_identifier_never_lowers_k_or_l(rows: list[tuple[int, ...]]) -> None:
    fine = microdata(rows, "quasi", "quasi", "sensitive")
    coarse = microdata([row[1:] for row in rows], "quasi", "sensitive")
    assert k_anonymity(coarse) >= k_anonymity(fine)
    assert l_diversity(coarse, "c1") >= l_diversity(fine, "c2")


def test_microdata_need_a_part_for_every_column_and_one_length() -> None:
    one, two = np.zeros(1, dtype=np.int64), np.zeros(2, dtype=np.int64)
    bad: list[tuple[dict[str, Any], dict[str, Part], str]] = [
        ({"a": one}, {}, "expected a part for every column"),
        (
            {"a": one, "b": two},
            {"a": "quasi", "b": "quasi"},
            "expected columns of int64 of one len",
        ),
        ({"a": one.astype(np.float64)}, {"a": "quasi"}, "expected columns of int64 of one length"),
        ({"a": np.zeros(0, dtype=np.int64)}, {"a": "quasi"}, "expected 1 to 1048576 rows, got 0"),
    ]
    for columns, parts, says in bad:
        with pytest.raises(UsageError, match=says):
            Microdata(columns, parts)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[3, 10]", "[10, 10]", "expected closeness below 1"),
        ("[3, 10]", "0.3", "domains.toml: closeness: "),
        ('"MODERATE"', '"SECRET"', "highest: expected a level of NONE, LOW, MODERATE, HIGH"),
        ("minimum_persons = 11", "minimum_persons = 1", "minimum_persons: "),
    ],
)
def test_bounds_that_bound_nothing_are_not_loaded(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = (ROOT / "examples" / "governance" / "domains.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "domains.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        Bounds.load(path)
