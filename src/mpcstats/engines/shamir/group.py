"""The compute parties as points of the scheme, and who of them draws a share from a stream instead of being sent it."""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.algebra.galois import POINTS
from mpcstats.errors import UsageError

MOST = POINTS - 1


@dataclass(frozen=True, slots=True)
class Group:
    """Compute party number i has the values of polynomials of degree `threshold` at point i + 1; secrets are at 0."""

    compute: tuple[str, ...]
    threshold: int

    def __post_init__(self) -> None:
        n = len(self.compute)
        if len(set(self.compute)) != n or not 3 <= n <= MOST:
            raise UsageError(f"expected 3 to {MOST} different compute parties, got {self.compute}")
        if self.threshold < 1 or 2 * self.threshold >= n:
            raise UsageError(
                f"expected a threshold from 1 to {(n - 1) // 2} of {n}, got {self.threshold}"
            )

    @property
    def dealers(self) -> tuple[str, ...]:
        """Those whose products together determine a product: a polynomial of degree 2 t has 2 t + 1 values."""
        return self.compute[: 2 * self.threshold + 1]

    @property
    def openers(self) -> tuple[str, ...]:
        """Those whose shares together determine a secret."""
        return self.compute[: self.threshold + 1]

    def point(self, party: str) -> int:
        """The index of a compute party's point."""
        return self.compute.index(party) + 1

    def points(self, parties: tuple[str, ...]) -> tuple[int, ...]:
        """The same of several."""
        return tuple(self.point(party) for party in parties)

    def after(self, party: str) -> tuple[str, ...]:
        """All compute parties but `party`, those that follow it first; of a party outside, all in their order."""
        if party not in self.compute:
            return self.compute
        i = self.compute.index(party)
        return self.compute[i + 1 :] + self.compute[:i]

    def streamed(self, dealer: str) -> tuple[str, ...]:
        """Who draws its share of what `dealer` shares. As n > 2 t, no two compute parties draw from one another."""
        return self.after(dealer)[: self.threshold]

    def sent(self, dealer: str) -> tuple[str, ...]:
        """Who is sent its share of what `dealer` shares."""
        return self.after(dealer)[self.threshold :]
