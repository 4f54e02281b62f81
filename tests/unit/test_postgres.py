"""A party's PostgreSQL: checked as files are, asked in one read-only transaction, for no more than the plan says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tests.postgresql import Server, served

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.embedded import DuckDB
from mpcstats.party.data.engine import Engine
from mpcstats.party.data.given import given_columns, given_parts
from mpcstats.party.data.halt import Halt, in_background
from mpcstats.party.data.postgres import Postgres, _columns
from mpcstats.party.data.source import GivenFrame, PostgresTable, Source
from mpcstats.party.data.sources import Own, Sources
from mpcstats.plan.physical import Fragment, Physical, ValueColumn
from mpcstats.plan.question import Setting, plan_question
from mpcstats.plan.tables import Column, Kind
from mpcstats.records.catalogue import Catalogue

pytestmark = pytest.mark.extras
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
note = { type = "text", level = "LOW", distinct = 2 }

[[dataset]]
name = "a.stays"
owner = "a"
rows = 6
[dataset.columns]
pid = { type = "text", level = "HIGH", person = true, key = "trim-upper", most = 2 }
day = { type = "integer", level = "LOW", minimum = -20000, maximum = 20000, unit = "day" }
at = { type = "integer", level = "LOW", minimum = -2000000000, maximum = 2000000000, unit = "second" }
"""
TABLE = "CREATE TABLE a.persons (pid varchar(20), age integer, sex char(3), note text, secret text DEFAULT '77345')"
GOOD = (("p1", 31, "F", "x"), ("P2", None, "M", "2"), (" p3 ", 0, "F", None), (None, 120, "M", "x"))
TEXT = "SELECT e.sex, COUNT(*), SUM(e.age) FROM a.persons e WHERE e.age > 5 GROUP BY e.sex"
KEYED = """SELECT COUNT(*), SUM(e.age) FROM (SELECT pid, age FROM a.persons WHERE age < 100) e
JOIN (SELECT DISTINCT pid FROM a.stays) s ON s.pid = e.pid"""
SECRET = "77345"  # no message may hold it


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return Catalogue.load(path)


@pytest.fixture
def made(server: Server) -> Server:
    """The server, with good rows of persons."""
    server.run("postgres", "DROP SCHEMA IF EXISTS a CASCADE", "CREATE SCHEMA a", TABLE)
    server.insert("postgres", "a.persons (pid, age, sex, note)", GOOD)
    return server


def plan(catalogue: Catalogue, text: str) -> Physical:
    compute = ("a", "b", "c")
    setting = Setting(
        catalogue, "rep3", compute, "a", ("a",), "study", "a test", 1, lambda *_: compute
    )
    return plan_question(text, setting)


def read(catalogue: Catalogue, url: str, text: str = TEXT) -> Own:
    data: dict[str, Source] = {n: PostgresTable(url, n) for n in ("a.persons", "a.stays")}
    return Sources("a", data, catalogue).read(plan(catalogue, text))


def refused(catalogue: Catalogue, url: str, text: str = TEXT) -> str:
    with pytest.raises(UsageError) as caught:
        read(catalogue, url, text)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_fragment_is_computed_by_the_owners_server(catalogue: Catalogue, made: Server) -> None:
    found = read(catalogue, made.url("postgres")).rows["e"]
    columns = {name: column.tolist() for name, column in found.values.items()}
    # Persons of F and of M (one M has no key), rows, ages.
    assert list(columns.values()) == [[1, 0], [1, 1], [31, 120]]


def test_days_and_times_are_numbers_since_1970(catalogue: Catalogue, made: Server) -> None:
    made.run("postgres", "CREATE TABLE a.stays (pid text, day date, at timestamp)")
    rows = [
        ("p1", "1970-01-02", "1970-01-01 00:00:07.9"),
        ("p2", "1969-12-31", "1969-12-31 23:59:59.5"),
    ]
    made.insert("postgres", "a.stays", rows)
    text = "SELECT SUM(s.day), SUM(s.at), SUM(s.day * s.day) FROM a.stays s"
    values = read(catalogue, made.url("postgres"), text).rows["s"].values
    assert [column.tolist() for column in values.values()][-3:] == [[0], [6], [2]]


