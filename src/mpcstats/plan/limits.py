"""Limits on what one person adds, put into the query of a fragment: so many rows at most, each value within its bounds.

The owner's own database applies them before anything else is computed, so that noise for these limits is enough
whatever the data are. Which rows are kept depends on the person's rows alone and on nothing that an asker chooses: they
are taken in the order of a digest of all columns of the row. So leaving one person out changes no other's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from mpcstats.errors import InternalError, UsageError
from mpcstats.plan import keys
from mpcstats.plan.fragment import quoted
from mpcstats.plan.names import DIALECT
from mpcstats.records.catalogue import Catalogue, Dataset
from mpcstats.records.privacy.contribution import Contribution

RANK = "mpcstats_rank"
ROWS = "limited"


@dataclass(frozen=True, slots=True)
class Limits:
    """At most `rows` rows of a person in each dataset; the values of the columns in `clamps` within (low, high)."""

    rows: int
    clamps: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise UsageError(f"expected a limit of at least 1 row of a person, got {self.rows}")
        for name, (low, high) in self.clamps.items():
            if low > high:
                raise UsageError(f"{name}: expected bounds low <= high, got {low} and {high}")

    def contribution(self, column: str, cells: int) -> Contribution:
        """What a person adds to an answer of `cells` cells through a clamped column."""
        if column not in self.clamps:
            raise UsageError(f"{column}: expected a column with bounds, got one without")
        return Contribution(self.rows, cells, *self.clamps[column])

    def counted(self, cells: int) -> Contribution:
        """What a person adds to an answer of `cells` cells that counts rows."""
        return Contribution(self.rows, cells, 0, 1)


def limited(sql: str, limits: Limits, catalogue: Catalogue) -> str:
    """The query of a fragment (DuckDB) with every dataset in it within `limits`.

    It reads all columns of these datasets, whichever the fragment does: a question that reads others must not keep
    other rows. Rows without a valid person key are nobody's, and left out. Raises UsageError for a dataset that does
    not name its persons by one column.
    """
    query = sqlglot.parse_one(sql, dialect=DIALECT)
    tables = [table for table in query.find_all(exp.Table) if table.db]
    if not tables:
        raise InternalError("expected a query that reads a dataset, got one that reads none")
    for table in tables:
        dataset = catalogue.dataset(f"{table.db}.{table.name}")
        text = f"SELECT * FROM ({_within(dataset, limits)}) AS {quoted(table.alias_or_name)}"
        inner = sqlglot.parse_one(text, dialect=DIALECT)
        table.replace(inner.args["from_"].this)
    return query.sql(DIALECT)


def _within(dataset: Dataset, limits: Limits) -> str:
    """The dataset's columns, of as many rows of each person as may count."""
    persons = [name for name, column in dataset.columns.items() if column.person]
    if len(persons) != 1:
        raise UsageError(
            f"{dataset.name}: expected one column with person = true where a person's rows are "
            f"limited, got {len(persons)}"
        )
    (name,) = persons
    column = dataset.columns[name]
    if column.key is None:  # the catalogue holds it: a person column is a key
        raise InternalError(f"{dataset.name}.{name}: expected a key, got none")
    person = keys.normalised(column.key, quoted(name), integer=column.type == "integer")
    schema, table = dataset.name.split(".")
    source = f"{quoted(schema)}.{quoted(table)}"
    every = ", ".join(quoted(n) for n in dataset.columns)
    # MD5 mixes, and keeps no secret: who knows a person's rows may know which of them count.
    order = f"MD5({_text(dataset)})"
    ranked = (
        f"SELECT {every}, ROW_NUMBER() OVER (PARTITION BY {person} ORDER BY {order}) AS {RANK} "
        f"FROM {source} WHERE NOT {person} IS NULL"
    )
    kept = ", ".join(_clamped(n, limits) for n in dataset.columns)
    return f"SELECT {kept} FROM ({ranked}) AS {ROWS} WHERE {RANK} <= {limits.rows}"


def _text(dataset: Dataset) -> str:
    """A row as one text, injectively: NULL, or length, colon and value of each column."""
    parts = (
        f"COALESCE(CAST(LENGTH(CAST({name} AS VARCHAR)) AS VARCHAR) || ':' || "
        f"CAST({name} AS VARCHAR), 'N')"
        for name in map(quoted, dataset.columns)
    )
    return " || ".join(parts)


def _clamped(name: str, limits: Limits) -> str:
    if name not in limits.clamps:
        return quoted(name)
    low, high = limits.clamps[name]
    # GREATEST and LEAST pass over NULL, which would become a bound.
    return (
        f"CASE WHEN {quoted(name)} IS NULL THEN NULL "
        f"ELSE GREATEST(LEAST({quoted(name)}, {high}), {low}) END AS {quoted(name)}"
    )
