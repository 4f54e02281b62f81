"""What a question is made of: a lookup join, and counts and sums of a cohort."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.share import Arith
from mpcstats.party.sandbox.tasks.task import Body, Task
from mpcstats.protocols.cohort_count import Cohort, Term, cohort_count
from mpcstats.protocols.criterion import Bit
from mpcstats.protocols.held import Held, Summand
from mpcstats.protocols.lookup_join import LeftTable, Lookup, RightTable, lookup_join
from mpcstats.session import Session, Stream, Words, parallel


async def _lookup_join(task: Task, session: Session) -> tuple[Arith, Words]:
    """Of n keys each, half are common: the number of matches, and the sums of two of the right side's columns."""
    n = task.rows
    left = LeftTable(_keys(n)) if session.me == "a" else None
    right = RightTable(_keys(n, n // 2), _table(task)) if session.me == "b" else None
    await task.begin()
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
    sums = _table(task)[:common].sum(axis=0, dtype=np.uint64)
    answer = Arith.concatenate([counted.persons, counted.totals])
    return answer, np.concatenate([np.array([common], dtype=np.uint64), sums])


def _keys(n: int, start: int = 0) -> Words:
    """Keys start to start + n of a pool."""
    return Stream(b"pool of the keys").words(start + n, 2)[start:].copy()


def _table(task: Task) -> Words:
    columns = np.empty((task.rows, 2), dtype=np.uint64)
    for j, name in enumerate(("fund", "paid")):
        columns[:, j] = task.column(name)
    return columns


async def _cohort_count(task: Task, session: Session) -> tuple[Arith, Words]:
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


TASKS: dict[str, Body] = {"lookup_join": _lookup_join, "cohort_count": _cohort_count}
