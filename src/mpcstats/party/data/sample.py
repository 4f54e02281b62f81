"""A sample of an owner's own file, counted at home by DuckDB: how many values meet a test, and never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mpcstats.errors import UsageError
from mpcstats.party.data.scan import quoted_name, quoted_text, scan_of, unreadable
from mpcstats.party.data.table import columns_of
from mpcstats.plan.keys import normalised
from mpcstats.records.catalogue.column import Type
from mpcstats.records.classification.rules import Counts, Seen, ValueTest

# A file without a head line shows values as the names of its columns: such names are not printed.
COLUMN_NAME = re.compile(r"[A-Za-z_\u4e00-\u9fff]\w{0,127}")
WHOLE = "-?(0|[1-9][0-9]{0,17})"  # with leading zeros it is a code
SEED = 1  # the same file gives the same counts


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted of a file: all its rows, how many were sampled, and each column."""

    rows: int
    sampled: int
    columns: tuple[Seen, ...]


def sampled(path: Path, tests: Iterable[ValueTest], *, rows: int, name: str) -> Sample:
    """Counts over a sample of at most `rows` rows of the file of dataset `name`.

    A column is an integer if all its sampled values are whole numbers. Raises UsageError for a file that cannot be
    read, or without names of columns, and for a pattern that DuckDB does not take.
    """
    scan = scan_of(name, path)
    asked = tuple(tests)
    with duckdb.connect() as database:
        database.execute("SET temp_directory = ''")
        database.execute("SET enable_progress_bar = false")
        database.execute("SET threads = 1")  # or the sample would depend on which thread is first
        present = list(columns_of(database, scan, name, path))
        odd = [number for number, c in enumerate(present, 1) if COLUMN_NAME.fullmatch(c) is None]
        if odd:
            raise UsageError(
                f"{name}, {path}: expected a first line with names of letters, digits and _, got another "
                f"in column {odd[0]}"
            )
        try:
            total = database.execute(f"SELECT COUNT(*) FROM {scan}").fetchall()[0][0]
            database.execute(
                f"CREATE TABLE sample AS SELECT * FROM {scan} "
                f"USING SAMPLE reservoir({rows} ROWS) REPEATABLE ({SEED})"
            )
        except duckdb.Error as error:
            raise unreadable(name, path, error) from None
        taken = database.execute("SELECT COUNT(*) FROM sample").fetchall()[0][0]
        columns = tuple(_counted(database, column, asked) for column in present)
    return Sample(total, taken, columns)


def _counted(database: duckdb.DuckDBPyConnection, column: str, tests: Sequence[ValueTest]) -> Seen:
    raw = f"CAST({quoted_name(column)} AS VARCHAR)"
    value = f"NULLIF(UPPER(TRIM({raw})), '')"
    whole = f"COUNT(*) FILTER (regexp_full_match({value}, '{WHOLE}'))"
    parts = [f"COUNT({value})", whole, *(f"COUNT(*) FILTER ({_met(t, value)})" for t in tests)]
    try:
        row = database.execute(f"SELECT {', '.join(parts)} FROM sample").fetchall()[0]
    except duckdb.Error as error:
        raise UsageError(
            f"expected tests of values that DuckDB can count, got {type(error).__name__}: see the "
            "patterns of the rules"
        ) from None
    values, wholes, *meeting = row
    kind: Type = "integer" if values and wholes == values else "text"
    counts = tuple((t, Counts(values, m)) for t, m in zip(tests, meeting, strict=True))
    return Seen(column, kind, counts=counts)


def _met(test: ValueTest, value: str) -> str:
    """The condition that `value`, an SQL expression, meets `test`."""
    if test.check is not None:
        # The older form of 15 digits has no check character: any number of that length would meet it.
        return f"LENGTH({value}) = 18 AND {normalised(test.check, value)} IS NOT NULL"
    if test.pattern is not None:
        return f"regexp_full_match({value}, {quoted_text(test.pattern)})"
    return " OR ".join(
        f"{value} >= {quoted_text(low)} AND {value} < {quoted_text(high)}"
        for low, high in test.codes
    )
