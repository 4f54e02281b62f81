"""[data] of a party: where each of its datasets is, as a path or as a table that says more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, model_validator

from mpcstats.party.data.source import (
    DatabaseFile,
    GivenFrame,
    PostgresTable,
    Source,
    SparkTable,
)
from mpcstats.records.tomlfile import Table, toml_text

FIELDS = ("path", "table", "postgres", "spark")
BESIDE = "./"
SCHEMES = ("postgresql", "postgres")
SECRETS = frozenset({"password", "sslpassword"})  # parameters of libpq
NAME = r'[^."`\s\x00-\x1f]+'
TABLE_NAME = re.compile(rf"{NAME}(\.{NAME}){{0,2}}")
ELSEWHERE = "give it in PGPASSWORD, in the file that PGPASSFILE names (~/.pgpass), or as a service (PGSERVICEFILE)"


def _no_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected text, got none")
    return text


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        asked = {name for name, _ in parse_qsl(parts.query)}
        has_secret = parts.password is not None or not asked.isdisjoint(SECRETS)
    except ValueError:
        raise ValueError("expected postgresql://USER@HOST:PORT/DATABASE, got no address") from None
    # Without the text: it may hold what must not be shown.
    if parts.scheme not in SCHEMES:
        raise ValueError("expected postgresql://USER@HOST:PORT/DATABASE, got another address")
    if has_secret:
        raise ValueError(f"expected an address without a password, got one with it: {ELSEWHERE}")
    return text


def _table_name(text: str) -> str:
    if TABLE_NAME.fullmatch(text) is None:
        raise ValueError(f'expected a table as "schema.name", without quotes, got {text[:80]!r}')
    return text


Text = Annotated[str, AfterValidator(_no_blank)]
TableName = Annotated[str, AfterValidator(_table_name)]


class SourceTable(Table):
    """Where one dataset is. A plain text is its `path`.

    { path = "f.duckdb", table = "main.t" }: a table of a DuckDB file; { postgres = "postgresql://...", table = "s.t" }:
    in the owner's PostgreSQL; { spark = "local[2]", table = "s.t" } or { spark = "local[2]", path = "f.parquet" }: in
    the owner's Spark, whose master `spark` is.
    """

    path: Text | None = None
    table: TableName | None = None
    postgres: Annotated[str, AfterValidator(_address)] | None = None
    spark: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {name for name in FIELDS if getattr(self, name) is not None}
        if self.postgres is not None and given != {"postgres", "table"}:
            raise ValueError("expected postgres and table, and nothing else")
        if self.spark is not None and given not in ({"spark", "table"}, {"spark", "path"}):
            raise ValueError("expected spark and table, or spark and path, and nothing else")
        if self.postgres is None and self.spark is None and self.path is None:
            raise ValueError("expected a path, or the address of the engine that has the table")
        return self

    @property
    def is_beside(self) -> bool:
        """Whether it is a file that comes with the file that names it."""
        return self.path is not None and self.path.startswith(BESIDE)

    def source(self, folder: Path) -> Source:
        """What it says; paths are below `folder`."""
        path = None if self.path is None else folder / self.path
        if self.postgres is not None and self.table is not None:
            return PostgresTable(self.postgres, self.table)
        if self.spark is not None:
            return SparkTable(self.spark, self.table, path)
        if path is None:  # held by _consistent
            raise ValueError("expected a path")
        return path if self.table is None else DatabaseFile(path, self.table)


def written(source: Source) -> str:
    """`source` as a value of TOML, its paths absolute. A frame has none: it is no file's."""
    match source:
        case PostgresTable():
            said = {"postgres": source.url, "table": source.table}
        case SparkTable(master, None, Path() as path):
            said = {"spark": master, "path": str(path.resolve())}
        case SparkTable(master, table):
            said = {"spark": master, "table": table or ""}
        case DatabaseFile():
            said = {"path": str(source.path.resolve()), "table": source.table}
        case GivenFrame():
            raise ValueError("expected a source that a file can name, got a frame")
        case Path():
            return toml_text(str(source.resolve()))
    return "{ " + ", ".join(f"{name} = {toml_text(text)}" for name, text in said.items()) + " }"


def _said(value: object) -> object:
    if isinstance(value, str):
        return {"path": _no_blank(value)}
    if not isinstance(value, dict):
        raise ValueError("expected a path as text, or a table with path, table, postgres or spark")
    return value


def _plain_names(data: object) -> object:
    # TOML reads `bureau.enrolment = "f"` as a table `bureau`; the name of a dataset needs quotes.
    for name, where in data.items() if isinstance(data, dict) else ():
        if isinstance(where, dict) and "." not in str(name):
            inner = next(iter(where), "...")
            raise ValueError(f'expected a file for each dataset; write "{name}.{inner}" in quotes')
    return data


Where = Annotated[SourceTable, BeforeValidator(_said, json_schema_input_type=str | SourceTable)]
Files = Annotated[dict[Text, Where], BeforeValidator(_plain_names)]


def sources_of(files: dict[str, SourceTable], folder: Path) -> dict[str, Source]:
    """The sources that [data] names, by dataset; paths are below `folder`."""
    return {dataset: where.source(folder) for dataset, where in files.items()}
