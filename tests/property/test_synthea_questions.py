"""The Synthea demo's questions over a sample of its persons, in one thread: the plan's answer is what DuckDB says."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from tests.joint import Joint, differences, oracle
from tests.synthea import (
    DATA,
    DEMO,
    HERE,
    MISSING,
    NAMES,
    ROOT,
    question,
    sampled,
    together,
)

from mpcstats.party.data.table import load_table

ONE_IN = 40
PAGE = ROOT / "docs" / "synthea.md"

pytestmark = pytest.mark.skipif(not HERE, reason=MISSING)


@pytest.fixture(scope="module")
def whole() -> Joint:
    return Joint.of_local(DEMO, data=DATA)


@pytest.fixture(scope="module")
def sample(whole: Joint, tmp_path_factory: pytest.TempPathFactory) -> Joint:
    return sampled(whole, tmp_path_factory.mktemp("sample"), one_in=ONE_IN)


@pytest.fixture(scope="module")
def plain(sample: Joint) -> Iterator[duckdb.DuckDBPyConnection]:
    with together(tuple(sample.files.values())) as connection:
        yield connection


@pytest.fixture(scope="module")
def all_plain(whole: Joint) -> Iterator[duckdb.DuckDBPyConnection]:
    with together(tuple(whole.files.values())) as connection:
        yield connection


@pytest.mark.parametrize("name", NAMES)
def test_a_question_is_answered_as_duckdb_does(
    sample: Joint, plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    assert differences(sample.ask(question(name)), *oracle(plain, question(name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_has_something_of_everything_that_is_asked(
    plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    columns, rows = oracle(plain, question(name))
    for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
        assert any(cells), column  # neither 0 nor NULL everywhere


def test_every_table_is_as_its_catalogue_says(whole: Joint) -> None:
    for name, path in whole.files.items():
        dataset = whole.catalogue.dataset(name)
        with duckdb.connect() as connection:
            load_table(connection, dataset, tuple(dataset.columns), path)
            ((rows,),) = connection.execute(f"SELECT COUNT(*) FROM {name}").fetchall()
        assert 0 < rows <= dataset.rows


def test_a_day_and_a_second_are_read_as_the_oracle_reads_them(
    whole: Joint, all_plain: duckdb.DuckDBPyConnection
) -> None:
    name = "hospital_c.encounters"
    with duckdb.connect() as connection:
        load_table(
            connection, whole.catalogue.dataset(name), ("start_ts", "stop_ts"), whole.files[name]
        )
        read = connection.execute(f"SELECT SUM(start_ts), SUM(stop_ts) FROM {name}").fetchall()
    assert read == all_plain.execute(f"SELECT SUM(start_ts), SUM(stop_ts) FROM {name}").fetchall()
    days = "SELECT MIN(onset), MAX(onset) FROM hospital_c.diagnoses"
    assert all_plain.execute(days).fetchall() == [(16804, 20779)]  # 2016-01-04 and 2026-11-22


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_every_question_and_its_answer(
    all_plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    columns, rows = oracle(all_plain, question(name))
    table = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    table += [f"| {' | '.join(map(_shown, row))} |" for row in rows]
    assert "\n".join(table) in PAGE.read_text("utf-8"), "\n".join(table)


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}" if cell < 1 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
