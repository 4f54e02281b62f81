"""The gate, the only protocol that opens values: cells are tested and masked before they are opened.

Specification and argument: protocols/gate/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits, Positions
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols.criterion import conjunction
from mpcstats.protocols.margins import Margins, beside
from mpcstats.session import Session, parallel

LEAK = "gated-cell"


@dataclass(frozen=True, slots=True)
class Cells:
    """What is to be opened: for each of `count` cells the values, and what decides whether they may be.

    `values` has shape (count * columns,), column by column. Each of `persons` and of `contributors` is a lower bound
    of shape (count,) on a cell's persons and contributing institutions: the largest of them counts. `magnitudes`,
    `supports` and `known` have one entry a column, or none at all: whether the column is an amount, so that the
    minimum of contributors holds for it; the number of persons who contribute to it, (count,); and one row of bits,
    0 where its value is NULL. `appears` is one row: 0 in a cell that is not in the answer (HAVING). `margins`: the
    cells are those of a table with totals, whose values add up; None: they are not.
    """

    count: int
    columns: int
    persons: tuple[Arith, ...]
    values: Arith
    contributors: tuple[Arith, ...] = ()
    magnitudes: tuple[bool, ...] = ()
    supports: tuple[Arith | None, ...] = ()
    known: tuple[Bits | None, ...] = ()
    appears: Bits | None = None
    margins: Margins | None = None

    def __post_init__(self) -> None:
        if not self.persons:
            raise InternalError("expected a count of persons, got none")
        for name in ("magnitudes", "supports", "known"):
            entries = len(getattr(self, name))
            if entries not in (0, self.columns):
                raise InternalError(f"expected {self.columns} {name} or none, got {entries}")

    def part(self, columns: Positions, cells: Positions) -> Cells:
        """The cells at the public positions `cells`, with the columns at `columns` alone."""

        def of(entries: tuple[Arith | None, ...]) -> tuple[Arith | None, ...]:
            return tuple(e if e is None else e.taken(cells) for e in (entries[c] for c in wanted))

        wanted = [int(column) for column in columns]
        margins = self.margins
        if margins is not None:
            if not np.array_equal(cells, np.arange(self.count)):
                raise InternalError("expected all cells of a table with totals, got some")
            margins = replace(margins, kinds=tuple(margins.kinds[c] for c in wanted))
        return Cells(
            len(cells),
            len(wanted),
            tuple(bound.taken(cells) for bound in self.persons),
            self.values.taken((columns[:, None] * self.count + cells).reshape(-1)),
            tuple(bound.taken(cells) for bound in self.contributors),
            tuple(self.magnitudes[c] for c in wanted if self.magnitudes),
            of(self.supports) if self.supports else (),
            tuple(_taken(self.known[c], cells) for c in wanted if self.known),
            _taken(self.appears, cells),
            margins,
        )


def _taken(row: Bits | None, cells: Positions) -> Bits | None:
    return None if row is None else row.taken(cells)


@dataclass(frozen=True, slots=True)
class Minimums:
    """How many persons a cell must have, and how many contributors where a column is an amount; at least 1 each."""

    persons: int
    contributors: int = 1

    def __post_init__(self) -> None:
        if self.persons < 1:
            raise UsageError(f"expected a minimum of at least 1 person, got {self.persons}")
        if self.contributors < 1:
            raise UsageError(
                f"expected a minimum of at least 1 contributor, got {self.contributors}"
            )


@dataclass(frozen=True, slots=True)
class Opened:
    """What a recipient learns.

    `shown`, shape (count,): which cells pass. `released`, shape (columns, count): of which of their columns it may
    know the value; `known`, the same shape: where that is a number, and not NULL. `values`: the number, 0 elsewhere.
    """

    shown: NDArray[np.bool_] = field(repr=False)
    released: NDArray[np.bool_] = field(repr=False)
    known: NDArray[np.bool_] = field(repr=False)
    values: NDArray[np.int64] = field(repr=False)


async def gate(
    session: Session,
    engine: Engine,
    cells: Cells,
    *,
    k: int,
    to: Sequence[str],
    contributors: int = 1,
) -> Opened | None:
    """Open every cell that appears and of which at least one bound says k persons or more, at the recipients.

    Of such a cell a column is opened only if at least k persons support it, and, if it is a magnitude, one bound says
    `contributors` or more. A minimum of 1 contributor is not tested. None at parties that are no recipients.
    Bounds must lie below 2^62 and minimums be at least 1, so that bound - k keeps its sign. Raises UsageError for a
    smaller minimum, PeerFault if what was opened is no bit, or a column's bit without that of its cell.
    """
    least = Minimums(k, contributors)
    rows = await _decided(session, engine, cells, least)
    if cells.margins is not None and (k > 1 or contributors > 1):
        rows.bits = await beside(
            session.narrow("margins"),
            engine,
            cells.margins,
            rows.bits,
            sorted({0, *rows.released}),
            [
                cells.values.between(c * cells.count, (c + 1) * cells.count)
                for c in range(cells.columns)
            ],
            k=k,
        )
    bits = await engine.to_arith(session.narrow("bit"), Bits.stack(rows.bits))
    masked = bits.flat()
    if cells.columns:
        masks = Arith.concatenate([bits[row] for row in rows.known])
        products = await engine.multiply(session.narrow("mask"), masks, cells.values)
        masked = Arith.concatenate([masked, products])
    opened = await engine.reveal(session.narrow("open"), masked, leak=LEAK, to=to)
    if opened is None:
        return None
    flags = opened[: len(rows.bits) * cells.count].reshape(len(rows.bits), cells.count)
    if np.any(flags > np.uint64(1)):
        raise PeerFault(
            "a compute party", session.step, "expected the bits shown or not, got other numbers"
        )
    if np.any(flags > flags[0]):
        raise PeerFault(
            "a compute party", session.step, "expected no column of a cell that is not shown"
        )
    known = flags == np.uint64(1)
    values = opened[flags.size :].view(np.int64).reshape(cells.columns, cells.count)
    return Opened(known[0], known[list(rows.released)], known[list(rows.known)], values)


@dataclass(slots=True)
class _Rows:
    """Rows of bits to be opened, the first that of the cells; for each column, which of them says what of it."""

    bits: list[Bits]
    released: list[int]
    known: list[int]


async def _decided(session: Session, engine: Engine, cells: Cells, least: Minimums) -> _Rows:
    """Which cells and columns pass, and which of these have a value: every row implies the first."""
    magnitudes = cells.magnitudes or (False,) * cells.columns
    counted = cells.contributors if least.contributors > 1 and any(magnitudes) else ()
    if least.contributors > 1 and any(magnitudes) and not counted:
        raise InternalError("expected a count of contributors for a magnitude, got none")
    supports = cells.supports or (None,) * cells.columns
    persons, support = least.persons, [s for s in supports if s is not None]
    below, fewer, lacking = await parallel(
        _below(session, engine, "below", cells.persons, persons),
        _below(session, engine, "fewer", counted, least.contributors),
        _below(session, engine, "lacking", support, persons),
    )
    trees = [conjunction(session.narrow("every"), engine, below)]
    if counted:
        trees.append(conjunction(session.narrow("every-count"), engine, fewer))
    enough = [~row for row in await parallel(*trees)]

    async def both(name: str, pairs: list[tuple[Bits, Bits]]) -> list[Bits]:
        return await engine.conj(session.narrow(name), pairs) if pairs else []

    if cells.appears is not None:
        enough[:1] = await both("appears", [(enough[0], cells.appears)])
    if counted:
        enough[1:] = await both("contributors", [(enough[0], enough[1])])
    rows = _Rows(enough, [int(m and bool(counted)) for m in magnitudes], [])
    tested = [column for column, s in enumerate(supports) if s is not None]
    pairs = [(rows.bits[rows.released[c]], ~s) for c, s in zip(tested, lacking, strict=True)]
    _append(rows, rows.released, tested, await both("supports", pairs))
    rows.known = [*rows.released]
    valued = [(column, row) for column, row in enumerate(cells.known) if row is not None]
    pairs = [(rows.bits[rows.released[column]], row) for column, row in valued]
    _append(rows, rows.known, [column for column, _ in valued], await both("known", pairs))
    return rows


def _append(rows: _Rows, about: list[int], columns: Sequence[int], found: Sequence[Bits]) -> None:
    for column, row in zip(columns, found, strict=True):
        about[column] = len(rows.bits)
        rows.bits.append(row)


async def _below(
    session: Session, engine: Engine, name: str, bounds: Sequence[Arith], least: int
) -> list[Bits]:
    """For each bound one row: 1 where it is below `least`."""
    return await parallel(
        *(
            engine.negative(session.narrow(f"{name}{i}"), bound.plus(-least))
            for i, bound in enumerate(bounds)
        )
    )
