"""What a recipient gets: a table whose cells are values or say that they are suppressed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mpcstats.errors import InternalError
from mpcstats.party.received import Received, received
from mpcstats.party.shown import chart, frame, markup, sheet
from mpcstats.plan.margins import left_out, totals_over
from mpcstats.plan.partial import without_of
from mpcstats.plan.physical import Label, OutputColumn, Physical, Sum
from mpcstats.plan.tables import FRACTION_DIGITS
from mpcstats.protocols.cells import Opened
from mpcstats.records.ledger.receipt import Receipt

if TYPE_CHECKING:
    import altair
    import pandas
    import pyarrow

# Suppressed: masked, for it does not meet the rules of release. Not computed: there is nothing to release.
State = Literal["value", "suppressed", "not computed"]
Cell = Label | float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`rows` hold one cell a column, None where there is no value; `states` say why, in the same shape.

    None in a cell of state value is SQL's NULL.
    `labels` are the columns that hold the labels of groups; `units` has one entry a column, None where there is no
    unit or it is not known (left out: none is). `receipt` proves how it came about; None as long as the run has not
    been closed, or could not be. `without` are parties that were lost on the way, whose rows it is not of. Raises
    InternalError if the parts do not fit together.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = field(repr=False)
    states: tuple[tuple[State, ...], ...] = field(repr=False)
    labels: frozenset[str] = frozenset()
    units: tuple[str | None, ...] = ()
    receipt: Receipt | None = field(default=None, repr=False, compare=False)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.units:
            object.__setattr__(self, "units", (None,) * len(self.columns))
        shape = [len(self.columns)] * len(self.rows)
        if [*map(len, self.rows)] != shape or [*map(len, self.states)] != shape:
            raise InternalError("expected a cell and a state for each column of each row")
        if len(self.units) != len(self.columns):
            raise InternalError(f"expected {len(self.columns)} units, got {len(self.units)}")
        for row, states in zip(self.rows, self.states, strict=True):
            if any(c is not None and s != "value" for c, s in zip(row, states, strict=True)):
                raise InternalError("expected no value in a cell whose state is another")

    @property
    def suppressed(self) -> int:
        """Number of suppressed cells."""
        return sum(row.count("suppressed") for row in self.states)

    @property
    def units_by_name(self) -> dict[str, str]:
        """The unit of each column that has one."""
        pairs = zip(self.columns, self.units, strict=True)
        return {name: unit for name, unit in pairs if unit is not None}

    def __str__(self) -> str:
        """The table for a person to read; a suppressed cell says so."""
        texts = [
            [
                str(cell) if name in self.labels and cell is not None else _text(cell, state)
                for name, cell, state in zip(self.columns, row, states, strict=True)
            ]
            for row, states in zip(self.rows, self.states, strict=True)
        ]
        columns = list(zip(self.columns, *texts, strict=True))
        widths = [max(map(len, column)) for column in columns]
        lines = [
            "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
            for line in zip(*columns, strict=True)
        ]
        partial = [f"partial: without {', '.join(self.without)}"] if self.without else []
        return "\n".join([*lines, *partial])

    def to_json(self) -> dict[str, object]:
        """The table as plain lists: columns, rows (None where there is no value), states, and units by column."""
        return {
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "states": [list(row) for row in self.states],
            "units": self.units_by_name,
            **({"without": list(self.without)} if self.without else {}),
        }

    def to_csv(self, path: str | Path) -> None:
        """Write the table to `path` as CSV; a cell without a value says `suppressed` or `not computed`.

        Texts stand as they are: a spreadsheet takes one that begins with `=` for a formula. Raises UsageError with
        the path.
        """
        sheet.write_csv(self, Path(path))

    def to_pandas(self, *, states: bool = False) -> pandas.DataFrame:
        """The table as a DataFrame, NA where there is no value; with `states`, the states in the same shape.

        `attrs["units"]` has the units. Raises UsageError if pandas is not installed (extra `pandas`).
        """
        return frame.to_pandas(self, states=states)

    def to_arrow(self, *, states: bool = False) -> pyarrow.Table:
        """The table as an Arrow table, null where there is no value; with `states`, the states in the same shape.

        The metadata of a field has its `unit`. Raises UsageError if pyarrow is not installed (extra `arrow`).
        """
        return frame.to_arrow(self, states=states)

    def plot(self, *, x: str, y: str, color: str | None = None) -> altair.LayerChart:
        """Bars of the total `y` over the group `x`, one of each `color` side by side; a suppressed cell says so.

        Raises UsageError unless these columns are there and tell the rows apart, or if altair is not installed
        (extra `plots`).
        """
        return chart.plot(self, x=x, y=y, color=color)

    def _repr_html_(self) -> str:
        return markup.block(markup.table(self))


def _text(cell: Cell, state: State) -> str:
    if state != "value":
        return state
    if cell is None:
        return "NULL"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def answer(plan: Physical, opened: Sequence[Opened | None]) -> Answer:
    """The plan's output from what the gate has opened to this party: one entry a release, None if not to it.

    Cells of no release to it are left out, and so is what HAVING has not let through; a column of no release is not
    computed. With k = 1 a suppressed cell has no persons: a group is left out, and the whole of a cohort is 0, as in
    SQL, or NULL where it may be. (A sum without joins may have rows whose key is missing, so it stays suppressed.)
    """
    found = received(plan, opened)
    grouped = bool(plan.aggregate.groups)
    # Of a cell without persons the gate has put 0 in place of the values.
    zero = not isinstance(plan.aggregate, Sum) and not grouped
    unasked = frozenset(c.position for c in plan.output if c.kind == "left-out")
    totals = _Totals(found, zero=zero, nullable=plan.tests.nullable, unasked=unasked)
    present = found.present | (not grouped and not plan.tests.having)
    rows: list[tuple[tuple[Cell, ...], tuple[State, ...]]] = []
    present[sorted(left_out(plan))] = False
    for cell in np.flatnonzero(present):
        row: list[Cell] = []
        states: list[State] = []
        labels = _labels(plan, int(cell))
        for column in plan.output:
            if column.kind == "group":
                row.append(labels[column.position])
                states.append("value")
            elif column.kind == "grouping":
                row.append(int(column.position in totals_over(plan, int(cell))))
                states.append("value")
            else:
                value, state = totals.shown(column, int(cell))
                row.append(value)
                states.append(state)
        rows.append((tuple(row), tuple(states)))
    for position, descending in reversed(plan.order):
        rows = _sorted(rows, position, descending=descending)
    rows = rows[: plan.limit]
    of_groups = frozenset(c.name for c in plan.output if c.kind == "group")
    names = tuple(c.name for c in plan.output)
    return Answer(
        names,
        tuple(row for row, _ in rows),
        tuple(states for _, states in rows),
        of_groups,
        without=without_of(plan),
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    """What was received; whether a cell without persons is shown, and which of its columns are then NULL, not 0.

    `unasked` are then suppressed: a number that is the same in all cells does not follow from having no persons.
    """

    found: Received
    zero: bool
    nullable: tuple[int, ...]
    unasked: frozenset[int] = frozenset()

    def shown(self, column: OutputColumn, cell: int) -> tuple[Cell, State]:
        """The value, which is None for NULL, and the state of an output column that is no group."""
        value, state = self._one(column.position, cell)
        if column.by is None:
            return value, state
        other, its_state = self._one(column.by, cell)
        if state != "value" or its_state != "value":
            return None, its_state if state == "value" else state
        if value is None or other is None:
            return None, "value"
        if column.kind == "quotient":
            return None if other == 0 else value / other, "value"
        scale = 10**FRACTION_DIGITS
        ratio = (value * scale + other) / scale  # of whole numbers: the nearest float
        return math.sqrt(ratio) if column.kind == "root" else ratio, "value"

    def _one(self, column: int, cell: int) -> tuple[int | None, State]:
        found, place = self.found, (column, cell)
        if not found.asked[place]:
            return None, "not computed"
        if found.released[place]:
            return int(found.values[place]) if found.known[place] else None, "value"
        if self.zero and found.empty[cell] and column not in self.unasked:
            return None if column in self.nullable else 0, "value"
        return None, "suppressed"


def _sorted(
    rows: list[tuple[tuple[Cell, ...], tuple[State, ...]]], position: int, *, descending: bool
) -> list[tuple[tuple[Cell, ...], tuple[State, ...]]]:
    """Stable, and with what is missing last, as DuckDB sorts."""
    keyed = [(cell, row) for row in rows if (cell := row[0][position]) is not None]
    keyed.sort(key=_sort_key, reverse=descending)
    return [row for _, row in keyed] + [row for row in rows if row[0][position] is None]


def _sort_key(entry: tuple[Label | float, object]) -> tuple[float, str]:
    # The cells of one column are all numbers or all texts; the pair orders both.
    label = entry[0]
    return (0, label) if isinstance(label, str) else (label or 0, "")


def _labels(plan: Physical, cell: int) -> list[Label]:
    """The label of each group key in this cell; the last key runs fastest."""
    labels: list[Label] = []
    for group in reversed(plan.aggregate.groups):
        cell, position = divmod(cell, len(group.labels))
        labels.append(group.labels[position])
    return labels[::-1]
