"""Limits on what one person adds: so many rows at most, each value within its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mpcstats.errors import UsageError

Limited = Mapping[str, "Limits"]  # by dataset


@dataclass(frozen=True, slots=True)
class Limits:
    """At most `rows` rows of a person in a dataset; each of `clamps`: a column whose values are within (low, high)."""

    rows: int
    clamps: tuple[tuple[str, int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise UsageError(f"expected a limit of at least 1 row of a person, got {self.rows}")
        for name, low, high in self.clamps:
            if low > high:
                raise UsageError(f"{name}: expected bounds low <= high, got {low} and {high}")

    @property
    def bounds(self) -> Mapping[str, tuple[int, int]]:
        """(low, high) by column."""
        return {name: (low, high) for name, low, high in self.clamps}

    def __str__(self) -> str:
        cut = "".join(f", {name} cut to {low:,} to {high:,}" for name, low, high in self.clamps)
        return f"{self.rows:,} row{'s' if self.rows > 1 else ''} a person{cut}"
