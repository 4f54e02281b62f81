"""Opening: what one of two parties knows, or both together, is told to those whom the plan names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpcstats.errors import InternalError
from mpcstats.session import Session, Words


async def tell(
    session: Session, words: Words | None, *, owner: str, size: int, to: Sequence[str], leak: str
) -> Words | None:
    """`size` words that `owner` knows, at each party of `to`, and None elsewhere; `words` is given at the owner.

    An owner may be a recipient of what it knows. `leak` is the id on the protocol's card.
    """
    parts = {owner: words}
    found = await tell_parts(session, parts, size=size, to=to, leak=leak, shape=(size,))
    return None if found is None else found[owner]


async def tell_parts(
    session: Session,
    parts: Mapping[str, Words | None],
    *,
    size: int,
    to: Sequence[str],
    leak: str,
    shape: tuple[int, ...],
) -> dict[str, Words] | None:
    """Every party's part of a value, `size` words each, at each party of `to`, and None elsewhere.

    `parts` has an entry for each party with a part; this party's own is given, the others are None. `shape` is that
    of the value, which the parts make together.
    """
    mine = parts.get(session.me)
    if session.me in parts and mine is None:
        raise InternalError("expected this party's own part of what is told, got none")
    session.note_opening(leak, tuple(to), shape)
    others = [party for party in to if party != session.me]
    senders = [party for party in parts if party != session.me and session.me in to]
    got = await session.exchange(
        send={} if mine is None else dict.fromkeys(others, mine),
        receive=dict.fromkeys(senders, size),
    )
    if session.me not in to:
        return None
    return got if mine is None else {**got, session.me: mine}
