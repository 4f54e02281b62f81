"""Blocks of rows, a few at a time: while one block's messages travel the next is computed, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mpcstats.errors import InternalError
from mpcstats.session.parallel import parallel
from mpcstats.session.session import Session

T = TypeVar("T")
Body = Callable[[Session, slice], Coroutine[Any, Any, T]]

WINDOW = 2  # one block computes while another's messages travel


async def in_blocks(
    session: Session, n: int, block: int, body: Body[T], *, window: int = WINDOW
) -> list[T]:
    """What `body` returns for rows 0..n in blocks of `block` rows (the last may be shorter), in their order.

    `body` gets a session narrowed to its block and the block's rows, slice(start, stop). At most `window` blocks
    are in flight, from the call of `body` to its return, so what they hold is bounded; results are kept until
    the end, so large ones are better written to an array of the caller's. `n`, `block` and `window` must be
    public and the same at all parties. The rounds are those of ceil(blocks / window) bodies one after the other.
    Raises InternalError unless n >= 0, block >= 1 and window >= 1, and what `body` raises.
    """
    if n < 0 or block < 1 or window < 1:
        raise InternalError(
            f"expected n >= 0 rows, a block and a window of 1 or more, got {n}, {block} and {window}"
        )
    count = -(-n // block)
    results: dict[int, T] = {}

    # Lane j takes the blocks j, j + window, ... at every party: a block waits for its own lane alone,
    # so no two parties can wait for blocks that the other has not begun.
    async def lane(first: int) -> None:
        for i in range(first, count, window):
            rows = slice(i * block, min((i + 1) * block, n))
            results[i] = await body(session.narrow(f"block{i}"), rows)

    await parallel(*(lane(first) for first in range(min(window, count))))
    return [results[i] for i in range(count)]
