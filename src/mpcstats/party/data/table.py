"""One file of an owner (CSV, CSV.gz or Parquet) as a table of its database, held against the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from mpcstats.errors import UsageError
from mpcstats.plan.keys import normalised
from mpcstats.records.catalogue import Column, Dataset

FORMATS = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
INTEGERS = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
)
# Columns of these types are read as whole units since 1970-01-01 00:00 where the catalogue has that unit. A time
# with a zone is none of them: its day would depend on where the node stands.
TIMESTAMPS = frozenset(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"))
SINCE_1970: dict[str, tuple[frozenset[str], str]] = {  # unit -> types, and the number in SQL
    "day": (TIMESTAMPS | {"DATE"}, "CAST({} AS DATE) - DATE '1970-01-01'"),
    "second": (TIMESTAMPS, "floor(epoch({}))"),
}
# What a CSV file may hold in an integer column: no fraction, which a cast would round in silence.
WHOLE = r"\s*[+-]?[0-9]+\s*"
SPACES = " \t\r\n\u00a0\u3000"


def load_table(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, columns: Sequence[str], path: Path
) -> None:
    """Create the table `dataset.name` with `columns` from the file at `path`.

    Raises UsageError for a missing or unreadable file, a missing column, a wrong type, no rows or too many, and
    values that the catalogue excludes.
    """
    scan = scan_of(dataset.name, path)
    present = columns_of(connection, scan, dataset.name, path)
    names = list(columns) or [next(iter(dataset.columns))]
    missing = [name for name in names if name not in present]
    if missing:
        raise UsageError(
            f"{dataset.name}, {path}: expected columns {', '.join(missing)}, got {_known(present, dataset)}"
        )
    _check_types(connection, scan, dataset, names, present, path)
    schema, table = (quoted_name(part) for part in dataset.name.split("."))
    picked = ", ".join(
        f"CAST({_read(n, dataset.columns[n], present[n])} AS {_type(dataset.columns[n])}) "
        f"AS {quoted_name(n)}"
        for n in names
    )
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    try:
        connection.execute(f"CREATE TABLE {schema}.{table} AS SELECT {picked} FROM {scan}")
    except duckdb.Error as error:
        raise unreadable(dataset.name, path, error) from None
    _check_values(connection, f"{schema}.{table}", dataset, names, path)


def scan_of(name: str, path: Path) -> str:
    """The SQL of a scan of the file of dataset `name`: of CSV, every column as text.

    Raises UsageError for no file, or one of another form.
    """
    for suffix, form in FORMATS.items():
        if path.name.lower().endswith(suffix):
            if not path.is_file():
                raise UsageError(f"{name}, {path}: expected a file, got none")
            options = ", header = true, all_varchar = true" if form == "csv" else ""
            return f"read_{form}({quoted_text(_alone(path))}{options})"
    raise UsageError(
        f"{name}, {path}: expected a file of {', '.join(FORMATS)}, got {path.suffix or 'none'}"
    )


def _alone(path: Path) -> str:
    """The path as a pattern that matches no other file: DuckDB reads * ? [ in a name as wildcards."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))


def _known(present: Iterable[str], dataset: Dataset) -> str:
    """Those of the file's columns that the catalogue knows: the others may be values of a file without header."""
    names = [name for name in present if name in dataset.columns]
    return ", ".join(names) or "none of the catalogue's"


def columns_of(
    connection: duckdb.DuckDBPyConnection, scan: str, name: str, path: Path
) -> dict[str, str]:
    """The columns of the file behind `scan`, and their types in DuckDB. Raises UsageError if it cannot be read."""
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise unreadable(name, path, error) from None
    return {str(row[0]): str(row[1]) for row in described}


def _read(name: str, column: Column, kind: str) -> str:
    """The SQL of what a file's column of type `kind` says."""
    since = _since_1970(column, kind)
    return quoted_name(name) if since is None else since.format(quoted_name(name))


def _since_1970(column: Column, kind: str) -> str | None:
    """The number in SQL of a day or time of type `kind`; None where the catalogue asks for none, or for another."""
    kinds, number = SINCE_1970.get(column.unit or "", (frozenset(), ""))
    return number if column.type == "integer" and kind in kinds else None


def _check_types(
    connection: duckdb.DuckDBPyConnection,
    scan: str,
    dataset: Dataset,
    names: Sequence[str],
    present: dict[str, str],
    path: Path,
) -> None:
    tests = {}
    for name in names:
        column, kind = dataset.columns[name], present[name]
        if kind == "VARCHAR" and column.type == "integer":
            tests[name] = (
                f"COUNT(*) FILTER (NOT regexp_full_match({quoted_name(name)}, {quoted_text(WHOLE)}) "
                f"OR {quoted_name(name)} IS NOT NULL AND TRY_CAST({quoted_name(name)} AS BIGINT) IS NULL)"
            )
        elif kind in INTEGERS and column.type == "integer":
            tests[name] = (
                f"COUNT({quoted_name(name)}) - COUNT(TRY_CAST({quoted_name(name)} AS BIGINT))"
            )
        elif _since_1970(column, kind) is not None:
            tests[name] = f"COUNT(*) FILTER (NOT isfinite({quoted_name(name)}))"
        elif kind != "VARCHAR":
            raise UsageError(
                f"{dataset.name}, {path}: expected {column.type} in column {name}, got {kind}"
                + _advice(column, kind)
            )
    if not tests:
        return
    try:
        counts = connection.execute(f"SELECT {', '.join(tests.values())} FROM {scan}").fetchall()[0]
    except duckdb.Error as error:
        raise unreadable(dataset.name, path, error) from None
    for name, count in zip(tests, counts, strict=True):
        if count:
            raise UsageError(
                f"{dataset.name}, {path}: expected {_expected(present[name])} in column {name}, got "
                f"something else in {count} rows"
            )


def _expected(kind: str) -> str:
    return "finite days" if kind in SINCE_1970["day"][0] else "whole numbers of 64 bits"


def _advice(column: Column, kind: str) -> str:
    """What the catalogue would have to say of an integer column, so that days and times are read."""
    units = [unit for unit, (kinds, _) in SINCE_1970.items() if kind in kinds]
    if column.type != "integer" or not units:
        return ""
    listed = " or ".join(f'"{unit}"' for unit in units)
    return f": unit = {listed} in the catalogue reads it as a number since 1970-01-01"


def _check_values(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    dataset: Dataset,
    names: Sequence[str],
    path: Path,
) -> None:
    tests = [test for name in names for test in _tests(name, dataset.columns[name])]
    query = f"SELECT {', '.join(('COUNT(*)', *(test for test, _, _ in tests)))} FROM {table}"
    rows, *counts = connection.execute(query).fetchall()[0]
    where = f"{dataset.name}, {path}"
    if rows == 0:
        raise UsageError(f"{where}: expected rows, got none")
    if rows > dataset.rows:
        raise UsageError(
            f"{where}: expected at most {dataset.rows:,} rows, as the catalogue says, got {rows:,}"
        )
    for (_, expected, got), count in zip(tests, counts, strict=True):
        if count > 0:
            raise UsageError(
                f"{where}: {expected}, got {count:,} {got}: correct the file, or agree on another catalogue"
            )


def _tests(name: str, column: Column) -> list[tuple[str, str, str]]:
    """Expressions that count what the catalogue excludes; what was expected, and what these are."""
    quoted = quoted_name(name)
    found = []
    if column.minimum is not None and column.maximum is not None:
        found.append(
            (
                f"COUNT(*) FILTER ({quoted} NOT BETWEEN {column.minimum} AND {column.maximum})",
                f"expected {name} between {column.minimum:,} and {column.maximum:,}",
                "values outside",
            )
        )
    if column.domain is not None:
        labels = ", ".join(str(v) if isinstance(v, int) else quoted_text(v) for v in column.domain)
        found.append(
            (
                f"COUNT(*) FILTER ({quoted} NOT IN ({labels}))",
                f"expected {name} in its domain",
                "values outside",
            )
        )
    if column.special:
        found.append(
            (
                f"COUNT(*) FILTER (({_within(quoted, column)}) <> ({_within(_code(quoted), column)}))",
                f"expected {name} with its special codes in upper case, without spaces around",
                "in another form",
            )
        )
    if not column.nullable:
        found.append((f"COUNT(*) - COUNT({quoted})", f"expected {name} without NULL", "NULL"))
    key = quoted
    if column.key is not None:
        key = normalised(column.key, quoted, integer=column.type == "integer")
    if column.unique:
        repeated = f"COUNT({key}) - COUNT(DISTINCT {key})"
        found.append((repeated, f"expected each {name} once", "repeated ones"))
    if column.most is not None:
        found.append(
            (
                f"CAST(COALESCE(list_max(map_values(histogram({key}))), 0) AS BIGINT) - {column.most}",
                f"expected each {name} in at most {column.most:,} rows",
                "more for one",
            )
        )
    if column.distinct is not None:
        found.append(
            (
                f"COUNT(DISTINCT {key}) - {column.distinct}",
                f"expected at most {column.distinct:,} different {name}",
                "more",
            )
        )
    return found


def _within(text: str, column: Column) -> str:
    """Whether `text` is in a special range, which a plan's predicates are compared with as they are written."""
    parts = (
        f"{text} >= {quoted_text(low)} AND {text} < {quoted_text(high)}"
        for low, high in column.special
    )
    return " OR ".join(parts)


def _code(text: str) -> str:
    """`text` as codes are written."""
    return f"UPPER(TRIM({text}, {quoted_text(SPACES)}))"


def _type(column: Column) -> str:
    return "BIGINT" if column.type == "integer" else "VARCHAR"


def unreadable(name: str, path: Path, error: duckdb.Error) -> UsageError:
    """The error that the file of dataset `name` cannot be read."""
    # DuckDB's own message may quote a line of the file.
    return UsageError(f"{name}, {path}: expected a readable file, got {type(error).__name__}")


def quoted_name(text: str) -> str:
    """`text` as an SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """`text` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
