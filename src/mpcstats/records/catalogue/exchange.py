"""The catalogue as plain files: TOML, JSON, or CSV with one row an item; each reads back as the same catalogue."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from mpcstats.errors import UsageError
from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.cells import of_csv, to_csv
from mpcstats.records.catalogue.metadata import plain
from mpcstats.records.catalogue.names import translated

Form = Literal["toml", "csv", "json"]
FORMS: tuple[Form, ...] = ("toml", "csv", "json")
SIZE_LIMIT = 32 << 20  # bytes
BARE = re.compile(r"[A-Za-z0-9_-]+")


def written(catalogue: Catalogue, form: Form, *, chinese: bool = False) -> str:
    """The catalogue as text of that form; with `chinese`, fields and terms under the names of the rules.

    Raises UsageError for Chinese TOML: the catalogue's own file has one set of names.
    """
    if form == "csv":
        return to_csv(catalogue, chinese=chinese)
    table = plain(catalogue.file, chinese=chinese)
    if form == "json":
        named = translated(table, to_chinese=True) if chinese else table
        return json.dumps(named, ensure_ascii=False, indent=2) + "\n"
    if chinese:
        raise UsageError("expected csv or json for fields under their Chinese names, got toml")
    return "\n".join(_toml(table)) + "\n"


def read(text: str, form: Form, origin: str) -> Catalogue:
    """The catalogue in `text`, which came from `origin`; Chinese names are taken as well as plain ones.

    Raises UsageError with origin and place.
    """
    try:
        table = _table(text, form)
    except UsageError as error:
        raise UsageError(f"{origin}: {error}") from None
    return Catalogue.of_table(table, origin)


def read_file(path: Path) -> Catalogue:
    """The catalogue in the file at `path`, of the form that its ending names. Raises UsageError with file and place."""
    form = next((form for form in FORMS if path.suffix.lower() == f".{form}"), None)
    if form is None:
        raise UsageError(f"{path}: expected a file of {', '.join(FORMS)}, got {path.suffix!r}")
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: expected a file to read, got: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: expected text in UTF-8, got something else") from None
    if len(raw) > SIZE_LIMIT:
        raise UsageError(f"{path}: expected at most {SIZE_LIMIT} bytes, got more")
    return read(text, form, str(path))


def _table(text: str, form: Form) -> dict[str, Any]:
    if form == "csv":
        return of_csv(text)
    try:
        if form == "toml":
            return tomllib.loads(text)
        table = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        said = "tables nested too deep" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"expected {form.upper()}, got: {said}") from None
    if not isinstance(table, dict):
        raise UsageError("expected a table, got something else")
    return translated(table, to_chinese=False)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are different: of two columns of one name the first would be lost."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("expected every name once in an object, got one twice")
    return table


def _toml(table: Mapping[str, Any]) -> Iterator[str]:
    """The catalogue's own form: a table for each dataset, a line for each column."""
    yield f"version = {table['version']}"
    for part in ("dataset", "union", "combination", "crosscheck"):
        for entry in table.get(part, ()):
            yield f"\n[[{part}]]"
            for name, value in entry.items():
                if name != "columns":
                    yield f"{name} = {toml_value(value)}"
            if part == "dataset":
                yield "\n[dataset.columns]"
                for name, column in entry.get("columns", {}).items():
                    yield f"{_key(name)} = {toml_value(column)}"


def toml_value(value: Any) -> str:
    """Plain data as a value of TOML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            # The escapes of JSON are TOML's too, but TOML takes no bare DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(toml_value(part) for part in value)}]"
        case _:
            pairs = ", ".join(f"{_key(name)} = {toml_value(part)}" for name, part in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else toml_value(name)
