"""Opening a secret to a recipient, of the compute parties or outside, and to nobody else.

t + 1 shares give the polynomial; the parties beyond these send a digest of theirs, which it must agree with. Sharings
need no fresh randomness before they are opened: docs/shamir.md, Opening.
"""

from __future__ import annotations

import numpy as np

from mpcstats.algebra.galois import DEGREE, Extension, interpolation
from mpcstats.engines.shamir.group import Group
from mpcstats.errors import PeerFault, UsageError
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

    Raises PeerFault as `reveal_whole`, and if the secret is no number: its last three parts are not 0.
    """
    value = await reveal_whole(session, group, ring, share, to, shape=shape)
    if value is None:
        return None
    if np.any(value[1:]):
        raise _fault(session, group.after(to))
    opened: Words = value[0]
    return opened


async def reveal_whole(
    session: Session,
    group: Group,
    ring: Extension,
    share: Words | None,
    to: str,
    *,
    shape: tuple[int, ...],
) -> Words | None:
    """All four parts of the secret, shape (4, *shape), at `to`; None elsewhere. Compute parties that are not of the
    session are not asked.

    Raises PeerFault if the shares are not those of one polynomial, which is seen unless only t + 1 parties are left;
    UsageError if fewer are.
    """
    others = tuple(party for party in group.after(to) if party in session.parties)
    inside = (to,) if to in group.compute else ()
    shown = group.threshold + 1 - len(inside)
    full, rest = others[:shown], others[shown:]
    if len(full) < shown:
        raise UsageError(
            f"expected {group.threshold + 1} parties with shares, got {len(inside) + len(full)}"
        )
    if session.me != to:
        if share is not None:
            sent = share if session.me in full else session.digest(share)
            await session.exchange(send={to: sent})
        return None
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(full, (DEGREE, *shape))
    replies = await session.exchange(receive=sizes | dict.fromkeys(rest, (DIGEST_WORDS,)))
    known = [replies[party] for party in full]
    if share is not None:
        known.insert(0, share)
    matrix = interpolation(ring, group.points((*inside, *full)), (0, *group.points(rest)))
    value, *expected = ring.applied(matrix, known)
    for party, words in zip(rest, expected, strict=True):
        if not np.array_equal(session.digest(words), replies[party]):
            raise _fault(session, others)
    return np.asarray(value)


def _fault(session: Session, parties: tuple[str, ...]) -> PeerFault:
    return PeerFault(
        f"one of {', '.join(parties)}",
        session.step,
        "expected shares of one polynomial with a number as its secret, got others",
    )
