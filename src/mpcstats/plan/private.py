"""The step of a plan of two parties without a helper: how many keys they share, and sums over the rows that do."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Self

from mpcstats.errors import InternalError
from mpcstats.plan.cells import SPINE, GroupKey, Total
from mpcstats.records.privacy.padding import Padding


@dataclass(frozen=True, slots=True)
class PrivateJoin:
    """Of the keys of fragment `left` those that fragment `right` has: their number, and sums of columns of `right`.

    The owner of `left` finds the matches, and so learns how many there are. A total counts them (a term without
    factors), or sums one column of `right`, whose source is this step.
    """

    card: ClassVar[str] = "private_join"
    size: ClassVar[str] = "intersection-size"  # the leakage that its size is
    name: str
    left: str
    right: str
    totals: tuple[Total, ...]

    def __post_init__(self) -> None:
        for total in self.totals:
            factors = [ref.source for term in total.terms for ref in term.factors]
            if len(total.terms) != 1 or factors not in ([], [self.name]):
                raise InternalError(
                    f"expected totals of one column of {self.right}, or of none, got {total.name}"
                )

    @property
    def groups(self) -> tuple[GroupKey, ...]:
        """None: the whole is one cell."""
        return ()

    @property
    def spine(self) -> str:
        """The fragment whose rows are counted."""
        return self.left

    @property
    def lookups(self) -> tuple[str, ...]:
        """What the spine's keys are looked up in: this step."""
        return (self.name,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `right` that are summed, each once."""
        factors = (ref for total in self.totals for term in total.terms for ref in term.factors)
        return tuple(dict.fromkeys(ref.column for ref in factors if ref.source != SPINE))

    @property
    def counts(self) -> bool:
        """Whether a total is the number of matches."""
        return any(not term.factors for total in self.totals for term in total.terms)


@dataclass(frozen=True, slots=True)
class PaddedJoin(PrivateJoin):
    """A private join whose size is told with noise: (epsilon, delta)-differentially private, each a fraction."""

    card: ClassVar[str] = "private_join_padded"
    size: ClassVar[str] = "noisy-intersection-size"
    epsilon: tuple[int, int]
    delta: tuple[int, int]

    @classmethod
    def of(cls, join: PrivateJoin, law: Padding) -> Self:
        """`join` with dummies of that law."""
        epsilon, delta = law.epsilon.as_integer_ratio(), law.delta.as_integer_ratio()
        return cls(join.name, join.left, join.right, join.totals, epsilon, delta)

    @property
    def law(self) -> Padding:
        """The law of the dummies' number, and what an answer loses. Raises UsageError for one that is none."""
        return Padding(Fraction(*self.epsilon), Fraction(*self.delta))
