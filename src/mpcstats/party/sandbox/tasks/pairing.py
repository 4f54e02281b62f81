"""What two parties run without a helper: tasks that open their answer themselves, and check it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import group
from mpcstats.errors import InternalError
from mpcstats.protocols.private_join import Join, Progress, Table, private_join
from mpcstats.session import Session, Stream

PARTIES = ("a", "b")
VALUE_BITS = 40


@dataclass(frozen=True, slots=True)
class PairTask:
    """Random data of `rows` rows at each of two parties; the clock is started and stopped around what is timed."""

    session: Session
    rows: int
    start: Callable[[], None] = field(repr=False)
    stop: Callable[[], None] = field(repr=False)
    on_progress: Progress = field(repr=False)

    async def begin(self) -> None:
        """Wait until both have their inputs, then start the clock."""
        (other,) = (party for party in PARTIES if party != self.session.me)
        word = np.zeros(1, dtype=np.uint64)
        await self.session.narrow("begin").exchange(send={other: word}, receive={other: 1})
        self.start()


async def _private_join(task: PairTask, session: Session) -> None:
    """Of n keys each, half are common: the number of matches, and the sum of a column of b's, to both."""
    n, me = task.rows, task.session.me
    group.check_installed()
    # Both draw the same, so that both can check the answer: nobody's data.
    pool = Stream(b"pool of the keys").words(n + n // 2, 2)
    values = Stream(b"values of the b ").words(n, 1) >> np.uint64(64 - VALUE_BITS)
    table = Table(pool[:n]) if me == "a" else Table(pool[n // 2 :], values)
    join = Join("a", "b", n, n, size_to=PARTIES, bits=(VALUE_BITS,), sums_to=PARTIES)
    await task.begin()
    found = await private_join(session, join, table, on_progress=task.on_progress)
    task.stop()
    common = n - n // 2
    if found.size != common or found.sums != (int(values[:common].sum()),):
        raise InternalError("expected the benchmark's answer to be the plain one, got another")


PairBody = Callable[[PairTask, Session], Awaitable[None]]

TASKS: dict[str, PairBody] = {"private_join": _private_join}
