"""Opening a secret to a recipient, of the compute parties or outside, and to nobody else.

t + 1 shares give the polynomial; the parties beyond these send a digest of theirs, which it must agree with. Sharings
need no fresh randomness before they are opened: docs/shamir.md, Opening.
"""

from __future__ import annotations

import numpy as np

from mpcstats.algebra.galois import DEGREE, Extension, interpolation
from mpcstats.engines.shamir.group import Group
from mpcstats.errors import PeerFault
from mpcstats.session import Session, Words
from mpcstats.session.messages import DIGEST_WORDS


async def reveal(
    session: Session,
    group: Group,
    ring: Extension,
    share: Words | None,
    to: str,
    *,
    shape: tuple[int, ...],
) -> Words | None:
    """The secret of `shape` at `to`, None elsewhere; `share` of shape (4, *shape) at compute parties. One round.

    Raises PeerFault if shares are not those of one polynomial whose value at 0 is a number: any wrong share if
    n > t + 1 parties are right or, of fewer, with the chance that three parts of an element are 0.
    """
    others = group.after(to)
    shown = group.threshold + (to not in group.compute)
    full, rest = others[:shown], others[shown:]
    if session.me != to:
        if share is not None:
            sent = share if session.me in full else session.digest(share)
            await session.exchange(send={to: sent})
        return None
    sizes = dict.fromkeys(full, (DEGREE, *shape))
    replies = await session.exchange(receive={**sizes, **dict.fromkeys(rest, (DIGEST_WORDS,))})
    known = [replies[party] for party in full]
    inside = (to,) if share is not None else ()
    if share is not None:
        known.insert(0, share)
    matrix = interpolation(ring, group.points((*inside, *full)), (0, *group.points(rest)))
    value, *expected = ring.applied(matrix, known)
    wrong = [
        party
        for party, words in zip(rest, expected, strict=True)
        if not np.array_equal(session.digest(words), replies[party])
    ]
    if wrong or np.any(value[1:]):
        raise PeerFault(
            f"one of {', '.join((*full, *rest))}",
            session.step,
            "expected shares of one polynomial with a number as its secret, got others",
        )
    opened: Words = value[0]
    return opened
