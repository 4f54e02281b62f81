"""What was estimated before a run beside what it took, party by party."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpcstats.plan.cost import Estimate, Network
from mpcstats.plan.explanation import plain
from mpcstats.plan.figures import times

HEADS = ("party", "rounds by the cards", "counted", "bytes by the cards", "sent", "s")


@dataclass(frozen=True, slots=True)
class Row:
    """One party: rounds of the plan in lockstep and those that its node counted, payload bytes, seconds it took.

    A node counts how often it went from waiting to sending; branches side by side make that more than the plan's.
    """

    party: str
    rounds_estimated: int
    rounds: int
    bytes_estimated: int
    bytes_sent: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A row for each party that has told its figures; estimated bytes are exact if `bytes_exact`, else a bound.

    `seconds_estimated`, by network, is the same for all: they wait for one another.
    """

    rows: tuple[Row, ...]
    bytes_exact: bool
    seconds_estimated: Mapping[str, float]

    def __str__(self) -> str:
        """A small table, and the estimated seconds below it."""
        bound = "" if self.bytes_exact else "at most "
        lines = [
            (
                row.party,
                f"{row.rounds_estimated}",
                f"{row.rounds}",
                f"{bound}{row.bytes_estimated:,}",
                f"{row.bytes_sent:,}",
                f"{row.seconds:.2f}",
            )
            for row in self.rows
        ]
        columns = list(zip(HEADS, *lines, strict=True))
        widths = [max(map(len, column)) for column in columns]
        shown = [
            "  ".join(
                text.ljust(width) if i == 0 else text.rjust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in (HEADS, *lines)
        ]
        return "\n".join([*shown, f"seconds estimated, roughly: {times(self.seconds_estimated)}"])

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain data, each field by its name."""
        found: dict[str, Any] = plain(self)
        return found


def compared(
    cost: Estimate, spent: Mapping[str, Mapping[str, int]], networks: Sequence[Network]
) -> Compared:
    """`cost` beside what each party says that it `spent` (party.node.Spent, by name of the figure)."""
    rows = (
        Row(
            party,
            cost.rounds,
            figures["rounds"],
            cost.bytes_sent.get(party, 0),
            figures["bytes_sent"],
            figures["wall_ms"] / 1000,
        )
        for party, figures in spent.items()
    )
    return Compared(
        tuple(rows), cost.exact, {network.name: cost.seconds(network) for network in networks}
    )
