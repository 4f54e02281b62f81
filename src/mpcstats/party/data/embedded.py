"""The embedded default: a DuckDB in memory, which after `lock` reads nothing but its own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np

from mpcstats.errors import InternalError, UsageError
from mpcstats.party.data.consent import ConsentFilter, LeftOut
from mpcstats.party.data.engine import Numbers
from mpcstats.party.data.scan import quoted_name
from mpcstats.party.data.source import PostgresTable, Source, SparkTable
from mpcstats.party.data.table import load_table
from mpcstats.records.catalogue import Dataset

THREADS = 4  # that a question may take of its owner's machine
# Without a place for temporary files DuckDB never writes rows beside the program that reads them: what does not
# fit ends as an error. Half of the memory, as DuckDB sees it (containers too), leaves room for the run itself.
SETTINGS = (
    "temp_directory = ''",
    "memory_limit = '50%'",
    "enable_progress_bar = false",
    "preserve_insertion_order = true",
    # A pandas column of objects is read as text: by a sample, later values would decide whether it can be read.
    "pandas_analyze_sample = 0",
)


class DuckDB:
    """An engine (party.data.engine) for files, tables of database files, and frames."""

    failures: tuple[type[Exception], ...] = (duckdb.Error,)

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for setting in SETTINGS:
            self.connection.execute(f"SET {setting}")
        (own,) = self.connection.execute("SELECT current_setting('threads')").fetchall()[0]
        self.connection.execute(f"SET threads = {min(THREADS, int(own))}")

    def load(self, dataset: Dataset, columns: Sequence[str], source: Source) -> None:
        """The table `dataset.name`, with a copy of the rows."""
        if isinstance(source, PostgresTable | SparkTable):
            raise InternalError(f"expected a source for DuckDB, got {source}")
        try:
            load_table(self.connection, dataset, columns, source)
        except duckdb.Error as error:
            # DuckDB's own message may hold values.
            raise UsageError(
                f"{dataset.name}, {source}: expected a file that the database can read and check, got "
                f"{type(error).__name__}"
            ) from None
        except OSError as error:
            raise UsageError(
                f"{dataset.name}, {source}: expected a readable file, got: {error.strerror}"
            ) from None

    def restrict(self, dataset: Dataset, consent: ConsentFilter) -> LeftOut:
        """The table loses the rows without consent."""
        return consent.restrict(self.connection, dataset)

    def lock(self) -> None:
        """A question's SQL reaches no file, no network and no setting, whatever it says."""
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

    def counts(self, sql: str, place: str) -> tuple[int, ...]:
        """The one row of the query."""
        return tuple(int(count) for count in self.connection.execute(sql).fetchall()[0])

    def numbers(
        self,
        sql: str,
        names: Sequence[str],
        digests: Sequence[str],
        place: str,
    ) -> Mapping[str, Numbers]:
        """The columns of the query as it is."""
        quoted = [quoted_name(name) for name in names]
        picked = [f"CAST({name} AS BIGINT) AS {name}" for name in quoted]
        query = f"SELECT {', '.join(picked)} FROM ({sql}) AS f"
        if digests:
            keys = [quoted_name(name) for name in digests]
            texts = [f"sha256(CAST({key} AS VARCHAR)) AS digest_{i}" for i, key in enumerate(keys)]
            halves = [
                f"CAST('0x' || substr(digest_{i}, {1 + 16 * half}, 16) AS UBIGINT) "
                f"AS {quoted_name(f'{name}_{half}')}"
                for i, name in enumerate(digests)
                for half in range(2)
            ]
            inner = f"SELECT {', '.join([*texts, *picked])} FROM ({sql}) AS f"
            query = f"SELECT {', '.join([*halves, *quoted])} FROM ({inner}) AS d"
        found = self.connection.execute(query).fetchnumpy()
        return {name: np.ma.asarray(column) for name, column in found.items()}

    def interrupt(self) -> None:
        """End the query that runs."""
        self.connection.interrupt()

    def close(self) -> None:
        """The database is gone."""
        self.connection.close()
