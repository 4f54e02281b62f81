"""Orders of rows by a secret key."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError
from mpcstats.party.sandbox.tasks.task import Body, Task
from mpcstats.protocols.sort import sort
from mpcstats.session import Session, Words


def _sort(width: int) -> Body:
    """Keys of `width` bits and one column that they carry: the column in the keys' order."""

    async def body(task: Task, session: Session) -> tuple[Arith, Words]:
        keys = await task.shared_bits("a", "x", width)
        column = await task.shared("b", "y")
        await task.begin()
        ordered = await sort(session, task.engine, keys, [column])
        task.stop()
        (carried,) = ordered.columns
        if not isinstance(carried, Arith):
            raise InternalError("expected a column of numbers to stay one")
        return carried, task.column("y")[np.argsort(task.column("x", width), kind="stable")]

    return body


TASKS: dict[str, Body] = {"sort": _sort(64), "sort32": _sort(32)}
