"""A column of numbers as the sum of vectors that single parties know: shared only where that is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.session import Session, Words, parallel


@dataclass(frozen=True, slots=True)
class Summand:
    """A vector that `owner` knows; `values` is None at every other party."""

    owner: str
    values: Words | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """The column whose element i is the sum of element i of all summands, mod 2^64; `rows` elements."""

    rows: int
    summands: tuple[Summand, ...]

    def held_by(self, compute: tuple[str, ...]) -> bool:
        """Whether every summand is known to a compute party."""
        return all(s.owner in compute for s in self.summands)

    async def share(self, session: Session, engine: Engine) -> Arith:
        """The column as a secret of shape (rows,): every owner puts its summand in."""
        shares = await parallel(
            *(
                engine.share(session.narrow(str(i)), s.values, owner=s.owner, shape=(self.rows,))
                for i, s in enumerate(self.summands)
            )
        )
        total = shares[0]
        for share in shares[1:]:
            total = total + share
        return total
