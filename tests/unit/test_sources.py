"""An owner's files: every bad input is refused by name and without its values; the three formats read alike."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mpcstats.errors import UsageError
from mpcstats.party.data.embedded import DuckDB
from mpcstats.party.data.halt import Halt, in_background
from mpcstats.party.data.sources import Own, Sources, _Database
from mpcstats.plan.physical import CodeColumn, Fragment, Physical, ValueColumn
from mpcstats.plan.question import Setting, plan_question
from mpcstats.records.catalogue import Catalogue

CATALOGUE = """
version = 1

[[dataset]]
name = "a.persons"
owner = "a"
rows = 6
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
age = { type = "integer", level = "LOW", minimum = 0, maximum = 120 }
sex = { type = "text", level = "LOW", domain = ["F", "M"], nullable = false }
band = { type = "integer", level = "LOW", domain = [1, 2] }
note = { type = "text", level = "LOW", distinct = 2 }

[[dataset]]
name = "b.residents"
owner = "b"
rows = 9
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "resident-id" }
"""
TEXT = """SELECT e.sex, COUNT(*), SUM(e.age), SUM(e.band), COUNT(e.note)
FROM a.persons e GROUP BY e.sex"""
HEADER = "pid,age,sex,band,note"
GOOD = ("p1,31,F,1,x", "P2,,M,2,", " p3 ,0,F,,y", ",120,M,1,x")
SECRET = "77345"  # stands for every wrong value: no message may hold it


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


def plan(catalogue: Catalogue, text: str = TEXT) -> Physical:
    compute = ("a", "b", "c")
    return plan_question(
        text,
        Setting(catalogue, "rep3", compute, "a", ("a",), "study", "a test", 1, lambda *_: compute),
    )


def read(catalogue: Catalogue, path: Path, text: str = TEXT) -> Own:
    return Sources("a", {"a.persons": path}, catalogue).read(plan(catalogue, text))


def csv(path: Path, *rows: str, header: str = HEADER) -> Path:
    text = "\n".join((header, *rows)) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def parquet(path: Path, query: str) -> Path:
    with duckdb.connect() as database:
        database.execute(f"COPY ({query}) TO '{path}'")
    return path


PARQUET = "SELECT 'p1' AS pid, {age} AS age, {sex} AS sex, {band} AS band, 'x' AS note"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("p1,1.5,F,1,x",), "whole numbers of 64 bits in column age, got something else in 1 rows"),
        ((f"p1,old{SECRET},F,1,x",), "whole numbers of 64 bits in column age"),
        (("p1,1e3,F,1,x",), "whole numbers of 64 bits in column age"),
        (("p1,9223372036854775808,F,1,x",), "whole numbers of 64 bits in column age"),
        ((f"p1,{SECRET},F,1,x",), "expected age between 0 and 120"),
        (("p1,-1,F,1,x",), "expected age between 0 and 120"),
        ((f"p1,1,{SECRET},1,x",), "expected sex in its domain"),
        ((f"p1,1,F,{SECRET},x",), "expected band in its domain"),
        (("p1,1,,1,x",), "expected sex without NULL"),
        (("p1,1,F,1,x", " P1,2,F,1,x"), "expected each pid once"),
        ((*GOOD, "p5,1,F,1,x", "p6,1,F,1,x", "p7,1,F,1,x"), "expected at most 6 rows"),
        ((*GOOD, f"p5,1,F,1,{SECRET}"), "expected at most 2 different note"),
        ((), "expected rows, got none"),
    ],
)
def test_what_the_catalogue_excludes_is_refused(
    catalogue: Catalogue, tmp_path: Path, rows: tuple[str, ...], expected: str
) -> None:
    path = csv(tmp_path / "persons.csv", *rows)
    with pytest.raises(UsageError) as caught:
        read(catalogue, path)
    message = str(caught.value)
    assert message.startswith(f"a.persons, {path}: ")
    assert expected in message
    assert SECRET not in message.replace(str(path), "")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"age": "1.5"}, "expected integer in column age, got DECIMAL(2,1)"),
        ({"age": "1.0::DOUBLE"}, "expected integer in column age, got DOUBLE"),
        (
            {"age": "DATE '2024-01-01'"},
            'expected integer in column age, got DATE: unit = "day" in the catalogue reads it',
        ),
        (
            {"age": "TIMESTAMP '2024-01-01 09:00:00'"},
            'in column age, got TIMESTAMP: unit = "day" or "second" in the catalogue reads it',
        ),
        ({"sex": "DATE '2024-01-01'"}, "expected text in column sex, got DATE"),
        ({"age": "TRUE"}, "expected integer in column age, got BOOLEAN"),
        ({"age": "'old'"}, "expected whole numbers of 64 bits in column age"),
        ({"age": "18446744073709551615::UBIGINT"}, "whole numbers of 64 bits in column age"),
        ({"sex": "1"}, "expected text in column sex, got INTEGER"),
        ({"band": "[1]"}, "expected integer in column band, got INTEGER[]"),
    ],
)
def test_a_wrong_type_in_parquet_is_refused(
    catalogue: Catalogue, tmp_path: Path, columns: dict[str, str], expected: str
) -> None:
    given = {"age": "1", "sex": "'F'", "band": "1", **columns}
    path = parquet(tmp_path / "persons.parquet", PARQUET.format(**given))
    with pytest.raises(UsageError) as caught:
        read(catalogue, path)
    assert str(caught.value).startswith(f"a.persons, {path}: ")
    assert expected in str(caught.value)


STAYS = """
version = 1

