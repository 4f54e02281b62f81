"""Ten parties in ten processes over TLS, on Synthea's data: every question is answered as DuckDB does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.joint import differences, oracle
from tests.synthea import DATA, DEMO, HERE, MISSING, NAMES, question, together

import mpcstats
from mpcstats.party.client import Party
from mpcstats.party.files.localfile import LocalFile
from mpcstats.records.ledger import entries

PARTIES = LocalFile.load(DEMO).parties

pytestmark = [pytest.mark.whole, pytest.mark.skipif(not HERE, reason=MISSING)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the parties' ledgers and logs are."""
    return tmp_path_factory.mktemp("synthea") / "kept"


@pytest.fixture(scope="module")
def bureau(folder: Path) -> Iterator[Party]:
    """The bureau, and nine processes for the others; they end with this module."""
    with mpcstats.local(DEMO, data=DATA, keep=folder) as party:
        yield party


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with together(sorted(DATA.glob("*/*.parquet"))) as connection:
        yield connection


@pytest.mark.parametrize("name", NAMES)
def test_a_question_is_answered_as_duckdb_does(
    bureau: Party, plain: duckdb.DuckDBPyConnection, name: str
) -> None:
    answer = bureau.sql(question(name)).run().answer
    assert answer is not None
    assert differences(answer, *oracle(plain, question(name))) == []


def test_another_year_is_another_answer(bureau: Party, plain: duckdb.DuckDBPyConnection) -> None:
    """The negative control: the answers are not the same whatever is asked."""
    text = question("not_seen")
    changed = text.replace("1735689600", "1704067200")
    assert changed != text
    answer = bureau.sql(changed).run().answer
    assert answer is not None
    assert differences(answer, *oracle(plain, changed)) == []
    assert differences(answer, *oracle(plain, text)) != []


def test_who_takes_part_has_it_in_its_ledger_and_no_node_complains(
    bureau: Party, folder: Path
) -> None:
    result = bureau.sql(question("diabetics")).run()
    assert set(result.permit.plan.parties) == set(PARTIES)
    for party in PARTIES:
        told = [entry.kind for entry in entries(folder / "ledgers" / f"{party}.sqlite")]
        assert "finish" in told, party
    for log in folder.glob("*.log"):
        assert "rror" not in log.read_text("utf-8"), log.name
