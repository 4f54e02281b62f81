"""What is wrong with a catalogue, or missing from it: each finding with its place, its weight and what to do.

An error is something by which a question would be answered wrongly or too openly, or refused; a warning is
something that a reader of the catalogue misses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mpcstats.records.catalogue.catalogue import Catalogue
from mpcstats.records.catalogue.column import Column, Range
from mpcstats.records.catalogue.combination import met, together
from mpcstats.records.catalogue.dataset import Dataset
from mpcstats.records.catalogue.sources import Conflict
from mpcstats.records.levels import Level, OpenType

# The core metadata that an entry should have, in the order of the form.
WANTED = (
    "title",
    "category",
    "code",
    "provider_code",
    "abstract",
    "format",
    "share_type",
    "share_method",
    "open_type",
    "update_cycle",
    "publish_date",
)
OPENNESS = {OpenType.PROHIBITED: 0, OpenType.CONDITIONAL: 1, OpenType.UNCONDITIONAL: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found at `place` (a dataset, an item, an element)."""

    weight: Literal["error", "warning"]
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.weight}: {self.place}: {self.what}"


def findings(
    catalogue: Catalogue,
    *,
    disputed: Iterable[Conflict],
    special: tuple[Range, ...],
    regraded: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """Everything that is found, errors first.

    `disputed` are the open conflicts; `special` are the ranges of codes that every diagnosis must have at least;
    `regraded` are the items whose level somebody has decided on evidence.
    """
    found = [Finding("error", f"element {c.element}", c.what) for c in disputed]
    for dataset in catalogue.datasets:
        found += _of_dataset(dataset, catalogue)
        for name, column in dataset.columns.items():
            place = f"{dataset.name}.{name}"
            found += [
                *_of_values(place, column),
                *_of_special(place, column, special),
                *_of_origin(place, column, catalogue, regraded),
            ]
    found += _of_elements(catalogue)
    return tuple(sorted(found, key=lambda finding: finding.weight))


def _of_dataset(dataset: Dataset, catalogue: Catalogue) -> Iterator[Finding]:
    missing = [name for name in WANTED if getattr(dataset, name) in (None, ())]
    if missing:
        yield Finding("warning", dataset.name, f"expected the metadata {', '.join(missing)}")
    # Rows of the whole table would show its columns side by side.
    level = together(dataset.columns, catalogue.combinations)
    allowed = level.open_type
    if dataset.open_type is not None and OPENNESS[dataset.open_type] > OPENNESS[allowed]:
        yield Finding(
            "error",
            dataset.name,
            f"expected open_type {allowed.name} {allowed.value} for rows of level {level.name}, got "
            f"{dataset.open_type.name} {dataset.open_type.value}",
        )
    if dataset.domain == "public" and level > Level.LOW:
        columns = [name for name, c in dataset.columns.items() if c.level > Level.LOW]
        columns += [n for m in met(dataset.columns, catalogue.combinations) for n in m.columns]
        yield Finding(
            "error",
            dataset.name,
            f"expected at most level LOW in the public domain, got {level.name} by {columns[0]}",
        )


def _of_values(place: str, column: Column) -> Iterator[Finding]:
    bounded = column.minimum is not None or column.domain is not None
    if column.type == "integer" and column.key is None and not bounded:
        yield Finding(
            "warning",
            place,
            "expected minimum and maximum, or a domain: without, nothing is summed",
        )
    if column.dictionary and column.domain is not None:
        unnamed = [str(code) for code in column.domain if str(code) not in column.dictionary]
        if unnamed:
            yield Finding("warning", place, f"expected a label for code {unnamed[0]}")
        stray = [code for code in column.dictionary if code not in map(str, column.domain)]
        if stray:
            yield Finding("error", place, f"expected labels of the domain only, got {stray[0]!r}")
    if column.person and column.level < Level.HIGH:
        yield Finding(
            "error", place, f"expected level HIGH of what names persons, got {column.level.name}"
        )


def _of_special(place: str, column: Column, special: tuple[Range, ...]) -> Iterator[Finding]:
    if column.type != "text" or "diagnosis" not in column.kinds or column.level is Level.HIGH:
        return
    lacking = [f"{low}-{high}" for low, high in special if not _covered(low, high, column.special)]
    if lacking:
        yield Finding(
            "error", place, f"expected the special ranges {', '.join(lacking)} of a diagnosis"
        )


def _covered(low: str, high: str, given: Iterable[Range]) -> bool:
    """Whether the half-open range is in the union of `given`."""
    for first, end in sorted(given):
        if first <= low < end:
            low = end
    return low >= high


def _of_origin(
    place: str, column: Column, catalogue: Catalogue, regraded: frozenset[str]
) -> Iterator[Finding]:
    for name in column.derived_from:
        dataset, _, item = name.rpartition(".")
        origin = catalogue.column(dataset, item)
        if origin is None:
            yield Finding("error", place, f"expected derived_from to name items, got {name!r}")
        elif column.level < origin.level and place not in regraded:
            yield Finding(
                "error",
                place,
                f"expected level {origin.level.name} as {name}, which it is derived from, or a "
                f"level-regraded statement with evidence; got {column.level.name}",
            )


def _of_elements(catalogue: Catalogue) -> Iterator[Finding]:
    """Items of one element are of one type and unit; if they are keys, of one normalisation, or they never meet."""
    first: dict[str, tuple[str, Column]] = {}
    sourced = {c.element for c in catalogue.items.values() if c.source}
    for (dataset, name), column in catalogue.items.items():
        if column.element is None:
            continue
        place = f"{dataset}.{name}"
        where, other = first.setdefault(column.element, (place, column))
        for what in ("type", "unit", "key"):
            one, two = getattr(column, what), getattr(other, what)
            if one != two:
                yield Finding(
                    "error",
                    place,
                    f"expected the {what} of {where}, which tells the same element "
                    f"{column.element}: {two or 'none'}, got {one or 'none'}",
                )
        if where == place and column.element not in sourced:
            yield Finding(
                "warning", f"element {column.element}", "expected one item with source = true"
            )
