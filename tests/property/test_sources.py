"""A fragment gives the same rows in every engine: DuckDB, the owner's PostgreSQL, the owner's Spark."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from tests.fragments import CATALOGUE, COLUMNS, NAMES, Fragments, fragments
from tests.postgresql import Server, served

from mpcstats.party.data.embedded import DuckDB
from mpcstats.party.data.engine import Engine
from mpcstats.party.data.postgres import Postgres
from mpcstats.party.data.source import PostgresTable, Source, SparkTable
from mpcstats.party.data.spark import Spark
from mpcstats.records.catalogue import Catalogue

EXAMPLES = 8  # of tables, each with ten fragments
MASTER = "local[2]"
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
pytestmark = pytest.mark.extras
Found = Counter[tuple[int | None, ...]]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("engines") / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


def rows_of(engine: Engine, sql: str) -> Found:
    """The rows that the engine yields, in no order; None where a number is missing."""
    columns = engine.numbers(sql, NAMES, ["key"], "f at a")
    listed = [columns[name].tolist() for name in ("key_0", "key_1", *NAMES)]
    # Halves of a digest are unsigned in DuckDB, signed elsewhere: the same 64 bits.
    return Counter(
        (k0 % (1 << 64), k1 % (1 << 64), v0, v1) for k0, k1, v0, v1 in zip(*listed, strict=True)
    )


def load(engine: Engine, catalogue: Catalogue, sources: Mapping[str, Source]) -> None:
    for table, source in sources.items():
        engine.load(catalogue.dataset(f"a.{table}"), tuple(COLUMNS[table]), source)
    engine.lock()


def files(folder: Path, drawn: Fragments) -> dict[str, Path]:
    """The tables as Parquet."""
    found = {}
    with duckdb.connect() as database:
        for table, rows in (("persons", drawn.persons), ("visits", drawn.visits)):
            kinds = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table].items())
            database.execute(f"CREATE TABLE {table} ({kinds})")
            database.executemany(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows
            )
            found[table] = folder / f"{table}.parquet"
            database.execute(f"COPY {table} TO '{found[table]}'")
    return found


def expected(
    catalogue: Catalogue, tables: dict[str, Path], queries: Sequence[str]
) -> dict[str, Found]:
    """What DuckDB says to those of the queries that it computes."""
    engine, found = DuckDB(), {}
    try:
        load(engine, catalogue, dict(tables))
        for sql in queries:
            try:
                found[sql] = rows_of(engine, sql)
            except duckdb.Error as error:
                event(f"DuckDB: {type(error).__name__}")
    finally:
        engine.close()
    return found


def check(engine: Engine, wanted: dict[str, Found]) -> None:
    for sql, rows in wanted.items():
        assert rows_of(engine, sql) == rows, sql


# A smaller failing example would take minutes to find: each step asks a server.
@settings(max_examples=EXAMPLES, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(drawn=fragments(queries=10))
def test_postgresql_gives_what_duckdb_gives(
    catalogue: Catalogue, server: Server, tmp_path_factory: pytest.TempPathFactory, drawn: Fragments
) -> None:
    tables = files(tmp_path_factory.mktemp("tables"), drawn)
    wanted = expected(catalogue, tables, drawn.queries)
    server.run("postgres", "DROP SCHEMA IF EXISTS a CASCADE", "CREATE SCHEMA a")
    for table, rows in (("persons", drawn.persons), ("visits", drawn.visits)):
        kinds = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table].items())
        server.run("postgres", f"CREATE TABLE a.{table} ({kinds})")
        server.insert("postgres", f"a.{table}", rows)
    engine = Postgres(server.url("postgres"))
    try:
        own = {t: PostgresTable(server.url("postgres"), f"a.{t}") for t in COLUMNS}
        load(engine, catalogue, own)
        check(engine, wanted)
    finally:
        engine.close()


def test_the_server_would_compare_texts_in_another_order(server: Server) -> None:
    """The control: without a collation of its own a fragment would have the server's."""
    psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    with psycopg.connect(server.url("postgres")) as connection:
        query = "SELECT 'a' < 'B', 'a' COLLATE \"C\" < 'B', TRIM(U&'\\3000a') = 'a'"
        assert connection.execute(query).fetchone() == (True, False, False)
    with duckdb.connect() as database:
        query = "SELECT 'a' < 'B', TRIM('\u3000a') = 'a'"
        assert database.execute(query).fetchone() == (False, True)


@pytest.fixture(scope="module")
def running() -> Iterator[Spark]:
    """A Spark that stays for all examples: it takes seconds to begin."""
    pytest.importorskip("pyspark", reason="needs the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("needs Java to run Spark")
    spark = Spark(MASTER)
    yield spark
    spark.close()


# py4j leaves sockets to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@settings(max_examples=2, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(drawn=fragments(queries=10))
def test_spark_gives_what_duckdb_gives(
    catalogue: Catalogue, running: Spark, tmp_path_factory: pytest.TempPathFactory, drawn: Fragments
) -> None:
    tables = files(tmp_path_factory.mktemp("tables"), drawn)
    wanted = expected(catalogue, tables, drawn.queries)
    engine = Spark(MASTER)  # shares the one that is running
    try:
        load(engine, catalogue, {t: SparkTable(MASTER, None, path) for t, path in tables.items()})
        check(engine, wanted)
    finally:
        engine.close()
