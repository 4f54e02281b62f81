"""Radix sort: rows in the order of a narrow secret key, a few bits at a time, in a constant number of rounds.

A pass puts rows in the order of one digit: each row's destination is how many rows have a smaller digit, or the same
one and stand before it. Passes from the lowest digit on give the whole order, as each keeps the order of equal digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError
from mpcstats.protocols.arrangement import Arrangement
from mpcstats.protocols.placing import Placed, place
from mpcstats.session import Session

DIGIT = 3  # bits: seven rows of bits become numbers, 64 bytes a row; a fourth bit would double them


async def radix_sort(
    session: Session, engine: Engine, key: Bits, columns: Sequence[Column]
) -> Placed:
    """`key` (row 0 the lowest bit) and `columns` in ascending order of key, equal ones in their old order.

    The key is the first of the columns that are given back.
    """
    placed = Placed((key, *columns), Arrangement(()))
    for start in range(0, key.width, DIGIT):
        step = session.narrow(f"digit{start}")
        own = placed.columns[0]
        if not isinstance(own, Bits):
            raise InternalError("expected bit rows to stay bit rows")
        digit = own.rows(slice(start, start + DIGIT))
        destinations = await _destinations(step, engine, digit)
        moved = await place(step, engine, destinations, placed.columns)
        placed = Placed(
            moved.columns, Arrangement((*placed.arrangement.passes, *moved.arrangement.passes))
        )
    return placed


async def _destinations(session: Session, engine: Engine, digit: Bits) -> Arith:
    """Where each row goes.

    With e_d = 1 for rows of digit d, a row of digit d goes to g_d = (rows of smaller digits) + (rows of digit d up to
    and with it) - 1. As the e_d sum to 1, the sum of e_d g_d is g_0 plus the sum over d > 0 of e_d (g_d - g_0).
    """
    hot = await _one_hot(session.narrow("one-hot"), engine, digit)
    numbers = await engine.to_arith(session.narrow("numbers"), hot.rows(slice(1, None)))
    n = digit.length
    rest = [numbers[d] for d in range(hot.width - 1)]
    first = numbers.column_total().scaled(-1).plus(1)
    below = first.zeros(n)
    places = []
    for rows in (first, *rest):
        places.append(below + rows.accumulated())
        below = below + rows.total().taken(np.zeros(n, dtype=np.intp))
    base = places[0].plus(-1)
    steps = Arith.stack([p - places[0] for p in places[1:]])
    moved = await engine.dot(session.narrow("moved"), numbers.turned(), steps.turned())
    return base + moved


async def _one_hot(session: Session, engine: Engine, digit: Bits) -> Bits:
    """One row for each number that the digit can be, 0 first: 1 where it is that number."""
    top = digit.rows(0)
    hot = Bits.stack([~top, top])
    for i in range(1, digit.width):
        bit = digit.rows(i)
        (high,) = await engine.conj(session.narrow(f"bit{i}"), [(hot, bit.repeat(hot.width))])
        hot = Bits.stack([hot ^ high, high])
    return hot