# What comes to the node -----------------------------------------------------------------------------


def test_a_role_needs_no_other_columns_than_those_of_the_plan(
    catalogue: Catalogue, made: Server
) -> None:
    made.run(
        "postgres",
        "DROP ROLE IF EXISTS node",
        "CREATE ROLE node LOGIN",
        "GRANT USAGE ON SCHEMA a TO node",
        "GRANT SELECT (pid, age, sex) ON a.persons TO node",
    )
    try:
        url = made.url("postgres", role="node")
        assert read(catalogue, url).rows["e"].values
        # The control: without one of them it is refused, as it is with a question for another column.
        assert "got InsufficientPrivilege" in refused(
            catalogue, url, TEXT.replace("e.age > 5", "e.note = 'x'")
        )
        made.run("postgres", "REVOKE SELECT (age) ON a.persons FROM node")
        assert "got InsufficientPrivilege" in refused(catalogue, url)
    finally:
        made.run("postgres", "DROP OWNED BY node", "DROP ROLE node")


def test_only_the_fragments_rows_leave_the_server(catalogue: Catalogue, made: Server) -> None:
    made.run("postgres", "CREATE TABLE a.stays (pid text)")
    made.insert("postgres", "a.stays", [("p1",), ("p3",), ("p1",)])
    before = len(made.log())
    found = read(catalogue, made.url("postgres"), KEYED).rows
    sent = re.findall(r"LOG:  (?:statement|execute [^:]*): (.*)", made.log()[before:])
    ours = [text for text in sent if "persons" in text or "stays" in text]
    copies = [text for text in ours if text.startswith("COPY")]
    assert len(copies) == len(found)
    # Everything else that names a table is a count, in one row; psycopg's own look-up of columns has it as a value.
    assert all(re.match(r"SELECT COUNT\(", text) for text in ours if text not in copies)
    assert {name: rows.keys.shape[0] for name, rows in found.items()} == {"e": 2, "s": 2} or len(
        found
    ) == 1


def test_the_owners_data_cannot_be_changed(made: Server) -> None:
    engine = Postgres(made.url("postgres"))
    try:
        for statement in (
            "DELETE FROM a.persons",
            "CREATE TABLE a.more ()",
            "DROP TABLE a.persons",
        ):
            with pytest.raises(engine.failures, match="read-only transaction"):
                engine._connection.execute(statement.encode())
            engine._connection.rollback()
    finally:
        engine.close()


def test_the_owners_functions_are_not_called(catalogue: Catalogue, made: Server) -> None:
    made.run(
        "postgres",
        "CREATE OR REPLACE FUNCTION public.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'X' $$",
        "ALTER ROLE owner SET search_path = public, pg_catalog",
    )
    try:
        text = "SELECT COUNT(*), SUM(e.age) FROM a.persons e WHERE UPPER(e.note) = 'X'"
        found = read(catalogue, made.url("postgres"), text).rows["e"].values
        # Persons, rows: with the other function it would be every row.
        assert [column.tolist() for column in found.values()][:2] == [[1], [2]]
    finally:
        made.run("postgres", "ALTER ROLE owner RESET search_path", "DROP FUNCTION public.upper")


