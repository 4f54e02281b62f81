"""How decisions name levels and columns."""

from __future__ import annotations

from mpcstats.records.levels import Level

SHOWN = 4  # columns that a reason names


def level_words(level: Level) -> str:
    """The level in both languages."""
    return f"{level.name} {level.chinese}"


def named(columns: tuple[str, ...]) -> str:
    """The columns in words, the first few of many."""
    if not columns:
        return "no column"
    more = len(columns) - SHOWN
    return ", ".join(columns[:SHOWN]) + (f" and {more} more" if more > 0 else "")
