"""Group by: counts, sums and extremes by secret group keys that nobody sees, groups in the order of their keys.

Rows are sorted by group; prefix sums are taken, the last row of each group is moved to the front, and what a group adds
is the difference of its prefix sum to that of the group before. Minimum, maximum and number of distinct values
are sums too: of the one row of a group that has the extreme, and of the rows that begin a value.
Specification and argument: protocols/group_by/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column
from mpcstats.engines.share import Arith, Bits, Elements
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols import runs
from mpcstats.protocols.compact import compact
from mpcstats.protocols.order_by import order_by
from mpcstats.protocols.sort import Key
from mpcstats.session import Session, Words, parallel


@dataclass(frozen=True, slots=True)
class Values:
    """A column whose extremes and distinct values are wanted, as bit rows in unsigned order and as numbers.

    Signed numbers: with the top bit of `rows` complemented, as `quantile.ordered` does. `known`: one row of bits, which
    values are not NULL (None: all).
    """

    rows: Bits
    numbers: Arith
    known: Bits | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a column, by group: how many values are not NULL, how many differ, least and greatest; 0 without any."""

    known: Arith
    distinct: Arith
    least: Arith
    greatest: Arith


@dataclass(frozen=True, slots=True)
class Grouped:
    """One row a group, in ascending order of keys; all 0 beyond the last group. `groups`: their number, shape (1,).

    `persons` are rows: persons where every row is another one. If `groups` is more than there are rows here, the bound
    was too small and groups are missing: whoever uses the result must look.
    """

    keys: tuple[Bits, ...]
    valid: Bits
    groups: Arith
    persons: Arith
    sums: tuple[Arith, ...]
    spreads: tuple[Spread, ...]


