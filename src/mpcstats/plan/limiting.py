"""The query of a fragment within limits on what one person adds (plan.limits), and the way back.

The owner's own database applies them before anything else is computed, so that noise for these limits is enough
whatever the data are. Which rows are kept depends on the person's rows alone and on nothing that an asker chooses: they
are taken in the order of a digest of all columns of the row. So leaving one person out changes no other's rows.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from mpcstats.errors import InternalError, UsageError
from mpcstats.plan import keys
from mpcstats.plan.limits import Limited, Limits
from mpcstats.plan.names import DIALECT
from mpcstats.records.catalogue import Catalogue, Dataset

RANK = "mpcstats_rank"
ROWS = "limited"


def limited(query: exp.Expr, limits: Limited, catalogue: Catalogue) -> exp.Expr:
    """`query` (which is changed) with every dataset in it that has limits within them; others are as they were.

    It reads all columns of these datasets, whichever the fragment does: a question that reads others must not keep
    other rows. Rows without a valid person key are nobody's, and left out. Raises UsageError for a dataset that does
    not name its persons by one column, or a bound on a column that is no plain number.
    """
    for table in list(query.find_all(exp.Table)):
        name = f"{table.db}.{table.name}"
        if name in limits:
            within = _within(catalogue.dataset(name), limits[name])
            # Names are the catalogue's, and quoted.
            text = f"SELECT * FROM ({within}) AS {_quoted(table.alias_or_name)}"  # noqa: S608
            table.replace(sqlglot.parse_one(text, dialect=DIALECT).args["from_"].this)
    return query


def unlimited(query: exp.Expr, limits: Limited, catalogue: Catalogue) -> exp.Expr:
    """`query` (which is changed) with the datasets themselves where `limited` has put them within just these limits.

    What has other limits stays as it is: it reads them through a window (plan.persons).
    """
    known = {
        sqlglot.parse_one(_within(catalogue.dataset(name), own), dialect=DIALECT): name
        for name, own in limits.items()
    }
    for subquery in list(query.find_all(exp.Subquery)):
        name = known.get(subquery.this)
        if name is not None:
            schema, table = name.split(".")
            alias = exp.to_identifier(subquery.alias_or_name, quoted=True)
            plain = exp.table_(table, db=schema, quoted=True)
            subquery.replace(exp.alias_(plain, alias, table=True))
    return query


def _within(dataset: Dataset, limits: Limits) -> str:
    """The dataset's columns, of as many rows of each person as may count."""
    _check_clamps(dataset, limits)
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
    person = keys.normalised(column.key, _quoted(name), integer=column.type == "integer")
    schema, table = dataset.name.split(".")
    source = f"{_quoted(schema)}.{_quoted(table)}"
    every = ", ".join(_quoted(n) for n in dataset.columns)
    # MD5 mixes, and keeps no secret: who knows a person's rows may know which of them count.
    order = f"MD5({_text(dataset)})"
    number = f"ROW_NUMBER() OVER (PARTITION BY {person} ORDER BY {order}) AS {RANK}"
    ranked = f"SELECT {every}, {number} FROM {source} WHERE NOT {person} IS NULL"  # noqa: S608
    kept = ", ".join(_clamped(n, limits) for n in dataset.columns)
    return f"SELECT {kept} FROM ({ranked}) AS {ROWS} WHERE {RANK} <= {limits.rows}"  # noqa: S608


def _check_clamps(dataset: Dataset, limits: Limits) -> None:
    """Bounds are for numbers that are no labels and no keys: a label that is another would be another group."""
    for name in limits.bounds:
        column = dataset.columns.get(name)
        if column is None or column.type != "integer" or column.key or column.domain is not None:
            raise UsageError(
                f"{dataset.name}.{name}: expected a column of whole numbers without key or domain where values "
                "are cut to bounds"
            )


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(DIALECT)


def _text(dataset: Dataset) -> str:
    """A row as one text, injectively: NULL, or length, colon and value of each column."""
    parts = (
        f"COALESCE(CAST(LENGTH(CAST({name} AS VARCHAR)) AS VARCHAR) || ':' || "
        f"CAST({name} AS VARCHAR), 'N')"
        for name in map(_quoted, dataset.columns)
    )
    return " || ".join(parts)


def _clamped(name: str, limits: Limits) -> str:
    if name not in limits.bounds:
        return _quoted(name)
    low, high = limits.bounds[name]
    # GREATEST and LEAST pass over NULL, which would become a bound.
    return (
        f"CASE WHEN {_quoted(name)} IS NULL THEN NULL "
        f"ELSE GREATEST(LEAST({_quoted(name)}, {high}), {low}) END AS {_quoted(name)}"
    )
