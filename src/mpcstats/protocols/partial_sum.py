"""Sums that outlive the loss of parties, on engine shamir: shares are kept, and any t + 1 parties can go on.

Every provider deals its vector to all compute parties. If some of these are lost before the sum is opened, those that
are left begin a run of their own, in which they open it, or make shares of it among themselves for the gate.
Whose vectors are counted is for policy to say. Specification and argument: protocols/partial_sum/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcstats.engines.shamir import Shamir
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.packed import Packed, unpacked
from mpcstats.engines.share import Arith
from mpcstats.errors import UsageError
from mpcstats.protocols.held import Summand
from mpcstats.session import Session, Words, parallel

LEAK = "partial-sum"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a party keeps after the dealing: its share of each provider's vector, and the group that shares are of."""

    group: Group
    owners: tuple[str, ...]
    shares: tuple[Packed, ...]

    def total(self, counted: Sequence[int]) -> Packed:
        """The sum of the vectors in the places `counted`. Raises UsageError for none, and for places there are not."""
        if not counted or len(set(counted)) != len(counted):
            raise UsageError(f"expected one or more places, each once, got {list(counted)}")
        if any(not 0 <= place < len(self.shares) for place in counted):
            raise UsageError(f"expected places below {len(self.shares)}, got {list(counted)}")
        return Packed.sum([self.shares[place] for place in counted])


async def keep(
    session: Session, engine: Shamir, vectors: Sequence[Summand], *, length: int
) -> Kept:
    """Shares of one vector of `length` from each provider; nothing is opened. Raises UsageError without a provider."""
    if not vectors:
        raise UsageError("expected at least one provider, got none")
    shares = await parallel(
        *(
            engine.share_packed(
                session.narrow(f"{i}-{v.owner}"), v.values, owner=v.owner, length=length
            )
            for i, v in enumerate(vectors)
        )
    )
    return Kept(engine.group, tuple(v.owner for v in vectors), tuple(shares))


async def open_kept(
    session: Session, kept: Kept, *, counted: Sequence[int], to: Sequence[str]
) -> Words | None:
    """The sum of the counted vectors, at each party of `to`, None elsewhere; in a run of t + 1 or more parties of the
    group and recipients.

    No cell is tested: policy must permit the leak. Raises PeerFault if shares do not agree, where more than t + 1 do.
    """
    engine = Shamir(kept.group.compute, kept.group.threshold)
    return await engine.reveal_vector(session, kept.total(counted), leak=LEAK, to=to)


async def resume(session: Session, kept: Kept, engine: Shamir, *, counted: Sequence[int]) -> Arith:
    """The sum of the counted vectors as a secret of `engine`, among whom are t + 1 or more of the group: for the gate.

    From then on as many parties as the new engine does not withstand can read it, be they fewer than the group's t + 1.
    Raises UsageError if there are fewer.
    """
    return await unpacked(session, kept.group, kept.total(counted), engine.group)
