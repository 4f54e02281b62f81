"""What the catalogue excludes of a dataset's rows and values: the query that counts it, and the judgement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mpcstats.errors import UsageError
from mpcstats.party.data.scan import quoted_name, quoted_text
from mpcstats.party.data.source import Source
from mpcstats.plan.keys import normalised
from mpcstats.records.catalogue import Column, Dataset

SPACES = " \t\r\n\u00a0\u3000"


def table_name(dataset: Dataset) -> str:
    """The dataset's name as SQL."""
    return ".".join(quoted_name(part) for part in dataset.name.split("."))


def check_present(
    dataset: Dataset, names: Sequence[str], present: Iterable[str], source: Source
) -> None:
    """Raises UsageError unless the columns `names` are among those that are `present`."""
    there = list(present)
    missing = [name for name in names if name not in there]
    if missing:
        # The others may be values of a file without header.
        known = [name for name in there if name in dataset.columns]
        got = ", ".join(known) or "none of the catalogue's"
        raise UsageError(
            f"{dataset.name}, {source}: expected columns {', '.join(missing)}, got {got}"
        )


def values_query(dataset: Dataset, names: Sequence[str]) -> str:
    """The query (DuckDB) that counts the rows of the table `dataset.name`, and what the catalogue excludes of them."""
    table = table_name(dataset)
    tests = [test for name in names for test, _, _ in _tests(name, dataset.columns[name], table)]
    return f"SELECT {', '.join(('COUNT(*)', *tests))} FROM {table}"


def check_values(
    dataset: Dataset, names: Sequence[str], source: Source, counts: Sequence[int]
) -> None:
    """Hold the `counts` of `values_query` against the catalogue. Raises UsageError for what it excludes."""
    rows, *found = counts
    table = table_name(dataset)
    tests = [test for name in names for test in _tests(name, dataset.columns[name], table)]
    where = f"{dataset.name}, {source}"
    if rows == 0:
        raise UsageError(f"{where}: expected rows, got none")
    if rows > dataset.rows:
        raise UsageError(
            f"{where}: expected at most {dataset.rows:,} rows, as the catalogue says, got {rows:,}"
        )
    for (_, expected, got), count in zip(tests, found, strict=True):
        if count > 0:
            raise UsageError(
                f"{where}: {expected}, got {count:,} {got}: correct the data, or agree on another catalogue"
            )


def _tests(name: str, column: Column, table: str) -> list[tuple[str, str, str]]:
    """Expressions that count what the catalogue excludes; what was expected, and what these are."""
    quoted = quoted_name(name)
    found = []
    if column.minimum is not None and column.maximum is not None:
        found.append(
            (
                f"COUNT(*) FILTER (WHERE {quoted} NOT BETWEEN {column.minimum} AND {column.maximum})",
                f"expected {name} between {column.minimum:,} and {column.maximum:,}",
                "values outside",
            )
        )
    if column.domain is not None:
        labels = ", ".join(str(v) if isinstance(v, int) else quoted_text(v) for v in column.domain)
        found.append(
            (
                f"COUNT(*) FILTER (WHERE {quoted} NOT IN ({labels}))",
                f"expected {name} in its domain",
                "values outside",
            )
        )
    if column.special:
        found.append(
            (
                f"COUNT(*) FILTER (WHERE ({_within(quoted, column)}) <> ({_within(_code(quoted), column)}))",
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
        each = f"SELECT COUNT(*) AS n FROM {table} WHERE {key} IS NOT NULL GROUP BY {key}"
        found.append(
            (
                f"(SELECT COALESCE(MAX(n), 0) - {column.most} FROM ({each}) AS t)",
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
