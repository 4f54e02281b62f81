"""Where a party sits in the ring of three, and whom it shares which stream with.

Component x_j is known to P_(j-1) and P_j, so P_i holds x_i ("own") and x_(i+1) ("next"). Stream S_j is known
to the same pair. All indices are modulo 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.session import Session, Stream

PUBLIC_COMPONENT = 0  # public constants are added to x_0


@dataclass(frozen=True, slots=True)
class Seat:
    """Seat i of the trio: `left` is P_(i-1), `right` is P_(i+1)."""

    index: int
    left: str
    right: str

    @property
    def constant_at(self) -> int | None:
        """Which of the two parts (own, next) is the component that takes public constants."""
        return {0: 0, 2: 1}.get(self.index)

    def own_stream(self, session: Session) -> Stream:
        """S_i, shared with the left neighbour."""
        return session.stream(self.left)

    def next_stream(self, session: Session) -> Stream:
        """S_(i+1), shared with the right neighbour."""
        return session.stream(self.right)

    def holds(self, component: int) -> int | None:
        """The part (0 own, 1 next) in which this seat holds x_component; None for the one it lacks."""
        return {0: 0, 1: 1}.get((component - self.index) % 3)


def seat_of(party: str, compute: tuple[str, ...]) -> Seat | None:
    """The seat of `party`; None if it does not compute."""
    if party not in compute:
        return None
    i = compute.index(party)
    return Seat(i, compute[i - 1], compute[(i + 1) % 3])
