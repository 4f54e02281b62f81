"""Tables of text on the console: folded to a terminal's width, and as wide as they are where a file is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDEST = 10_000  # characters


def print_sheet(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print the rows under their columns' names; no cell is cut off, and none is read as markup."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        options = console.options.update(max_width=WIDEST)
        console = Console(
            highlight=False, width=max(1, Measurement.get(console, options, table).maximum)
        )
    console.print(table)


def print_objects(title: str, objects: Sequence[Mapping[str, object]]) -> None:
    """Print objects that have the same names as a table; one line if there are none."""
    if not objects:
        print(f"{title}: none")
        return
    columns = list(dict.fromkeys(name for one in objects for name in one))
    rows = [[_cell(one.get(name)) for name in columns] for one in objects]
    print_sheet([name.replace("_", " ") for name in columns], rows, title=title)


def print_json(value: object) -> None:
    """Print `value` as one JSON text."""
    print(json.dumps(value, ensure_ascii=False, indent=1))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
    return str(value)
