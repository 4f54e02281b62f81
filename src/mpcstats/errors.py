"""Every error that mpcstats raises, and whose fault each one is.

MpcstatsError
├── UsageError          the caller or the owner of a file: wrong argument, column, value, configuration
├── PolicyRefused       nobody's fault: this party's policy does not permit the question (carries every reason)
├── PeerFault           another party broke the protocol: wrong length, unequal copies, a replay (carries party, step)
│   └── Disagreement    two honest-looking parties came with different questions, plans, policies or cards
├── TransportFault      another party is gone or silent, or the network to it failed (carries party)
└── InternalError       mpcstats itself: please report it

Messages are lower case: expected, then got, then what to do. They hold names, sizes and counts, never a value
of anybody's data.
"""

from __future__ import annotations


class MpcstatsError(Exception):
    """Root of the tree; catch this to catch all of it."""


class UsageError(MpcstatsError):
    """The caller asked for something impossible or gave an unusable file; nothing was sent."""


class PolicyRefused(MpcstatsError):
    """A party's policy says no. `party` is whose policy, `reasons` every reason it has, in order.

    `violations` are the codes of those that its sender must have known to be forbidden (policy.reason).
    """

    def __init__(
        self, party: str, reasons: tuple[str, ...], violations: tuple[str, ...] = ()
    ) -> None:
        if not reasons:
            raise InternalError("a refusal needs at least one reason, got none")
        self.party = party
        self.reasons = reasons
        self.violations = violations
        super().__init__(f"refused by the policy of {party}: " + "; ".join(reasons))


class PeerFault(MpcstatsError):
    """Party `party` broke the protocol at `step`; for a mismatch of two copies, `party` names both ("a or b")."""

    def __init__(self, party: str, step: str, reason: str) -> None:
        self.party = party
        self.step = step
        self.reason = reason
        super().__init__(f"{party} at {step}: {reason}")


class Disagreement(PeerFault):
    """This party and `party` do not agree on what is to be run; `reason` names what differs."""


class TransportFault(MpcstatsError):
    """Party `party` cannot be reached, has gone, or has been silent for the stated time."""

    def __init__(self, party: str, reason: str) -> None:
        self.party = party
        self.reason = reason
        super().__init__(f"{party}: {reason}")


class InternalError(MpcstatsError):
    """A defect of mpcstats, not of its user or of a peer; please report it with the message."""
