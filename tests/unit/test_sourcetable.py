"""[data] of a party file: where each dataset is, what is refused with its place, and that no password is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from mpcstats.errors import UsageError
from mpcstats.party.data.source import DatabaseFile, GivenFrame, PostgresTable, Source, SparkTable
from mpcstats.party.files.sourcetable import Files, sources_of, written
from mpcstats.records.tomlfile import Table, read_toml

URL = "postgresql://bureau@db.example.org:5433/settlement?sslmode=verify-full"
PASSWORD = "77345"


class DataTable(Table):
    """A file with nothing but [data]."""

    data: Files = Field(default_factory=dict)


def load(folder: Path, where: str) -> Source:
    path = folder / "party.toml"
    path.write_text(f'[data]\n"a.persons" = {where}\n', encoding="utf-8")
    return sources_of(read_toml(path, DataTable).data, folder)["a.persons"]


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ('"data/p.csv"', Path("data/p.csv")),
        ('{ path = "data/p.csv" }', Path("data/p.csv")),
        ('{ path = "d.duckdb", table = "main.p" }', DatabaseFile(Path("d.duckdb"), "main.p")),
        (f'{{ postgres = "{URL}", table = "public.p" }}', PostgresTable(URL, "public.p")),
        (
            '{ postgres = "postgresql:///?service=bureau", table = "p" }',
            PostgresTable("postgresql:///?service=bureau", "p"),
        ),
        ('{ spark = "local[2]", table = "lake.s.p" }', SparkTable("local[2]", "lake.s.p")),
        ('{ spark = "local[2]", path = "p" }', SparkTable("local[2]", None, Path("p"))),
    ],
)
def test_a_source_is_read_and_written(tmp_path: Path, where: str, source: Source) -> None:
    match source:
        case Path():
            source = tmp_path / source
        case DatabaseFile():
            source = DatabaseFile(tmp_path / source.path, source.table)
        case SparkTable(path=Path() as path):
            source = SparkTable(source.master, None, tmp_path / path)
    assert load(tmp_path, where) == source
    assert load(tmp_path, written(source)) == source


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("3", "expected a path as text, or a table with path, table, postgres or spark"),
        ('""', "expected text, got none"),
        ("{ }", "expected a path, or the address of the engine that has the table"),
        ('{ table = "p" }', "expected a path, or the address of the engine that has the table"),
        ('{ path = "p.csv", rows = "1" }', "extra inputs are not permitted"),
        (f'{{ postgres = "{URL}" }}', "expected postgres and table, and nothing else"),
        (f'{{ postgres = "{URL}", table = "p", path = "p" }}', "expected postgres and table, and"),
        ('{ spark = "local", table = "p", path = "p" }', "expected spark and table, or spark and"),
        ('{ spark = "local" }', "expected spark and table, or spark and path, and nothing else"),
        (
            '{ path = "d", table = "a;b c" }',
            "expected a table as \"schema.name\", without quotes, got 'a;b c'",
        ),
        ('{ path = "d", table = "a.b.c.d" }', 'expected a table as "schema.name"'),
        (
            '{ postgres = "mysql://h/d", table = "p" }',
            "expected postgresql://USER@HOST:PORT/DATABASE, got an",
        ),
        (
            '{ postgres = "host=h", table = "p" }',
            "expected postgresql://USER@HOST:PORT/DATABASE, got ano",
        ),
        (
            '{ postgres = "postgresql://[h/d", table = "p" }',
            "expected postgresql://USER@HOST:PORT/DATABA",
        ),
        (
            f'{{ postgres = "postgresql://u:{PASSWORD}@h/d", table = "p" }}',
            "expected an address without a password, got one with it: give it in PGPASSWORD",
        ),
        (
            f'{{ postgres = "postgresql://h/d?password={PASSWORD}", table = "p" }}',
            "expected an address without a password, got one with it: give it in PGPASSWORD",
        ),
    ],
)
def test_another_source_is_refused_with_its_place(tmp_path: Path, where: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, where)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'party.toml'}: data.a.persons")
    assert message in said
    assert PASSWORD not in said


def test_a_frame_is_no_files(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra `pandas`")
    with pytest.raises(ValueError, match="expected a source that a file can name, got a frame"):
        written(GivenFrame(pandas.DataFrame()))
    assert not list(tmp_path.iterdir())
