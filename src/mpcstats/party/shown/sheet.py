"""An answer as a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from mpcstats.errors import UsageError

if TYPE_CHECKING:
    from mpcstats.party.answer import Answer


def write_csv(answer: Answer, path: Path) -> None:
    """Write the answer to `path` in UTF-8: a line of names, then a line a row; numbers are plain digits, and a cell
    without a value says which state it has, which no number can.

    Texts stand as they are: a spreadsheet takes one that begins with `=` for a formula. Raises UsageError with
    the path.
    """
    lines = [
        [cell if state == "value" else state for cell, state in zip(row, states, strict=True)]
        for row, states in zip(answer.rows, answer.states, strict=True)
    ]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            # RFC 4180; so both signs are quoted in a cell.
            csv.writer(file, lineterminator="\r\n").writerows([answer.columns, *lines])
    except OSError as error:
        raise UsageError(f"{path}: expected a place for a table, got: {error.strerror}") from None
