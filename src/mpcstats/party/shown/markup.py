"""An answer as an HTML table that needs nothing else: no script, no other file, every text escaped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpcstats.party.answer import Answer, Cell, State

# Notebooks style tables of their own; two classes deep, these rules win.
STYLE = """
.mpcstats { font: 14px/1.45 system-ui, sans-serif; }
.mpcstats table { border-collapse: collapse; margin: .6em 0; font-variant-numeric: tabular-nums; }
.mpcstats th, .mpcstats td { padding: .3em .8em; text-align: left; vertical-align: top; unicode-bidi: isolate;
  border: 0; border-bottom: 1px solid rgba(128, 128, 128, .35); background: none; }
.mpcstats th { font-weight: 600; }
.mpcstats tbody th { font-weight: normal; }
.mpcstats .number { text-align: right; white-space: nowrap; }
.mpcstats .unit, .mpcstats dt, .mpcstats .note { font-weight: normal; opacity: .7; }
.mpcstats td.suppressed, .mpcstats td.absent { font-style: italic; cursor: help; }
.mpcstats td.suppressed { background: repeating-linear-gradient(-45deg, rgba(128, 128, 128, .22) 0 4px,
  transparent 4px 8px); }
.mpcstats dl { display: grid; grid-template-columns: max-content auto; gap: .1em 1em; margin: .6em 0; }
.mpcstats dd { margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
.mpcstats .bad { color: #c00; font-weight: 600; }
"""
TITLES: dict[State, str] = {
    "suppressed": "Suppressed: the cell does not meet the rules of release, such as the least number of persons. "
    "It was masked before anything was opened.",
    "not computed": "Not computed: the question gives this cell no value, as an average over nobody.",
}
CLASSES: dict[State, str] = {"suppressed": "suppressed", "not computed": "absent"}
# Signs that show nothing, or turn around how the text beside them is read.
UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def text(value: str) -> str:
    """`value` as HTML: markup escaped, signs that show nothing replaced by one that does."""
    shown = (
        sign if sign in "\t\n" or unicodedata.category(sign) not in UNSEEN else "\ufffd"
        for sign in value
    )
    return escape("".join(shown), quote=True)


def block(*parts: str) -> str:
    """`parts`, which are HTML, with the style that they need."""
    return f'<div class="mpcstats"><style>{STYLE}</style>\n' + "\n".join(parts) + "\n</div>"


def table(answer: Answer) -> str:
    """The answer's table; below it, how many cells have no value."""
    numeric = [name not in answer.labels for name in answer.columns]
    heads = "".join(
        _head(name, unit, number=number)
        for name, unit, number in zip(answer.columns, answer.units, numeric, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(map(_cell, row, states, numeric)) + "</tr>"
        for row, states in zip(answer.rows, answer.states, strict=True)
    )
    return (
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
        f"{_note(answer)}"
    )


def pairs(entries: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, both plain text."""
    items = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in entries)
    return f"<dl>{items}</dl>"


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """A table of plain cells; numbers with thousands separators, at the right, under heads that are there too."""
    numeric = [any(isinstance(row[i], int) for row in rows) for i in range(len(heads))]
    head = "".join(
        _head(name, None, number=number) for name, number in zip(heads, numeric, strict=True)
    )
    body = "\n".join("<tr>" + "".join(map(_plain, row)) + "</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _plain(cell: str | int) -> str:
    if isinstance(cell, int):
        return f'<td class="number">{cell:,}</td>'
    return f"<td>{text(cell)}</td>"


def _head(name: str, unit: str | None, *, number: bool) -> str:
    kind = ' class="number"' if number else ""
    said = "" if unit is None else f' <span class="unit">{text(unit)}</span>'
    return f'<th scope="col"{kind}>{text(name)}{said}</th>'


def _cell(cell: Cell, state: State, number: bool) -> str:
    if not number:
        return f'<th scope="row">{"NULL" if cell is None else text(str(cell))}</th>'
    if state != "value":
        return f'<td class="number {CLASSES[state]}" title="{text(TITLES[state])}">{state}</td>'
    if cell is None:
        return '<td class="number" title="no value, as in SQL">NULL</td>'
    return f'<td class="number">{text(f"{cell:,}" if isinstance(cell, int) else str(cell))}</td>'


def _note(answer: Answer) -> str:
    cells = sum(name not in answer.labels for name in answer.columns) * len(answer.rows)
    counts = [(state, sum(row.count(state) for row in answer.states)) for state in TITLES]
    said = ", ".join(f"{count:,} {state}" for state, count in counts if count)
    return f'\n<p class="note">of {cells:,} cells: {said}</p>' if said else ""
