"""Flag count: how many bits of a secret row are 1, at about one and for each bit.

Three bits of one weight become one of it and one of the next (a full adder, one and), until of each weight at most two
words of bits are left; these few become numbers. Specification and argument: protocols/flag_count/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.bits import WORD
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import UsageError
from mpcstats.session import Session

MOST_LEFT = 2  # words of bits of one weight that become numbers


def levels(rows: int) -> list[list[int]]:
    """Before each round of adders and after the last one the words that there are of each weight, from `rows` bits."""
    found = [[slicing.words(rows)]]
    while max(found[-1]) > MOST_LEFT:
        here = found[-1]
        more = [0, *(words // 3 for words in here)]
        kept = [words - 2 * (words // 3) for words in here]
        made = [a + b for a, b in zip([*kept, 0], more, strict=True)]
        found.append(made if made[-1] else made[:-1])
    return found


def ands(rows: int) -> int:
    """Words that are anded, and so sent, for each row of `rows` bits."""
    return sum(words // 3 for here in levels(rows)[:-1] for words in here)


async def flag_count(session: Session, engine: Engine, flags: Bits) -> Arith:
    """How many bits of each row of `flags` are 1, shape (width,). Raises UsageError without rows or bits."""
    if not flags.width or not flags.length:
        raise UsageError(f"expected rows of flags, got {flags!r}")
    # What is beyond the last bit counts nothing.
    whole = flags.masked(slicing.pack(np.ones((1, flags.length), dtype=np.bool_)))
    weights = [whole.first(WORD * slicing.words(flags.length))]
    for level in range(len(levels(flags.length)) - 1):
        weights = await _added(session.narrow(f"level{level}"), engine, weights)
    numbers = await engine.to_arith(session.narrow("numbers"), Bits.concatenate(weights))
    places = [np.full(row.length, 1 << i, dtype=np.uint64) for i, row in enumerate(weights)]
    return numbers.scaled(np.concatenate(places)).total()


async def _added(session: Session, engine: Engine, weights: Sequence[Bits]) -> list[Bits]:
    """One round of adders: of each weight as many threes of words as there are."""
    found: list[list[Bits]] = [[] for _ in range(len(weights) + 1)]
    pairs, firsts, at = [], [], []
    for place, row in enumerate(weights):
        third = WORD * (slicing.words(row.length) // 3)
        a, b, c = (row.cut(i * third, (i + 1) * third) for i in range(3))
        if third:
            found[place].append(a ^ b ^ c)
            pairs.append((a ^ b, a ^ c))
            firsts.append(a)
            at.append(place)
        if row.length > 3 * third:
            found[place].append(row.cut(3 * third, row.length))
    # The majority of three: the first, unless both others differ from it.
    differ = await engine.conj(session, pairs)
    for place, first, both in zip(at, firsts, differ, strict=True):
        found[place + 1].append(first ^ both)
    return [Bits.concatenate(parts) for parts in found if parts]
