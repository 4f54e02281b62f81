"""Sums and products of columns of numbers."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.share import Arith
from mpcstats.party.sandbox.tasks.task import PARTIES, Body, Task
from mpcstats.protocols.held import Summand
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session, Words, parallel


async def _sum(task: Task, session: Session) -> tuple[Arith, Words]:
    own = task.column(session.me)
    await task.begin()
    summed = await vector_sum(
        session,
        task.engine,
        [Summand(party, task.mine(party, own)) for party in PARTIES],
        shape=(task.rows,),
    )
    task.stop()
    total = summed.total
    del own, summed
    expected = task.column(PARTIES[0])
    for party in PARTIES[1:]:
        expected += task.column(party)
    return total, expected


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
