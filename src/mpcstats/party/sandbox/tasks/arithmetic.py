"""Sums and products of columns of numbers."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.shamir import Shamir
from mpcstats.engines.share import Arith
from mpcstats.party.sandbox.tasks.task import LEAK, Body, Opened, Task
from mpcstats.protocols.held import Summand
from mpcstats.protocols.long_sum import long_sum
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session, Words, parallel


async def _sum(task: Task, session: Session) -> tuple[Arith | Opened, Words]:
    """One vector from each party; on engine shamir as a long sum, and opened to the first of them."""
    if isinstance(task.engine, Shamir):
        return await _long_sum(task, task.engine, session)
    own = task.column(session.me)
    await task.begin()
    summed = await vector_sum(
        session,
        task.engine,
        [Summand(party, task.mine(party, own)) for party in task.parties],
        shape=(task.rows,),
    )
    task.stop()
    total = summed.total
    del own, summed
    return total, _expected(task)


async def _long_sum(task: Task, engine: Shamir, session: Session) -> tuple[Opened, Words]:
    own = task.column(session.me)
    to = task.parties[:1]
    await task.begin()
    vectors = [Summand(party, task.mine(party, own)) for party in task.parties]
    summed = await long_sum(session, engine, vectors, length=task.rows)
    opened = await engine.reveal_vector(session.narrow("open"), summed, leak=LEAK, to=to)
    task.stop()
    return Opened(to, opened), _expected(task)


def _expected(task: Task) -> Words:
    total = task.column(task.parties[0])
    for party in task.parties[1:]:
        total += task.column(party)
    return total


async def _multiply(task: Task, session: Session) -> tuple[Arith, Words]:
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


TASKS: dict[str, Body] = {"sum": _sum, "multiply": _multiply, "dot": _dot}
