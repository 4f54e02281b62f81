"""What analysts ask of ordered rows: order statistics, first rows, neighbours, distinct values, quotients."""

from __future__ import annotations

import numpy as np

from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError
from mpcstats.party.sandbox.tasks.task import WIDTH, Body, Task, count
from mpcstats.protocols.distinct import count_distinct
from mpcstats.protocols.divide import divide
from mpcstats.protocols.quantile import quantile
from mpcstats.protocols.sort import Key
from mpcstats.protocols.top_k import top_k
from mpcstats.protocols.window import window
from mpcstats.session import Session, Words

FIRST = 10  # rows of a top k
PERSON_BITS = 20  # of a window's partitions
DAY_BITS = 16
NUMERATOR_BITS = 40
DENOMINATOR_BITS = 20


async def _median(task: Task, session: Session) -> tuple[Arith, Words]:
    """Of values of 64 bits, all of which are present."""
    values = await task.shared_bits("a", "x")
    await task.begin()
    found = await quantile(session, task.engine, values, [(1, 2)])
    task.stop()
    ordered = np.sort(task.column("x", WIDTH))
    return found.numbers, ordered[(task.rows + 1) // 2 - 1 :][:1]


async def _median_of_present(task: Task, session: Session) -> tuple[Arith, Words]:
    """Of values of 64 bits, about half of which are absent, nobody knows which."""
    values = await task.shared_bits("a", "x")
    present = await task.shared_bits("b", "y", 1)
    await task.begin()
    found = await quantile(session, task.engine, values, [(1, 2)], present=present)
    task.stop()
    kept = np.sort(task.column("x", WIDTH)[task.column("y", 1) == 1])
    expected = kept[(kept.size + 1) // 2 - 1 :][:1]
    return found.numbers, expected if kept.size else np.zeros(1, dtype=np.uint64)


async def _top_k(task: Task, session: Session) -> tuple[Arith, Words]:
    """The first rows by a key of 64 bits, with one column."""
    keys = await task.shared_bits("a", "x")
    column = await task.shared("b", "y")
    kept = min(FIRST, task.rows)
    await task.begin()
    found = await top_k(session, task.engine, [Key(keys)], [column], kept)
    task.stop()
    (carried,) = found.columns
    if not isinstance(carried, Arith):
        raise InternalError("expected a column of numbers to stay one")
    order = np.argsort(task.column("x", WIDTH), kind="stable")
    return carried, task.column("y")[order[:kept]]


async def _window(task: Task, session: Session) -> tuple[Arith, Words]:
    """How many rows of a person have a later one, and the sum of the days until it: persons and days by a sort."""
    persons = await task.shared_bits("a", "x", PERSON_BITS)
    days = await task.shared_bits("b", "y", DAY_BITS)
    numbers = task.column("y", DAY_BITS)
    column = await task.engine.share(
        task.session.narrow("days"), task.mine("b", numbers), owner="b", shape=(task.rows,)
    )
    await task.begin()
    rows = await window(session.narrow("window"), task.engine, [persons], [Key(days)], [column])
    ahead = await rows.lead(session.narrow("lead"), task.engine, rows.columns[0])
    task.stop()
    exists = (await task.engine.to_arith(task.session.narrow("exists"), ahead.exists))[0]
    first, later = rows.columns[0], ahead.column
    if not isinstance(first, Arith) or not isinstance(later, Arith):
        raise InternalError("expected a column of numbers to stay one")
    days_until = await task.engine.dot(task.session.narrow("sum"), exists, later - first)
    answer = Arith.concatenate([exists.total(), days_until])
    key = task.column("x", PERSON_BITS) << np.uint64(DAY_BITS) | numbers
    ordered = np.sort(key)
    same = ordered[1:] >> np.uint64(DAY_BITS) == ordered[:-1] >> np.uint64(DAY_BITS)
    total = (ordered[1:] - ordered[:-1])[same].sum(dtype=np.uint64, keepdims=True)
    return answer, np.concatenate([count(same), total])


async def _distinct(task: Task, session: Session) -> tuple[Arith, Words]:
    """How many different values a column of 20 bits has."""
    keys = await task.shared_bits("a", "x", PERSON_BITS)
    await task.begin()
    found = await count_distinct(session, task.engine, [keys])
    task.stop()
    return found, np.array([np.unique(task.column("x", PERSON_BITS)).size], dtype=np.uint64)


async def _divide(task: Task, session: Session) -> tuple[Arith, Words]:
    """Quotients of numbers of 40 bits by numbers of 20 bits; by 0 they are 0."""
    x = await task.shared("a", "x")
    divisors = task.column("y", DENOMINATOR_BITS)
    y = await task.engine.share(
        task.session.narrow("divisors"), task.mine("b", divisors), owner="b", shape=(task.rows,)
    )
    await task.begin()
    found = await divide(
        session,
        task.engine,
        x,
        y,
        numerator_bits=NUMERATOR_BITS,
        denominator_bits=DENOMINATOR_BITS,
    )
    task.stop()
    if not isinstance(found.quotient, Arith):
        raise InternalError("expected quotients of 64 bits")
    safe = np.maximum(divisors, np.uint64(1))
    return found.quotient, np.where(divisors > 0, task.column("x") // safe, np.uint64(0))


TASKS: dict[str, Body] = {
    "quantile": _median,
    "quantile_of_present": _median_of_present,
    "top_k": _top_k,
    "window": _window,
    "distinct": _distinct,
    "divide": _divide,
}