[[dataset]]
name = "a.stays"
owner = "a"
rows = 6
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", most = 2 }
day = { type = "integer", level = "LOW", minimum = -20000, maximum = 20000, unit = "day" }
at = { type = "integer", level = "LOW", minimum = -2000000000, maximum = 2000000000, unit = "second" }
"""
STAYS_TEXT = """SELECT SUM(s.day), SUM(s.at), COUNT(s.day), COUNT(s.at)
FROM a.stays s WHERE s.pid IS NULL OR s.pid <> ''"""


def stays(folder: Path, day: str, at: str, *persons: str) -> Own:
    """What the owner of stays brings, one for each of `persons`, where Parquet holds these expressions."""
    (folder / "stays.toml").write_text(STAYS, encoding="utf-8")
    catalogue = Catalogue.load(folder / "stays.toml")
    listed = ", ".join(f"({person})" for person in persons or ("'p1'",))
    path = parquet(
        folder / "stays.parquet",
        f"SELECT pid, {day} AS day, {at} AS at FROM (VALUES {listed}) AS t(pid)",
    )
    return Sources("a", {"a.stays": path}, catalogue).read(plan(catalogue, STAYS_TEXT))


@pytest.mark.parametrize(
    ("day", "at", "sums"),
    [
        ("DATE '1970-01-02'", "TIMESTAMP '1970-01-02 00:00:01'", [1, 86401]),
        ("DATE '1969-12-31'", "TIMESTAMP '1969-12-31 23:59:59.5'", [-1, -1]),
        (
            "TIMESTAMP '2024-01-01 23:59:59.9'",
            "TIMESTAMP_S '2024-01-01 00:00:00'",
            [19723, 19723 * 86400],
        ),
        ("TIMESTAMP_NS '1969-12-31 23:00:00.9'", "TIMESTAMP_NS '1970-01-01 00:00:07.9'", [-1, 7]),
        ("TIMESTAMP_MS '1970-01-03 00:00:00'", "TIMESTAMP_MS '1970-01-01 00:00:07.9'", [2, 7]),
        ("19723", "'19723'", [19723, 19723]),
        ("NULL::DATE", "NULL::TIMESTAMP", [0, 0]),
    ],
)
def test_days_and_times_are_numbers_since_1970(
    tmp_path: Path, day: str, at: str, sums: list[int]
) -> None:
    values = stays(tmp_path, day, at).rows["s"].values
    there = [0 if "NULL" in text else 1 for text in (day, at)]
    assert [int(column[0]) for column in values.values()][-4:] == [*sums, *there]


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        ("'infinity'::DATE", "1", "expected finite days in column day, got something else in 1 r"),
        (
            "1",
            "'-infinity'::TIMESTAMP",
            "expected finite days in column at, got something else in 1",
        ),
        ("1", "DATE '2024-01-01'", "expected integer in column at, got DATE"),
        ("TIMESTAMPTZ '2024-01-01 00:00:00+00'", "1", "column day, got TIMESTAMP WITH TIME ZONE"),
        ("DATE '2100-01-01'", "1", "expected day between -20,000 and 20,000, got 1 values outside"),
        ("INTERVAL 1 DAY", "1", "expected integer in column day, got INTERVAL"),
    ],
)
def test_what_is_no_day_or_time_of_the_catalogue_is_refused(
    tmp_path: Path, day: str, at: str, expected: str
) -> None:
    with pytest.raises(UsageError) as caught:
        stays(tmp_path, day, at)
    assert expected in str(caught.value)


def test_a_value_in_more_rows_than_the_catalogue_says_is_refused(tmp_path: Path) -> None:
    # NULL is no value, and a key counts as it is normalised.
    assert stays(tmp_path, "1", "1", "'p1'", "' P1'", "NULL", "NULL", "NULL").rows
    with pytest.raises(UsageError, match="expected each pid in at most 2 rows, got 1 more for one"):
        stays(tmp_path, "1", "1", "'p1'", "' P1'", "'p2'", "'p1 '")


def test_a_missing_column_is_refused_with_those_that_are_there(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = csv(tmp_path / "persons.csv", "p1,F,1", header="pid,sex,band")
    with pytest.raises(
        UsageError, match=r"a\.persons, .*: expected columns age, note, got pid, sex, band"
    ):
        read(catalogue, path)


def _nothing(path: Path) -> None:
    pass


def _noise(path: Path) -> None:
    path.write_bytes(SECRET.encode() * 9)


def _cut(path: Path) -> None:
    """A gz file that ends too early."""
    rows = [f"p{i},{i},F,1,x" for i in range(4000)]
    path.write_bytes(gzip.compress("\n".join((HEADER, *rows)).encode())[:-2000])


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("persons.csv", _nothing, "expected a file, got none"),
        ("persons.parquet", _folder, "expected a file, got none"),
        (
            "persons.xlsx",
            _noise,
            "expected a file of .csv, .csv.gz, .parquet, .arrow, .feather, got .xlsx",
        ),
        (
            "persons",
            _noise,
            "expected a file of .csv, .csv.gz, .parquet, .arrow, .feather, got none",
        ),
        ("persons.parquet", _noise, "expected a readable file, got "),
        ("persons.csv.gz", _noise, "expected a readable file, got "),
        ("persons.csv.gz", _cut, "expected a readable file, got "),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    catalogue: Catalogue,
    tmp_path: Path,
    name: str,
    make: Callable[[Path], None],
    expected: str,
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(UsageError) as caught:
        read(catalogue, path)
    assert str(caught.value).startswith(f"a.persons, {path}: {expected}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("line", [f"{SECRET},4,5,6".encode(), b"\xff\xfe" + SECRET.encode()])
def test_a_bad_line_far_down_a_file_of_texts_is_not_shown(
    catalogue: Catalogue, tmp_path: Path, line: bytes
) -> None:
    path = tmp_path / "residents.csv"
    path.write_bytes(b"pid\n" + b"x\n" * 50_000 + line + b"\n")
    planned = plan(catalogue, "SELECT COUNT(*) FROM b.residents")
    with pytest.raises(UsageError, match="expected a readable file, got InvalidInputEx") as caught:
        Sources("b", {"b.residents": path}, catalogue).read(planned)
    assert SECRET not in str(caught.value)


def test_the_first_row_of_a_file_without_header_is_not_shown(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD, header=f"{SECRET},31,F,1,x")
    with pytest.raises(
        UsageError,
        match=r"expected columns age, band, note, pid, sex, got none of the catalogue's$",
    ) as caught:
        read(catalogue, path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["persons*.csv", "person?.csv", "[p]ersons.csv", "o'person.csv"])
def test_no_other_file_is_read_than_the_one_that_is_named(
    catalogue: Catalogue, tmp_path: Path, name: str
) -> None:
    for other in ("persons.csv", "persons2.csv"):
        csv(tmp_path / other, *GOOD)
    found = read(catalogue, csv(tmp_path / name, GOOD[0]))
    assert found.audits[0].rows == 1


def test_a_dataset_without_a_file_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(
        UsageError, match=r"^a\.persons: expected a file for it in the party file of a, got none$"
    ):
        Sources("a", {}, catalogue).read(plan(catalogue))


def test_a_dataset_of_another_party_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^a\.persons: expected a dataset of b, got one of a$"):
        Sources("b", {"a.persons": tmp_path / "persons.csv"}, catalogue)


def test_who_owns_nothing_of_the_question_reads_nothing(catalogue: Catalogue) -> None:
    assert Sources("b", {}, catalogue).read(plan(catalogue)) == Own({}, ())


def test_columns_that_are_not_asked_for_are_neither_needed_nor_checked(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = csv(tmp_path / "persons.csv", "p1,wrong", header="pid,band")
    found = read(catalogue, path, "SELECT COUNT(*) FROM a.persons")
    assert found.rows["persons"].values["persons"].tolist() == [1]


def test_a_filter_that_leaves_no_rows_is_fine(catalogue: Catalogue, tmp_path: Path) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD)
    where = "FROM a.persons e WHERE e.age > 119 AND e.sex = 'F'"
    found = read(catalogue, path, f"SELECT COUNT(*), SUM(e.age) {where}")
    assert [column.tolist() for column in found.rows["e"].values.values()] == [[0], [0], [0]]


def test_csv_gz_and_parquet_give_the_same(catalogue: Catalogue, tmp_path: Path) -> None:
    plain = csv(tmp_path / "persons.csv", *GOOD)
    packed = csv(tmp_path / "PERSONS.csv.gz", *GOOD)
    with duckdb.connect() as database:
        typed = "TRY_CAST(age AS SMALLINT) AS age, TRY_CAST(band AS INTEGER) AS band"
        database.execute(
            f"COPY (SELECT * EXCLUDE (age, band), {typed} FROM read_csv('{plain}', all_varchar = true)) "
            f"TO '{tmp_path / 'persons.parquet'}'"
        )
    found = [read(catalogue, path) for path in (plain, packed, tmp_path / "persons.parquet")]
    assert found[0].rows["e"].values["m1"].tolist() == [31, 120]
    for other in found[1:]:
        assert other.audits == found[0].audits
        assert other.rows["e"].values.keys() == found[0].rows["e"].values.keys()
        for name, column in other.rows["e"].values.items():
            assert np.array_equal(column, found[0].rows["e"].values[name])


def test_a_file_that_may_not_be_looked_at_is_refused(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    path = csv(tmp_path / "persons.csv", *GOOD)
    monkeypatch.setattr(Path, "is_file", refuse)  # a superuser's tests may look at all
    with pytest.raises(UsageError) as caught:
        read(catalogue, path)
    assert str(caught.value) == (
        f"a.persons, {path}: expected a readable file, got: Permission denied"
    )


def test_an_audit_that_fails_shows_no_value(catalogue: Catalogue, tmp_path: Path) -> None:
    planned = plan(catalogue)
    (audit,) = planned.fragments[0].audits
    bad = replace(audit, sql=f"SELECT CAST('old{SECRET}' AS INTEGER) FROM a.persons")
    fragment = replace(planned.fragments[0], audits=(bad,))
    path = csv(tmp_path / "persons.csv", *GOOD)
    with pytest.raises(UsageError) as caught:
        Sources("a", {"a.persons": path}, catalogue).read(replace(planned, fragments=(fragment,)))
    assert str(caught.value) == (
        "a.persons: the database cannot count its keys: ConversionException"
    )


# Memory and time ------------------------------------------------------------------------------------

LARGE = "SELECT count(DISTINCT hash(range)) AS n FROM range(20_000_000)"
ENDLESS = (
    "SELECT sum(a.range * b.range - c.range * d.range) AS n "
    "FROM range(9000) a, range(9000) b, range(9000) c, range(9000) d"
)


def test_rows_that_do_not_fit_are_never_written_beside_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as other:
        # The control: DuckDB would use this folder by itself.
        assert other.execute("SELECT current_setting('temp_directory')").fetchall() == [(".tmp",)]
    large = Fragment("f", "a", LARGE, 9, (ValueColumn("n", 0, 1 << 40),), (), ())
    engine = DuckDB()
    with _Database(engine) as database:
        engine.connection.execute("SET memory_limit = '60MB'")
        engine.lock()
        with pytest.raises(UsageError, match=r"cannot compute it: OutOfMemoryException$"):
            database.rows(large, keyed=False)
        with pytest.raises(duckdb.Error):
            engine.connection.execute("SET temp_directory = '.tmp'")
    assert list(tmp_path.iterdir()) == []


def test_a_database_takes_a_part_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DuckDB()
    with _Database(engine), duckdb.connect() as other:
        asked = "SELECT current_setting('threads'), current_setting('enable_progress_bar')"
        (threads, bar), (most, _) = (
            c.execute(asked).fetchall()[0] for c in (engine.connection, other)
        )
    assert threads == min(4, most)
    assert not bar


def test_a_query_without_end_is_ended_by_another_thread(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD)
    planned = plan(catalogue)
    values = (ValueColumn("n", 0, 1),)
    fragment = replace(planned.fragments[0], sql=ENDLESS, values=values, codes=())
    whole = replace(planned, fragments=(fragment,))
    halt = Halt()
    sources = Sources("a", {"a.persons": path}, catalogue)
    reading = in_background(lambda: sources.read(whole, halt=halt), "test")
    time.sleep(0.7)
    assert not reading.done()  # by itself it does not end
    assert halt.end(reading, 5)
    assert isinstance(reading.exception(), UsageError)


def test_a_reading_that_was_called_off_does_not_begin(catalogue: Catalogue, tmp_path: Path) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD)
    halt, steps = Halt(), list[str]()
    sources = Sources("a", {"a.persons": path}, catalogue)
    sources.read(plan(catalogue), on_step=steps.append, halt=halt)
    assert steps == ["read a.persons"]
    halt.set()
    with pytest.raises(UsageError, match=r"^expected time to read the data, got called off$"):
        sources.read(plan(catalogue), on_step=steps.append, halt=halt)
    assert steps == ["read a.persons"]


# Keys -----------------------------------------------------------------------------------------------


def test_the_owner_is_told_of_missing_and_repeated_keys(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD, '"  ",5,F,1,x')
    (audit,) = read(catalogue, path).audits
    assert (audit.relation, audit.rows, audit.null_keys) == ("a.persons", 5, 1)
    assert (audit.invalid_keys, audit.distinct_keys, audit.repeated_keys) == (1, 3, 0)


def _resident_id(seventeen: str) -> str:
    """With its check character, GB 11643-1999."""
    weights = [2 ** (17 - i) % 11 for i in range(17)]
    total = sum(int(d) * w for d, w in zip(seventeen, weights, strict=True))
    return seventeen + "10X98765432"[total % 11]


def test_resident_ids_of_15_and_18_digits_are_one_and_wrong_ones_are_counted(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    right = _resident_id("11010519491231002")
    assert right == "11010519491231002X"  # the standard's own example
    other = _resident_id("44052419800101001")
    wrong = right[:-1] + "0"
    rows = (right, right.lower(), f" {right} ", right[:6] + right[8:17], other, wrong, "12345", "")
    path = parquet(
        tmp_path / "residents.parquet",
        " UNION ALL ".join(f"SELECT {repr(row) if row else 'NULL'} AS pid" for row in rows),
    )
    planned = plan(catalogue, "SELECT COUNT(*), COUNT(DISTINCT pid) FROM b.residents")
    found = Sources("b", {"b.residents": path}, catalogue).read(planned)
    (audit,) = found.audits
    assert (audit.rows, audit.null_keys, audit.invalid_keys) == (8, 1, 2)
    assert (audit.distinct_keys, audit.repeated_keys) == (2, 3)
    assert found.rows["residents"].values["persons"].tolist() == [2]


def test_a_fragments_keys_are_held_against_its_bound() -> None:
    one = Fragment("f", "a", "SELECT '1:x' AS key", 0, (), (), ())
    twice = replace(one, rows=2, sql=f"{one.sql} UNION ALL {one.sql}")
    with _Database(DuckDB()) as database:
        with pytest.raises(
            UsageError, match=r"^f at a: expected at most 0 keys by the catalogue's"
        ):
            database.rows(one, keyed=True)
        with pytest.raises(UsageError, match=r"^f at a: expected distinct keys, got 1 repeated"):
            database.rows(twice, keyed=True)


def test_a_fragments_numbers_are_held_against_its_bounds() -> None:
    value, code = ValueColumn("v", 0, 9), CodeColumn("g", (1, 2))
    sql = "SELECT '1:x' AS key, {v}::BIGINT AS v, {g}::BIGINT AS g"
    with _Database(DuckDB()) as database:
        for v, g, expected in (
            ("10", "0", "expected v between 0 and 9, as the catalogue's bounds say"),
            ("-1", "0", "expected v between 0 and 9, as the catalogue's bounds say"),
            ("NULL", "0", "expected a number of 64 bits in v"),
            ("1", "NULL", "expected one of the question's labels in g"),
        ):
            fragment = Fragment("f", "a", sql.format(v=v, g=g), 9, (value,), (code,), ())
            with pytest.raises(UsageError, match=f"^f at a: {expected}, got .* 1 rows"):
                database.rows(fragment, keyed=True)


# The lock -------------------------------------------------------------------------------------------


def test_a_question_cannot_name_a_file(catalogue: Catalogue, tmp_path: Path) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD)
    for source in (f"read_csv('{path}')", f"'{path}'", f"read_parquet('{path}')"):
        with pytest.raises(UsageError, match=r"^line 1, column \d+: "):
            plan(catalogue, f"SELECT COUNT(*) FROM {source}")
        with pytest.raises(UsageError, match=r"^line 1, column \d+: "):
            plan(catalogue, f"SELECT COUNT(*) FROM (SELECT * FROM {source}) AS e")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) AS n FROM read_csv('{path}')",
        "SELECT COUNT(*) AS n FROM '{path}'",
        "SELECT COUNT(*) AS n FROM read_text('{path}')",
        "SELECT COUNT(*) AS n FROM glob('{path}')",
    ],
)
def test_after_the_lock_the_database_reads_no_file(
    catalogue: Catalogue, tmp_path: Path, sql: str
) -> None:
    path = csv(tmp_path / "persons.csv", *GOOD)
    bad = sql.format(path=path)
    with duckdb.connect() as open_database:
        assert open_database.execute(bad).fetchall()  # without the lock it would
    engine = DuckDB()
    with _Database(engine):
        engine.lock()
        with pytest.raises(duckdb.Error):
            engine.connection.execute(bad)
        for change in ("SET enable_external_access = true", "RESET lock_configuration"):
            with pytest.raises(duckdb.Error):
                engine.connection.execute(change)
    planned = plan(catalogue)
    fragment = replace(planned.fragments[0], sql=bad)
    whole = replace(planned, fragments=(fragment,))
    with pytest.raises(UsageError, match="the database cannot compute it") as caught:
        Sources("a", {"a.persons": path}, catalogue).read(whole)
    assert str(path) not in str(caught.value)


LARGEST = "9223372036854775807"
OVERFLOWS = (
    f"CASE WHEN e.age > 100 THEN {LARGEST} + e.age ELSE 1 END > 0",
    f"CASE WHEN e.age > 100 THEN -({LARGEST} * e.age) ELSE 1 END <> 5",
    f"ABS(e.age * {LARGEST} * {LARGEST}) >= 0 OR e.age < 500",
)


@pytest.mark.parametrize("condition", OVERFLOWS)
def test_arithmetic_does_not_fail_on_the_row_that_overflows(
    catalogue: Catalogue, tmp_path: Path, condition: str
) -> None:
    """Failing would tell who asks, gate or no gate, that such a row is there."""
    text = f"SELECT e.sex, COUNT(*) FROM a.persons e WHERE {condition} GROUP BY e.sex"
    read(catalogue, csv(tmp_path / "persons.csv", *GOOD), text)


@pytest.mark.parametrize("condition", OVERFLOWS[:2])
def test_without_the_guard_it_would_fail(
    catalogue: Catalogue, tmp_path: Path, condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr("mpcstats.plan.fragment._guarded", lambda query: query)
    text = f"SELECT e.sex, COUNT(*) FROM a.persons e WHERE {condition} GROUP BY e.sex"
    with pytest.raises(UsageError, match="cannot compute it: OutOfRangeException"):
        read(catalogue, csv(tmp_path / "persons.csv", *GOOD), text)


def test_arithmetic_over_aggregates_has_bounds(catalogue: Catalogue) -> None:
    inner = f"SELECT pid, SUM(age) * {LARGEST} * {LARGEST} AS x FROM a.persons GROUP BY pid"
    text = f"SELECT COUNT(*) FROM ({inner}) e WHERE e.x > 0"
    with pytest.raises(UsageError, match=r"bounds beyond 2\^126: state minimum and maximum"):
        plan(catalogue, text)
    plan(catalogue, text.replace(f" * {LARGEST}", " * 2"))
