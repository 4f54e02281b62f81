"""The catalogue at an organisation's desk: listed, shown, checked, and taken from one form into another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Consortium
from mpcstats.party.files.registerfiles import RegisterFiles
from mpcstats.party.registers import load_principals
from mpcstats.records.catalogue import Catalogue, Column, Dataset
from mpcstats.records.catalogue.combination import met, together
from mpcstats.records.catalogue.exchange import FORMS, read_file, written
from mpcstats.records.catalogue.findings import Finding, findings
from mpcstats.records.catalogue.metadata import plain
from mpcstats.records.catalogue.names import DATASET
from mpcstats.records.catalogue.sources import Settlements
from mpcstats.records.classification.crosswalk import load_crosswalk
from mpcstats.records.classification.review import REGRADED, Levels, graded
from mpcstats.records.classification.rules import RulesFile, load_rules
from mpcstats.records.day import check_day
from mpcstats.records.journal import Journal
from mpcstats.records.levels import Level
from mpcstats.records.principals import Principals


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to be shown: its title, heads and rows, all text."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def objects(self) -> list[dict[str, str]]:
        """The rows for programs: cells by the English part of their heads."""
        names = ["".join(c for c in head if c.isascii()).strip() for head in self.heads]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Registers:
    """What has been decided about a catalogue: levels by reviewers, sources by registrars."""

    rules: RulesFile
    levels: Levels
    settlements: Settlements

    @classmethod
    def load(
        cls,
        *,
        rules: Path | None = None,
        principals: Path | None = None,
        consortium: Path | None = None,
        reviews: Path | None = None,
        settlements: Path | None = None,
    ) -> Self:
        """The registers in these journals, else in those of the consortium; empty where there is none.

        Raises UsageError with file and line.
        """
        if (reviews or settlements) and not (principals or consortium):
            raise UsageError(
                "expected whose signatures a journal has: name --principals or --consortium"
            )
        named = RegisterFiles()
        if consortium is None:
            known = Principals.load(principals, {})
        else:
            agreed = Consortium.load(consortium)
            named, known = agreed.registers, load_principals(agreed, principals)
        table = load_rules(rules)
        levels, settled = Levels(known, table.review), Settlements(known)
        for path, other, fold in (
            (reviews, named.levels, levels),
            (settlements, named.sources, settled),
        ):
            if path is not None and not path.is_file():
                raise UsageError(f"{path}: expected a journal, got no file")
            if path is not None or other is not None:
                # What the consortium names may have no statement yet, and then no file.
                Journal.load(path or other or Path(), known, fold.add)
        return cls(table, levels, settled)


def listed(path: Path) -> Grid:
    """One row a dataset or union: level, open type and share type in both languages.

    Raises UsageError for a bad file.
    """
    catalogue = read_file(path)
    rows = [_line(dataset, catalogue) for dataset in catalogue.datasets]
    for union in catalogue.unions:
        parts = [catalogue.dataset(name) for name in union.of]
        highest = max(parts, key=lambda part: together(part.columns, catalogue.combinations))
        owners = ", ".join(part.owner for part in parts)
        rows.append((union.name, owners, *_line(highest, catalogue)[2:]))
    heads = ("dataset", "owner 持有方", "items", "level 敏感级别", "open type 开放属性")
    more = ("share type 共享类型", "update 更新周期", "domain 数据域")
    return Grid(str(path), (*heads, *more), tuple(rows))


def _line(dataset: Dataset, catalogue: Catalogue) -> tuple[str, ...]:
    level = together(dataset.columns, catalogue.combinations)
    opened = dataset.open_type or level.open_type
    condition = f" {level.condition.value}" if level.condition is not None else ""
    share, cycle = dataset.share_type, dataset.update_cycle
    return (
        dataset.name,
        dataset.owner,
        str(len(dataset.columns)),
        _level(level),
        f"{opened.name} {opened.value}{condition}",
        "-" if share is None else f"{share.name} {share.value}",
        "-" if cycle is None else f"{cycle.name} {cycle.value}",
        dataset.domain,
    )


def _level(level: Level) -> str:
    return f"{level.name} {level.chinese}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A dataset in full: its metadata, its items, and what is to be said of its level."""

    metadata: Grid
    items: Grid
    notes: tuple[str, ...]


def shown(path: Path, name: str) -> Shown:
    """The dataset `name` of the catalogue file. Raises UsageError for a bad file or an unknown name."""
    catalogue = read_file(path)
    dataset = catalogue.dataset(name)
    fields = {"provider": dataset.owner, **plain(dataset, chinese=True)}
    metadata = tuple(
        (f"{field} {chinese}", _cell(fields.get(field, getattr(dataset, field))))
        for field, chinese in DATASET.items()
        if field != "columns"
    )
    items = tuple(_item(name, column) for name, column in dataset.columns.items())
    heads = (
        "item 信息项",
        "type",
        "level 敏感级别",
        "unit",
        "values",
        "element 数据元",
        "quality 质量",
    )
    return Shown(
        Grid(name, ("field", "value"), metadata),
        Grid(f"{name}: items", heads, items),
        tuple(_notes(dataset, catalogue)),
    )


