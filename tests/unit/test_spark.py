"""A party's Spark: checked as files are, and asked for no more than the plan says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mpcstats.errors import UsageError
from mpcstats.party.data.source import Source, SparkTable
from mpcstats.party.data.sources import Own, Sources
from mpcstats.party.data.spark import Spark
from mpcstats.plan.question import Setting, plan_question
from mpcstats.records.catalogue import Catalogue

# py4j leaves sockets to the garbage collector.
pytestmark = [
    pytest.mark.extras,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MASTER = "local[2]"
CATALOGUE = """
version = 1

[[dataset]]
name = "a.persons"
owner = "a"
rows = 6
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", unique = true }
age = { type = "integer", level = "LOW", minimum = 0, maximum = 120 }
day = { type = "integer", level = "LOW", minimum = -9, maximum = 9, unit = "day" }
sex = { type = "text", level = "LOW", domain = ["F", "M"], nullable = false }
"""
GOOD = "('p1', 31, DATE '1970-01-02', 'F'), ('P2', NULL, NULL, 'M'), (' p3 ', 0, DATE '1969-12-31', 'F')"
TEXT = "SELECT e.sex, COUNT(*), SUM(e.age), SUM(e.day) FROM a.persons e GROUP BY e.sex"


@pytest.fixture(scope="module")
def spark() -> Iterator[Spark]:
    """A Spark that stays: each reading has a session of its own in it."""
    pytest.importorskip("pyspark", reason="needs the extra `spark`")
    pytest.importorskip("ibis", reason="needs the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("needs Java to run Spark")
    running = Spark(MASTER)
    yield running
    running.close()


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


def parquet(path: Path, rows: str = GOOD) -> Path:
    with duckdb.connect() as database:
        table = f"(VALUES {rows}) AS t(pid, age, day, sex)"
        database.execute(f"COPY (SELECT * FROM {table}) TO '{path}' (FORMAT parquet)")
    return path


def read(catalogue: Catalogue, source: Source) -> Own:
    compute = ("a", "b", "c")
    setting = Setting(
        catalogue, "rep3", compute, "a", ("a",), "study", "a test", 1, lambda *_: compute
    )
    return Sources("a", {"a.persons": source}, catalogue).read(plan_question(TEXT, setting))


def test_a_fragment_is_computed_by_the_owners_spark(
    spark: Spark, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = parquet(tmp_path / "a`b c.parquet")
    spark._session.read.parquet(str(path)).createOrReplaceGlobalTempView("persons")
    wanted = read(catalogue, path)
    for source in (SparkTable(MASTER, None, path), SparkTable(MASTER, "global_temp.persons")):
        found = read(catalogue, source)
        assert found.audits == wanted.audits
        for name, column in wanted.rows["e"].values.items():
            assert found.rows["e"].values[name].tolist() == column.tolist()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("('p1', 121, NULL, 'F')", "expected age between 0 and 120, got 1 values outside"),
        ("('p1', 1, NULL, 'X')", "expected sex in its domain, got 1 values outside"),
        ("('p1', 1, NULL, 'F'), ('P1 ', 1, NULL, 'F')", "expected each pid once, got 1 repeated"),
        ("('é', 1, NULL, 'F')", "expected no letters with upper and lower case but those of ASCII"),
        ("('p1', 1.5, NULL, 'F')", "expected integer in column age, got decimal"),
        (
            "('p1', 1, TIMESTAMPTZ '1970-01-01', 'F')",
            "expected integer in column day, got timestamp",
        ),
    ],
)
@pytest.mark.usefixtures("spark")
def test_what_the_catalogue_excludes_is_refused(
    catalogue: Catalogue, tmp_path: Path, rows: str, expected: str
) -> None:
    source = SparkTable(MASTER, None, parquet(tmp_path / "p.parquet", rows))
    with pytest.raises(UsageError) as caught:
        read(catalogue, source)
    assert str(caught.value).startswith(f"a.persons, {source}: {expected}")


@pytest.mark.usefixtures("spark")
def test_what_is_not_there_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    for source, expected in (
        (SparkTable(MASTER, "a.none"), "expected a table or view, got none of that name"),
        (
            SparkTable(MASTER, None, tmp_path / "none.parquet"),
            "expected a file or folder of Parquet",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            read(catalogue, source)
        assert str(caught.value).startswith(f"a.persons, {source}: {expected}")
