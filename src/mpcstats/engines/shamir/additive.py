"""Vectors of numbers as one summand at each of t + 1 compute parties, for what is only added.

Any t of them lack a summand that is uniform, so they learn as little as from shares of degree t, at a word a number
instead of four, and most summands come from streams. In return nothing can be multiplied, and all t + 1 parties must
stay to the end. `numbers` turns the sum into shares of the engine; packed vectors (shamir.packed) outlive a loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra.galois import NUMBERS
from mpcstats.engines.shamir.dealing import deal, summed
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.share import Arith, Secret
from mpcstats.errors import InternalError
from mpcstats.session import Session, Words


class Additive(Secret):
    """A vector of `length` secrets in Z_2^64; the only part of an opener has shape (length,), others have none."""

    __slots__ = ("length",)

    def __init__(self, length: int, summand: Words | None) -> None:
        super().__init__(() if summand is None else (summand,), None)
        self.length = length

    def __repr__(self) -> str:
        return f"<summands of {self.length} secrets>"


async def share_sum(
    session: Session,
    group: Group,
    vectors: Sequence[tuple[str, Words | None]],
    *,
    length: int,
) -> Additive:
    """The sum of one vector of `length` from each (owner, its values; None elsewhere). One round, or none.

    An opener takes what it draws for the others off its own vector; an owner that is no opener sends one of them the
    rest. Who gets these goes round, so that no opener gets all.
    """
    me, openers = session.me, group.openers
    steps = [session.narrow(f"{i}-{owner}") for i, (owner, _) in enumerate(vectors)]
    outside = [i for i, (owner, _) in enumerate(vectors) if owner not in openers]
    receiver = {i: openers[place % len(openers)] for place, i in enumerate(outside)}
    total = np.zeros(length, dtype=np.uint64) if me in openers else None
    sent: dict[int, Words] = {}
    for i, (owner, values) in enumerate(vectors):
        if me == owner:
            rest = _rest(steps[i], group, _given(values, length), receiver.get(i))
            if i in receiver:
                sent[i] = rest
            elif total is not None:
                total += rest
        elif total is not None and receiver.get(i) != me:
            total += steps[i].stream(owner).words(length)
    for i in outside:
        owner = vectors[i][0]
        if me == owner:
            await steps[i].exchange(send={receiver[i]: sent[i]})
    for i in outside:
        owner = vectors[i][0]
        if me == receiver[i] and total is not None:
            total += (await steps[i].exchange(receive={owner: (length,)}))[owner]
    return Additive(length, total)


async def numbers(session: Session, group: Group, x: Additive) -> Arith:
    """The same secrets as shares of the engine: each opener shares its summand. One round."""
    shape = (x.length,)
    if session.me not in group.compute:
        return Arith(shape, (), None)
    own = x.parts[0][None] if x.parts else None
    shares = await deal(session, group, NUMBERS, own, dealers=group.openers, shape=shape)
    return Arith(shape, tuple(summed(NUMBERS, shares)), 0)


async def reveal(session: Session, group: Group, x: Additive, to: str) -> Words | None:
    """The numbers at `to`, None elsewhere: every opener sends its summand. One round. A wrong one is not noticed."""
    me = session.me
    others = [party for party in group.openers if party != to]
    if me != to:
        if x.parts:
            await session.exchange(send={to: x.parts[0]})
        return None
    replies = await session.exchange(receive=dict.fromkeys(others, (x.length,)))
    total = np.zeros(x.length, dtype=np.uint64)
    for summand in (*x.parts, *replies.values()):
        total += summand
    return total


def _rest(session: Session, group: Group, values: Words, receiver: str | None) -> Words:
    """The values less what every opener but the owner and `receiver` draws."""
    rest = values.copy()
    for party in group.openers:
        if party not in (session.me, receiver):
            rest -= session.stream(party).words(rest.size)
    return rest


def _given(values: Words | None, length: int) -> Words:
    if values is None or values.shape != (length,) or values.dtype != np.uint64:
        raise InternalError(f"expected {length} words at their owner")
    return values
