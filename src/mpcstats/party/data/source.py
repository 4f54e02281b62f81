"""Where the rows of a dataset are: a file, a table of a DuckDB file, a frame of this process, an engine of the owner's.

A plain path is a source too: most datasets are files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from mpcstats.errors import UsageError

FRAMES = ("pandas", "pyarrow")  # the libraries whose tables are taken
TABLES = frozenset({"DataFrame", "Table"})


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """A table of a DuckDB database file."""

    path: Path
    table: str

    def __str__(self) -> str:
        return f"{self.path}, {self.table}"


@dataclass(frozen=True, slots=True)
class PostgresTable:
    """A table, or view, in the owner's PostgreSQL; `url` has no password in it."""

    url: str
    table: str

    def __str__(self) -> str:
        return f"{self.url}, {self.table}"


@dataclass(frozen=True, slots=True)
class SparkTable:
    """A table of the owner's Spark, or a Parquet file that it reads; `master` is where its session runs."""

    master: str
    table: str | None = None
    path: Path | None = None

    def __str__(self) -> str:
        return f"spark {self.master}, {self.path if self.table is None else self.table}"


@dataclass(frozen=True, slots=True)
class GivenFrame:
    """A pandas frame or an Arrow table that a program has handed over. Raises UsageError for another object."""

    rows: object = field(repr=False)

    def __post_init__(self) -> None:
        kind = type(self.rows)
        if kind.__module__.partition(".")[0] not in FRAMES or kind.__name__ not in TABLES:
            raise UsageError(
                f"expected a pandas DataFrame or a pyarrow Table as the rows of a dataset, got {kind.__name__}"
            )

    def __str__(self) -> str:
        return f"the given {type(self.rows).__name__}"


Embedded: TypeAlias = Path | DatabaseFile | GivenFrame  # what the node's own DuckDB reads
Source: TypeAlias = Embedded | PostgresTable | SparkTable


def file_of(name: str, source: Source) -> Path:
    """The file that holds all of dataset `name`. Raises UsageError if its rows are anywhere else."""
    if isinstance(source, Path):
        return source
    if isinstance(source, DatabaseFile):
        return source.path
    raise UsageError(f"{name}: expected a dataset in a file, got {source}")
