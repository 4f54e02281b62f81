"""The domain pack's questions on a sample of its persons, all parties in one thread: the answers are DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from tests.joint import Joint, differences, oracle
from tests.pack import DATA, DEMO, HERE, MISSING, question, sampled

ONE_IN = 60

pytestmark = pytest.mark.skipif(not HERE, reason=MISSING)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Joint:
    whole = Joint.of_local(DEMO, data=DATA)
    return sampled(whole, tmp_path_factory.mktemp("sample"), one_in=ONE_IN)


@pytest.fixture(scope="module")
def plain(sample: Joint) -> Iterator[duckdb.DuckDBPyConnection]:
    with sample.together() as connection:
        yield connection


@pytest.mark.parametrize("name", ["Q04"])
def test_a_question_is_answered_as_duckdb_does(
    sample: Joint, plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    text = question(name)
    assert differences(sample.ask(text), *oracle(plain, text)) == []
