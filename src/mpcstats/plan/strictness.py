"""What is done about rows that fail the catalogue's checks: nothing, they are left out, or the run answers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Checks = Literal["none", "leave-out", "stop"]
STRICTNESS: Mapping[Checks, int] = {"none": 0, "leave-out": 1, "stop": 2}


def stricter(one: Checks, other: Checks) -> Checks:
    """The one that permits less."""
    return max(one, other, key=STRICTNESS.__getitem__)
