"""What a recipient gets: a table whose cells are values or say that they are suppressed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mpcstats.plan.physical import Cohort, Label, Physical
from mpcstats.protocols.gate import Opened

State = Literal["value", "suppressed"]
Cell = Label | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows` hold one cell a column, None where suppressed; `states` say which, in the same shape.

    `labels` are the columns that hold the labels of groups.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = field(repr=False)
    states: tuple[tuple[State, ...], ...] = field(repr=False)
    labels: frozenset[str] = frozenset()

    @property
    def suppressed(self) -> int:
        """Number of suppressed cells."""
        return sum(row.count("suppressed") for row in self.states)

    def __str__(self) -> str:
        """The table for a person to read; a suppressed cell says so."""
        texts = [
            [
                str(cell) if name in self.labels else _text(cell, state)
                for name, cell, state in zip(self.columns, row, states, strict=True)
            ]
            for row, states in zip(self.rows, self.states, strict=True)
        ]
        columns = list(zip(self.columns, *texts, strict=True))
        widths = [max(map(len, column)) for column in columns]
        lines = zip(*columns, strict=True)
        return "\n".join(
            "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
            for line in lines
        )

    def to_json(self) -> dict[str, object]:
        """The table as plain lists: columns, rows (None where suppressed) and states."""
        return {
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "states": [list(row) for row in self.states],
        }


def _text(cell: Cell, state: State) -> str:
    if state == "suppressed":
        return "suppressed"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def answer(plan: Physical, opened: Opened) -> Answer:
    """The plan's output from what the gate has opened.

    With k = 1 a suppressed cell has no persons: a group is left out, and the whole of a cohort is 0, as in SQL. (A
    sum without joins may have rows whose key is missing, so it stays suppressed.)
    """
    groups = plan.aggregate.groups
    found: list[tuple[tuple[Cell, ...], bool]] = []
    for cell in range(plan.cells):
        shown = bool(opened.shown[cell])
        if not shown and plan.gate.k == 1:
            if groups:
                continue
            shown = isinstance(plan.aggregate, Cohort)  # the gate has put 0 in place of its values
        labels = _labels(plan, cell)
        row: list[Cell] = []
        for column in plan.output:
            if column.kind == "group":
                row.append(labels[column.position])
            else:
                row.append(int(opened.values[column.position, cell]) if shown else None)
        found.append((tuple(row), shown))
    for position, descending in reversed(plan.order):
        found = _sorted(found, position, descending=descending)
    states = tuple(
        tuple(_state(shown or column.kind == "group") for column in plan.output)
        for _, shown in found
    )
    of_groups = frozenset(c.name for c in plan.output if c.kind == "group")
    names = tuple(c.name for c in plan.output)
    return Answer(names, tuple(row for row, _ in found), states, of_groups)


def _sorted(
    rows: list[tuple[tuple[Cell, ...], bool]], position: int, *, descending: bool
) -> list[tuple[tuple[Cell, ...], bool]]:
    """Stable, and with what is missing last, as DuckDB sorts."""
    keyed = [(cell, row) for row in rows if (cell := row[0][position]) is not None]
    keyed.sort(key=_sort_key, reverse=descending)
    return [row for _, row in keyed] + [row for row in rows if row[0][position] is None]


def _sort_key(entry: tuple[Label, object]) -> tuple[int, str]:
    # The cells of one column are all numbers or all texts; the pair orders both.
    label = entry[0]
    return (label, "") if isinstance(label, int) else (0, label)


def _state(shown: bool) -> State:
    return "value" if shown else "suppressed"


def _labels(plan: Physical, cell: int) -> list[Label]:
    """The label of each group key in this cell; the last key runs fastest."""
    labels: list[Label] = []
    for group in reversed(plan.aggregate.groups):
        cell, position = divmod(cell, len(group.labels))
        labels.append(group.labels[position])
    return labels[::-1]
