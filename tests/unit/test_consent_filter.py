"""Consent at the owner: rows without it are not counted, and what was left out is the owner's to know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.errors import UsageError
from mpcstats.party.data.consent import (
    ConsentFilter,
    LeftOut,
    asks,
    columns_for_matter,
    left_out_shown,
    matter_rows,
    normal_id,
)
from mpcstats.party.data.sources import Own, Sources
from mpcstats.party.data.table import load_table
from mpcstats.plan.physical import Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.records.catalogue import Catalogue, Consent
from mpcstats.records.consent.acts import Mode
from mpcstats.records.consent.grants import Consented
from mpcstats.records.consent.pseudonym import PseudonymKey
from mpcstats.records.consent.terms import Ask

CATALOGUE = """
version = 1

[[dataset]]
name = "a.persons"
owner = "a"
rows = 9
consent = "{consent}"
[dataset.columns]
pid = {{ type = "text", level = "HIGH", person = true, key = "{key}" }}
sex = {{ type = "text", level = "LOW", domain = ["F", "M"], nullable = false }}
age = {{ type = "integer", level = "LOW", minimum = 0, maximum = 120 }}
note = {{ type = "integer", level = "LOW", minimum = 0, maximum = 9 }}
"""
KEY = PseudonymKey(bytes(range(32)))
TEXT = "SELECT e.sex, COUNT(*), SUM(e.age) FROM a.persons e GROUP BY e.sex"
# Under trim-upper P1 has three rows; one row has no key.
ROWS = ("P1,F,10,1", " p1 ,F,20,1", "p2,M,30,1", ",M,40,1", "P3,M,50,1", "p1,F,60,1")


def catalogue(tmp_path: Path, consent: Consent, key: str = "trim-upper") -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE.format(consent=consent, key=key), encoding="utf-8")
    return Catalogue.load(path)


def persons(tmp_path: Path, rows: tuple[str, ...] = ROWS) -> Path:
    path = tmp_path / "persons.csv"
    path.write_text("\n".join(("pid,sex,age,note", *rows)) + "\n", encoding="utf-8")
    return path


def plan(known: Catalogue, text: str = TEXT) -> Physical:
    compute = ("a", "b", "c")
    return plan_question(
        text,
        Setting(known, "rep3", compute, "b", ("b", "c"), "study", "a test", 1, lambda *_: compute),
    )


def chosen(mode: Mode, *ids: str) -> ConsentFilter:
    return ConsentFilter(KEY, {mode: Consented(mode, frozenset(KEY.person(i) for i in ids))})


def read(tmp_path: Path, known: Catalogue, consent: ConsentFilter | None, text: str = TEXT) -> Own:
    sources = Sources("a", {"a.persons": persons(tmp_path)}, known)
    return sources.read(plan(known, text), consent=consent)


def totals(own: Own) -> dict[str, list[int]]:
    """The values by name."""
    ((_, rows),) = own.rows.items()
    return {name: column.tolist() for name, column in rows.values.items()}


@pytest.mark.parametrize(
    ("mode", "ids", "count", "total", "left_out"),
    [
        ("per-matter", ("P1",), 3, 90, (3, 2, 3, 1)),
        ("per-matter", ("P1", "P3", "nobody"), 4, 140, (2, 1, 4, 2)),
        ("per-matter", (), 0, 0, (6, 3, 0, 0)),
        ("opt-out", ("P1",), 2, 80, (4, 1, 2, 2)),
        ("opt-out", (), 5, 170, (1, 0, 5, 3)),
        ("opt-out", ("P1", "P2", "P3"), 0, 0, (6, 3, 0, 0)),
    ],
)
def test_rows_without_consent_are_not_counted(
    tmp_path: Path,
    mode: Mode,
    ids: tuple[str, ...],
    count: int,
    total: int,
    left_out: tuple[int, int, int, int],
) -> None:
    own = read(tmp_path, catalogue(tmp_path, mode), chosen(mode, *ids))
    found = totals(own)
    assert sum(found["m0"]) == count
    assert sum(found["m1"]) == total
    assert own.left_out == (LeftOut("a.persons", *left_out),)


def test_a_dataset_that_needs_none_is_read_whole(tmp_path: Path) -> None:
    known = catalogue(tmp_path, "none")
    own = read(tmp_path, known, None)
    assert sum(totals(own)["m0"]) == 6
    assert own.left_out == ()
    assert read(tmp_path, known, chosen("per-matter")).left_out == ()
    assert asks(plan(known), known, "a", matter="0" * 64, second="s") == {}


def test_without_consents_a_dataset_that_needs_them_is_not_read(tmp_path: Path) -> None:
    known = catalogue(tmp_path, "per-matter")
    with pytest.raises(UsageError, match=r"^a\.persons: expected the consents of its persons"):
        read(tmp_path, known, None)
    with pytest.raises(
        UsageError, match="expected persons chosen for consent per-matter, got none"
    ):
        read(tmp_path, known, chosen("opt-out"))


def test_what_a_question_asks_is_every_column_that_it_reads(tmp_path: Path) -> None:
    known = catalogue(tmp_path, "per-matter")
    asked = {"matter": "0" * 64, "second": "2026-06-01T08:00:00Z"}
    (ask,) = asks(plan(known), known, "a", **asked).values()
    assert ask.fields == ("a.persons.age", "a.persons.pid", "a.persons.sex")
    assert ask.recipients == ("b", "c")
    (ask,) = asks(plan(known, "SELECT COUNT(*) FROM a.persons"), known, "a", **asked).values()
    assert ask.fields == ("a.persons.pid",)
    assert asks(plan(known), known, "b", **asked) == {}


def test_the_same_person_is_found_under_the_catalogues_normalisation(tmp_path: Path) -> None:
    right = "11010519491231002X"  # the example of the standard, of nobody
    rows = (f"{right},F,1,1", f"{right[:6]}{right[8:17]},F,2,1", f"{right.lower()} ,F,4,1")
    wrong = (f"{right[:-1]}0,F,8,1",)
    known = catalogue(tmp_path, "per-matter", "resident-id")
    sources = Sources("a", {"a.persons": persons(tmp_path, rows + wrong)}, known)
    own = sources.read(
        plan(known), consent=chosen("per-matter", normal_id(right[:6] + right[8:17], "resident-id"))
    )
    assert sum(totals(own)["m1"]) == 7
    assert own.left_out == (LeftOut("a.persons", 1, 0, 3, 1),)
    with pytest.raises(UsageError, match="valid under resident-id, got another") as caught:
        normal_id(wrong[0][:18], "resident-id")
    assert right[:17] not in str(caught.value)


def test_consent_needs_one_column_of_persons(tmp_path: Path) -> None:
    known = catalogue(tmp_path, "opt-out")
    dataset = known.dataset("a.persons")
    columns = {name: c for name, c in dataset.columns.items() if name != "pid"}
    bare = Catalogue((dataset.model_copy(update={"columns": columns}),))
    with duckdb.connect() as database:
        load_table(database, bare.dataset("a.persons"), ["age"], persons(tmp_path))
        with pytest.raises(UsageError, match="expected one column with person = true"):
            chosen("opt-out").restrict(database, bare.dataset("a.persons"))


def test_the_key_is_in_no_error_of_the_database(tmp_path: Path) -> None:
    dataset = catalogue(tmp_path, "opt-out").dataset("a.persons")
    with duckdb.connect() as database, pytest.raises(UsageError) as caught:
        chosen("opt-out", "P1").restrict(database, dataset)  # no table was loaded
    expected = r"a\.persons: the database cannot filter by consent: [A-Za-z]+Exception"
    assert re.fullmatch(expected, str(caught.value))


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 20))
def test_others_learn_how_many_only_where_both_sides_are_many(left: int, kept: int, k: int) -> None:
    shown = left_out_shown(left, kept, k)
    assert shown == (left if min(left, kept) >= k else "suppressed")


def test_of_one_matter_only_the_fields_that_are_asked_for_are_read(tmp_path: Path) -> None:
    known = catalogue(tmp_path, "per-matter").dataset("a.persons")
    ask = Ask("a", ("b",), ("a.persons.age",), "s", "p", "t", KEY.person("P1"), KEY.matter("F"))
    # The other column's values would be refused if they were read.
    path = persons(tmp_path, ("P1,F,10,999", "P1,M,20,999", "p2,F,30,999"))
    columns = columns_for_matter(known, ask, "sex")
    assert set(columns) == {"age", "pid", "sex"}
    with duckdb.connect() as database:
        load_table(database, known, columns, path)
        assert matter_rows(database, known, KEY, ask, matter_column="sex") == [{"age": 10}]
        for changed in (
            {"fields": ("b.persons.age",)},
            {"fields": ("a.persons.ages",)},
            {"person": None},
        ):
            with pytest.raises(UsageError, match="expected"):
                matter_rows(database, known, KEY, _replaced(ask, changed), matter_column="sex")
        with pytest.raises(UsageError, match="cannot read the matter: BinderException"):
            matter_rows(
                database,
                known,
                KEY,
                _replaced(ask, {"fields": ("a.persons.note",)}),
                matter_column="sex",
            )
    with duckdb.connect() as database, pytest.raises(UsageError, match="note between 0 and 9"):
        load_table(database, known, ["note"], path)  # the control


def _replaced(ask: Ask, changed: Mapping[str, object]) -> Ask:
    given_ = {name: getattr(ask, name) for name in ask.__slots__}
    return Ask(**{**given_, **changed})
