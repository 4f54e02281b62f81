"""Group by a secret code of a small public domain: for each group the count of rows and the sums of columns.

A code is cut into a high and a low part, and each part becomes a column of numbers for each value that it can have,
1 where it has it. With high rows h, low rows l and a value column x, the sum of group (i, j) is the sum over all
rows of h_i (l_j x): one matrix product, shared again once. Rows are taken block by block, so memory is bounded.
Specification and argument: protocols/group_by_public/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits, Partial
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session, in_blocks, parallel

BLOCK_ROWS = 1 << 15  # rows that are numbers at a time; a multiple of a word's bits


@dataclass(frozen=True, slots=True)
class Grouped:
    """For each group, in the order of the codes: the number of rows, and the sum of each column; shape (groups,)."""

    counts: Arith
    sums: tuple[Arith, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A code is high * 2^low_bits + low, with high below `high`."""

    high: int
    low_bits: int

    @property
    def low(self) -> int:
        """How many values the low part has."""
        return 1 << self.low_bits


def split(groups: int, sums: int) -> Split:
    """The split that sends least: a row costs a word for each high and for each (low value but one) x (1 + sums)."""
    width = code_width(groups)
    splits = [Split(-(-groups // (1 << bits)), bits) for bits in range(width + 1)]
    return min(splits, key=lambda s: (s.high + (s.low - 1) * (1 + sums), s.low_bits))


def ands(groups: int, sums: int) -> int:
    """Ands a row of both parts' one-hot rows: all but the last of each full block of them (see one_hot)."""
    parts = split(groups, sums)
    high_bits = code_width(groups) - parts.low_bits
    return _ands(parts.low_bits, parts.low) + _ands(high_bits, parts.high)


def levels(groups: int, sums: int) -> int:
    """Rounds that the one-hot rows take."""
    low_bits = split(groups, sums).low_bits
    widest = max(low_bits, code_width(groups) - low_bits, 1)
    return (widest - 1).bit_length()


def _ands(width: int, count: int) -> int:
    if width < 2:
        return 0
    size = 1 << width // 2
    high = -(-count // size)
    return count - count // size + _ands(width // 2, size) + _ands(width - width // 2, high)


def code_width(groups: int) -> int:
    """Bits of a code below `groups`. Raises UsageError without a group."""
    if groups < 1:
        raise UsageError(f"expected at least one group, got {groups}")
    return (groups - 1).bit_length()


async def group_by_public(
    session: Session,
    engine: Engine,
    codes: Bits,
    columns: Sequence[Arith],
    *,
    groups: int,
    valid: Bits | None = None,
) -> Grouped:
    """Count and sums of each of `groups` groups, over the rows whose code says so and whose `valid` bit is 1.

    codes: code_width(groups) rows of bits, row 0 the lowest; a row with another code is in no group. valid: one row
    of bits, None if every row counts. columns: vectors. All have one length.
    """
    n = codes.length
    if codes.width != code_width(groups):
        raise InternalError(f"expected codes of {code_width(groups)} bits, got {codes.width}")
    if any(c.shape != (n,) for c in columns) or (valid is not None and valid.length != n):
        raise InternalError(f"expected columns of {n} elements, got another number")
    parts = split(groups, len(columns))
    high, low = await _one_hots(session.narrow("codes"), engine, codes, parts)
    if valid is not None:
        (high,) = await engine.conj(session.narrow("valid"), [(high, valid.repeat(high.width))])
    run = _Run(engine, high, low, tuple(columns))
    blocks = session.narrow("blocks")
    done = await in_blocks(
        blocks, max(n, 1), BLOCK_ROWS, run.block
    )  # one also if there are no rows
    total = _summed([block.total for block in done])
    partial = done[0].products
    for block in done[1:]:
        partial = partial + block.products
    if not partial.shape[1]:  # nothing but counts, and no low part
        return Grouped(total, ())
    cells = await engine.completed(session.narrow("cells"), partial)
    return _grouped(cells, total, parts, groups, len(columns))


async def one_hot(session: Session, engine: Engine, bits: Bits, count: int) -> Bits:
    """`count` rows: row i is 1 where the number of which `bits` holds the bits is i. A round halves the width."""
    if bits.width == 0:
        return ~bits.constant(np.zeros((1, slicing.words(bits.length)), dtype=np.uint64))
    if bits.width == 1:
        return Bits.stack([~bits, bits]).rows(slice(0, count))
    half = bits.width // 2
    size = 1 << half
    low, high = await parallel(
        one_hot(session.narrow("low"), engine, bits.rows(slice(0, half)), size),
        one_hot(session.narrow("high"), engine, bits.rows(slice(half, None)), -(-count // size)),
    )
    # Row i of a block of rows with one high part: high and low_i; the last is what the high row has left.
    asked = [(i >> half, i & (size - 1)) for i in range(count) if i & (size - 1) != size - 1]
    (joint,) = await engine.conj(
        session.narrow("both"),
        [(high.rows([h for h, _ in asked]), low.rows([x for _, x in asked]))],
    )
    found = []
    for h in range(high.width):
        block = joint.rows(slice(h * (size - 1), min((h + 1) * (size - 1), joint.width)))
        found.append(block)
        if (h + 1) * size <= count:
            last = high.rows(h)
            for i in range(block.width):
                last = last ^ block.rows(i)
            found.append(last)
    return Bits.stack(found)


async def _one_hots(
    session: Session, engine: Engine, codes: Bits, parts: Split
) -> tuple[Bits, Bits]:
    low, high = await parallel(
        one_hot(session.narrow("low"), engine, codes.rows(slice(0, parts.low_bits)), parts.low),
        one_hot(
            session.narrow("high"), engine, codes.rows(slice(parts.low_bits, None)), parts.high
        ),
    )
    return high, low.rows(slice(0, parts.low - 1))


@dataclass(frozen=True, slots=True)
class _Block:
    """What a block of rows adds: the rows of each high part, and the products."""

    total: Arith
    products: Partial


@dataclass(frozen=True, slots=True)
class _Run:
    engine: Engine
    high: Bits
    low: Bits
    columns: tuple[Arith, ...]

    async def block(self, session: Session, rows: slice) -> _Block:
        """What the rows of one block add."""
        start, stop = rows.start, min(rows.stop, self.high.length)
        low_rows = self.low.width
        bits = Bits.stack([self.high.cut(start, stop), self.low.cut(start, stop)])
        numbers = await self.engine.to_arith(session.narrow("numbers"), bits)
        high, low = numbers[: self.high.width], numbers[self.high.width :]
        values = [column[start:stop] for column in self.columns]
        products = []
        if low_rows:
            step = session.narrow("values")
            products = await parallel(
                *(
                    self.engine.multiply(step.narrow(str(i)), low, value.repeat(low_rows))
                    for i, value in enumerate(values)
                )
            )
        right = [low, *products, *(value.repeat(1) for value in values)]
        return _Block(high.total(), self.engine.products(high, right))


def _grouped(cells: Arith, total: Arith, parts: Split, groups: int, sums: int) -> Grouped:
    """Cells of the last low part are what is left of a high part's rows."""
    asked = parts.low - 1
    found = []
    for i in range(1 + sums):
        first = cells[:, i * asked : (i + 1) * asked]
        at = (1 + sums) * asked + i - 1
        whole = total if i == 0 else cells[:, at : at + 1].flat()
        rest = whole - first.total() if asked else whole
        found.append(Arith.columns_of([first, rest.column()]).flat()[:groups])
    return Grouped(found[0], tuple(found[1:]))


def _summed(secrets: Sequence[Arith]) -> Arith:
    total = secrets[0]
    for secret in secrets[1:]:
        total = total + secret
    return total