async def group_by(
    session: Session,
    engine: Engine,
    keys: Sequence[Bits],
    *,
    groups: int,
    sums: Sequence[Arith] = (),
    spreads: Sequence[Values] = (),
    present: Bits | None = None,
) -> Grouped:
    """Aggregate the rows of each combination of `keys`; rows where `present` is 0 are in no group.

    `groups` is a public bound on the number of groups; groups beyond it are left out, and `Grouped.groups` tells how
    many there are. Sums are mod 2^64: bounds must have been checked. Each column of `spreads` after the first
    costs a sort of its own. Raises UsageError without a key or for a bound below 1.
    """
    if not keys:
        raise UsageError("expected at least one key to group by, got none")
    if groups < 1:
        raise UsageError(f"expected a bound of at least 1 group, got {groups}")
    rows = keys[0].length
    for flags in (present, *(values.known for values in spreads)):
        if flags is not None and (flags.length, flags.width) != (rows, 1):
            raise UsageError(f"expected one bit for each of {rows} rows, got {flags!r}")
    tables = [_Table(tuple(keys), present, tuple(sums), spreads[0] if spreads else None)]
    tables += [_Table(tuple(keys), present, (), values) for values in spreads[1:]]
    found = await parallel(
        *(
            table.grouped(session.narrow(f"table{i}"), engine, groups)
            for i, table in enumerate(tables)
        )
    )
    first = found[0]
    return Grouped(
        first.keys,
        first.valid,
        first.groups,
        first.persons,
        first.sums,
        tuple(spread for each in found for spread in each.spreads),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows to be sorted once: by group, and within it by the values whose spread is wanted."""

    keys: tuple[Bits, ...]
    present: Bits | None
    sums: tuple[Arith, ...]
    values: Values | None

    async def grouped(self, session: Session, engine: Engine, groups: int) -> Grouped:
        """The groups of this table."""
        ordered = await order_by(
            session.narrow("sort"),
            engine,
            [Key(rows) for rows in self._order()],
            [*self.sums, *([self.values.numbers] if self.values else [])],
        )
        step = session.narrow("runs")
        by_group = ordered.keys[: len(self.keys) + (self.present is not None)]
        starting = await runs.starts(step.narrow("groups"), engine, by_group)
        ending = runs.ends(starting)
        if self.present is not None:
            (ending,) = await engine.conj(step.narrow("present"), [(ending, ~ordered.keys[0])])
        columns = list(ordered.columns)
        spread: list[Arith] = []
        if self.values is not None:
            numbers = columns.pop()
            below = ordered.keys[len(by_group) :]
            spread = await _spread(session.narrow("spread"), engine, starting, below, numbers)
        n = starting.length
        rows = starting.numbers(np.arange(1, n + 1, dtype=np.uint64))
        added = [rows, *(c.accumulated() for c in (*_numbers(columns), *spread))]
        own_keys = by_group[-len(self.keys) :]
        compacted = await compact(
            session.narrow("ends"), engine, ending, [Bits.stack(list(own_keys)).elements(), *added]
        )
        masked = await _masked(
            session.narrow("valid"), engine, compacted.columns, compacted.count, min(groups, n)
        )
        return self._result(masked, compacted.count)

    def _order(self) -> list[Bits]:
        """Sort keys, most significant first: absent rows last, within a group NULLs last."""
        absent = [] if self.present is None else [~self.present]
        if self.values is None:
            return [*absent, *self.keys]
        unknown = [] if self.values.known is None else [~self.values.known]
        return [*absent, *self.keys, *unknown, self.values.rows]

    def _result(self, masked: _Masked, groups: Arith) -> Grouped:
        keys = []
        lowest = 0
        for rows in self.keys:
            keys.append(masked.keys.rows(slice(lowest, lowest + rows.width)))
            lowest += rows.width
        persons, *rest = masked.sums
        count = len(self.sums)
        spreads = (Spread(*rest[count:]),) if self.values is not None else ()
        return Grouped(tuple(keys), masked.valid, groups, persons, tuple(rest[:count]), spreads)


@dataclass(frozen=True, slots=True)
class _Masked:
    valid: Bits
    keys: Bits
    sums: list[Arith]


async def _masked(
    session: Session, engine: Engine, columns: Sequence[Column], count: Arith, groups: int
) -> _Masked:
    """The first rows: differences of prefix sums, and 0 from the number `count` of groups on."""
    elements, *upto = (column.between(0, groups) for column in columns)
    if not isinstance(elements, Elements):
        raise InternalError("expected elements to stay elements")
    keys = elements.bits()
    everywhere = count.taken(np.zeros(groups, dtype=np.intp))
    beyond = (-everywhere).plus(np.arange(groups, dtype=np.uint64))  # negative within
    valid = await engine.negative(session.narrow("within"), beyond)
    (kept,) = await engine.conj(session.narrow("keys"), [(keys, valid.repeat(keys.width))])
    flags = await engine.to_arith(session.narrow("number"), valid)
    each = [column - column.moved(1) for column in _numbers(upto)]
    repeated = Arith.concatenate([flags[0]] * len(each))
    sums = await engine.multiply(session.narrow("sums"), repeated, Arith.concatenate(each))
    return _Masked(valid, kept, [sums[i * groups : (i + 1) * groups] for i in range(len(each))])


async def _spread(
    session: Session,
    engine: Engine,
    starting: Bits,
    below: Sequence[Bits],
    numbers: Column,
) -> list[Arith]:
    """Columns whose sums by group are the number of values that are known, of distinct ones, least and greatest.

    Known values come first in a group, in ascending order: the least is in the first row, if that is known, the
    greatest in the last known row: the next one begins a group or is not known.
    """
    *unknown, rows = below
    known = ~unknown[0] if unknown else starting.constant(_ones(starting.length))
    differs = await runs.starts(session.narrow("values"), engine, [rows])
    next_unknown = ~known.moved(-1)  # the row after the last one counts as unknown
    begins = ~(await _and(session.narrow("begins"), engine, ~differs, ~starting))
    lasts = ~(await _and(session.narrow("lasts"), engine, ~next_unknown, ~runs.ends(starting)))
    (distinct, least, greatest) = await engine.conj(
        session.narrow("known"), [(begins, known), (starting, known), (lasts, known)]
    )
    flags = await engine.to_arith(
        session.narrow("flags"), Bits.stack([known, distinct, least, greatest])
    )
    if not isinstance(numbers, Arith):
        raise InternalError("expected numbers to stay numbers")
    extremes = Arith.concatenate([flags[2], flags[3]])
    picked = await engine.multiply(
        session.narrow("extremes"), extremes, Arith.concatenate([numbers, numbers])
    )
    n = starting.length
    return [flags[0], flags[1], picked[:n], picked[n:]]


async def _and(session: Session, engine: Engine, x: Bits, y: Bits) -> Bits:
    (both,) = await engine.conj(session, [(x, y)])
    return both


def _numbers(columns: Sequence[Column]) -> list[Arith]:
    found = [c for c in columns if isinstance(c, Arith)]
    if len(found) != len(columns):
        raise InternalError("expected columns of numbers, got bit rows")
    return found


def _ones(n: int) -> Words:
    return slicing.pack(np.ones((1, n), dtype=np.bool_))
