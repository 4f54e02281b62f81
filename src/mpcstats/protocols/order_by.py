"""Order by: the cheaper of two ways to put rows in the order of secret keys."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.algebra.bits import WORD
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.protocols.radix_sort import DIGIT, radix_sort
from mpcstats.protocols.sort import Key, Sorted, sort, stacked, unstacked
from mpcstats.session import Session

# Bits of all keys, if few words move along: two passes of a radix sort then cost about as many bytes as comparisons,
# and 24 rounds, not 200. Every pass moves every word again, so with many words only one pass is cheaper.
NARROW = 6
FEW_WORDS = 4


async def order_by(
    session: Session, engine: Engine, keys: Sequence[Key], columns: Sequence[Column] = ()
) -> Sorted:
    """As `sort`: narrow keys are sorted a few bits at a time, others by comparisons."""
    words = sum(1 if isinstance(c, Arith) else -(-c.width // WORD) for c in columns)
    most = NARROW if words <= FEW_WORDS else DIGIT
    if not keys or sum(key.rows.width for key in keys) > most:
        return await sort(session, engine, keys, columns)
    placed = await radix_sort(session, engine, stacked(keys), columns)
    own, *carried = placed.columns
    if not isinstance(own, Bits):
        raise InternalError("expected bit rows to stay bit rows")
    return Sorted(tuple(unstacked(own, keys)), tuple(carried), placed.arrangement)
