"""Numbers into the field and out of it: an owner deals shares to the compute parties, recipients put shares together.

Any party may own or receive, whether it computes or not. Elements stand for numbers in [-p/2, p/2).
"""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.shamir.field.sharing import agree, combine, decode, encode, split, width
from mpcstats.errors import InternalError, PeerFault
from mpcstats.session import Session, Words


async def dealt(
    session: Session,
    compute: tuple[str, ...],
    *,
    t: int,
    p: int,
    owner: str,
    count: int,
    values: Sequence[int] | None,
) -> list[int]:
    """This party's shares of the owner's `count` numbers, none if it does not compute. `values` is the owner's alone.

    Raises InternalError if the owner has other than `count` numbers, or one that is not of the field, and PeerFault
    for a share out of range.
    """
    if session.me == owner:
        if values is None or len(values) != count or any(abs(v) > p // 2 for v in values):
            raise InternalError(f"expected {count} numbers of the field at {owner}")
        shares = split([v % p for v in values], t=t, n=len(compute), p=p, stream=session.private())
        send = {
            party: encode(share, p)
            for party, share in zip(compute, shares, strict=True)
            if party != owner
        }
        await session.exchange(send=send)
        return shares[compute.index(owner)] if owner in compute else []
    if session.me not in compute:
        return []
    words = (await session.exchange(receive={owner: count * width(p)}))[owner]
    return _elements(session, owner, words, p)


async def revealed(
    session: Session,
    compute: tuple[str, ...],
    *,
    t: int,
    p: int,
    shares: Sequence[int],
    count: int,
    leak: str,
    to: tuple[str, ...],
) -> list[int] | None:
    """The `count` numbers at the recipients `to`, None at others. `leak` is its name on the protocol's card.

    Raises PeerFault if a share is out of range, or the shares of all compute parties lie on no polynomial of degree t:
    at most t wrong ones are always noticed, and never name who sent them.
    """
    session.note_opening(leak, to, (count,))
    computes, receives = session.me in compute, session.me in to
    words = encode(shares, p)
    arrived: dict[str, Words] = await session.exchange(
        send={party: words for party in to if party != session.me} if computes else {},
        receive={party: count * width(p) for party in compute if party != session.me}
        if receives
        else {},
    )
    if not receives:
        return None
    known = {
        compute.index(party): _elements(session, party, words, p)
        for party, words in arrived.items()
    }
    if computes:
        known[compute.index(session.me)] = list(shares)
    if not agree(known, t, p):
        raise PeerFault(
            " or ".join(party for party in compute if party != session.me),
            session.step,
            f"expected shares of one polynomial of degree {t}, got others",
        )
    return [v - p if v > p // 2 else v for v in combine(known, p)]


def _elements(session: Session, sender: str, words: Words, p: int) -> list[int]:
    values = decode(words, p)
    if values is None:
        raise PeerFault(
            sender, session.step, "expected elements of the field, got one out of range"
        )
    return values
