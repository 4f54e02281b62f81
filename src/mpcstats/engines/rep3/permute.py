"""An order that one party, the owner, knows: its permutation of shared columns, or its choice of some of the rows.

Element i of the result is element order[i] of the column. With the owner at P_o, A = x_o + x_(o+1) is the owner's
and B = x_(o+2) is known to both others. P_o and P_(o+1) draw a permutation rho and a mask m; P_(o+2) gets
sigma = rho^-1[order] from the owner and c = B[rho] + m from P_(o+1). The owner knows u = A[order] - m[sigma] and
P_(o+2) knows v = c[sigma]: u + v = x[order]. An owner outside hands three permutations to three passes of a shuffle.
Specification and argument: protocols/permute/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.column import Column, length_of
from mpcstats.engines.rep3.bundle import Bundle, Layout, moved, without_parts
from mpcstats.engines.rep3.inputs import compare_copies
from mpcstats.engines.rep3.seat import Seat, seat_of
from mpcstats.engines.rep3.shuffle import PASSES, Both
from mpcstats.engines.share import Positions
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.session import Session, Words

MOST_ROWS = 1 << 32  # positions are 32 bits on the wire


async def permute(
    session: Session,
    columns: Sequence[Column],
    order: Positions | None,
    *,
    owner: str,
    compute: tuple[str, ...],
    keep: int | None = None,
) -> list[Column]:
    """See engines.api. Raises PeerFault naming the owner if what it sends is no choice of distinct rows."""
    n = length_of(columns)
    kept = n if keep is None else keep
    if n > MOST_ROWS:
        raise UsageError(f"expected at most {MOST_ROWS} rows, got {n}")
    if session.me == owner:
        order = checked_order(order, n, kept)
    seat = seat_of(session.me, compute)
    if seat is None:
        if session.me == owner and order is not None:
            await _deal(session, order, n, compute)
        return without_parts(columns, kept)
    bundle = Bundle.of(columns)
    if owner not in compute:
        own, following = await _three_passes(session, seat, bundle, owner, kept)
    elif session.me == owner and order is not None:
        own, following = await _as_owner(session, seat, bundle, order)
    elif seat.right == compute[(compute.index(owner) + 2) % 3]:
        own, following = await _as_masker(session, seat, bundle, kept)
    else:
        own, following = await _as_receiver(session, seat, bundle.layout, n, kept, owner)
    return bundle.restored(own, following)


def checked_order(order: Positions | None, n: int, kept: int) -> Positions:
    """The owner's order. Raises InternalError unless it names `kept` distinct rows of n."""
    if order is None:
        raise InternalError("expected an order at its owner, got None")
    if order.shape != (kept,) or not distinct(order, n):
        raise InternalError(f"expected {kept} distinct positions below {n}, got others")
    return order


def distinct(order: Positions, n: int) -> bool:
    """Whether all positions are below n and none occurs twice."""
    if order.size and not (int(order.min()) >= 0 and int(order.max()) < n):
        return False
    seen = np.zeros(n, dtype=np.bool_)
    seen[order] = True
    return int(np.count_nonzero(seen)) == order.size


async def _as_owner(session: Session, seat: Seat, bundle: Bundle, order: Positions) -> Both:
    layout, shape = bundle.layout, (bundle.layout.rows, order.size)
    common = seat.next_stream(session)
    rho = common.permutation(bundle.n)
    inverse = np.empty_like(rho)
    inverse[rho] = np.arange(rho.size)
    sigma = inverse[order]
    await session.exchange(send={seat.left: packed(sigma)})
    m = common.words(layout.rows, bundle.n)
    u = moved(bundle.own, order)
    layout.plus(u, moved(bundle.following, order))
    layout.minus(u, moved(m, sigma))
    following = common.words(*shape)  # y_(o+1), which P_(o+1) draws too
    layout.minus(u, following)
    reply = await session.exchange(send={seat.left: u}, receive={seat.left: shape})
    own = reply[seat.left].copy()
    layout.plus(own, u)
    return own, following


