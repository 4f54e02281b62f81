"""An owner puts a value in: as a compute party with one word a value, from outside with two.

`bits` says whether components add up by exclusive or (True) or mod 2^64 (False).
"""

from __future__ import annotations

from math import prod

import numpy as np

from mpcstats.engines.rep3.seat import Seat, seat_of
from mpcstats.engines.share import Parts
from mpcstats.errors import InternalError, PeerFault
from mpcstats.session import Session, Stream, Words
from mpcstats.session.messages import DIGEST_WORDS

SEED_WORDS = 2  # an AES-128 key


async def share_own(
    session: Session,
    seat: Seat,
    values: Words | None,
    *,
    owner: str,
    compute: tuple[str, ...],
    shape: tuple[int, ...],
    bits: bool,
) -> Parts:
    """The parts of what compute party `owner` = P_o puts in. One word a value, one round.

    x_(o+1) = S_(o+1), which P_(o+1) draws for itself; x_o = x - x_(o+1) goes to P_(o-1); x_(o+2) = 0.
    """
    o = compute.index(owner)
    if seat.index == o:
        mask = seat.next_stream(session).words(*shape)
        own = _minus(_given(values), mask, bits=bits)
        await session.exchange(send={seat.left: own})
        return own, mask
    zeros = np.zeros(shape, dtype=np.uint64)
    if seat.index == (o + 1) % 3:
        return seat.own_stream(session).words(*shape), zeros
    reply = await session.exchange(receive={seat.right: shape})
    return zeros, reply[seat.right]


async def share_outside(
    session: Session,
    values: Words | None,
    *,
    owner: str,
    compute: tuple[str, ...],
    shape: tuple[int, ...],
    bits: bool,
) -> Parts:
    """The parts of what `owner`, who does not compute, puts in. Two rounds; no parts at the owner and at others.

    x_1 and x_2 come from seeds, one to each of the two holders; x_0 = x - x_1 - x_2 goes to its two holders in
    full. Holders then compare digests: unequal copies would let an owner learn of other inputs. Raises PeerFault.
    """
    if session.me == owner:
        seed_1, seed_2 = (session.private().words(SEED_WORDS) for _ in range(2))
        x_0 = _minus(
            _minus(_given(values), _expand(seed_1, shape), bits=bits),
            _expand(seed_2, shape),
            bits=bits,
        )
        flat = x_0.reshape(-1)
        p_0, p_1, p_2 = compute
        copies = {p_0: (flat, seed_1), p_1: (seed_1, seed_2), p_2: (seed_2, flat)}
        await session.exchange(send={party: np.concatenate(copy) for party, copy in copies.items()})
        return ()
    seat = seat_of(session.me, compute)
    if seat is None:
        return ()
    words = prod(shape)
    sizes = {0: words, 1: SEED_WORDS, 2: SEED_WORDS}  # component -> its size on the wire
    own_size, next_size = sizes[seat.index], sizes[(seat.index + 1) % 3]
    copy = (await session.exchange(receive={owner: own_size + next_size}))[owner]
    own, following = copy[:own_size], copy[own_size:]
    await compare_copies(session, seat, owner, own, following)
    return (
        own.reshape(shape) if seat.index == 0 else _expand(own, shape),
        following.reshape(shape) if seat.index == 2 else _expand(following, shape),
    )


async def compare_copies(
    session: Session, seat: Seat, owner: str, own: Words, following: Words
) -> None:
    """Raises PeerFault unless `own` is what the left neighbour got as its next, and `following` likewise right."""
    # The left neighbour holds our own component, the right one our next.
    mine = {seat.left: session.digest(own), seat.right: session.digest(following)}
    theirs = await session.exchange(send=mine, receive=dict.fromkeys(mine, DIGEST_WORDS))
    for peer, expected in mine.items():
        if not np.array_equal(expected, theirs[peer]):
            raise PeerFault(
                f"{owner} or {peer}",
                session.step,
                f"expected one input at both holders, got two ({peer} holds another copy)",
            )


def _expand(seed: Words, shape: tuple[int, ...]) -> Words:
    return Stream(seed.astype("<u8").tobytes()).words(*shape)


def _minus(x: Words, y: Words, *, bits: bool) -> Words:
    return x ^ y if bits else x - y


def _given(values: Words | None) -> Words:
    if values is None:
        raise InternalError("expected values at their owner, got None")
    return values
