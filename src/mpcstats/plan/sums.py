"""The steps of a plan that add up what owners have counted at home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mpcstats.plan.cells import GroupKey, Total


@dataclass(frozen=True, slots=True)
class Sum:
    """Cell by cell, the sum of what the fragments' owners counted at home. Cells: the product of the codes."""

    card: ClassVar[str] = "sum"
    name: str
    fragments: tuple[str, ...]
    groups: tuple[GroupKey, ...]
    totals: tuple[Total, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Run `run` of the plan whose digest is `plan` has lost the parties `without`.

    Its shares are of the compute parties `dealt`, any `threshold` of whom learn nothing from them.
    """

    run: str
    plan: str
    without: tuple[str, ...]
    dealt: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class PartialSum(Sum):
    """A sum whose shares are kept until the answer is there; `lost`: it goes on with those of a run that has failed."""

    card: ClassVar[str] = "partial_sum"
    lost: Lost | None = None
