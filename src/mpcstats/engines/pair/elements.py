"""Elements: group elements under a party's secret mask, its own and those of its peer."""

from __future__ import annotations

import numpy as np

from mpcstats.algebra import group
from mpcstats.errors import InternalError, PeerFault
from mpcstats.session import Session, Words


class Mask:
    """A secret scalar, drawn by this party for one step of one run."""

    __slots__ = ("_scalar",)

    def __init__(self, session: Session) -> None:
        self._scalar = group.scalar(session.private().words(group.UNIFORM_WORDS))

    def __repr__(self) -> str:
        return "<mask>"

    def own(self, elements: Words) -> Words:
        """This party's elements, masked; shape (n, 4)."""
        masked = group.multiply(elements, self._scalar)
        if group.neutral(masked).any():
            raise InternalError("expected elements of the group to mask, got others")
        return masked

    def of_peer(self, session: Session, peer: str, elements: Words) -> Words:
        """The elements that `peer` has sent, masked; shape (n, 4).

        Raises PeerFault naming `peer` for a row that is no canonical encoding, or the neutral element.
        """
        masked = group.multiply(elements, self._scalar)
        bad = np.flatnonzero(group.neutral(masked))
        if bad.size:
            raise PeerFault(
                peer,
                session.step,
                f"expected elements of ristretto255 other than the neutral one, got {bad.size} others, the first "
                f"in row {bad[0]}",
            )
        return masked


def encodings(rows: Words) -> list[bytes]:
    """Each row as bytes: of elements their encodings, which are equal for equal elements."""
    plain, size = np.ascontiguousarray(rows, dtype="<u8").tobytes(), 8 * rows.shape[1]
    return [plain[at : at + size] for at in range(0, len(plain), size)]
