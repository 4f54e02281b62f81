"""Group by a code that one party, the owner, knows row by row, over shared columns: traffic depends on sizes only.

The owner brings the rows into the order of their groups, each group followed by a row of zeros of its own; every
party sums up from the first row on; the owner brings the sums at the rows of zeros to the front, and neighbours'
differences are the groups' sums. Specification and argument: protocols/group_by_owned/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.group_by_public import Grouped
from mpcstats.session import Session, Words, parallel


@dataclass(frozen=True, slots=True)
class _Orders:
    """What the owner chooses: the order of the groups' rows, and in it the row of zeros that ends each group."""

    rows: Positions = field(repr=False)
    ends: Positions = field(repr=False)


async def group_by_owned(
    session: Session,
    engine: Engine,
    columns: Sequence[Arith],
    codes: Words | None,
    *,
    owner: str,
    rows: int,
    groups: int,
    valid: Bits | None = None,
) -> Grouped:
    """Count and sums of each of `groups` groups, over the rows whose code says so and whose `valid` bit is 1.

    codes: at the owner, for each of `rows` rows its group, or a number from `groups` on for a row that is in none;
    None elsewhere. columns: vectors of `rows` elements. valid: one row of bits, None if every row counts.
    Raises UsageError (at the owner) for codes of another shape, and without a group.
    """
    if groups < 1:
        raise UsageError(f"expected at least one group, got {groups}")
    if any(c.shape != (rows,) for c in columns) or (valid is not None and valid.length != rows):
        raise InternalError(f"expected columns of {rows} elements, got another number")
    own = _checked(codes, rows, groups) if session.me == owner else None
    if valid is None:
        # Summed like any column: what the owner says of its groups is what the sums are of.
        counted, kept = engine.public(session, np.ones(rows, dtype=np.uint64)), list(columns)
    else:
        counted = (await engine.to_arith(session.narrow("valid"), valid))[0]
        step = session.narrow("masked")
        kept = await parallel(
            *(engine.multiply(step.narrow(str(i)), counted, c) for i, c in enumerate(columns))
        )
    found = await _sums(session, engine, [counted, *kept], own, owner, groups)
    return Grouped(found[0], found[1:])


async def _sums(
    session: Session,
    engine: Engine,
    columns: Sequence[Arith],
    codes: NDArray[np.int64] | None,
    owner: str,
    groups: int,
) -> tuple[Arith, ...]:
    orders = None if codes is None else _orders(codes, groups)
    ordered = await engine.permute(
        session.narrow("order"),
        [Arith.concatenate([column, column.zeros(groups)]) for column in columns],
        None if orders is None else orders.rows,
        owner=owner,
    )
    ends = await engine.permute(
        session.narrow("ends"),
        [_number(column).accumulated() for column in ordered],
        None if orders is None else orders.ends,
        owner=owner,
        keep=groups,
    )
    # Up to the end of group g less up to the end of group g - 1.
    return tuple(_number(end) - _number(end).moved(1) for end in ends)


def _orders(codes: NDArray[np.int64], groups: int) -> _Orders:
    # The rows of zeros come last, so a stable order puts each behind its group; rows of no group follow all.
    every = np.concatenate([codes, np.arange(groups)])
    narrow = (
        every.astype(np.uint16) if groups < 1 << 16 else every
    )  # 16 bits are sorted by counting
    rows = np.argsort(narrow, kind="stable")
    places = np.empty_like(rows)
    places[rows] = np.arange(rows.size)
    return _Orders(rows, places[codes.size :])


def _checked(codes: Words | None, rows: int, groups: int) -> NDArray[np.int64]:
    if codes is None:
        raise InternalError("expected codes at their owner, got None")
    if codes.shape != (rows,) or codes.dtype != np.uint64:
        raise UsageError(f"expected {rows} codes, got {codes.dtype} of shape {codes.shape}")
    return np.minimum(codes, np.uint64(groups)).astype(np.int64)


def _number(column: Column) -> Arith:
    if not isinstance(column, Arith):
        raise InternalError("expected numbers to stay numbers in a permutation")
    return column