async def _as_masker(session: Session, seat: Seat, bundle: Bundle, kept: int) -> Both:
    common = seat.own_stream(session)
    rho = common.permutation(bundle.n)
    c = moved(bundle.following, rho)
    bundle.layout.plus(c, common.words(*c.shape))
    await session.exchange(send={seat.right: c})
    shape = (bundle.layout.rows, kept)
    return common.words(*shape), seat.next_stream(session).words(*shape)


async def _as_receiver(
    session: Session, seat: Seat, layout: Layout, n: int, kept: int, owner: str
) -> Both:
    replies = await session.exchange(
        receive={seat.right: packed_words(kept), seat.left: (layout.rows, n)}
    )
    sigma = _received(session, replies[seat.right], n, kept, owner)
    v = moved(replies[seat.left], sigma)
    own = seat.own_stream(session).words(layout.rows, kept)  # y_(o+2), which P_(o+1) draws too
    layout.minus(v, own)
    reply = await session.exchange(send={seat.right: v}, receive={seat.right: v.shape})
    following = reply[seat.right].copy()
    layout.plus(following, v)
    return own, following


async def _deal(session: Session, order: Positions, n: int, compute: tuple[str, ...]) -> None:
    """As an owner outside: pi_0 and pi_1 at random, pi_2 so that x[pi_0][pi_1][pi_2] = x[order]."""
    first, second = (session.private().permutation(n) for _ in range(2))
    inverse = np.empty_like(first)
    inverse[first[second]] = np.arange(n)
    orders = [packed(pi) for pi in (first, second, inverse[order])]
    # The pair of pass j is (P_j, P_(j+1)): P_i has pi_i and pi_(i-1).
    await session.exchange(
        send={party: np.concatenate([orders[i - 1], orders[i]]) for i, party in enumerate(compute)}
    )


async def _three_passes(
    session: Session, seat: Seat, bundle: Bundle, owner: str, kept: int
) -> Both:
    sizes = [bundle.n, bundle.n, kept]  # rows after each pass
    mine, before = sizes[seat.index], sizes[seat.index - 1]
    cut = packed_words(before)
    copy = (await session.exchange(receive={owner: cut + packed_words(mine)}))[owner]
    await compare_copies(session, seat, owner, copy[:cut], copy[cut:])
    orders = {
        seat.index: _received(session, copy[cut:], bundle.n, mine, owner),
        (seat.index + 2) % 3: _received(session, copy[:cut], bundle.n, before, owner),
    }
    parts: Both = (bundle.own, bundle.following)
    for j in range(PASSES):
        step = session.narrow(f"pass{j}")
        shape = (bundle.layout.rows, sizes[j])
        parts = await _pass(step, seat, j, bundle.layout, parts, orders.get(j), shape)
    return parts


async def _pass(
    session: Session,
    seat: Seat,
    j: int,
    layout: Layout,
    parts: Both,
    order: Positions | None,
    shape: tuple[int, int],
) -> Both:
    """As a shuffle's pass j, with an order that its pair was given: y_j = x[order] - r - m, y_(j+2) = x[order] + m."""
    role = (seat.index - j) % 3
    if order is None:
        replies = await session.exchange(receive={seat.left: shape, seat.right: shape})
        return replies[seat.left], replies[seat.right]
    stream = seat.next_stream(session) if role == 0 else seat.own_stream(session)
    r, m = stream.words(*shape), stream.words(*shape)
    last = moved(parts[1], order)
    if role == 1:
        layout.plus(last, m)
        await session.exchange(send={seat.right: last})
        return r, last
    layout.plus(last, moved(parts[0], order))
    layout.minus(last, r)
    layout.minus(last, m)
    await session.exchange(send={seat.left: last})
    return last, r


def packed_words(n: int) -> int:
    """Words that hold n positions."""
    return (n + 1) // 2


def packed(order: Positions) -> Words:
    """Positions as 32 bits each, the first in the low half of its word."""
    halves = np.zeros(2 * packed_words(order.size), dtype="<u4")
    halves[: order.size] = order
    return halves.view("<u8").astype(np.uint64, copy=False)


def _received(session: Session, words: Words, n: int, kept: int, owner: str) -> Positions:
    order = words.astype("<u8", copy=False).view("<u4")[:kept].astype(np.intp)
    if not distinct(order, n):
        raise PeerFault(
            owner, session.step, f"expected {kept} distinct positions below {n}, got others"
        )
    return order
