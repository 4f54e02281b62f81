"""Margins: which cells of a table with totals may be opened together, so that hidden cells stay hidden.

Specification and argument: protocols/margins/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, PeerFault
from mpcstats.protocols.criterion import conjunction
from mpcstats.session import Session, Words, parallel
from mpcstats.suppression.layout import Layout, Whole
from mpcstats.suppression.pattern import Pattern
from mpcstats.suppression.secondary import Method, secondary
from mpcstats.suppression.slack import Amounts, Persons, Protection, slack

LEAK = "primary-pattern"
DIGEST_WORDS = 4
WORD = 64

Kind = Literal["persons", "count", "amount"]


@dataclass(frozen=True, slots=True)
class Margins:
    """How the cells of a table add up, and what its columns are.

    `kinds` has one entry a column: the number of persons by which cells are primary, another count, of which a cell
    has at least as many as persons, or amounts of at least 0. Whatever a cell's amount or count is, `percent` % more
    must stay possible.
    """

    layout: Layout
    method: Method
    kinds: tuple[Kind, ...]
    percent: int = 10

    def protections(self, k: int) -> tuple[Protection, ...]:
        """What must stay possible for the columns of a hidden cell, for a minimum of k persons."""
        of_kind: dict[Kind, Protection] = {
            "persons": Persons(k),
            "count": Amounts(self.percent, least=k, floor=k),
            "amount": Amounts(self.percent),
        }
        return tuple(of_kind[kind] for kind in self.kinds)


async def beside(
    session: Session,
    engine: Engine,
    margins: Margins,
    rows: Sequence[Bits],
    released: Sequence[int],
    columns: Sequence[Arith],
    *,
    k: int,
) -> list[Bits]:
    """`rows`, each 1 only in cells that may be opened beside one another, of a table of `columns`.

    `released` are the positions of those rows that say of which cells something may be opened by itself; one of them
    is 1 wherever any row is. A cell that passes not all of them is primary, and hidden altogether: one pattern holds
    for all columns. Which cells are primary is opened to the compute parties, who choose the secondary cells from it.
    Neither are opened, and totals are only if all columns have the room that `protections` ask for. Raises UsageError
    if this party does not have the method, PeerFault if another one has chosen other cells.
    """
    expected = f"{margins.layout.cells} cells of {len(margins.kinds)} columns, at least 1"
    if rows[0].length != margins.layout.cells or len(columns) != len(margins.kinds) or not columns:
        raise InternalError(f"expected {expected}, got {rows[0].length} of {len(columns)}")
    passes = await conjunction(session.narrow("passes"), engine, [rows[i] for i in released])

    async def together() -> list[Bits]:
        if len(released) == 1:  # the others imply it
            return list(rows)
        return await engine.conj(session.narrow("together"), [(row, passes) for row in rows])

    async def allowed() -> list[Bits]:
        return [await _allowed(session, engine, margins, passes, columns, k)]

    bits, (allow,) = await parallel(together(), allowed())
    return await engine.conj(session.narrow("within"), [(row, allow) for row in bits])


async def _allowed(
    session: Session,
    engine: Engine,
    margins: Margins,
    passes: Bits,
    columns: Sequence[Arith],
    k: int,
) -> Bits:
    """One row: of the cells that pass, 1 for those that may be opened; of others it says nothing."""
    pattern = await _pattern(session, engine, margins, passes)
    _, (enough,) = await parallel(
        _agreed(session.narrow("agree"), engine, pattern),
        _enough(session, engine, pattern, columns, margins.protections(k)),
    )
    margin, plain = _rows(margins.layout, pattern)
    everywhere = enough.taken(np.zeros(passes.length, dtype=np.intp))
    return everywhere.masked(margin) ^ everywhere.constant(plain)


async def _pattern(
    session: Session, engine: Engine, margins: Margins, passes: Bits
) -> Pattern | None:
    """The hidden cells at the compute parties, None elsewhere."""
    layout = margins.layout
    shown = slicing.pack(layout.shown.astype(np.uint64))[None, :]
    opened = await engine.reveal_bits(
        session.narrow("primary"), (~passes).masked(shown), leak=LEAK, to=engine.compute
    )
    if opened is None:
        return None
    primary = np.flatnonzero(slicing.unpack(opened, layout.cells)[0])
    return secondary(layout, [int(cell) for cell in primary], margins.method)


async def _agreed(session: Session, engine: Engine, pattern: Pattern | None) -> tuple[Bits, ...]:
    """The compute parties compare what they have chosen, each with the one before it. There is no result."""
    parties = engine.compute
    if pattern is None or len(parties) == 1:
        return ()
    seat = parties.index(session.me)
    after, before = parties[(seat + 1) % len(parties)], parties[seat - 1]
    own = session.digest(_words(pattern.effects()).reshape(-1))
    reply = await session.exchange(send={after: own}, receive={before: DIGEST_WORDS})
    if not np.array_equal(own, reply[before]):
        raise PeerFault(
            before,
            session.step,
            "expected the same choice of secondary cells at all compute parties, got two: compare their versions "
            "of mpcstats and highspy",
        )
    return ()


async def _enough(
    session: Session,
    engine: Engine,
    pattern: Pattern | None,
    columns: Sequence[Arith],
    protections: Sequence[Protection],
) -> tuple[Bits]:
    """One bit: 1 if every cell of every column has slack. As long for every pattern."""
    tests = [
        column if pattern is None else _slack(pattern, column, protection)
        for column, protection in zip(columns, protections, strict=True)
    ]
    short = await engine.negative(session.narrow("short"), Arith.concatenate(tests))
    inside = slicing.pack(np.ones(short.length, dtype=np.uint64))[None, :]
    return (await _all(session.narrow("enough"), engine, ~short.masked(inside)),)


def _slack(pattern: Pattern, column: Arith, protection: Protection) -> Arith:
    wanted = slack(pattern, protection)
    moving = column.taken(np.array([move.cell for move in pattern.moves], dtype=np.intp))
    moved = moving.repeat(pattern.layout.cells).scaled(_words(wanted.of)).total()
    return (column.scaled(_words(wanted.own)) - moved).plus(_words(-wanted.constant))


async def _all(session: Session, engine: Engine, row: Bits) -> Bits:
    """The and of all bits of the row, one bit; bits behind its end are 1."""
    size = slicing.words(row.length)
    folded = row.folded(WORD, size)
    words = [folded.rows(i) for i in range(size)]
    left = await conjunction(session.narrow("words"), engine, words)
    bits = min(WORD, 1 << (row.length - 1).bit_length())
    while bits > 1:
        bits //= 2
        halves = (left.first(bits), left.between(bits, 2 * bits))
        (left,) = await engine.conj(session.narrow(f"bits{bits}"), [halves])
    return left


def _rows(layout: Layout, pattern: Pattern | None) -> tuple[Words, Words]:
    """Public rows: margins that may be opened if there is slack, and atoms that may be whether there is or not."""
    free = layout.shown
    if pattern is not None:
        free[sorted(pattern.hidden)] = False
    atom = np.zeros(layout.cells, dtype=np.bool_)
    atom[list(layout.atoms)] = True
    margin, plain = (
        slicing.pack(row.astype(np.uint64))[None, :] for row in (free & ~atom, free & atom)
    )
    return margin, plain


def _words(values: Whole) -> Words:
    return values.astype(np.int64).view(np.uint64)
