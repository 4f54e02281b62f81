"""Runs: neighbouring rows with equal keys in a sorted table; where they begin and end, copies from their first rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, difference, united
from mpcstats.engines.share import Bits, Elements
from mpcstats.protocols.compact import compact
from mpcstats.session import Session, Words


async def starts(session: Session, engine: Engine, keys: Sequence[Bits]) -> Bits:
    """One row: 1 where any key differs from that of the row above, and in the first row."""
    stacked = Bits.stack(list(keys))
    same = await engine.equal(session, stacked, stacked.moved(1))
    return _with_bit(~same, 0)


def ends(starting: Bits) -> Bits:
    """One row: 1 in the last row of each run, given where runs begin."""
    return _with_bit(starting.moved(-1), starting.length - 1)


def _with_bit(row: Bits, place: int) -> Bits:
    """`row` with a 1 at one place."""
    if row.length == 0:
        return row
    one = _one(row.length, place)
    return row.masked(~one) ^ row.constant(one)


def _one(n: int, place: int) -> Words:
    flags = np.zeros((1, n), dtype=np.bool_)
    flags[0, place] = True
    return slicing.pack(flags)


async def from_starts(
    session: Session, engine: Engine, starting: Bits, columns: Sequence[Column]
) -> list[Column]:
    """For each row the value that the first row of its run has; in first rows themselves junk, never to be opened.

    `starting` is the row of bits that `starts` gives. A constant number of rounds: the rows that begin no run, with a
    row of zeros behind them, are moved to the front, the others follow. Each then keeps its difference to the row
    before, goes back, and prefix sums are taken. Among the rows up to a row i that begins no run, differences of
    first rows add up to the value at the start of its run, and those of the others to the value of i itself, which is
    taken off. As the row of zeros stands between the two kinds, no difference spans both.
    """
    n = starting.length
    if n == 0:
        return list(columns)
    front = Bits.concatenate([~starting, starting.public(_one(1, 0), 1)])
    # Elements in words, not bit rows: they move four times.
    rows = [column.elements() if isinstance(column, Bits) else column for column in columns]
    longer = [united([column, column.zeros(1)]) for column in rows]
    arranged = await compact(session.narrow("apart"), engine, front, longer)
    steps = [difference(column, column.moved(1)) for column in arranged.columns]
    back = await arranged.arrangement.restore(session.narrow("back"), engine, steps)
    filled = [
        difference(column.accumulated().between(0, n), own)
        for column, own in zip(back, rows, strict=True)
    ]
    return [
        found.bits() if isinstance(found, Elements) and isinstance(column, Bits) else found
        for found, column in zip(filled, columns, strict=True)
    ]
