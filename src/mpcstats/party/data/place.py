"""Which engine holds a dataset, and the way into it."""

from __future__ import annotations

from typing import TypeAlias

from mpcstats.party.data.embedded import DuckDB
from mpcstats.party.data.engine import Engine
from mpcstats.party.data.postgres import Postgres
from mpcstats.party.data.source import PostgresTable, Source, SparkTable
from mpcstats.party.data.spark import Spark

Place: TypeAlias = tuple[str, str] | None  # engine and address; None: the node's own DuckDB


def place_of(source: Source) -> Place:
    """Datasets of one place are of one engine, and can be joined there."""
    match source:
        case PostgresTable():
            return "postgres", source.url
        case SparkTable():
            return "spark", source.master
        case _:
            return None


def opened(place: Place) -> Engine:
    """An open engine of `place`. Raises UsageError where it cannot be reached, or its extra is not installed."""
    match place:
        case ("postgres", address):
            return Postgres(address)
        case (_, address):
            return Spark(address)
        case None:
            return DuckDB()