def _cell(value: object) -> str:
    if value in (None, "", (), []):
        return "-"
    return " / ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _item(name: str, column: Column) -> tuple[str, ...]:
    values = "-"
    if column.domain is not None:
        values = ", ".join(map(str, column.domain))
    elif column.minimum is not None and column.maximum is not None:
        values = f"{column.minimum:,} to {column.maximum:,}"
    elif column.special:
        values = "special " + ", ".join(f"[{low}, {high})" for low, high in column.special)
    title = name if column.title is None else f"{name} {column.title}"
    element = column.element or "-"
    quality = plain(column.quality)
    return (
        title,
        column.type,
        _level(column.level),
        column.unit or "-",
        values,
        f"{element}: its source 权威来源" if column.source else element,
        ", ".join(f"{metric} {value}‰" for metric, value in quality.items()) or "-",
    )


def _notes(dataset: Dataset, catalogue: Catalogue) -> Iterator[str]:
    level = together(dataset.columns, catalogue.combinations)
    yield f"rows of the whole table are {_level(level)}, that of the most sensitive item or combination"
    for found in met(dataset.columns, catalogue.combinations):
        rule = found.combination
        yield (
            f"{' with '.join(found.columns)}: {_level(rule.level)} where they are seen row by row, as {rule.because}"
        )
    yield from (f"{_level(level)} is {entry}; {entry.note}" for entry in load_crosswalk().of(level))


def checked(path: Path, registers: Registers, day: str) -> tuple[Finding, ...]:
    """Everything that is wrong with the catalogue file or missing, on `day`, errors first. Raises UsageError."""
    catalogue = read_file(path)
    check_day(day)
    levels = registers.levels
    special = tuple(dict.fromkeys(codes for rule in registers.rules.rule for codes in rule.special))
    known = findings(
        graded(catalogue, levels, day),
        disputed=registers.settlements.open(catalogue),
        special=special,
        regraded=frozenset(d.name for d in levels.log if d.kind == REGRADED),
    )
    found = [*known, *_of_register(catalogue, levels, day)]
    return tuple(sorted(found, key=lambda finding: finding.weight))


def _of_register(catalogue: Catalogue, levels: Levels, day: str) -> Iterator[Finding]:
    for decision in levels.overdue(day):
        counts = levels.level(decision.dataset, decision.column, day)
        yield Finding(
            "error",
            decision.name,
            f"expected a review by {decision.review_by}, got none: it counts as "
            f"{_level(counts or decision.level)} until a reviewer decides again",
        )
    for waiting in levels.waiting:
        body = waiting.body
        yield Finding(
            "warning",
            f"{body.dataset}.{body.column}",
            f"level {body.level.name} is proposed since {body.day}, and no reviewer has decided",
        )
    for (dataset, name), column in catalogue.items.items():
        decided = levels.decision(dataset, name)
        if decided is not None and decided.level > column.level:
            yield Finding(
                "error",
                f"{dataset}.{name}",
                f"expected level {decided.level.name} as was decided on {decided.day}, got "
                f"{column.level.name}: the higher counts",
            )


def decisions(registers: Registers, day: str) -> Grid:
    """The decision log, oldest first, and what each column counts as on `day`. Raises UsageError for no day."""
    check_day(day)
    levels = registers.levels
    rows = [
        (
            entry.day,
            entry.name,
            entry.kind,
            f"{entry.before.name} to {entry.level.name}",
            ", ".join(entry.by),
            entry.reason,
            "-" if entry.evidence is None else entry.evidence[:16],
            entry.review_by,
            _level(levels.level(entry.dataset, entry.column, day) or entry.level),
        )
        for entry in levels.log
    ]
    heads = ("day", "item 信息项", "statement", "level", "by", "reason", "evidence", "review by")
    return Grid("decisions on levels", (*heads, f"counts on {day}"), tuple(rows))


def exported(path: Path, form: str, *, chinese: bool) -> str:
    """The catalogue file in another form. Raises UsageError for a bad file, or a form that there is not."""
    for known in FORMS:
        if known == form:
            return written(read_file(path), known, chinese=chinese)
    raise UsageError(f"expected a form of {', '.join(FORMS)}, got {form[:40]!r}")


def save(text: str, path: Path) -> None:
    """Write `text` to a new file. Raises UsageError if there is one already."""
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: expected no file there yet, got one") from None
    except OSError as error:
        raise UsageError(f"{path}: expected a file to write, got: {error.strerror}") from None
