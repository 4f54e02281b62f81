"""Consent as a filter at the owner: rows of a dataset without it are taken out before a question sees them.

Persons are compared by pseudonyms that the owner's database computes from the normalised key. How many rows
were left out is told to the owner alone; others learn it as far as `left_out_shown` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb

from mpcstats.errors import UsageError
from mpcstats.party.data.scan import quoted_name
from mpcstats.plan.keys import normalised
from mpcstats.plan.physical import Physical
from mpcstats.records.catalogue import Catalogue, Dataset, Normalisation
from mpcstats.records.consent.acts import Mode
from mpcstats.records.consent.grants import Consented
from mpcstats.records.consent.pseudonym import PseudonymKey, pseudonym_sql
from mpcstats.records.consent.terms import Ask, dataset_of

# Temporary tables: the chosen pseudonyms; for each row of the dataset its person, and whether it is kept.
PERSONS, MARKED = "consent_persons_", "consent_marked_"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """For the owner alone: rows and persons of a dataset that were left out, and those that were kept.

    Rows whose person key is missing or invalid are left out, and count as no person: nobody can say that they
    are of somebody who consents, or of nobody who has opted out.
    """

    dataset: str
    rows: int
    persons: int
    kept_rows: int
    kept_persons: int


@dataclass(frozen=True, slots=True)
class ConsentFilter:
    """The persons whose rows a run may count, by the mode of the datasets; the owner's key of pseudonyms."""

    key: PseudonymKey
    chosen: Mapping[Mode, Consented] = field(repr=False)

    def restrict(self, connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> LeftOut:
        """Take the rows without consent out of the loaded table `dataset.name`, which holds the person column.

        Raises UsageError if nothing was chosen for the dataset's mode, or the database fails.
        """
        if dataset.consent == "none" or dataset.consent not in self.chosen:
            raise UsageError(
                f"{dataset.name}: expected persons chosen for consent {dataset.consent}, got none"
            )
        persons = self.chosen[dataset.consent].persons
        try:
            return _restrict(connection, dataset, self.key, dataset.consent, persons)
        except duckdb.Error as error:
            # DuckDB's own message may hold values.
            raise UsageError(
                f"{dataset.name}: the database cannot filter by consent: {type(error).__name__}"
            ) from None


def person_column(dataset: Dataset) -> str:
    """The one column that names persons. Raises UsageError for none or several: consent would have no subject."""
    found = [name for name, column in dataset.columns.items() if column.person]
    if len(found) != 1:
        raise UsageError(
            f"{dataset.name}: expected one column with person = true where consent is asked for, got "
            f"{len(found)}"
        )
    return found[0]


def asks(
    plan: Physical, catalogue: Catalogue, owner: str, *, matter: str, second: str
) -> dict[Mode, Ask]:
    """What the plan wants of the owner's datasets that need consent, by their mode; {} if none does.

    All columns that are read of the datasets of one mode are one ask: a person consents to the whole question.
    The person column is always among them, for the filter reads it. `matter` is the question's digest.
    """
    fields: dict[Mode, set[str]] = {}
    for fragment in plan.fragments:
        for item in fragment.items if fragment.owner == owner else ():
            dataset = catalogue.dataset(item.dataset)
            if dataset.consent != "none":
                wanted = fields.setdefault(dataset.consent, set())
                wanted |= {f"{dataset.name}.{c}" for c in (item.column, person_column(dataset))}
    recipients = tuple(sorted({*plan.gate.recipients, plan.initiator}))
    return {
        mode: Ask(
            owner,
            recipients,
            tuple(sorted(wanted)),
            plan.scenario,
            plan.purpose,
            second,
            matter=matter,
        )
        for mode, wanted in fields.items()
    }


def left_out_shown(left: int, kept: int, k: int) -> int | Literal["suppressed"]:
    """How many persons were left out, for others than the owner: only if at least k were, and at least k stayed.

    A smaller number, 0 too, would tell of few persons that they consented or that they did not.
    """
    return left if left >= k and kept >= k else "suppressed"


def matter_rows(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    key: PseudonymKey,
    ask: Ask,
    *,
    matter_column: str,
) -> list[dict[str, int | str | None]]:
    """The fields of `ask`, and no others, of the rows of its person and matter in the loaded table.

    Raises UsageError unless all fields are of the dataset, and the ask names a person and a matter.
    """
    columns = [name.rpartition(".")[2] for name in ask.fields if dataset_of(name) == dataset.name]
    if len(columns) != len(ask.fields) or any(name not in dataset.columns for name in columns):
        raise UsageError(f"{dataset.name}: expected fields of this dataset alone, got others")
    if ask.person is None or ask.matter is None:
        raise UsageError(f"{dataset.name}: expected an ask for one person and one matter")
    picked = ", ".join(quoted_name(name) for name in columns)
    query = (
        f"SELECT {picked} FROM {_table(dataset)} WHERE {_person(dataset)} = $person "
        f"AND {pseudonym_sql(quoted_name(matter_column), matter=True)} = $matter"
    )
    values = {**key.parameters(), "person": ask.person, "matter": ask.matter}
    try:
        found = connection.execute(query, values).fetchall()
    except duckdb.Error as error:
        raise UsageError(
            f"{dataset.name}: the database cannot read the matter: {type(error).__name__}"
        ) from None
    return [dict(zip(columns, row, strict=True)) for row in found]


def columns_for_matter(dataset: Dataset, ask: Ask, matter_column: str) -> Sequence[str]:
    """The columns to be loaded for `matter_rows`: the fields, and what finds their row."""
    fields = (name.rpartition(".")[2] for name in ask.fields)
    return tuple(dict.fromkeys((*fields, person_column(dataset), matter_column)))


def normal_id(text: str, normalisation: Normalisation) -> str:
    """An id as the catalogue's normalisation leaves it. Raises UsageError, which does not hold it, if it is invalid."""
    with duckdb.connect() as database:
        query = f"SELECT {normalised(normalisation, 'id')} FROM (SELECT $id::VARCHAR AS id) AS t"
        (found,) = database.execute(query, {"id": text}).fetchall()[0]
    if found is None:
        raise UsageError(f"expected an id that is valid under {normalisation}, got another text")
    return str(found)


def _restrict(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    key: PseudonymKey,
    mode: Mode,
    persons: frozenset[str],
) -> LeftOut:
    table, pseudonym = _table(dataset), _person(dataset)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {PERSONS} AS SELECT unnest($persons::VARCHAR[]) AS person",
        {"persons": sorted(persons)},
    )
    listed = "IN" if mode == "per-matter" else "NOT IN"
    # NULL is the pseudonym of a missing key. It is NOT IN an empty list, so that it must be left out by itself.
    kept = f"pseudonym_ IS NOT NULL AND pseudonym_ {listed} (SELECT person FROM {PERSONS})"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {MARKED} AS SELECT row_, pseudonym_, {kept} AS kept "
        f"FROM (SELECT rowid AS row_, {pseudonym} AS pseudonym_ FROM {table}) AS t",
        key.parameters(),
    )
    counts = ", ".join(
        f"COUNT(*) FILTER ({which}), COUNT(DISTINCT pseudonym_) FILTER ({which})"
        for which in ("NOT kept", "kept")
    )
    found = connection.execute(f"SELECT {counts} FROM {MARKED}").fetchall()[0]
    connection.execute(
        f"DELETE FROM {table} WHERE rowid IN (SELECT row_ FROM {MARKED} WHERE NOT kept)"
    )
    connection.execute(f"DROP TABLE {MARKED}")
    connection.execute(f"DROP TABLE {PERSONS}")
    return LeftOut(dataset.name, *(int(count) for count in found))


def _table(dataset: Dataset) -> str:
    return ".".join(quoted_name(part) for part in dataset.name.split("."))


def _person(dataset: Dataset) -> str:
    """The SQL of the pseudonym of a row's person."""
    name = person_column(dataset)
    column = dataset.columns[name]
    if column.key is None:
        raise UsageError(f"{dataset.name}: expected a key on the person column {name}, got none")
    integer = column.type == "integer"
    return pseudonym_sql(normalised(column.key, quoted_name(name), integer=integer))
