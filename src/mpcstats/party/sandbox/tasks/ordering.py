"""Orders of rows by a secret key, and what is made of them: joins and groups by keys that nobody sees."""

from __future__ import annotations

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.sandbox.tasks.task import WIDTH, Body, Task
from mpcstats.protocols.compact import compact
from mpcstats.protocols.group_by import group_by
from mpcstats.protocols.order_by import order_by
from mpcstats.protocols.sort import Key, sort
from mpcstats.protocols.sort_join import Side, sort_join
from mpcstats.session import Session, Stream, Words

GROUPS = 1000  # of the secret group column


def _sort(width: int) -> Body:
    """Keys of `width` bits and one column that they carry: the column in the keys' order."""

    async def body(task: Task, session: Session) -> tuple[Arith, Words]:
        keys = await task.shared_bits("a", "x", width)
        column = await task.shared("b", "y")
        await task.begin()
        ordered = await sort(session, task.engine, [Key(keys)], [column])
        task.stop()
        carried = _numbers(ordered.columns[0])
        return carried, task.column("y")[np.argsort(task.column("x", width), kind="stable")]

    return body


async def _radix_sort(task: Task, session: Session) -> tuple[Arith, Words]:
    """Keys of 3 bits and one column."""
    keys = await task.shared_bits("a", "x", 3)
    column = await task.shared("b", "y")
    await task.begin()
    ordered = await order_by(session, task.engine, [Key(keys)], [column])
    task.stop()
    carried = _numbers(ordered.columns[0])
    return carried, task.column("y")[np.argsort(task.column("x", 3), kind="stable")]


async def _shuffle(task: Task, session: Session) -> tuple[Arith, Words]:
    """One column, whose sum stays what it is."""
    column = await task.shared("b", "y")
    await task.begin()
    shuffled = await task.engine.shuffle(session, [column])
    task.stop()
    total = task.column("y").sum(dtype=np.uint64, keepdims=True)
    return _numbers(shuffled.columns[0]).total(), total


async def _compact(task: Task, session: Session) -> tuple[Arith, Words]:
    """One column under flags of which about half are set."""
    flags = await task.shared_bits("a", "x", 1)
    column = await task.shared("b", "y")
    await task.begin()
    found = await compact(session, task.engine, flags, [column])
    task.stop()
    unset = task.column("x", 1) == 0
    return _numbers(found.columns[0]), task.column("y")[np.argsort(unset, kind="stable")]


async def _sort_join(task: Task, session: Session) -> tuple[Arith, Words]:
    """Of n keys each, half are common: the sum of a column of the right side over the matches."""
    n = task.rows
    pool = Stream(b"keys of the join").words(n + n // 2)
    values = task.column("paid")
    left = await _keys(task, session.narrow("left"), "a", pool[n // 2 :])
    right = await _keys(task, session.narrow("right"), "b", pool[:n])
    paid = await task.shared("b", "paid")
    await task.begin()
    (match,) = await sort_join(
        session.narrow("join"), task.engine, [Side(left)], [Side(right, (paid,))]
    )
    hits = (await task.engine.to_arith(session.narrow("hits"), match.hit))[0]
    total = await task.engine.dot(session.narrow("sum"), hits, _numbers(match.columns[0]))
    task.stop()
    return total, values[n // 2 :].sum(dtype=np.uint64, keepdims=True)


async def _group_by(task: Task, session: Session) -> tuple[Arith, Words]:
    """Rows in GROUPS groups of a column of 64 bits: how many, and the sum of another column, group by group."""
    codes = task.column("x", WIDTH) % np.uint64(GROUPS) * np.uint64(2**54 + 1)
    keys = await _keys(task, session.narrow("keys"), "a", codes)
    column = await task.shared("b", "y")
    await task.begin()
    found = await group_by(
        session.narrow("group"), task.engine, [keys], groups=GROUPS, sums=[column]
    )
    task.stop()
    sums = np.zeros(GROUPS, dtype=np.uint64)
    _, group = np.unique(codes, return_inverse=True)
    np.add.at(sums, group, task.column("y"))
    persons = np.bincount(group, minlength=GROUPS).astype(np.uint64)
    kept = min(GROUPS, task.rows)
    answer = Arith.concatenate([found.persons, found.sums[0]])
    return answer, np.concatenate([persons[:kept], sums[:kept]])


async def _keys(task: Task, session: Session, owner: str, values: Words) -> Bits:
    mine = session.me == owner
    rows = slicing.slice_bits(values, WIDTH) if mine else None
    return await task.engine.share_bits(session, rows, owner=owner, length=values.size, width=WIDTH)


def _numbers(column: Column) -> Arith:
    if not isinstance(column, Arith):
        raise InternalError("expected a column of numbers to stay one")
    return column


TASKS: dict[str, Body] = {
    "shuffle": _shuffle,
    "compact": _compact,
    "radix_sort": _radix_sort,
    "sort": _sort(64),
    "sort32": _sort(32),
    "sort_join": _sort_join,
    "group_by": _group_by,
}
