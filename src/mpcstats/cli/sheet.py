"""Tables of text on the console: folded to a terminal's width, and as wide as they are where a file is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDEST = 10_000  # characters


def print_sheet(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the rows under their columns' names; no cell is cut off, and none is read as markup."""
    table = Table()
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
