"""One dataset of an owner as a table of its DuckDB, held against the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from mpcstats.errors import UsageError
from mpcstats.party.data.scan import quoted_name, quoted_text, scanned, unreadable
from mpcstats.party.data.source import Embedded
from mpcstats.party.data.values import check_present, check_values, table_name, values_query
from mpcstats.records.catalogue import Column, Dataset

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
TEXTS = frozenset(
    ("VARCHAR", "ENUM")
)  # an ENUM is what DuckDB makes of categories and dictionaries


def load_table(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    columns: Sequence[str],
    source: Embedded,
) -> None:
    """Create the table `dataset.name` with `columns` from `source`.

    Raises UsageError for a missing or unreadable file, a missing column, a wrong type, no rows or too many, and
    values that the catalogue excludes.
    """
    names = list(columns) or [next(iter(dataset.columns))]
    with scanned(connection, dataset.name, source) as scan:
        present = columns_of(connection, scan, dataset.name, source)
        check_present(dataset, names, present, source)
        _check_types(connection, scan, dataset, names, present, source)
        picked = ", ".join(
            f"CAST({_read(n, dataset.columns[n], present[n])} AS {_type(dataset.columns[n])}) "
            f"AS {quoted_name(n)}"
            for n in names
        )
        schema = quoted_name(dataset.name.partition(".")[0])
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        try:
            connection.execute(f"CREATE TABLE {table_name(dataset)} AS SELECT {picked} FROM {scan}")
        except duckdb.Error as error:
            raise unreadable(dataset.name, source, error) from None
    counts = connection.execute(values_query(dataset, names)).fetchall()[0]
    check_values(dataset, names, source, counts)


def columns_of(
    connection: duckdb.DuckDBPyConnection, scan: str, name: str, source: Embedded
) -> dict[str, str]:
    """The columns behind `scan`, and their types in DuckDB. Raises UsageError if it cannot be read.

    Of an ENUM no more than the word: what follows it are values.
    """
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise unreadable(name, source, error) from None
    kinds = {str(row[0]): str(row[1]) for row in described}
    return {name: "ENUM" if kind.startswith("ENUM") else kind for name, kind in kinds.items()}


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
    present: Mapping[str, str],
    source: Embedded,
) -> None:
    tests = {}
    for name in names:
        column, kind = dataset.columns[name], present[name]
        if kind == "VARCHAR" and column.type == "integer":
            tests[name] = (
                f"COUNT(*) FILTER (WHERE NOT regexp_full_match({quoted_name(name)}, {quoted_text(WHOLE)}) "
                f"OR {quoted_name(name)} IS NOT NULL AND TRY_CAST({quoted_name(name)} AS BIGINT) IS NULL)"
            )
        elif kind in INTEGERS and column.type == "integer":
            tests[name] = (
                f"COUNT({quoted_name(name)}) - COUNT(TRY_CAST({quoted_name(name)} AS BIGINT))"
            )
        elif _since_1970(column, kind) is not None:
            tests[name] = f"COUNT(*) FILTER (WHERE NOT isfinite({quoted_name(name)}))"
        elif kind not in TEXTS or column.type != "text":
            raise UsageError(
                f"{dataset.name}, {source}: expected {column.type} in column {name}, got {kind}"
                + _advice(column, kind)
            )
    if not tests:
        return
    try:
        counts = connection.execute(f"SELECT {', '.join(tests.values())} FROM {scan}").fetchall()[0]
    except duckdb.Error as error:
        raise unreadable(dataset.name, source, error) from None
    for name, count in zip(tests, counts, strict=True):
        if count:
            raise UsageError(
                f"{dataset.name}, {source}: expected {_expected(present[name])} in column {name}, got "
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


def _type(column: Column) -> str:
    return "BIGINT" if column.type == "integer" else "VARCHAR"
