"""Datasets that are no CSV or Parquet: tables of DuckDB files, Arrow files, pandas frames and Arrow tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from mpcstats.errors import UsageError
from mpcstats.party.client import with_frames
from mpcstats.party.data.frozen import file_digest
from mpcstats.party.data.scan import stored
from mpcstats.party.data.source import (
    DatabaseFile,
    GivenFrame,
    PostgresTable,
    Source,
    SparkTable,
    file_of,
)
from mpcstats.party.data.sources import Own, Sources
from mpcstats.party.files.localfile import LocalFile
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
"""
LOCAL = """
name = "test"
catalogue = "catalogue.toml"
policy = "policy.toml"
compute = ["a", "b", "c"]
"""
TEXT = "SELECT e.sex, COUNT(*), SUM(e.age) FROM a.persons e GROUP BY e.sex"
ROWS = [("p1", 31, "F"), ("P2", None, "M"), (" p3 ", 0, "F")]
WANTED = [[2, 1], [2, 1], [31, 0]]  # of F and M: persons, rows, ages
SECRET = "77345"  # no message may hold it


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


def read(catalogue: Catalogue, source: Source) -> Own:
    compute = ("a", "b", "c")
    setting = Setting(
        catalogue, "rep3", compute, "a", ("a",), "study", "a test", 1, lambda *_: compute
    )
    return Sources("a", {"a.persons": source}, catalogue).read(plan_question(TEXT, setting))


def columns(own: Own) -> list[list[int]]:
    return [column.tolist() for column in own.rows["e"].values.values()]


def refused(catalogue: Catalogue, source: Source) -> str:
    with pytest.raises(UsageError) as caught:
        read(catalogue, source)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def database(path: Path, *rows: tuple[Any, ...]) -> Path:
    with duckdb.connect(str(path)) as made:
        made.execute("CREATE TABLE persons (pid TEXT, age INTEGER, sex TEXT)")
        made.executemany("INSERT INTO persons VALUES (?, ?, ?)", rows)
        made.execute("CREATE SCHEMA s")
        made.execute("CREATE TABLE s.grown AS SELECT * FROM persons")
        made.execute("CREATE VIEW s.seen AS SELECT * FROM persons")
    return path


def frame(rows: list[tuple[Any, ...]], **kinds: str) -> Any:
    pandas = pytest.importorskip("pandas", reason="needs the extra `pandas`")
    made = pandas.DataFrame(rows, columns=["pid", "age", "sex"])
    return made.astype({"age": "Int64"}).astype(kinds)


def arrow(rows: list[tuple[Any, ...]]) -> Any:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `arrow`")
    pid, age, sex = (list(column) for column in zip(*rows, strict=True))
    return pyarrow.table({"pid": pid, "age": age, "sex": pyarrow.array(sex).dictionary_encode()})


# Tables of DuckDB files -----------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["persons", "main.persons", "s.grown"])
def test_a_table_of_a_database_file_is_read(
    catalogue: Catalogue, tmp_path: Path, table: str
) -> None:
    path = database(tmp_path / "it's.duckdb", *ROWS)
    before = file_digest(path)
    assert columns(read(catalogue, DatabaseFile(path, table))) == WANTED
    assert file_digest(path) == before
    assert [each.name for each in tmp_path.glob("it's*")] == ["it's.duckdb"]


def test_a_bad_database_file_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    path = database(tmp_path / "d.duckdb", *ROWS)
    noise = tmp_path / "noise.duckdb"
    noise.write_bytes(SECRET.encode() * 999)
    for source, expected in (
        (DatabaseFile(tmp_path / "none.duckdb", "persons"), "expected a file, got none"),
        (DatabaseFile(noise, "persons"), "expected a readable file, got "),
        (
            DatabaseFile(path, "others"),
            "expected a table of the file, got none of that name; there are: main.persons, s.grown",
        ),
        (path, 'expected the table of a database file: { path = "...", table = "..." }'),
    ):
        said = refused(catalogue, source)
        assert said.startswith("a.persons, ")
        assert f": {expected}" in said


def test_a_table_is_held_against_the_catalogue(catalogue: Catalogue, tmp_path: Path) -> None:
    path = database(tmp_path / "d.duckdb", ("p1", 77345, "F"))
    source = DatabaseFile(path, "persons")
    assert "expected age between 0 and 120, got 1 values outside" in refused(catalogue, source)
    with duckdb.connect(str(path)) as changed:
        changed.execute(f"ALTER TABLE persons ALTER age TYPE ENUM('{SECRET}') USING '{SECRET}'")
    assert refused(catalogue, source).endswith("expected integer in column age, got ENUM")


