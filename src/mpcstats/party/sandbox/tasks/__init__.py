"""What a benchmark runs: protocols and building blocks on random data, whose answers are known and checked.

A module is a family of tasks and has a dict TASKS of its own; to add a family, write its module and name it in
FAMILIES.
"""

from __future__ import annotations

from mpcstats.errors import InternalError
from mpcstats.party.sandbox.tasks import (
    analysis,
    arithmetic,
    cohorts,
    comparison,
    grouping,
    ordering,
)
from mpcstats.party.sandbox.tasks.task import NAMES, PARTIES, Body, Task

__all__ = ["FAMILIES", "NAMES", "ON_SHAMIR", "PARTIES", "TASKS", "Body", "Task", "merged"]

FAMILIES: tuple[dict[str, Body], ...] = (
    arithmetic.TASKS,
    comparison.TASKS,
    cohorts.TASKS,
    ordering.TASKS,
    grouping.TASKS,
    analysis.TASKS,
)


def merged(families: tuple[dict[str, Body], ...]) -> dict[str, Body]:
    """All tasks by name, in the order of `families`. Raises InternalError if two have one name."""
    found: dict[str, Body] = {}
    for family in families:
        for name, body in family.items():
            if name in found:
                raise InternalError(f"expected a new name for a task, got {name!r} again")
            found[name] = body
    return found


TASKS = merged(FAMILIES)
ON_SHAMIR = ("sum", "multiply", "dot", "less_than", "equality")
"""Tasks that engine shamir has all for."""
