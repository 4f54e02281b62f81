"""Several bit-sliced secrets side by side, so that one operation works on all of them in one message.

A lane begins at a word of its own, so joining and parting move whole words only; what is beyond a secret's last
element has no meaning, as in every Bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError


def beside(secrets: Sequence[Bits]) -> Bits:
    """One secret with all of `secrets`, of one length and width, as its lanes: length 64 * words(n) * lanes."""
    first = secrets[0]
    if {(s.length, s.width) for s in secrets} != {(first.length, first.width)}:
        raise InternalError(f"expected secrets of one shape, got {list(secrets)}")
    length = len(secrets) * slicing.words(first.length) * slicing.WORD
    columns = zip(*(s.parts for s in secrets), strict=True)
    parts = tuple(np.concatenate(column, axis=1) for column in columns)
    return Bits(length, first.width, parts, first.constant_at)


def apart(joined: Bits, lanes: int, length: int) -> list[Bits]:
    """The lanes of `joined`, each of `length` elements: the inverse of beside."""
    size = slicing.words(length)
    if slicing.words(joined.length) != lanes * size:
        raise InternalError(f"expected {lanes} lanes of {size} words, got {joined!r}")
    return [
        Bits(
            length,
            joined.width,
            tuple(part[:, lane * size : (lane + 1) * size] for part in joined.parts),
            joined.constant_at,
        )
        for lane in range(lanes)
    ]
