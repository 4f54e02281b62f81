"""How a rule has cells hidden beside others, where totals are shown: by which method, and with how much room."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mpcstats.records.tomlfile import Table
from mpcstats.suppression.secondary import Method


class Suppression(Table):
    """Secondary cells are chosen by `method`; of a hidden amount or count `percent` % more than it is stays possible.

    Both methods protect alike, so that neither is wider: `optimal` hides less, and needs HiGHS at compute parties.
    """

    method: Method = "greedy"
    percent: Annotated[int, Field(ge=1, le=1000)] = 10

    def __str__(self) -> str:
        return f"the {self.method} method with {self.percent} % of room"


DEFAULT = Suppression()
