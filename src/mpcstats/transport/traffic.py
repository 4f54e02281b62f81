"""What a run sent: payload bytes by party and by step, and rounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mpcstats.session.messages import Message


@dataclass(slots=True)
class Traffic:
    """Counts of one run. A round is a set of messages none of which waits for another of the set."""

    rounds: int = 0
    messages: int = 0
    bytes_sent: Counter[str] = field(default_factory=Counter)  # by sender
    bytes_by_step: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (sender, step)
    round_of: dict[tuple[str, str], int] = field(default_factory=dict)  # (sender, step) -> round

    def count(self, message: Message) -> None:
        """Add one message. Framing is not counted: bytes are those of the payload handed to exchange."""
        size = message.payload_bytes
        self.messages += 1
        self.round_of[message.sender, message.step] = self.rounds
        self.bytes_sent[message.sender] += size
        self.bytes_by_step[message.sender, message.step] += size

    def span(self, prefix: str) -> int:
        """Rounds from the first to the last message whose step begins with `prefix`; 0 without any."""
        rounds = [number for (_, step), number in self.round_of.items() if step.startswith(prefix)]
        return max(rounds) - min(rounds) + 1 if rounds else 0

    @property
    def total_bytes(self) -> int:
        """Payload bytes over all parties."""
        return sum(self.bytes_sent.values())

    @property
    def shape(self) -> tuple[tuple[str, str, int], ...]:
        """All that an observer of the wires sees but for the order: (sender, step, bytes), sorted."""
        return tuple(sorted((who, step, size) for (who, step), size in self.bytes_by_step.items()))
