"""A place in the text of a question, and the refusal that points at it."""

from __future__ import annotations

import re

from sqlglot import exp

from mpcstats.errors import UsageError


def refusal(text: str, node: exp.Expr | None, message: str, keyword: str = "") -> UsageError:
    """The error that `message` is true at `node` of `text`; at the last `keyword` before it, if there is one."""
    start = start_of(node)
    if start is None:
        return UsageError(message)
    for match in re.finditer(rf"\b{re.escape(keyword)}\b", text[:start], re.IGNORECASE):
        if keyword:
            start = match.start()
    return UsageError(f"line {_line(text, start)}, column {_column(text, start)}: {message}")


def start_of(node: exp.Expr | None) -> int | None:
    """Where `node` starts: the first of its parts that the parser placed, else that of what holds it; None: unknown."""
    while node is not None:
        starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
        if starts:
            return int(min(starts))
        node = node.parent
    return None


def _line(text: str, start: int) -> int:
    return text.count("\n", 0, start) + 1


def _column(text: str, start: int) -> int:
    return start - text.rfind("\n", 0, start)
