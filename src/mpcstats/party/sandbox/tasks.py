"""What a benchmark runs: one protocol or building block on random data, whose answer is known and checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.sandbox import grouping_tasks as grouping
from mpcstats.protocols.cohort_count import Cohort, Term, cohort_count
from mpcstats.protocols.criterion import Bit
from mpcstats.protocols.held import Held, Summand
from mpcstats.protocols.lookup_join import LeftTable, Lookup, RightTable, lookup_join
from mpcstats.protocols.sort import sort
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session, Stream, Words, parallel

PARTIES = ("a", "b", "c")
LEAK = "benchmark"  # on no card: what is opened is nobody's, and every party drew it itself
WIDTH = 64


@dataclass(frozen=True, slots=True)
class Task:
    """Random data of `rows` rows, the same at every party; the clock is started and stopped around what is timed."""

    session: Session
    engine: Engine
    rows: int
    start: Callable[[], None] = field(repr=False)
    stop: Callable[[], None] = field(repr=False)

    async def begin(self) -> None:
        """Wait until every party has its inputs, then start the clock."""
        others = [party for party in PARTIES if party != self.session.me]
        word = np.zeros(1, dtype=np.uint64)
        await self.session.narrow("begin").exchange(
            send=dict.fromkeys(others, word), receive=dict.fromkeys(others, 1)
        )
        self.start()

    def column(self, name: str, bits: int = 40) -> Words:
        """A column of random numbers below 2^bits."""
        # Every party draws the same, so that every party can check the answer: nobody's data.
        stream = Stream(name.encode().ljust(16, b"\0")[:16])
        return stream.words(self.rows) >> np.uint64(64 - bits)

    def mine(self, owner: str, values: Words) -> Words | None:
        """`values` at their owner, None elsewhere."""
        return values if self.session.me == owner else None

    async def shared(self, owner: str, name: str) -> Arith:
        """A random column as a secret."""
        values = self.mine(owner, self.column(name))
        session = self.session.narrow(f"input-{name}")
        return await self.engine.share(session, values, owner=owner, shape=(self.rows,))

    async def shared_bits(self, owner: str, name: str) -> Bits:
        """A random column of 64-bit numbers as secret bits."""
        values = self.mine(owner, self.column(name, WIDTH))
        sliced = None if values is None else slicing.slice_bits(values, WIDTH)
        session = self.session.narrow(f"input-{name}")
        return await self.engine.share_bits(
            session, sliced, owner=owner, length=self.rows, width=WIDTH
        )

    async def check(self, secret: Arith, expected: Words) -> None:
        """Opens `secret` to all parties. Raises InternalError if it is not `expected`."""
        opened = await self.engine.reveal(
            self.session.narrow("check"), secret, leak=LEAK, to=PARTIES
        )
        if opened is None or not np.array_equal(opened.reshape(-1), expected.reshape(-1)):
            raise InternalError("expected the benchmark's answer to be the plain one, got another")


Body = Callable[[Task, Session], Awaitable[tuple[Arith, Words]]]


async def _sum(task: Task, session: Session) -> tuple[Arith, Words]:
    columns = {party: task.column(party) for party in PARTIES}
    await task.begin()
    summed = await vector_sum(
        session,
        task.engine,
        [Summand(party, task.mine(party, columns[party])) for party in PARTIES],
        shape=(task.rows,),
    )
    task.stop()
    return summed.total, np.sum(list(columns.values()), axis=0, dtype=np.uint64)


async def _product(task: Task, session: Session) -> tuple[Arith, Words]:
    x, y = await parallel(task.shared("a", "x"), task.shared("b", "y"))
    await task.begin()
    product = await task.engine.multiply(session, x, y)
    task.stop()
    return product, task.column("x") * task.column("y")


async def _dot(task: Task, session: Session) -> tuple[Arith, Words]:
    x, y = await parallel(task.shared("a", "x"), task.shared("b", "y"))
    await task.begin()
    total = await task.engine.dot(session, x, y)
    task.stop()
    return total, np.sum(task.column("x") * task.column("y"), dtype=np.uint64, keepdims=True)


async def _less_than(task: Task, session: Session) -> tuple[Arith, Words]:
    x, y = await parallel(task.shared_bits("a", "x"), task.shared_bits("b", "y"))
    await task.begin()
    below = await task.engine.less_than(session, x, y)
    task.stop()
    return await _counted(task, below), _count(task.column("x", 64) < task.column("y", 64))


async def _equal(task: Task, session: Session) -> tuple[Arith, Words]:
    x, y = await parallel(task.shared_bits("a", "x"), task.shared_bits("b", "y"))
    await task.begin()
    same = await task.engine.equal(session, x, y)
    task.stop()
    return await _counted(task, same), _count(task.column("x", 64) == task.column("y", 64))


async def _lookup_join(task: Task, session: Session) -> tuple[Arith, Words]:
    """Of n keys each, half are common: the number of matches, and the sums of two of the right side's columns."""
    n = task.rows
    pool = Stream(b"pool of the keys").words(2 * n, 2)
    table = np.stack([task.column("fund"), task.column("paid")], axis=1)
    await task.begin()
    left = LeftTable(pool[:n]) if session.me == "a" else None
    right = RightTable(pool[n // 2 : n // 2 + n], table) if session.me == "b" else None
    lookup = Lookup("a", "b", "c", left_rows=n, right_rows=n, values=2)
    found = await lookup_join(session.narrow("lookup"), task.engine, lookup, left=left, right=right)
    cohort = Cohort(
        owner="a",
        rows=n,
        valid=n if session.me == "a" else None,
        formula=Bit(0),
        hits=(found.hit,),
        groups=(),
        totals=tuple((Term((column,)),) for column in found.columns),
    )
    counted = await cohort_count(session.narrow("cohort"), task.engine, cohort)
    task.stop()
    common = n - n // 2
    sums = table[:common].sum(axis=0, dtype=np.uint64)
    answer = Arith.concatenate([counted.persons, counted.totals])
    return answer, np.concatenate([np.array([common], dtype=np.uint64), sums])


async def _cohort(task: Task, session: Session) -> tuple[Arith, Words]:
    """Both of two owners' bits over one spine, and the sum of a column of the spine's owner."""
    x, y = await parallel(task.shared_bits("a", "x"), task.shared_bits("b", "y"))
    amounts = task.column("amount")
    await task.begin()
    held = Held(task.rows, (Summand("a", task.mine("a", amounts)),))
    cohort = Cohort(
        owner="a",
        rows=task.rows,
        valid=task.rows if session.me == "a" else None,
        formula=Bit(0),
        hits=((x ^ y).rows(0),),
        groups=(),
        totals=((Term((held,)),),),
    )
    counted = await cohort_count(session, task.engine, cohort)
    task.stop()
    in_cohort = ((task.column("x", 64) ^ task.column("y", 64)) & np.uint64(1)).astype(np.bool_)
    expected = [np.count_nonzero(in_cohort), amounts[in_cohort].sum(dtype=np.uint64)]
    answer = Arith.concatenate([counted.persons, counted.totals])
    return answer, np.array(expected, dtype=np.uint64)


async def _sort(task: Task, session: Session) -> tuple[Arith, Words]:
    """Keys of 64 bits and one column that they carry: the column in the keys' order."""
    keys = await task.shared_bits("a", "x")
    column = await task.shared("b", "y")
    await task.begin()
    ordered = await sort(session, task.engine, keys, [column])
    task.stop()
    (carried,) = ordered.columns
    if not isinstance(carried, Arith):
        raise InternalError("expected a column of numbers to stay one")
    return carried, task.column("y")[np.argsort(task.column("x", WIDTH), kind="stable")]


async def _counted(task: Task, row: Bits) -> Arith:
    """How many bits of a row are 1; not timed."""
    numbers = await task.engine.to_arith(task.session.narrow("count"), row)
    return numbers[0].total()


def _count(flags: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Words:
    return np.array([np.count_nonzero(flags)], dtype=np.uint64)


TASKS: dict[str, Body] = {
    "sum": _sum,
    "product": _product,
    "dot": _dot,
    "less_than": _less_than,
    "equal": _equal,
    "lookup_join": _lookup_join,
    "cohort_count": _cohort,
    "sort": _sort,
    "permute": grouping.permuted,
    "expand": grouping.expanded,
    "group_by_public": grouping.grouped_public,
    "group_by_owned": grouping.grouped_owned,
    "histogram": grouping.binned,
}
