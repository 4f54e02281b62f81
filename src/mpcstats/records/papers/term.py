"""The term of a paper: the first and the last day on which it counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import model_validator

from mpcstats.records.day import Day
from mpcstats.records.tomlfile import Table


class Termed(Table):
    """A body that counts from day `since` to day `until`, both included."""

    since: Day
    until: Day

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.since > self.until:
            raise ValueError(f"expected since <= until, got {self.since} > {self.until}")
        return self

    def out_of_date(self, day: str) -> Iterator[str]:
        """In words, if the paper does not count on `day`."""
        if not self.since <= day <= self.until:
            yield f"it is valid from {self.since} to {self.until}, the question is of {day}"
