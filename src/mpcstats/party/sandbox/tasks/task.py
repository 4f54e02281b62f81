"""Random data for a benchmark, the clock around what is timed, and the check of its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.session import Session, Stream, Words

PARTIES = ("a", "b", "c")
NAMES = "abcdefghijklmno"  # of parties, in order
LEAK = "benchmark"  # on no card: what is opened is nobody's, and every party drew it itself
WIDTH = 64


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that was opened to the parties `to` within what is timed; `values` is None at others."""

    to: tuple[str, ...]
    values: Words | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """Random data of `rows` rows, the same at every party; the clock is started and stopped around what is timed."""

    session: Session
    engine: Engine
    rows: int
    start: Callable[[], None] = field(repr=False)
    stop: Callable[[], None] = field(repr=False)

    @property
    def parties(self) -> tuple[str, ...]:
        """All of them compute."""
        return self.session.parties

    async def begin(self) -> None:
        """Wait until every party has its inputs, then start the clock."""
        others = [party for party in self.parties if party != self.session.me]
        word = np.zeros(1, dtype=np.uint64)
        await self.session.narrow("begin").exchange(
            send=dict.fromkeys(others, word), receive=dict.fromkeys(others, 1)
        )
        self.start()

    def column(self, name: str, bits: int = 40) -> Words:
        """A column of random numbers below 2^bits."""
        # Every party draws the same, so that every party can check the answer: nobody's data.
        stream = Stream(name.encode().ljust(16, b"\0")[:16])
        words = stream.words(self.rows)
        words >>= np.uint64(64 - bits)
        return words

    def mine(self, owner: str, values: Words) -> Words | None:
        """`values` at their owner, None elsewhere."""
        return values if self.session.me == owner else None

    async def shared(self, owner: str, name: str) -> Arith:
        """A random column as a secret."""
        values = self.mine(owner, self.column(name))
        session = self.session.narrow(f"input-{name}")
        return await self.engine.share(session, values, owner=owner, shape=(self.rows,))

    async def shared_bits(self, owner: str, name: str, width: int = WIDTH) -> Bits:
        """A random column of numbers of `width` bits as secret bits."""
        values = self.mine(owner, self.column(name, width))
        sliced = None if values is None else slicing.slice_bits(values, width)
        session = self.session.narrow(f"input-{name}")
        return await self.engine.share_bits(
            session, sliced, owner=owner, length=self.rows, width=width
        )

    async def check(self, answer: Arith | Opened, expected: Words) -> None:
        """Raises InternalError if `answer` is not `expected`; a secret is opened to all parties first."""
        if isinstance(answer, Opened):
            opened, told = answer.values, self.session.me in answer.to
        else:
            step = self.session.narrow("check")
            opened = await self.engine.reveal(step, answer, leak=LEAK, to=self.parties)
            told = True
        if (opened is not None) != told or (
            opened is not None and not np.array_equal(opened.reshape(-1), expected.reshape(-1))
        ):
            raise InternalError("expected the benchmark's answer to be the plain one, got another")

    async def counted(self, row: Bits) -> Arith:
        """How many bits of a row are 1; not timed."""
        numbers = await self.engine.to_arith(self.session.narrow("count"), row)
        return numbers[0].total()


Body = Callable[[Task, Session], Awaitable[tuple[Arith | Opened, Words]]]
"""Runs the task in the given session: the answer, as a rule a secret one, and the plain one.

It calls task.begin and task.stop.
"""


def count(flags: NDArray[np.bool_]) -> Words:
    """How many flags are set, as an array of one number."""
    return np.array([np.count_nonzero(flags)], dtype=np.uint64)
