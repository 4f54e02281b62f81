"""Firsts: of each run of rows the first one in which a flag is 1; runs are of neighbouring rows, and nobody sees them.

What is above a row in its run is a carry: a flag generates it, a row that begins no run and has no flag passes it on.
Carries are found by prefixes: within windows of a word by doubling, over whole words on one bit a word.
Specification and argument: protocols/firsts/spec.md.
"""

from __future__ import annotations

import numpy as np

from mpcstats.algebra.bits import WORD
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.errors import UsageError
from mpcstats.session import Session


async def firsts(session: Session, engine: Engine, starting: Bits, flags: Bits) -> Bits:
    """Rows of bits like `flags`, with the first 1 of each run and no other.

    starting: one row of bits, 1 where a run begins; the first row begins one whatever it says. Every row of `flags`
    is taken by itself. Raises UsageError for rows of another length, and without a flag.
    """
    n = flags.length
    if (starting.length, starting.width) != (n, 1) or not flags.width:
        raise UsageError(f"expected one row of {n} bits and flags, got {starting!r} and {flags!r}")
    inside = (~starting).repeat(flags.width)
    (made,) = await engine.conj(session.narrow("above"), [(flags.moved(1), inside)])
    # made: the row above has the flag. passed: it has not, and is of the same run.
    made, passed = await _doubled(session.narrow("near"), engine, made, inside ^ made, min(n, WORD))
    if n > WORD:
        made = await _reached(session.narrow("far"), engine, made, passed)
    (later,) = await engine.conj(session.narrow("later"), [(flags, made)])
    return flags ^ later


async def _doubled(
    session: Session, engine: Engine, made: Bits, passed: Bits, reach: int
) -> tuple[Bits, Bits]:
    """Both of the windows of `reach` rows that end in each row: (g, p) after (h, q) is (g ^ p h, p q)."""
    for level in range((reach - 1).bit_length()):
        by = 1 << level
        before, through = made.moved(by), passed.moved(by)
        more, passed = await engine.conj(
            session.narrow(str(level)), [(passed, before), (passed, through)]
        )
        # A window that passes carries makes none: at most one of the two is 1.
        made = made ^ more
    return made, passed


async def _reached(session: Session, engine: Engine, made: Bits, passed: Bits) -> Bits:
    """Carries of windows of a word and all that is above: those that reach the end of the word above come through."""
    n = made.length
    ends = np.arange(WORD - 1, n - 1, WORD)  # of every word but the last
    words, through = made.taken(ends), passed.taken(ends)
    words, _ = await _doubled(session.narrow("words"), engine, words, through, len(ends))
    spread = words.taken(np.repeat(np.arange(len(ends)), WORD))
    above = Bits.concatenate([made.zeros(WORD), spread]).between(0, n)
    (more,) = await engine.conj(session.narrow("through"), [(passed, above)])
    return made ^ more
