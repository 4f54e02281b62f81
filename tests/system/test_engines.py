"""One party keeps its data in PostgreSQL, another hands over frames: the answer is that of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.postgresql import Server, served

import mpcstats
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.sandbox.demo import plain_answer
from mpcstats.records.catalogue import Catalogue

pytestmark = pytest.mark.extras
ROOT = Path(__file__).parents[2]
SETTLEMENT = ROOT / "demos" / "settlement"
TEXT = (SETTLEMENT / "question.sql").read_text("utf-8")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


def to_postgres(server: Server, catalogue: Catalogue, name: str, path: Path) -> str:
    """The file's rows as a table of that name; what [data] says of it."""
    columns = catalogue.dataset(name).columns
    schema = name.partition(".")[0]
    kinds = ", ".join(
        f"{c} {'bigint' if columns[c].type == 'integer' else 'text'}" for c in columns
    )
    server.run(
        "postgres", f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE TABLE {name} ({kinds})"
    )
    with duckdb.connect() as database:
        rows = database.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet('{path}')"
        ).fetchall()
    server.insert("postgres", name, rows)
    return f'{{ postgres = "{server.url("postgres")}", table = "{name}" }}'


def test_a_question_over_a_file_a_server_and_a_frame(
    town_data: Path, tmp_path: Path, server: Server
) -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra `pandas`")
    catalogue = Catalogue.load(SETTLEMENT / "catalogue.toml")
    files = LocalFile.load(SETTLEMENT, data=town_data).data
    text = (SETTLEMENT / "local.toml").read_text("utf-8")
    for name in ("bureau.enrolment", "bureau.settlement"):
        path = files["bureau"][name]
        assert isinstance(path, Path)
        written = f'"{path.relative_to(town_data)}"'
        assert written in text
        text = text.replace(written, to_postgres(server, catalogue, name, path))
    for name in ("catalogue.toml", "policy.toml"):
        (tmp_path / name).write_bytes((SETTLEMENT / name).read_bytes())
    (tmp_path / "local.toml").write_text(text, encoding="utf-8")
    frames = {"insurer.claims": pandas.read_parquet(town_data / "insurer" / "claims.parquet")}
    before = len(server.log())
    with mpcstats.local(tmp_path, data=town_data, frames=frames) as bureau:
        result = bureau.sql(TEXT).run()
    assert result.answer is not None
    assert result.answer.rows == plain_answer(TEXT, LocalFile.load(SETTLEMENT, data=town_data))
    assert server.log()[before:].count("LOG:  statement: COPY (") == 1  # the bureau's one fragment