# What is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE a.persons SET age = 121", "expected age between 0 and 120, got 4 values outside"),
        ("UPDATE a.persons SET sex = 'X'", "expected sex in its domain, got 4 values outside"),
        ("UPDATE a.persons SET sex = NULL", "expected sex without NULL, got 4 NULL"),
        (
            "UPDATE a.persons SET pid = 'P1 ' WHERE age = 0",
            "expected each pid once, got 1 repeated",
        ),
        ("UPDATE a.persons SET note = pid", "expected at most 2 different note, got 1 more"),
        ("INSERT INTO a.persons SELECT * FROM a.persons", "expected at most 6 rows, as the cat"),
        ("DELETE FROM a.persons", "expected rows, got none"),
        ("ALTER TABLE a.persons RENAME age TO years", "expected columns age, got pid, sex, note"),
        (
            "ALTER TABLE a.persons ALTER age TYPE numeric",
            "expected integer in column age, got decimal",
        ),
        ("ALTER TABLE a.persons ALTER age TYPE text", "expected integer in column age, got string"),
        ("DROP TABLE a.persons", "expected a table or view, got none of that name"),
        (
            "UPDATE a.persons SET note = NULL, pid = 'é' WHERE age = 0",
            "expected no letters with upper and lower case but those of ASCII",
        ),
    ],
)
def test_what_the_catalogue_excludes_is_refused(
    catalogue: Catalogue, made: Server, change: str, expected: str
) -> None:
    made.run("postgres", change)
    text = "SELECT e.sex, COUNT(*), SUM(e.age) FROM a.persons e WHERE e.note = 'x' OR e.pid IS NULL GROUP BY e.sex"
    said = refused(catalogue, made.url("postgres"), text)
    assert said.startswith(f"a.persons, {made.url('postgres')}, a.persons: {expected}")


def test_a_value_in_more_rows_than_the_catalogue_says_is_refused(
    catalogue: Catalogue, made: Server
) -> None:
    made.run("postgres", "CREATE TABLE a.stays (pid text, day int, at int)")
    made.insert("postgres", "a.stays", [("p1", 1, 1), (" P1", 1, 1), (None, 1, 1), ("p1", 1, 1)])
    text = "SELECT SUM(s.day) FROM a.stays s WHERE s.pid IS NULL OR s.pid <> ''"
    assert "expected each pid in at most 2 rows, got 1 more for one" in refused(
        catalogue, made.url("postgres"), text
    )


def test_letters_without_case_are_no_hindrance(catalogue: Catalogue, made: Server) -> None:
    made.run("postgres", "UPDATE a.persons SET pid = '中文 ' WHERE age = 0")
    assert read(catalogue, made.url("postgres"), TEXT.replace("e.age > 5", "e.pid = '中文'")).rows


def test_a_dataset_that_needs_consent_is_refused(tmp_path: Path, made: Server) -> None:
    path = tmp_path / "consent.toml"
    path.write_text(CATALOGUE.replace("rows = 6\n", 'rows = 6\nconsent = "opt-out"\n', 1), "utf-8")
    catalogue = Catalogue.load(path)
    engine = Postgres(made.url("postgres"))
    try:
        with pytest.raises(UsageError) as caught:
            engine.restrict(catalogue.dataset("a.persons"), None)  # type: ignore[arg-type]
    finally:
        engine.close()
    assert "as it needs consent (opt-out), got one in PostgreSQL: nobody's rows are" in str(
        caught.value
    )
    assert "expected the consents of its persons" in refused(catalogue, made.url("postgres"))


def test_a_fragment_over_two_engines_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    data: dict[str, Source] = {
        "a.persons": PostgresTable("postgresql://localhost/x", "a.persons"),
        "a.stays": tmp_path / "stays.csv",
    }
    text = "SELECT COUNT(*) FROM a.persons e JOIN a.stays s ON s.pid = e.pid"
    with pytest.raises(
        UsageError, match=r"expected its datasets in one engine, got a\.persons and a"
    ):
        Sources("a", data, catalogue).read(plan(catalogue, text))


def test_a_server_that_does_not_answer_is_refused(catalogue: Catalogue, made: Server) -> None:
    for url, expected in (
        ("postgresql://owner@127.0.0.1:1/postgres", "expected a PostgreSQL that answers, got: "),
        (made.url("none"), "expected a PostgreSQL that answers, got: "),
    ):
        assert refused(catalogue, url).startswith(f"{url}: {expected}")


def test_a_database_in_another_encoding_is_refused(catalogue: Catalogue, made: Server) -> None:
    made.run(
        "postgres",
        "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0",
    )
    assert refused(catalogue, made.url("latin")).endswith("expected a database in UTF8, got LATIN1")


