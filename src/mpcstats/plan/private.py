"""The step of a plan of two parties without a helper: how many keys they share, and sums over the rows that do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mpcstats.errors import InternalError
from mpcstats.plan.cells import SPINE, GroupKey, Total


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
