"""Comparisons of two columns of 64-bit numbers."""

from __future__ import annotations

from mpcstats.engines.share import Arith
from mpcstats.party.sandbox.tasks.task import Body, Task, count
from mpcstats.session import Session, Words, parallel


async def _less_than(task: Task, session: Session) -> tuple[Arith, Words]:
    x, y = await parallel(task.shared_bits("a", "x"), task.shared_bits("b", "y"))
    await task.begin()
    below = await task.engine.less_than(session, x, y)
    task.stop()
    return await task.counted(below), count(task.column("x", 64) < task.column("y", 64))


async def _equality(task: Task, session: Session) -> tuple[Arith, Words]:
    x, y = await parallel(task.shared_bits("a", "x"), task.shared_bits("b", "y"))
    await task.begin()
    same = await task.engine.equal(session, x, y)
    task.stop()
    return await task.counted(same), count(task.column("x", 64) == task.column("y", 64))


TASKS: dict[str, Body] = {"less_than": _less_than, "equality": _equality}
