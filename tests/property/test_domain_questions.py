"""The domain pack's questions on a sample of its persons, all parties in one thread: the answers are DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
from tests.joint import Joint, Row, differences, oracle
from tests.pack import (
    DATA,
    DEMO,
    DOMAIN,
    HERE,
    MISSING,
    QUESTIONS,
    REFUSED,
    answers,
    question,
    sampled,
)

from mpcstats.party.answer import Answer, State
from mpcstats.party.data.table import load_table

ONE_IN = 60

pytestmark = pytest.mark.skipif(not HERE, reason=MISSING)


@pytest.fixture(scope="module")
def whole() -> Joint:
    return Joint.of_local(DEMO, data=DATA)


@pytest.fixture(scope="module")
def sample(whole: Joint, tmp_path_factory: pytest.TempPathFactory) -> Joint:
    return sampled(whole, tmp_path_factory.mktemp("sample"), one_in=ONE_IN)


@pytest.fixture(scope="module")
def plain(sample: Joint) -> Iterator[duckdb.DuckDBPyConnection]:
    with sample.together() as connection:
        yield connection


@pytest.mark.parametrize("engine", ["clear", "rep3"])
@pytest.mark.parametrize("name", [*QUESTIONS, REFUSED])
def test_a_question_is_answered_as_duckdb_does(
    sample: Joint, plain: duckdb.DuckDBPyConnection, name: str, engine: str
) -> None:
    compute = sample.compute if engine == "rep3" else ("x",)
    asked = replace(sample, engine=engine, compute=compute)
    assert differences(asked.ask(question(name)), *oracle(plain, question(name))) == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_sample_has_something_of_everything_that_is_asked(
    plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    columns, rows = oracle(plain, question(name))
    assert len(rows) >= len(answers()[name]["rows"]) / 3
    for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
        assert any(cells), column  # neither 0 nor NULL everywhere


def test_the_oracle_of_these_tests_gives_the_packs_answers(whole: Joint) -> None:
    """With keys normalised as the catalogue says, and public.hospital_levels as the demo has it."""
    with whole.together() as connection:
        for name, said in answers().items():
            found = _answer(*oracle(connection, question(name)))
            assert differences(found, said["columns"], said["rows"]) == [], name
        # The negative control: a yuan more in one settlement is seen.
        connection.execute(
            "UPDATE bureau.settlement SET medfee_sumamt = medfee_sumamt + 100 WHERE setl_id = 'S0000000057'"
        )
        said = answers()["Q03"]
        found = _answer(*oracle(connection, question("Q03")))
        assert differences(found, said["columns"], said["rows"])


def _answer(columns: list[str], rows: list[Row]) -> Answer:
    state: State = "value"
    return Answer(tuple(columns), tuple(rows), tuple((state,) * len(row) for row in rows))


@pytest.mark.parametrize("name", [*QUESTIONS, REFUSED])
def test_the_demo_asks_what_the_pack_asks(name: str) -> None:
    """The pack's text, after lines of header alone."""
    asked = (DOMAIN / "questions" / f"{name}.sql").read_text("utf-8")
    assert question(name).endswith(asked)
    more = question(name).removesuffix(asked).splitlines()
    assert all(line.startswith(("-- scenario: ", "-- to: ")) for line in more)


def test_every_table_of_the_pack_is_as_its_catalogue_says(whole: Joint) -> None:
    for name, path in whole.files.items():
        dataset = whole.catalogue.dataset(name)
        with duckdb.connect() as connection:
            load_table(connection, dataset, tuple(dataset.columns), path)
            ((rows,),) = connection.execute(f"SELECT COUNT(*) FROM {name}").fetchall()
        assert 0 < rows <= dataset.rows
