"""Benchmarks of orders that an owner knows, and of counts and sums by group."""

from __future__ import annotations

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.party.sandbox.tasks.task import Body, Task
from mpcstats.protocols.expand import expand
from mpcstats.protocols.group_by_owned import group_by_owned
from mpcstats.protocols.group_by_public import Grouped, code_width, group_by_public
from mpcstats.protocols.histogram import histogram
from mpcstats.session import Session, Words, parallel

GROUPS = 100
EDGES = tuple(range(0, 121, 10))  # years of age


async def _permuted(task: Task, session: Session) -> tuple[Arith, Words]:
    """Two columns in an order that a knows; the sum of both is checked."""
    x, y = await parallel(task.shared("b", "x"), task.shared("c", "y"))
    order = np.argsort(task.column("order", 64))
    await task.begin()
    own = order if session.me == "a" else None
    first, second = await task.engine.permute(session, [x, y], own, owner="a")
    task.stop()
    return _number(first) + _number(second), (task.column("x") + task.column("y"))[order]


async def _expanded(task: Task, session: Session) -> tuple[Arith, Words]:
    """Rows that a repeats or leaves out: every row of the result comes of any row of the input."""
    x = await task.shared("b", "x")
    sources = (task.column("sources", 40) % np.uint64(max(1, task.rows))).astype(np.intp)
    await task.begin()
    own = sources if session.me == "a" else None
    (found,) = await expand(session, task.engine, [x], own, owner="a", rows_out=task.rows)
    task.stop()
    return _number(found), task.column("x")[sources]


async def _grouped_public(task: Task, session: Session) -> tuple[Arith, Words]:
    """Count and one sum of each of 100 groups, by secret codes."""
    codes = await _coded(task, session, "a", GROUPS)
    x = await task.shared("b", "x")
    await task.begin()
    found = await group_by_public(session.narrow("group"), task.engine, codes, [x], groups=GROUPS)
    task.stop()
    return _both(found), _expected(task)


async def _grouped_owned(task: Task, session: Session) -> tuple[Arith, Words]:
    """Count and one sum of each of 100 groups, by codes of a."""
    x = await task.shared("b", "x")
    codes = _codes(task, GROUPS)
    await task.begin()
    found = await group_by_owned(
        session,
        task.engine,
        [x],
        task.mine("a", codes),
        owner="a",
        rows=task.rows,
        groups=GROUPS,
    )
    task.stop()
    return _both(found), _expected(task)


async def _binned(task: Task, session: Session) -> tuple[Arith, Words]:
    """Ages of 7 bits in bins of ten years."""
    ages = await _coded(task, session, "a", 128)
    await task.begin()
    found = await histogram(session.narrow("bins"), task.engine, ages, EDGES, above=True)
    task.stop()
    years = _codes(task, 128).astype(np.intp)
    return found, np.bincount(np.minimum(years // 10, 12), minlength=13).astype(np.uint64)


def _codes(task: Task, groups: int) -> Words:
    return task.column("codes", 40) % np.uint64(groups)


async def _coded(task: Task, session: Session, owner: str, groups: int) -> Bits:
    width = code_width(groups)
    rows = slicing.slice_bits(_codes(task, groups), width)
    return await task.engine.share_bits(
        session.narrow("codes"),
        task.mine(owner, rows),
        owner=owner,
        length=task.rows,
        width=width,
    )


def _both(found: Grouped) -> Arith:
    return Arith.concatenate([found.counts, found.sums[0]])


def _expected(task: Task) -> Words:
    codes = _codes(task, GROUPS).astype(np.intp)
    sums = np.zeros(GROUPS, dtype=np.uint64)
    np.add.at(sums, codes, task.column("x"))
    return np.concatenate([np.bincount(codes, minlength=GROUPS).astype(np.uint64), sums])


def _number(column: Column) -> Arith:
    if not isinstance(column, Arith):
        raise InternalError("expected a column of numbers to stay one")
    return column


TASKS: dict[str, Body] = {
    "permute": _permuted,
    "expand": _expanded,
    "group_by_public": _grouped_public,
    "group_by_owned": _grouped_owned,
    "histogram": _binned,
}
