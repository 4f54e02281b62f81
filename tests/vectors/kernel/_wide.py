"""Numbers of 64 or 128 bits in vectors: from three components of a setting, and back to JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tests.vectors.plays import signed
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.algebra import wide
from mpcstats.engines.rep3.seat import seat_of
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Stream, Words

OTHER_SEED = "00" * 32


def shared_wide(numbers: Sequence[int], stream: Stream) -> list[str]:
    """Three components that sum to `numbers` mod 2^128: the low words of all, then the high words."""
    one, two = (stream.words(2, len(numbers)) for _ in range(2))
    rest = wide.subtract(wide.subtract(wide.wide(numbers), one), two)
    return [to_hex(x.reshape(-1)) for x in (rest, one, two)]


def wide_of(setting: Setting, session: Session, components: Sequence[str], n: int) -> Wide:
    seat = seat_of(session.me, tuple(setting["compute"]))
    if seat is None:
        return Wide((n,), (), None)
    parts = [from_hex(components[(seat.index + i) % 3]).reshape(2, n) for i in range(2)]
    return Wide((n,), (parts[0], parts[1]), seat.constant_at)


def held(secret: Arith | Bits | Wide) -> list[str]:
    """Own and next component; nothing at a party that does not compute."""
    return [to_hex(part.reshape(-1)) for part in secret.parts]


def components_of(vector: Mapping[str, Any], name: str) -> list[Words]:
    """The three components of the result `name`; each must be the same at its two holders."""
    parts = [vector["results"][party][name] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    return [from_hex(own) for own, _ in parts]


def number(vector: Mapping[str, Any], name: str, n: int) -> list[int]:
    """The result `name`, of n numbers of 64 or 128 bits."""
    one, two, three = components_of(vector, name)
    if one.size == n:
        return signed(one + two + three)
    parts = [x.reshape(2, n) for x in (one, two, three)]
    return wide.ints(wide.add(wide.add(parts[0], parts[1]), parts[2]))


def plain_of(components: Sequence[str], n: int) -> list[int]:
    """What three components of an input sum to."""
    return number(
        {
            "compute": ["a", "b", "c"],
            "results": {
                p: {"x": [components[i], components[(i + 1) % 3]]} for i, p in enumerate("abc")
            },
        },
        "x",
        n,
    )


def bit_row(components: Sequence[Words], n: int) -> list[int]:
    one, two, three = components
    words = one ^ two ^ three
    return [int(words[i // 64] >> np.uint64(i % 64)) & 1 for i in range(n)]
