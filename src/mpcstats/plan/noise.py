"""The step that adds noise to cells before the gate: on which totals, of which law, and for what a person can move."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

from mpcstats.errors import InternalError
from mpcstats.plan.limits import Limits
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import Loss
from mpcstats.records.privacy.mechanism import Mechanism


@dataclass(frozen=True, slots=True)
class NoisyColumn:
    """Noise on the total at position `column`, of scale or variance `numerator` / `denominator`.

    One person moves the total's cells by at most `l1` in all, by the root of `l2_squared`, and `cells` of them.
    """

    column: int
    kind: Literal["laplace", "gaussian"]
    numerator: int
    denominator: int
    l1: int
    l2_squared: int
    cells: int

    @classmethod
    def of(cls, column: int, mechanism: Mechanism, moved: Sensitivity) -> NoisyColumn:
        """The noise of `mechanism` on a total that one person moves by `moved`."""
        of = mechanism.parameter
        parts = (mechanism.kind, of.numerator, of.denominator)
        return cls(column, *parts, moved.l1, moved.l2_squared, moved.cells)

    @property
    def mechanism(self) -> Mechanism:
        """The law of the noise. Raises UsageError for one that the accounting does not cover."""
        return Mechanism(self.kind, Fraction(self.numerator, self.denominator))

    @property
    def loss(self) -> Loss:
        """What an answer tells of a person through this total."""
        return self.mechanism.loss(Sensitivity(self.l1, self.l2_squared, self.cells))

    def words(self, name: str) -> str:
        """What is added to the total `name`, as a person reads it."""
        return f"{self.mechanism} to {name}, which one person moves by {self.l1} at most"


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise on cells of step `of`, once and before any release: no two recipients have two noises of one cell.

    `sticky`: the same noise whenever the same is asked of the same data; else new noise in every run. `limits`: what
    each owner lets one person add to a dataset, in the fragments; what moves a total is computed from them.
    """

    card: ClassVar[str] = "noise"
    name: str
    of: str
    columns: tuple[NoisyColumn, ...]
    sticky: bool = True
    limits: tuple[tuple[str, Limits], ...] = ()

    def __post_init__(self) -> None:
        if not self.columns or len({each.column for each in self.columns}) < len(self.columns):
            raise InternalError("expected noise on one total or more, on each once")

    @property
    def loss(self) -> Loss:
        """What an answer tells of a person through all of its totals."""
        first, *others = (each.loss for each in self.columns)
        return sum(others, start=first)
