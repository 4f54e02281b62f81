"""The part of the engine that adds long vectors without giving each number an element of the ring."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.algebra.galois import NUMBERS
from mpcstats.engines.given import check_input, check_recipients
from mpcstats.engines.shamir import additive, packed
from mpcstats.engines.shamir.additive import Additive
from mpcstats.engines.shamir.group import Group
from mpcstats.engines.shamir.packed import Packed
from mpcstats.engines.shamir.product import stacked
from mpcstats.engines.shamir.reveal import reveal_whole
from mpcstats.engines.share import Arith
from mpcstats.session import Session, Words, parallel


class VectorsShamir:
    """Mixed into Shamir, which names the compute parties."""

    compute: tuple[str, ...]
    group: Group

    async def share_sum(
        self, session: Session, vectors: Sequence[tuple[str, Words | None]], *, length: int
    ) -> Additive:
        """The sum of one vector of `length` from each (owner, its values; None elsewhere): see shamir.additive."""
        for owner, values in vectors:
            check_input(session, values, owner, (length,))
        return await additive.share_sum(session, self.group, vectors, length=length)

    async def share_packed(
        self, session: Session, values: Words | None, *, owner: str, length: int
    ) -> Packed:
        """The vector that `owner` puts in, which any t + 1 parties can open: see shamir.packed."""
        check_input(session, values, owner, (length,))
        return await packed.share(session, self.group, values, owner=owner, length=length)

    async def numbers(self, session: Session, x: Additive | Packed) -> Arith:
        """The same secrets as shares that can be multiplied and compared."""
        if isinstance(x, Packed):
            return await packed.unpacked(session, self.group, x, self.group)
        return await additive.numbers(session, self.group, x)

    async def reveal_vector(
        self, session: Session, x: Additive | Packed, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        """x in the clear at each party of `to`, None elsewhere. Wrong summands of an Additive are not noticed.

        A Packed is opened by the parties of this session that hold shares, t + 1 or more of them.
        """
        check_recipients(session, to)
        session.note_opening(leak, tuple(to), (x.length,))
        opened = await parallel(*(self._vector(session.narrow(f"to-{p}"), x, p) for p in to))
        return opened[list(to).index(session.me)] if session.me in to else None

    async def _vector(self, session: Session, x: Additive | Packed, to: str) -> Words | None:
        if isinstance(x, Additive):
            return await additive.reveal(session, self.group, x, to)
        shape = (packed.elements(x.length),)
        share = stacked(x.parts) if x.parts else None
        value = await reveal_whole(session, self.group, NUMBERS, share, to, shape=shape)
        return None if value is None else packed.unfolded(value, x.length)
