"""What DuckDB reads a dataset from: a CSV, Parquet or Arrow file, a table of a database file, a frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from mpcstats.errors import UsageError
from mpcstats.party.data.source import DatabaseFile, Embedded, GivenFrame
from mpcstats.party.shown.extra import missing

FORMATS = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
ARROW = (".arrow", ".feather")  # Arrow IPC files; Feather is its name of old
VIEW = "given_rows_"
ATTACHED = "given_file_"
WHOLE_TABLE = "main"  # the schema of a table named without one


@contextmanager
def scanned(connection: duckdb.DuckDBPyConnection, name: str, source: Embedded) -> Iterator[str]:
    """The SQL of a scan of what dataset `name` is read from, for as long as the context lasts.

    Raises UsageError if it is not there, cannot be read, or has another form.
    """
    if isinstance(source, DatabaseFile):
        with _attached(connection, name, source) as scan:
            yield scan
    elif isinstance(source, GivenFrame):
        with _registered(connection, source.rows) as scan:
            yield scan
    elif source.name.lower().endswith(ARROW):
        with _registered(connection, _arrow_table(name, source)) as scan:
            yield scan
    else:
        yield scan_of(name, source)


def scan_of(name: str, path: Path) -> str:
    """The SQL of a scan of the CSV or Parquet file of dataset `name`: of CSV, every column as text.

    Raises UsageError for no file, or one of another form.
    """
    for suffix, form in FORMATS.items():
        if path.name.lower().endswith(suffix):
            _check_file(name, path)
            options = ", header = true, all_varchar = true" if form == "csv" else ""
            return f"read_{form}({quoted_text(_alone(path))}{options})"
    if path.name.lower().endswith(".duckdb"):
        raise UsageError(
            f'{name}, {path}: expected the table of a database file: {{ path = "...", table = "..." }}'
        )
    raise UsageError(
        f"{name}, {path}: expected a file of {', '.join((*FORMATS, *ARROW))}, got {path.suffix or 'none'}"
    )


def stored(name: str, frame: GivenFrame, path: Path) -> Path:
    """The rows of the frame of dataset `name` as a Parquet file at `path`. Raises UsageError if they make none."""
    with duckdb.connect() as database:
        database.execute("SET pandas_analyze_sample = 0")
        try:
            with _registered(database, frame.rows) as scan:
                database.execute(f"COPY {scan} TO {quoted_text(str(path))} (FORMAT parquet)")
        except duckdb.Error as error:
            raise unreadable(name, frame, error) from None
    return path


def unreadable(name: str, source: Embedded, error: Exception) -> UsageError:
    """The error that what dataset `name` is read from cannot be read."""
    # DuckDB's own message may quote a line of the file.
    return UsageError(f"{name}, {source}: expected a readable file, got {type(error).__name__}")


def quoted_name(text: str) -> str:
    """`text` as an SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """`text` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _check_file(name: str, path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"{name}, {path}: expected a file, got none")


def _alone(path: Path) -> str:
    """The path as a pattern that matches no other file: DuckDB reads * ? [ in a name as wildcards."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))


@contextmanager
def _attached(
    connection: duckdb.DuckDBPyConnection, name: str, source: DatabaseFile
) -> Iterator[str]:
    _check_file(name, source.path)
    schema, _, table = source.table.rpartition(".")
    schema = schema or WHOLE_TABLE
    try:
        # A lock, and a journal that is written back, would change what is another program's.
        connection.execute(
            f"ATTACH {quoted_text(str(source.path))} AS {ATTACHED} (TYPE duckdb, READ_ONLY)"
        )
    except duckdb.Error as error:
        raise unreadable(name, source, error) from None
    try:
        found = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            # A view names its tables without the file, and would find others here, or none.
            "WHERE table_catalog = $file AND table_type = 'BASE TABLE' ORDER BY 1",
            {"file": ATTACHED},
        ).fetchall()
        tables = [str(row[0]) for row in found]
        if f"{schema}.{table}" not in tables:
            raise UsageError(
                f"{name}, {source}: expected a table of the file, got none of that name; there are: "
                f"{', '.join(tables) or 'none'}"
            )
        yield f"{ATTACHED}.{quoted_name(schema)}.{quoted_name(table)}"
    finally:
        connection.execute(f"DETACH {ATTACHED}")


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, rows: object) -> Iterator[str]:
    connection.register(VIEW, rows)
    try:
        yield VIEW
    finally:
        connection.unregister(VIEW)


def _arrow_table(name: str, path: Path) -> object:
    try:
        import pyarrow
    except ImportError as error:
        raise missing("pyarrow", "arrow", error) from None
    _check_file(name, path)
    try:
        with pyarrow.memory_map(str(path)) as file:
            return pyarrow.ipc.open_file(file).read_all()
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(name, path, error) from None
