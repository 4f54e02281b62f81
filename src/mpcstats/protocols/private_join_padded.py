"""Private join with dummies: the number of matches that is opened is differentially private.

Each party that must not learn the number of true matches exactly is faced with dummies of the other: of 2 t rows that
both could have in common the other really has t + z, z a truncated discrete Laplace number that it alone knows.
Specification and argument: protocols/private_join_padded/spec.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from mpcstats.algebra import paillier
from mpcstats.algebra.discrete import Draw, discrete_laplace
from mpcstats.errors import UsageError
from mpcstats.protocols.double_masking import KEY_WORDS
from mpcstats.protocols.private_join import Dummies, Join, Joined, Progress, Table, join_with
from mpcstats.session import Session, Words
from mpcstats.session.draws import StreamDraw

LEAK = "noisy-intersection-size"
MOST_SHIFT = 1 << 19  # a million dummies


@dataclass(frozen=True, slots=True)
class Padding:
    """Noise in [-shift, shift]: the opened number is (epsilon, exp(-epsilon shift))-differentially private.

    That is against each party to whom it is opened; neighbours differ in one key of one party, there or not. Raises
    UsageError unless epsilon > 0 and 1 <= shift <= 2^19.
    """

    epsilon: Fraction
    shift: int  # t: t + z is no negative number

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or not 1 <= self.shift <= MOST_SHIFT:
            raise UsageError(
                f"expected an epsilon above 0 and a shift of 1 to {MOST_SHIFT}, got {self.shift}"
            )

    def noise(self, draw: Draw) -> int:
        """z in [-t, t] with probability proportional to exp(-epsilon |z|)."""
        while True:
            found = discrete_laplace(draw, 1 / self.epsilon)
            if abs(found) <= self.shift:
                return found

    def noisy(self, join: Join) -> tuple[str, ...]:
        """The parties whose dummies make the noise: the holder's, against the matcher, and against the holder, if it
        is told anything, be it only whether there are k matches, the matcher's too.
        """
        return (join.holder, join.matcher) if join.holder in join.told else (join.holder,)

    def rows(self, join: Join) -> int:
        """Dummies at each of the two."""
        return 2 * self.shift * len(self.noisy(join))


async def private_join_padded(
    session: Session,
    join: Join,
    padding: Padding,
    table: Table | None = None,
    *,
    key: paillier.Secret | None = None,
    on_progress: Progress | None = None,
) -> Joined:
    """As `private_join`; `size` is the number of matches and noise around 0, so it may be below 0. Sums are exact.

    Sums and sizes are shown to others if there are k true matches for certain, whatever the noise.
    """
    keys = np.empty((0, KEY_WORDS), dtype=np.uint64)
    if session.me in (join.matcher, join.holder):
        keys = _keys(session.narrow("dummies"), join, padding)
    dummies = Dummies(padding.rows(join), keys, LEAK)
    found = await join_with(session, join, table, dummies, key=key, on_progress=on_progress)
    if found.size is None:
        return found
    return replace(found, size=found.size - padding.shift * len(padding.noisy(join)))


def _keys(session: Session, join: Join, padding: Padding) -> Words:
    """This party's dummies that could match: all of its peer's noise, and as many of its own as it has drawn."""
    most, found = 2 * padding.shift, []
    for i, party in enumerate(padding.noisy(join)):
        count = most
        if party == session.me:
            count = padding.shift + padding.noise(StreamDraw(session.private()))
        # The same at both, and of this run. All are made, so that the work does not depend on the noise.
        names = np.stack([np.full(most, i), np.arange(most)], axis=1).astype(np.uint64)
        found.append(np.array([session.digest(name)[:KEY_WORDS] for name in names])[:count])
    return np.concatenate(found)
