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
    """What the owner puts in: vectors of equally many words, as many `numbers` and `fields` as were announced."""

    rows: int
    numbers: tuple[Words, ...] = field(default=(), repr=False)
    fields: tuple[Words, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """Shared rows: one row of bits that says which are there, numbers, and fields of bits; 0 where a row is not."""

    present: Bits
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
    """The rows of `owner`, at most `rows`: vectors of `numbers` and, for each of `widths`, its low bits of a field.

    `own` at the owner, None elsewhere. The first rows are there, as many as the owner has.
    Raises UsageError at the owner for more rows than the bound, or columns of other lengths or another number.
    """
    checked = _checked(own, rows, numbers, len(widths)) if session.me == owner else None
    width = 1 + sum(widths)
    asked: list[Coroutine[Any, Any, Arith | Bits]] = [
        engine.share_bits(
            session.narrow("bits"),
            None if checked is None else _bits(checked, rows, widths),
            owner=owner,
            length=rows,
            width=width,
        )
    ]
    if numbers:
        table = None if checked is None else _table(checked, rows)
        step = session.narrow("numbers")
        asked.append(engine.share(step, table, owner=owner, shape=(numbers, rows)))
    bits, *matrix = await parallel(*asked)
    if not isinstance(bits, Bits):
        raise InternalError("expected bits to stay bits")
    ends = [1, *(1 + end for end in accumulate(widths))]
    return Given(
        bits.rows(0),
        tuple(m[i] for m in matrix if isinstance(m, Arith) for i in range(numbers)),
        tuple(bits.rows(slice(a, b)) for a, b in pairwise(ends)),
    )


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
    present = np.ones(own.rows, dtype=np.uint64)
    pieces = []
    for vector, width in zip((present, *own.fields), (1, *widths), strict=True):
        filled = np.zeros(rows, dtype=np.uint64)
        filled[: own.rows] = vector
        pieces.append(slicing.slice_bits(filled, width))
    return np.concatenate(pieces)
