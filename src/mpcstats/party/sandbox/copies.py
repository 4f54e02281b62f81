"""A consortium's tables many times over: as many towns like the first, for measuring what larger tables take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from mpcstats.errors import UsageError
from mpcstats.party.data.scan import quoted_name, scan_of
from mpcstats.party.data.source import Source, file_of
from mpcstats.party.files.localfile import LocalFile
from mpcstats.records.catalogue import Catalogue, Column, Dataset
from mpcstats.records.catalogue.exchange import written


def copied(config: LocalFile, where: Path, copies: int) -> LocalFile:
    """The consortium with each row of its personal tables `copies` times, in the new folder `where`.

    A text that names something (it has no domain, and is no code of a diagnosis) has the copy's number before it:
    persons of two copies are different persons, joins stay within a copy, and every count and sum is `copies` times
    as large. Bounds on rows and on distinct values grow likewise. Raises UsageError for less than one copy.
    """
    if copies < 1:
        raise UsageError(f"expected one copy or more, got {copies}")
    catalogue = Catalogue.load(config.catalogue)
    where.mkdir(parents=True)
    data: dict[str, dict[str, Source]] = {}
    with duckdb.connect() as connection:
        for party, files in config.data.items():
            data[party] = {}
            for name, path in files.items():
                dataset = catalogue.dataset(name)
                data[party][name] = path
                if dataset.domain == "personal":
                    copy = data[party][name] = where / f"{name}.parquet"
                    query = _query(dataset, file_of(name, path), copies)
                    connection.execute(f"COPY ({query}) TO '{copy}'")
    datasets = tuple(_grown(dataset, copies) for dataset in catalogue.datasets)
    grown = where / "catalogue.toml"
    text = written(
        Catalogue(datasets, catalogue.unions, catalogue.added, catalogue.crosschecks), "toml"
    )
    grown.write_text(text, encoding="utf-8")
    return replace(config, catalogue=grown, data=data)


def _query(dataset: Dataset, path: Path, copies: int) -> str:
    columns = ", ".join(_copy(name, column) for name, column in dataset.columns.items())
    scan = scan_of(dataset.name, path)
    return f"SELECT {columns} FROM {scan}, range({copies}) AS copies (copy_)"


def _copy(name: str, column: Column) -> str:
    quoted = quoted_name(name)
    if column.type == "integer":
        return f"CAST({quoted} AS BIGINT) AS {quoted}"
    names = column.domain is None and not column.special
    # NULL stays NULL, and blanks before a text stay before it: keys are compared without them.
    named = f"regexp_replace({quoted}, '^(\\s*)', '\\1' || copy_ || '-')"
    return f"{named} AS {quoted}" if names else quoted


def _grown(dataset: Dataset, copies: int) -> Dataset:
    if dataset.domain == "public":
        return dataset
    columns = {
        name: column
        if column.distinct is None
        else column.model_copy(update={"distinct": column.distinct * copies})
        for name, column in dataset.columns.items()
    }
    return dataset.model_copy(update={"rows": dataset.rows * copies, "columns": columns})
