"""What a consortium offers to compute on: an engine, who computes on it, and how many of them may collude."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mpcstats.errors import UsageError

EngineName = Literal["rep3", "shamir", "pair"]
REP3: EngineName = "rep3"
SHAMIR: EngineName = "shamir"
PAIR: EngineName = "pair"

# Least and most compute parties. Shamir: 16 exceptional points of GR(2^64, 4), one of which is the secret's.
SEATS: Mapping[str, tuple[int, int]] = {REP3: (3, 3), SHAMIR: (3, 15), PAIR: (2, 2)}
COLLUDING: Mapping[str, int] = {
    REP3: 1,
    PAIR: 1,
    "clear": 0,
}  # who learn nothing; of shamir: its threshold


@dataclass(frozen=True, slots=True)
class Seats:
    """Who computes a plan on `engine`; `threshold` of them together learn nothing (shamir alone has a choice)."""

    engine: str
    compute: tuple[str, ...]
    threshold: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """`engine` among `compute`; none named: among the owners of what a question reads. `threshold`: of shamir,
    None for the most that its compute parties allow.

    Raises UsageError for parties that the engine cannot have.
    """

    engine: EngineName
    compute: tuple[str, ...] = ()
    threshold: int | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and self.engine != SHAMIR:
            raise UsageError(f"expected a threshold for shamir alone, got one for {self.engine}")
        if self.threshold is not None and self.threshold < 1:
            raise UsageError(f"expected a threshold of at least 1, got {self.threshold}")
        if self.compute:
            self.seats(())

    def seats(self, owners: tuple[str, ...]) -> Seats:
        """Who computes a question that reads rows of `owners`. Raises UsageError if the engine cannot have them."""
        compute = self.compute or owners
        least, most = SEATS[self.engine]
        if not least <= len(compute) <= most or len(set(compute)) != len(compute):
            wanted = f"{least}" if least == most else f"{least} to {most}"
            whose = "compute parties" if self.compute else "owners of the question's data"
            raise UsageError(
                f"expected {wanted} different {whose} for engine {self.engine}, got "
                f"{', '.join(compute) or 'none'}{self._elsewhere(len(compute))}"
            )
        return Seats(self.engine, compute, self._threshold(len(compute)))

    def _elsewhere(self, parties: int) -> str:
        """What else may be offered among so many."""
        least, most = SEATS[SHAMIR]
        if self.engine == SHAMIR and not self.compute and parties < least:
            return ": name compute parties beside them in [engines.shamir]"
        if self.engine != PAIR and parties == SEATS[PAIR][0]:
            return ": two alone have engine pair"
        if self.engine == REP3 and least <= parties <= most:
            return ": so many have engine shamir"
        return ""

    def _threshold(self, parties: int) -> int | None:
        """Of shamir: products ask for an honest majority, 2 t < n."""
        if self.engine != SHAMIR:
            return None
        most = (parties - 1) // 2
        if self.threshold is not None and self.threshold > most:
            raise UsageError(
                f"expected a threshold of at most {most} of {parties} compute parties, got "
                f"{self.threshold}: fewer than half may collude"
            )
        return most if self.threshold is None else self.threshold


def tolerated(engine: str, threshold: int | None) -> int:
    """How many compute parties together learn nothing, by the engine's scheme; 0 for an engine that nobody knows."""
    return threshold if threshold is not None else COLLUDING.get(engine, 0)
