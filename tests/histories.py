"""The rule on sets, as docs/history.md says it: an oracle that shares nothing with the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Cohort = frozenset[int]


def near(one: Cohort, other: Cohort, everybody: int, k: int) -> bool:
    """Whether the two, or one and the complement of the other, differ in 1 to k - 1 persons."""
    apart = len(one ^ other)
    return 0 < apart < k or 0 < everybody - apart < k


@dataclass
class History:
    """The cells that were allowed, release by release."""

    k: int
    releases: list[list[Cohort]] = field(default_factory=list)

    def known(self) -> list[Cohort]:
        """Cells, unions of a release's cells, and nobody."""
        cells = [cell for release in self.releases for cell in release]
        return [*cells, *(frozenset().union(*release) for release in self.releases), frozenset()]

    def decide(self, cells: Sequence[Cohort], everybody: int) -> list[bool]:
        """Which of the disjoint cells are allowed."""

        def far(cohort: Cohort) -> bool:
            return not any(near(cohort, other, everybody, self.k) for other in self.known())

        allowed = [far(cell) for cell in cells]
        together = frozenset().union(*(c for c, a in zip(cells, allowed, strict=True) if a))
        return allowed if len(cells) == 1 or far(together) else [False] * len(cells)

    def release(self, cells: Sequence[Cohort], everybody: int) -> list[bool]:
        """The same, and it is remembered."""
        allowed = self.decide(cells, everybody)
        self.releases.append([c for c, a in zip(cells, allowed, strict=True) if a])
        return allowed
