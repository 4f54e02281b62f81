"""Opening a secret to its recipients, inside and outside the three, and to nobody else."""

from __future__ import annotations

from math import prod

import numpy as np

from mpcstats.engines.rep3.product import reshare
from mpcstats.engines.rep3.seat import Seat, seat_of
from mpcstats.engines.share import Parts
from mpcstats.errors import PeerFault
from mpcstats.session import Session, Words
from mpcstats.session.messages import DIGEST_WORDS


async def reveal_inside(
    session: Session, seat: Seat, parts: Parts, to: str, recipient: Seat, *, bits: bool
) -> Words | None:
    """x at compute party `to` = P_i; None elsewhere. Raises PeerFault if the two others disagree.

    `bits`: components add up by exclusive or.
    """
    missing = await missing_inside(session, seat, parts, to, recipient)
    if missing is None:
        return None
    return parts[0] ^ parts[1] ^ missing if bits else parts[0] + parts[1] + missing


async def missing_inside(
    session: Session, seat: Seat, parts: Parts, to: str, recipient: Seat
) -> Words | None:
    """The component that compute party `to` = P_i lacks, at P_i; None elsewhere. Raises PeerFault as above.

    P_i lacks x_(i+2) = x_(i-1). P_(i-1) sends it; P_(i+1), who holds it too, sends its digest.
    """
    if session.me == to:
        reply = await session.exchange(
            receive={seat.left: parts[0].shape, seat.right: DIGEST_WORDS}
        )
        missing = reply[seat.left]
        if not np.array_equal(session.digest(missing), reply[seat.right]):
            raise PeerFault(
                f"{seat.left} or {seat.right}",
                session.step,
                "expected one component at both holders, got two",
            )
        return missing
    if seat.index == (recipient.index + 2) % 3:
        await session.exchange(send={to: parts[0]})
    else:
        await session.exchange(send={to: session.digest(parts[1])})
    return None


async def reveal_outside(
    session: Session, parts: Parts, to: str, compute: tuple[str, ...], shape: tuple[int, ...]
) -> Words | None:
    """x at `to`, who does not compute; None elsewhere. Two rounds. Raises PeerFault if copies differ.

    The secret is shared again first: components that stem from an input would show more than their sum.
    """
    seat = seat_of(session.me, compute)
    fresh = None
    if seat is not None:
        # Shares of x again, as the sum of the components that each seat holds as its own.
        fresh = await reshare(session.narrow("fresh"), seat, parts[0], bits=False)
    found = await components_outside(session, fresh, to, compute, shape)
    return None if found is None else found[0] + found[1] + found[2]


async def components_outside(
    session: Session,
    fresh: Parts | None,
    to: str,
    compute: tuple[str, ...],
    shape: tuple[int, ...],
) -> list[Words] | None:
    """The three components, each of `shape`, at `to`, who does not compute; None elsewhere. Raises PeerFault as above.

    `fresh` are parts that were just shared again, at compute parties. Every P_i sends x_i and the digest of
    x_(i+1), so each component comes from two parties.
    """
    if fresh is not None:
        await session.exchange(
            send={to: np.concatenate([fresh[0].reshape(-1), session.digest(fresh[1])])}
        )
        return None
    if session.me != to:
        return None
    size = prod(shape)
    replies = await session.exchange(receive=dict.fromkeys(compute, size + DIGEST_WORDS))
    for i, party in enumerate(compute):
        holder = compute[i - 1]  # P_(i-1) holds x_i as its next component
        if not np.array_equal(session.digest(replies[party][:size]), replies[holder][size:]):
            raise PeerFault(
                f"{party} or {holder}",
                session.step,
                "expected one component at both holders, got two",
            )
    return [replies[party][:size].reshape(shape) for party in compute]
