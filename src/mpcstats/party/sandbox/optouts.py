"""Opt-outs in the governance demo: the insurer's desk of consents, and made-up persons who will not be counted."""

from __future__ import annotations

from pathlib import Path

import duckdb

from mpcstats.party.desk.consent import ConsentDesk, now
from mpcstats.party.desk.statements import make
from mpcstats.party.sandbox.offices import AUTHORITY, Offices
from mpcstats.records.catalogue import Dataset
from mpcstats.records.consent.acts import OPT_OUT_KIND
from mpcstats.records.consent.pseudonym import make_pseudonym_key

EVERY = 40  # one holder of a policy in so many has opted out


def open_desk(offices: Offices, owner: str) -> Path:
    """A new desk of consents of `owner`; where its consent.toml is."""
    folder = offices.folder / "consent"
    folder.mkdir()
    make_pseudonym_key(folder / "pseudonyms.key")
    path = folder / "consent.toml"
    path.write_text(
        f'version = 1\nowner = "{owner}"\njournal = "consent.jsonl"\nspent = "spent.sqlite"\n'
        'principals = "../registers/principals.toml"\n'
        f'signing_key = "../keys/{owner}.sign"\npseudonym_key = "pseudonyms.key"\n',
        encoding="utf-8",
    )
    return path


def opt_out(offices: Offices, desk: Path, dataset: Dataset, rows: Path) -> tuple[str, ...]:
    """Record opt-outs, signed by the authority for some of the persons in the Parquet file `rows`; their ids.

    In a consortium nobody has the ids together but the owner of the rows.
    """
    opened = ConsentDesk.open(desk)
    found = persons(rows)[::EVERY]
    second = now()
    with opened.book.writing() as page:
        for person in found:
            body = {"owner": opened.owner, "person": opened.key.person(person)}
            made = make(OPT_OUT_KIND, {**body, "dataset": dataset.name})
            page.record(offices.signed(made, AUTHORITY), second=page.at(second))
    return found


def persons(rows: Path) -> tuple[str, ...]:
    """The ids in the Parquet file, as the catalogue's normalisation leaves them, each once, in order."""
    with duckdb.connect() as database:
        found = database.execute(
            "SELECT DISTINCT UPPER(TRIM(certno)) FROM read_parquet($path) "
            "WHERE certno IS NOT NULL ORDER BY 1",
            {"path": str(rows)},
        ).fetchall()
    return tuple(str(person) for (person,) in found)
