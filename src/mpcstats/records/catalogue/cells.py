"""The catalogue as a table of cells, one row an item: what a spreadsheet holds of it.

An item's row begins with the fields of its dataset; unions and combinations have rows of their own. A cell holds
text as it is, everything else as JSON; an empty cell is no value.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mpcstats.errors import UsageError
from mpcstats.records.catalogue import names
from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.metadata import plain

Field = tuple[str, str]  # (part of the catalogue, field)
Cells = dict[Field, Any]
NAME: Field = ("dataset", "name")
ITEM: Field = ("item", "name")
# Chinese head of every cell; the plain one is "part.field".
HEADS: Mapping[Field, str] = {
    **{("dataset", f): name for f, name in names.DATASET.items() if f != "columns"},
    ITEM: names.ITEM_NAME,
    **{("item", f): name for f, name in names.COLUMN.items()},
    **{("union", f): name for f, name in names.UNION.items()},
    **{("combination", f): name for f, name in names.COMBINATION.items()},
    **{("crosscheck", f): name for f, name in names.CROSSCHECK.items()},
}
# What is not text.
WRITTEN_AS_JSON = frozenset(
    {("dataset", f) for f in ("rows", "contributors", "category", "related", "check")}
    | {("item", f) for f in ("person", "distinct", "most", "unique", "nullable", "domain")}
    | {("item", f) for f in ("minimum", "maximum", "special", "source", "dictionary", "quality")}
    | {("item", "derived_from"), ("union", "of"), ("combination", "kinds"), ("crosscheck", "on")}
)


def to_csv(catalogue: Catalogue, *, chinese: bool) -> str:
    """The catalogue as CSV, under Chinese heads if asked."""
    rows = list(_rows(catalogue, chinese=chinese))
    used = [field for field in HEADS if any(field in row for row in rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180; so both signs are quoted in a cell
    writer.writerow([HEADS[f] if chinese else ".".join(f) for f in used])
    for row in rows:
        writer.writerow([_cell(field, row.get(field)) for field in used])
    return out.getvalue()


def _rows(catalogue: Catalogue, *, chinese: bool) -> Iterator[Cells]:
    whole = plain(catalogue.file, chinese=chinese)
    for dataset in whole.get("dataset", ()):
        about = {("dataset", f): v for f, v in dataset.items() if f != "columns"}
        columns = dataset.get("columns", {})
        for name, column in columns.items():
            yield {**about, ITEM: name, **{("item", f): v for f, v in column.items()}}
        if not columns:
            yield about
    for part in ("union", "combination", "crosscheck"):
        for entry in whole.get(part, ()):
            yield {(part, field): value for field, value in entry.items()}


def _cell(field: Field, value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if field in WRITTEN_AS_JSON else str(value)


def of_csv(text: str) -> dict[str, Any]:
    """The catalogue's plain data in a CSV text. Raises UsageError with the row and the head of a fault."""
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UsageError(f"expected CSV, got: {error}") from None
    if not lines:
        raise UsageError("expected a row of heads, got an empty file")
    fields = _fields(lines[0])
    parts = ("dataset", "union", "combination", "crosscheck")
    found: dict[str, Any] = {"version": 1, **{part: [] for part in parts}}
    datasets: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, line in enumerate(lines[1:], 2):
        if any(line):
            try:
                _add(_read(fields, line), number, found, datasets)
            except UsageError as error:
                raise UsageError(f"row {number}: {error}") from None
    return found


def _fields(heads: list[str]) -> list[Field]:
    known = {head: field for field, head in HEADS.items()}
    known |= {".".join(field): field for field in HEADS}
    unknown = [head for head in heads if head.removeprefix("\ufeff") not in known]
    if unknown:
        raise UsageError(f"expected heads of the catalogue's fields, got {unknown[0][:80]!r}")
    fields = [known[head.removeprefix("\ufeff")] for head in heads]
    if len(set(fields)) != len(fields):
        raise UsageError("expected every head once, got one twice")
    return fields


def _read(fields: list[Field], line: list[str]) -> Cells:
    if len(line) != len(fields):
        raise UsageError(f"expected {len(fields)} cells, got {len(line)}")
    found: Cells = {}
    for field, cell in zip(fields, line, strict=True):
        if not cell:
            continue
        try:
            found[field] = json.loads(cell) if field in WRITTEN_AS_JSON else cell
        except (ValueError, RecursionError):
            raise UsageError(f"{'.'.join(field)}: expected JSON, got other text") from None
    return found


def _add(
    row: Cells, number: int, found: dict[str, Any], datasets: dict[str, tuple[int, dict[str, Any]]]
) -> None:
    """Put what a row holds where it belongs."""
    parts = {part for part, _ in row}
    if parts - {"dataset", "item"}:
        if len(parts) > 1:
            raise UsageError(
                "expected an item, a union, a combination or a crosscheck, got several in one row"
            )
        (part,) = parts
        found[part].append({field: value for (_, field), value in row.items()})
        return
    about = {field: value for (part, field), value in row.items() if part == "dataset"}
    if not isinstance(about.get("name"), str):
        raise UsageError("expected the name of the item's dataset, got none")
    first, dataset = datasets.setdefault(about["name"], (number, {**about, "columns": {}}))
    if first == number:
        found["dataset"].append(dataset)
    differs = [f for f in {*about, *dataset} - {"columns"} if about.get(f) != dataset.get(f)]
    if differs:
        raise UsageError(
            f"expected the fields of {about['name']} as in row {first}, differs in {min(differs)}"
        )
    if ITEM in row:
        if row[ITEM] in dataset["columns"]:
            raise UsageError(f"expected each item once, got {about['name']}.{row[ITEM]} again")
        item = {f: value for (part, f), value in row.items() if part == "item" and f != "name"}
        dataset["columns"][row[ITEM]] = item
    elif "item" in parts:
        raise UsageError("expected the item's name beside its fields, got none")
