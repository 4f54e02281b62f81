"""Vector sums over any number of providers: each puts in its vector, and shares are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.errors import UsageError
from mpcstats.protocols.held import Summand
from mpcstats.session import Session, parallel


@dataclass(frozen=True, slots=True)
class Summed:
    """`total` is the sum of `by_provider`, in the order of the providers; all have the same shape."""

    total: Arith
    by_provider: tuple[Arith, ...]


async def vector_sum(
    session: Session, engine: Engine, vectors: Sequence[Summand], *, shape: tuple[int, ...]
) -> Summed:
    """The sum of one array of `shape` from each provider; mod 2^64, so bounds must have been checked.

    `vectors` is the same list at every party, but for the values, which only their owner has.
    Raises UsageError without a provider.
    """
    if not vectors:
        raise UsageError("expected at least one provider, got none")
    shares = await parallel(
        *(
            engine.share(session.narrow(f"{i}-{v.owner}"), v.values, owner=v.owner, shape=shape)
            for i, v in enumerate(vectors)
        )
    )
    total = shares[0]
    for share in shares[1:]:
        total = total + share
    return Summed(total, tuple(shares))
