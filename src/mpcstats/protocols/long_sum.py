"""Sums of long vectors over any number of providers, on engine shamir: a word a number, most of it from streams.

Specification and argument: protocols/long_sum/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.shamir import Shamir
from mpcstats.engines.shamir.additive import Additive
from mpcstats.errors import UsageError
from mpcstats.protocols.held import Summand
from mpcstats.session import Session


async def long_sum(
    session: Session, engine: Shamir, vectors: Sequence[Summand], *, length: int
) -> Additive:
    """The sum of one vector of `length` from each provider, mod 2^64: as one summand at each of t + 1 compute parties.

    `vectors` is the same list at every party, but for the values, which only their owner has. The engine's `numbers`
    makes shares of it that can be compared, and be given to the gate. Raises UsageError without a provider.
    """
    if not vectors:
        raise UsageError("expected at least one provider, got none")
    given = [(vector.owner, vector.values) for vector in vectors]
    return await engine.share_sum(session, given, length=length)
