"""Every fragment of the six parties' questions gives the same rows in DuckDB and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tests.postgresql import Server, served

from mpcstats.party.client import local_file, local_records
from mpcstats.party.compile import Records, planned
from mpcstats.party.data.source import PostgresTable, Source, file_of
from mpcstats.party.data.sources import Rows, Sources
from mpcstats.party.files.localfile import LocalFile
from mpcstats.party.question import Asking, Defaults, question_of, today

pytestmark = pytest.mark.extras
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demos" / "six_parties"
DATA = ROOT.parent / "shared" / "domain" / "data"
QUESTIONS = sorted((DEMO / "questions").glob("*.sql"))
Loaded = Mapping[str, Mapping[str, Source]]


@pytest.fixture(scope="module")
def config() -> LocalFile:
    return local_file(DEMO, data=DATA)


@pytest.fixture(scope="module")
def records(config: LocalFile) -> Records:
    return local_records(config)


@pytest.fixture(scope="module")
def loaded(config: LocalFile, records: Records) -> Iterator[Loaded]:
    """Every party's tables in one server."""
    with served() as server:
        yield {
            party: {
                name: to_postgres(server, records, name, file_of(name, source))
                for name, source in own.items()
            }
            for party, own in config.data.items()
        }


def to_postgres(server: Server, records: Records, name: str, path: Path) -> PostgresTable:
    columns = records.catalogue.dataset(name).columns
    kinds = ", ".join(
        f"{c} {'bigint' if columns[c].type == 'integer' else 'text'}" for c in columns
    )
    schema = name.partition(".")[0]
    server.run(
        "postgres", f"CREATE SCHEMA IF NOT EXISTS {schema}", f"CREATE TABLE {name} ({kinds})"
    )
    with duckdb.connect() as database:
        scan = f"read_csv('{path}', all_varchar = true)"
        rows = database.execute(f"SELECT {', '.join(columns)} FROM {scan}").fetchall()
    server.copy("postgres", name, rows)
    return PostgresTable(server.url("postgres"), name)


def in_order(rows: Rows) -> list[list[int]]:
    """All that a fragment yields, row by row, in an order of their own."""
    columns = [*rows.keys.T] if rows.keys.size else []
    columns += [column.view(np.uint64) for column in (*rows.values.values(), *rows.codes.values())]
    for given in rows.columns.values():
        columns += [*np.atleast_2d(given.values.T), given.known.astype(np.uint64)]
    return sorted(np.stack(columns, axis=1).tolist()) if columns else []


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_a_question_reads_the_same(
    config: LocalFile, records: Records, loaded: Loaded, path: Path
) -> None:
    question = question_of(
        path.read_text("utf-8"),
        initiator=config.initiator,
        asking=Asking(today(), None, None),
        given=Defaults("supervision", "a test"),
        defaults=Defaults(None, None),
        to=None,
    )
    plan = planned(question, records)
    owners = dict.fromkeys(fragment.owner for fragment in plan.fragments)
    assert owners
    for party in owners:
        here, there = (
            Sources(party, data[party], records.catalogue).read(plan)
            for data in (config.data, loaded)
        )
        assert there.audits == here.audits
        for name, rows in here.rows.items():
            assert in_order(there.rows[name]) == in_order(rows)
