"""Table: rows that one owner knows, put in as shares and filled up to a public bound with rows that are not there.

Specification and argument: protocols/table/spec.md.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, Words, parallel


@dataclass(frozen=True, slots=True)
class Own:
    """What an owner puts in: vectors of `rows` words, as many `numbers` and `fields` as were announced."""

    rows: int
    numbers: tuple[Words, ...] = field(default=(), repr=False)
    fields: tuple[Words, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """Shared columns: numbers, and fields of bits; 0 in rows beyond the owner's own."""

    numbers: tuple[Arith, ...]
    fields: tuple[Bits, ...]


async def give(
    session: Session,
    engine: Engine,
    own: Own | None,
    *,
    owner: str,
    rows: int,
    numbers: int,
    widths: Sequence[int],
) -> Given:
    """`numbers` columns of numbers of `owner`, and for each of `widths` the low bits of a field; `rows` rows.

    `own`, at the owner alone, has as many rows or fewer. Raises UsageError at the owner for more rows than that, and
    for columns of other lengths or of another number.
    """
    checked = _checked(own, rows, numbers, len(widths)) if session.me == owner else None
    asked: list[Coroutine[Any, Any, Arith | Bits]] = []
    if numbers:
        table = None if checked is None else _table(checked, rows)
        step = session.narrow("numbers")
        asked.append(engine.share(step, table, owner=owner, shape=(numbers, rows)))
    if widths:
        bits = None if checked is None else _bits(checked, rows, widths)
        step = session.narrow("bits")
        asked.append(engine.share_bits(step, bits, owner=owner, length=rows, width=sum(widths)))
    shared = await parallel(*asked)
    ends = [0, *accumulate(widths)]
    return Given(
        tuple(s[i] for s in shared if isinstance(s, Arith) for i in range(numbers)),
        tuple(
            s.rows(slice(*ends_of))
            for s in shared
            if isinstance(s, Bits)
            for ends_of in pairwise(ends)
        ),
    )


async def give_rows(
    session: Session,
    engine: Engine,
    own: Own | None,
    *,
    owner: str,
    rows: int,
    numbers: int,
    widths: Sequence[int],
) -> tuple[Bits, Given]:
    """As `give`, and before it one row of bits: which rows are there, the first ones, as many as `own` has."""
    if own is not None:
        there = np.ones(own.rows, dtype=np.uint64)
        own = Own(own.rows, own.numbers, (there, *own.fields))
    found = await give(
        session, engine, own, owner=owner, rows=rows, numbers=numbers, widths=[1, *widths]
    )
    present, *fields = found.fields
    return present, Given(found.numbers, tuple(fields))


def _checked(own: Own | None, rows: int, numbers: int, fields: int) -> Own:
    if own is None:
        raise InternalError("expected rows at their owner, got None")
    if not 0 <= own.rows <= rows:
        raise UsageError(f"expected at most {rows} rows by the public bound, got {own.rows}")
    if (len(own.numbers), len(own.fields)) != (numbers, fields):
        raise UsageError(
            f"expected {numbers} columns of numbers and {fields} of bits, got {len(own.numbers)} and "
            f"{len(own.fields)}"
        )
    shapes = {vector.shape for vector in (*own.numbers, *own.fields)}
    if shapes - {(own.rows,)}:
        raise UsageError(f"expected columns of {own.rows} rows, got {sorted(shapes)}")
    return own


def _table(own: Own, rows: int) -> Words:
    table = np.zeros((len(own.numbers), rows), dtype=np.uint64)
    for i, vector in enumerate(own.numbers):
        table[i, : own.rows] = vector
    return table


def _bits(own: Own, rows: int, widths: Sequence[int]) -> Words:
    pieces = []
    for vector, width in zip(own.fields, widths, strict=True):
        filled = np.zeros(rows, dtype=np.uint64)
        filled[: own.rows] = vector
        pieces.append(slicing.slice_bits(filled, width))
    return np.concatenate(pieces)