def test_a_failure_of_the_server_shows_no_value(catalogue: Catalogue, made: Server) -> None:
    view = f"SELECT '1' AS pid, CAST(CONCAT('x{SECRET}', g) AS int) AS age, 'F' AS sex FROM generate_series(1, 3) AS g"
    made.run("postgres", "DROP TABLE a.persons", f"CREATE VIEW a.persons AS {view}")
    assert refused(catalogue, made.url("postgres")).endswith(
        "expected a table that PostgreSQL can read and check, got InvalidTextRepresentation"
    )


def test_a_query_without_end_is_ended_by_another_thread(catalogue: Catalogue, made: Server) -> None:
    many = "generate_series(1, 30000) AS {}"
    view = (
        "SELECT 'p' AS pid, CAST(g * h * i % 100 AS int) AS age, 'F' AS sex FROM "
        f"{many.format('g')}, {many.format('h')}, {many.format('i')}"
    )
    made.run("postgres", "DROP TABLE a.persons", f"CREATE VIEW a.persons AS {view}")
    halt = Halt()
    sources = Sources(
        "a", {"a.persons": PostgresTable(made.url("postgres"), "a.persons")}, catalogue
    )
    reading = in_background(lambda: sources.read(plan(catalogue, TEXT), halt=halt), "test")
    time.sleep(1.5)
    assert not reading.done()  # by itself it does not end
    assert halt.end(reading, 10)
    assert isinstance(reading.exception(), UsageError)


def test_a_number_that_does_not_fit_is_refused(catalogue: Catalogue, made: Server) -> None:
    planned = plan(catalogue, TEXT)
    product = 'SELECT TRY("age" * 9223372036854775807) AS "v" FROM "a"."persons" AS "e"'
    sql = f'SELECT TRY_CAST("v" AS BIGINT) AS "v" FROM ({product}) AS f'
    fragment = replace(planned.fragments[0], sql=sql, values=(ValueColumn("v", 0, 9),), codes=())
    data: dict[str, Source] = {"a.persons": PostgresTable(made.url("postgres"), "a.persons")}
    with pytest.raises(
        UsageError, match=r"expected a number of 64 bits in v, got something else in 3 rows"
    ):
        Sources("a", data, catalogue).read(replace(planned, fragments=(fragment,)))


@pytest.mark.parametrize("copied", [b"", b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xfe", bytes(21)])
def test_another_form_of_copy_is_a_defect(copied: bytes) -> None:
    with pytest.raises(InternalError, match="expected a binary COPY of numbers of 64 bits"):
        _columns(["a"], copied)


def test_columns_of_relational_plans_are_the_same_as_duckdbs(
    made: Server, catalogue: Catalogue
) -> None:
    sql = (
        'SELECT TRY_CAST("age" AS BIGINT) AS "n", CAST("grown" AS BIGINT) AS "f", "note" AS "d", "age" AS "i" '
        'FROM (SELECT "age", "age" > 17 AS "grown", "note" FROM "a"."persons") AS t'
    )
    kinds: dict[str, Kind] = {"n": "number", "f": "flag", "d": "digest", "i": "digest"}
    columns = tuple(Column(name, kind, 0, 120, nullable=True) for name, kind in kinds.items())
    fragment = Fragment("g", "a", sql, 9, (), (), (), columns=columns)
    found = []
    with duckdb.connect() as database:
        database.execute("CREATE TABLE p (pid TEXT, age INT, sex TEXT, note TEXT)")
        database.executemany("INSERT INTO p VALUES (?, ?, ?, ?)", GOOD)
        frame = GivenFrame(database.sql("FROM p").to_arrow_table())
    postgres = Postgres(made.url("postgres"))
    both: tuple[tuple[Engine, Source], ...] = (
        (postgres, PostgresTable("", "a.persons")),
        (DuckDB(), frame),
    )
    for engine, source in both:
        engine.load(catalogue.dataset("a.persons"), ("age", "note"), source)
        given = given_columns(fragment, engine.numbers(*given_parts(fragment), "g at a"))
        parts = [np.column_stack([c.values, c.known]).tolist() for c in given.values()]
        found.append(sorted(zip(*parts, strict=True)))
        engine.close()
    assert found[0] == found[1]
    assert len(found[0]) == len(GOOD)
