"""The choice of secondary cells by a named method: public, without values, and the same at every party."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from mpcstats.errors import UsageError
from mpcstats.suppression.greedy import greedy
from mpcstats.suppression.layout import Layout
from mpcstats.suppression.optimal import optimal
from mpcstats.suppression.pattern import Pattern
from mpcstats.suppression.solver import check_installed

Method = Literal["greedy", "optimal"]


def check_method(method: str) -> None:
    """Raises UsageError if this party cannot choose by `method`: by another it would not choose as the others do."""
    if method not in ("greedy", "optimal"):
        raise UsageError(f"expected suppression to be greedy or optimal, got {method!r}")
    if method == "optimal":
        check_installed()


def secondary(layout: Layout, primary: Collection[int], method: Method) -> Pattern:
    """The pattern that hides `primary`, positions of cells of the table. Raises UsageError as check_method does."""
    check_method(method)
    strange = [c for c in primary if not 0 <= c < layout.cells or c in layout.left_out]
    if strange:
        raise UsageError(f"expected primary cells of the table, got {strange}")
    return greedy(layout, primary) if method == "greedy" else optimal(layout, primary)
