"""Sort join: for each row of a left table the rows of a right one with its key, where keys are secret on both sides.

Both tables are put under one another, the right one first, and sorted by key: in a run of equal keys the rows
of the right table come before those of the left one. What a left row gets is copied from the first rows of its run, and
goes back to the left table's own order. Specification and argument: protocols/sort_join/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.column import Column, length_of, united
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols import runs
from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session, Words, parallel


class Kind(Enum):
    """Which rows a join gives: matches; these and left rows without one; left rows that have one; that have none."""

    INNER = "inner"
    LEFT = "left"
    SEMI = "semi"
    ANTI = "anti"


@dataclass(frozen=True, slots=True)
class Side:
    """One provider's part of a table: key rows (all columns of a key stacked), and the columns to be brought along.

    `present` is one row of bits: which rows are there at all (None: all are). `matchable`: whose key is not NULL.
    """

    keys: Bits
    columns: tuple[Column, ...] = ()
    present: Bits | None = None
    matchable: Bits | None = None

    @property
    def rows(self) -> int:
        """The number of rows, present or not."""
        return self.keys.length


@dataclass(frozen=True, slots=True)
class Match:
    """For each left row one row of the result: whether it is there, whether it has a match, and the right columns.

    The columns are junk where `hit` is 0: multiply by the hit before anything is opened.
    """

    present: Bits
    hit: Bits
    columns: tuple[Column, ...]


async def sort_join(
    session: Session,
    engine: Engine,
    left: Sequence[Side],
    right: Sequence[Side],
    *,
    kind: Kind | str = Kind.INNER,
    most: int = 1,
) -> tuple[Match, ...]:
    """Join the union of `left` with the union of `right`; rows of the result in the order of the left rows.

    Every key is at most `most` times in the right tables taken together, a public bound that the owners keep: match m
    has for each left row the m-th right row of its key, in the order of the right tables. Semi and anti joins need
    no bound and give one match without columns. Left columns stay where they are: a left row's columns are its own.
    Raises UsageError for a bound below 1, for keys of different widths or right tables of different columns.
    """
    kind = _kind(kind)
    _check(left, right, most)
    brings = kind in (Kind.INNER, Kind.LEFT)
    tables = [side.columns for side in right] if brings else []
    brought = [united(parts) for parts in zip(*tables, strict=True)]
    copies = most if brings else 1
    rows_left, rows_right = sum(s.rows for s in left), sum(s.rows for s in right)
    keys = Bits.concatenate([s.keys for s in (*right, *left)])
    by = [Key(keys), Key(keys.constant(_flags(rows_right, rows_left)))]
    absent = await _absent(session.narrow("absent"), engine, (*right, *left))
    if absent is not None:
        by.insert(0, Key(absent))
    ordered = await sort(
        session.narrow("sort"), engine, by, [united([c, c.zeros(rows_left)]) for c in brought]
    )
    starting = await runs.starts(session.narrow("runs"), engine, ordered.keys[:-1])
    hits, columns = await _copied(
        session.narrow("copy"), engine, starting, ordered.keys, ordered.columns, copies
    )
    back = await ordered.arrangement.restore(session.narrow("restore"), engine, [hits, *columns])
    first, last = rows_right, rows_right + rows_left
    own = [column.between(first, last) for column in back]
    return await _matches(session.narrow("present"), engine, left, own, copies, kind)


async def _copied(
    session: Session,
    engine: Engine,
    starting: Bits,
    keys: Sequence[Bits],
    columns: Sequence[Column],
    copies: int,
) -> tuple[Bits, list[Column]]:
    """In sorted order: for each row and match a hit bit (one row a match), and the columns of all matches.

    Row i + m is match m of the run that begins at i if it is a right row and no run begins between: right rows come
    first in a run. So the hit bits at i are running ands, and columns are moved up by m.
    """
    is_right = ~keys[-1]
    if len(keys) > 2:  # rows that are absent or have no key match nothing
        (is_right,) = await engine.conj(session.narrow("valid"), [(is_right, ~keys[0])])
    hits = [is_right]
    if copies > 1:
        (further,) = await engine.conj(session.narrow("further"), [(is_right, ~starting)])
        for m in range(1, copies):
            (joint,) = await engine.conj(
                session.narrow(f"match{m}"), [(hits[-1], further.moved(-m))]
            )
            hits.append(joint)
    moved = [column.moved(-m) for m in range(copies) for column in columns]
    found, *brought = await runs.from_starts(
        session.narrow("down"), engine, starting, [Bits.stack(hits), *moved]
    )
    if not isinstance(found, Bits):
        raise InternalError("expected bit rows to stay bit rows")
    # First rows of runs hold junk, and a left row that is one has no match.
    (kept,) = await engine.conj(session.narrow("hits"), [(found, (~starting).repeat(copies))])
    return kept, brought


async def _matches(
    session: Session,
    engine: Engine,
    left: Sequence[Side],
    own: Sequence[Column],
    copies: int,
    kind: Kind,
) -> tuple[Match, ...]:
    hits, *columns = own
    if not isinstance(hits, Bits):
        raise InternalError("expected bit rows to stay bit rows")
    present = Bits.concatenate(
        [s.present if s.present is not None else s.keys.constant(_ones(s.rows)) for s in left]
    )
    found = []
    each = len(columns) // copies
    for m in range(copies):
        hit = hits.rows(m)
        there = hit
        if kind is Kind.LEFT and m == 0:
            there = present
        if kind is Kind.ANTI:
            (there,) = await engine.conj(session.narrow("anti"), [(~hit, present)])
        found.append(Match(there, hit, tuple(columns[m * each : (m + 1) * each])))
    return tuple(found)


def _kind(kind: Kind | str) -> Kind:
    try:
        return Kind(kind)
    except ValueError:
        names = ", ".join(k.value for k in Kind)
        raise UsageError(f"expected a join of kind {names}, got {kind!r}") from None


def _check(left: Sequence[Side], right: Sequence[Side], most: int) -> None:
    if most < 1:
        raise UsageError(f"expected a bound of at least 1 row for each key, got {most}")
    widths = sorted({side.keys.width for side in (*left, *right)})
    if not left or not right:
        raise UsageError(
            f"expected at least one table on each side, got {len(left)} left and {len(right)} right"
        )
    if len(widths) != 1:
        raise UsageError(
            f"expected keys of one width on both sides, got {widths} bits: widen the narrower ones"
        )
    kinds = {tuple(0 if isinstance(c, Arith) else c.width for c in side.columns) for side in right}
    if len(kinds) != 1:
        raise UsageError("expected the same columns in all right tables, got different ones")
    for side in (*left, *right):
        for row in (side.present, side.matchable):
            if row is not None and (row.length, row.width) != (side.rows, 1):
                raise UsageError(f"expected one bit for each of {side.rows} rows, got {row!r}")
        if side.columns and length_of(side.columns) != side.rows:
            raise UsageError(
                f"expected columns of {side.rows} rows, as the keys have, got {length_of(side.columns)}"
            )


async def _absent(session: Session, engine: Engine, sides: Sequence[Side]) -> Bits | None:
    """One row over all sides: 1 where a row matches nothing. None if every row of every side may match."""
    if all(side.present is None and side.matchable is None for side in sides):
        return None
    taking_part = await parallel(
        *(_taking_part(session.narrow(str(i)), engine, side) for i, side in enumerate(sides))
    )
    return ~Bits.concatenate(taking_part)


async def _taking_part(session: Session, engine: Engine, side: Side) -> Bits:
    rows = [row for row in (side.present, side.matchable) if row is not None]
    if len(rows) == 2:
        rows = await engine.conj(session, [(rows[0], rows[1])])
    return rows[0] if rows else side.keys.constant(_ones(side.rows))


def _flags(zeros: int, ones: int) -> Words:
    """One row: `zeros` times 0, then `ones` times 1."""
    return slicing.pack(np.repeat([[False, True]], [zeros, ones], axis=1))


def _ones(n: int) -> Words:
    return _flags(0, n)