# Frames and Arrow files -----------------------------------------------------------------------------


@pytest.mark.extras
@pytest.mark.parametrize(
    "kinds", [{}, {"sex": "category"}, {"pid": "string"}, {"age": "object"}, {"pid": "object"}]
)
def test_a_pandas_frame_is_read(catalogue: Catalogue, kinds: dict[str, str]) -> None:
    assert columns(read(catalogue, GivenFrame(frame(ROWS, **kinds)))) == WANTED


@pytest.mark.extras
def test_an_arrow_table_is_read(catalogue: Catalogue) -> None:
    assert columns(read(catalogue, GivenFrame(arrow(ROWS)))) == WANTED


@pytest.mark.extras
@pytest.mark.parametrize("name", ["persons.arrow", "persons.FEATHER"])
def test_an_arrow_file_is_read(catalogue: Catalogue, tmp_path: Path, name: str) -> None:
    made = arrow(ROWS)
    feather = pytest.importorskip("pyarrow.feather", reason="needs the extra `arrow`")
    feather.write_feather(made, str(tmp_path / name))
    assert columns(read(catalogue, tmp_path / name)) == WANTED
    noise = tmp_path / f"noise-{name}"
    noise.write_bytes(SECRET.encode() * 99)
    assert "expected a readable file, got ArrowInvalid" in refused(catalogue, noise)
    assert "expected a file, got none" in refused(catalogue, tmp_path / f"none-{name}")


@pytest.mark.extras
@pytest.mark.parametrize(
    ("rows", "kinds", "expected"),
    [
        ([("p1", 77345, "F")], {}, "expected age between 0 and 120, got 1 values outside"),
        ([("p1", 1, "F"), ("p1 ", 2, "F")], {}, "expected each pid once, got 1 repeated ones"),
        ([("p1", 1, None)], {}, "expected sex without NULL, got 1 NULL"),
        ([("p1", 1, "F")], {"age": "float64"}, "expected integer in column age, got DOUBLE"),
        ([("77345", 1, "F")], {"pid": "int64"}, "expected text in column pid, got BIGINT"),
        (
            [(f"p{i}", i, "F") for i in range(7)],
            {},
            "expected at most 6 rows, as the catalogue says",
        ),
        ([], {}, "expected rows, got none"),
    ],
)
def test_a_frame_is_held_against_the_catalogue(
    catalogue: Catalogue, rows: list[tuple[Any, ...]], kinds: dict[str, str], expected: str
) -> None:
    said = refused(catalogue, GivenFrame(frame(rows, **kinds)))
    assert said.startswith(f"a.persons, the given DataFrame: {expected}")


@pytest.mark.extras
def test_a_late_number_in_a_column_of_texts_is_no_number(catalogue: Catalogue) -> None:
    made = frame(ROWS)
    made["age"] = made["age"].astype(object)
    made.loc[2, "age"] = 1.5
    assert (
        "expected whole numbers of 64 bits in column age, got something else in 1 rows"
        in refused(catalogue, GivenFrame(made))
    )


@pytest.mark.parametrize("rows", [{"pid": ["p1"]}, [("p1", 1, "F")], "persons.csv", None])
def test_another_object_is_refused(rows: object) -> None:
    with pytest.raises(
        UsageError, match="expected a pandas DataFrame or a pyarrow Table as the rows"
    ):
        GivenFrame(rows)


@pytest.mark.extras
def test_frames_of_local_become_files_for_their_owners(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "local.toml").write_text(LOCAL, encoding="utf-8")
    config = LocalFile.load(tmp_path)
    given = GivenFrame(frame(ROWS))
    assert with_frames(config, {}) is config
    assert with_frames(config, {"a.persons": given}).data == {"a": {"a.persons": given}}
    with pytest.raises(UsageError, match=r"a\.others"):
        with_frames(config, {"a.others": given})
    path = stored("a.persons", given, tmp_path / "persons.parquet")
    assert columns(read(catalogue, path)) == WANTED


def test_only_a_file_has_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    assert file_of("a.persons", path) == file_of("a.persons", DatabaseFile(path, "t")) == path
    for source in (PostgresTable("postgresql://h/d", "t"), SparkTable("local[2]", "t")):
        with pytest.raises(UsageError, match=r"^a\.persons: expected a dataset in a file, got "):
            file_of("a.persons", source)
