"""The engine that holds an owner's datasets and computes fragments over them: what the node asks of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from mpcstats.party.data.consent import ConsentFilter, LeftOut
from mpcstats.party.data.source import Source
from mpcstats.records.catalogue import Dataset

Numbers: TypeAlias = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.int64]]


class Engine(Protocol):
    """An open connection to one engine. Its queries see one state of the data, and change nothing of the owner's."""

    failures: tuple[
        type[Exception], ...
    ]  # what its methods let through; such an error may hold values

    def load(self, dataset: Dataset, columns: Sequence[str], source: Source) -> None:
        """Make `columns` of `source` what queries read as `dataset.name`, held against the catalogue.

        Raises UsageError with dataset and place, but without values.
        """

    def restrict(self, dataset: Dataset, consent: ConsentFilter) -> LeftOut:
        """Queries see the rows of a loaded dataset that `consent` keeps, and no others.

        Raises UsageError if that cannot be: then nobody's rows are counted.
        """

    def lock(self) -> None:
        """From now on queries read what was loaded, and nothing else."""

    def counts(self, sql: str, place: str) -> tuple[int, ...]:
        """The one row of the query `sql` (DuckDB), of whole numbers."""

    def numbers(
        self, sql: str, names: Sequence[str], digests: Sequence[str], place: str
    ) -> Mapping[str, Numbers]:
        """The columns `names` (64 bits) of the query `sql` (DuckDB), masked where they are NULL.

        Of each column of texts in `digests`, 128 bits of its SHA-256 as NAME_0 and NAME_1: a text never leaves the
        engine. Raises UsageError, which begins with `place`, for what the engine does not compute as DuckDB does.
        """

    def interrupt(self) -> None:
        """End the query that runs in another thread, if one does."""

    def close(self) -> None:
        """Leave the engine."""
