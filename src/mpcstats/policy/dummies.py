"""Dummies: how much the size of an intersection may tell of a person where a rule has it hidden among dummies."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from mpcstats.errors import UsageError
from mpcstats.records.privacy.budget import Number
from mpcstats.records.privacy.padding import Padding
from mpcstats.records.tomlfile import Table

MOST_SHIFT = 1 << 19  # what protocols/private_join_padded takes


class Dummies(Table):
    """So many that the size is (epsilon, delta)-differentially private; "1/2", as text."""

    epsilon: Number
    delta: Number

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            shift = self.law.shift
        except UsageError as error:
            raise ValueError(str(error)) from None
        if shift > MOST_SHIFT:
            raise ValueError(
                f"expected an epsilon and a delta for noise up to {MOST_SHIFT:,}, got some for {shift:,}"
            )
        return self

    @property
    def law(self) -> Padding:
        """The law of their number, and what it loses."""
        return Padding(self.epsilon, self.delta)

    def holds(self, law: Padding) -> bool:
        """Whether a size that `law` hides tells no more than it may."""
        return law.epsilon <= self.epsilon and law.delta <= self.delta

    def __str__(self) -> str:
        return f"dummies for epsilon {self.epsilon}, delta {self.delta} of each size of an intersection"
