"""Classifying a table at its owner's desk: what the rules propose for each column of a file, or of an entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.data.sample import Sample, sampled
from mpcstats.party.desk.catalogue import Grid
from mpcstats.records.catalogue import Catalogue, Column, Dataset
from mpcstats.records.catalogue.exchange import read_file, written
from mpcstats.records.classification.proposal import Proposal, propose_all
from mpcstats.records.classification.rules import Seen, load_rules

DEFAULT_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Classified:
    """The proposals for a table's columns, as they are, as a table to be shown, and as TOML for a catalogue."""

    proposals: tuple[Proposal, ...]
    grid: Grid
    toml: str
    sampled: int


def classify(
    *,
    data: Path | None,
    catalogue: Path | None,
    dataset: str | None,
    rules: Path | None = None,
    rows: int = DEFAULT_ROWS,
) -> Classified:
    """Proposals for the columns of the file `data`, of the entry `dataset` of `catalogue`, or of both together.

    The file's values are counted at home, over a sample of at most `rows` rows; none of them comes out. Raises
    UsageError for what cannot be read, or if nothing is named.
    """
    if rows < 1:
        raise UsageError(f"expected a sample of one row or more, got {rows}")
    table = load_rules(rules)
    entry = _entry(catalogue, dataset)
    name = dataset or (_plain_name(data) if data is not None else "")
    counted = None if data is None else sampled(data, table.tests, rows=rows, name=name)
    if entry is None and counted is None:
        raise UsageError("expected a file to classify, or a catalogue and a dataset of it")
    seen = tuple(_seen(entry, counted))
    proposals = propose_all(seen, table)
    proposed = _proposed(entry, name, counted, seen, proposals)
    return Classified(
        proposals,
        _grid(name, entry, proposals),
        _toml(proposed, proposals),
        0 if counted is None else counted.sampled,
    )


def _entry(catalogue: Path | None, dataset: str | None) -> Dataset | None:
    if catalogue is None:
        return None
    if dataset is None:
        raise UsageError("expected the name of a dataset beside the catalogue")
    return read_file(catalogue).dataset(dataset)


def _plain_name(data: Path) -> str:
    """A name for a file's dataset that its owner is to put right."""
    stem = "".join(c for c in data.name.split(".")[0].lower() if c.isascii() and c.isalnum())
    return f"owner.{stem}" if stem[:1].isalpha() else "owner.table"


def _seen(entry: Dataset | None, counted: Sample | None) -> Iterator[Seen]:
    """Every column of the file, with what the entry says of it; without a file every column of the entry."""
    known = {} if entry is None else entry.columns
    columns = (Seen(name) for name in known) if counted is None else counted.columns
    for seen in columns:
        column = known.get(seen.name)
        if column is not None:
            seen = replace(seen, type=column.type, unit=column.unit, title=column.title)
        yield seen


def _proposed(
    entry: Dataset | None,
    name: str,
    counted: Sample | None,
    seen: tuple[Seen, ...],
    proposals: tuple[Proposal, ...],
) -> Dataset:
    """The entry with the proposals in it; of two levels the higher, so that nothing is lowered by the way."""
    columns = {} if entry is None else dict(entry.columns)
    for about, proposal in zip(seen, proposals, strict=True):
        old = columns.get(about.name)
        column = Column(type=about.type or "text", level=proposal.level) if old is None else old
        special = tuple(dict.fromkeys((*column.special, *proposal.special)))
        change = {
            "level": max(column.level, proposal.level),
            "kind": column.kind or proposal.kind,
            "special": special if column.type == "text" else (),
        }
        columns[about.name] = column.model_copy(update=change)
    if entry is not None:
        return entry.model_copy(update={"columns": columns})
    rows = 1 if counted is None else _bound(counted.rows)
    return Dataset(name=name, owner=name.split(".")[0], rows=rows, columns=columns)


def _bound(rows: int) -> int:
    """A round number above: the bound is public, and how many rows there are today is not."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power > rows:
                return step * power
        power *= 10


def _toml(dataset: Dataset, proposals: tuple[Proposal, ...]) -> str:
    """The entry to be pasted into a catalogue, below a line for each proposal."""
    lines = [
        "# Proposals: a reviewer confirms or overrides them. Bounds, units and keys are the owner's to add."
    ]
    lines += [
        f"# {p.column}: {p.level.name} by {p.rule} ({p.confidence}): {p.reason}" for p in proposals
    ]
    text = written(Catalogue((dataset,)), "toml")
    return "\n".join(lines) + "\n" + text.partition("\n\n")[2]


def _grid(name: str, entry: Dataset | None, proposals: tuple[Proposal, ...]) -> Grid:
    heads = (
        "item 信息项",
        "level 敏感级别",
        "catalogue",
        "rule",
        "confidence",
        "counted",
        "reason",
    )
    return Grid(f"{name}: proposals", heads, tuple(_row(p, entry) for p in proposals))


def _row(proposal: Proposal, entry: Dataset | None) -> tuple[str, ...]:
    column = None if entry is None else entry.columns.get(proposal.column)
    counts = proposal.counts
    special = ", ".join(f"[{low}, {high})" for low, high in proposal.special)
    return (
        proposal.column,
        f"{proposal.level.name} {proposal.level.chinese}"
        + (f"; special {special}" if special else ""),
        "-" if column is None else column.level.name,
        proposal.rule,
        proposal.confidence,
        "-" if counts is None else f"{counts.meeting:,} of {counts.values:,}",
        proposal.reason,
    )
