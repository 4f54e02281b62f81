"""A plan's fragments on made-up tables: what an owner's database would refuse is found before anybody is asked.

The tables have the catalogue's columns and one row that is nobody's, so the database's own words tell nothing of
anybody's data. One row, as DuckDB casts a constant only when it meets a row.
"""

from __future__ import annotations

import duckdb

from mpcstats.errors import UsageError
from mpcstats.party.data.given import given_parts
from mpcstats.party.data.scan import quoted_name
from mpcstats.plan.physical import Physical
from mpcstats.records.catalogue import Catalogue, Column

# The example of GB 11643-1999: a valid form, area prefix and check character, and no person's.
RESIDENT_ID = "11010519491231002X"


def rehearse(plan: Physical, catalogue: Catalogue) -> None:
    """Run every fragment of `plan` on tables of one row. Raises UsageError with what DuckDB says, and whose it is."""
    with duckdb.connect() as database:
        for name in dict.fromkeys(item.dataset for f in plan.fragments for item in f.items):
            schema, table = name.split(".")
            columns = ", ".join(
                f"{quoted_name(column)} {'BIGINT' if entry.type == 'integer' else 'VARCHAR'}"
                for column, entry in catalogue.dataset(name).columns.items()
            )
            database.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            database.execute(f'CREATE TABLE "{schema}"."{table}" ({columns})')
            row = [_value(entry) for entry in catalogue.dataset(name).columns.values()]
            places = ", ".join("?" * len(row))
            database.execute(f'INSERT INTO "{schema}"."{table}" VALUES ({places})', row)
        database.execute("SET enable_external_access = false")
        for fragment in plan.fragments:
            try:
                asked = given_parts(fragment)[0] if fragment.columns else fragment.sql
                database.execute(asked).fetchall()
            except duckdb.Error as error:
                said = str(error).splitlines()[0]
                raise UsageError(
                    f"{fragment.name}, which {fragment.owner} would compute at home, is no valid SQL for "
                    f"DuckDB: {said}"
                ) from None


def _value(column: Column) -> int | str:
    if column.domain is not None:
        return column.domain[0]
    if column.type == "integer":
        return 0 if column.minimum is None else column.minimum
    return RESIDENT_ID
