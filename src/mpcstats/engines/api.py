"""What every engine offers to protocols. `testing.check_engine` holds an implementation to it.

Every party of the run calls every method, also those that do not compute: they pass on what they own, receive
what is opened to them, and get secrets without parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.column import Column, Shuffled, ShuffleOrder
from mpcstats.engines.share import Arith, Bits, Elements, Partial, Positions
from mpcstats.engines.wide import Wide
from mpcstats.session import Session, Words


@dataclass(frozen=True, slots=True)
class Masked:
    """A request to sum `values`, which the compute party `owner` knows, where `bits` (one row) is 1."""

    bits: Bits
    owner: str
    values: Words | None = field(repr=False)  # at the owner: shape (n,); None elsewhere


# What an engine may do without: secret orders (shuffle, unshuffle, permute, open_order), and numbers of 128 bits.
Extra = Literal["orders", "wide"]
EXTRAS: frozenset[Extra] = frozenset({"orders", "wide"})


class Engine(Protocol):
    """Secrets among compute parties; n is the number of elements, the same at every party.

    An engine that does not have an extra in `offers` raises UsageError from its operations, at every party.
    """

    name: str
    compute: tuple[str, ...]
    offers: frozenset[Extra]

    async def share(
        self, session: Session, values: Words | None, *, owner: str, shape: tuple[int, ...]
    ) -> Arith:
        """The secret of `shape` that `owner` puts in; `values` at the owner, None elsewhere."""

    async def share_bits(
        self, session: Session, rows: Words | None, *, owner: str, length: int, width: int
    ) -> Bits:
        """The bit-sliced secret that `owner` puts in: `rows` of shape (width, words(length)) at the owner."""

    def public(self, session: Session, values: Words) -> Arith:
        """Numbers that everybody knows as a secret; no message."""

    async def multiply(self, session: Session, x: Arith, y: Arith) -> Arith:
        """Element by element, x * y mod 2^64."""

    async def dot(self, session: Session, x: Arith, y: Arith) -> Arith:
        """The sum over the last axis of x * y mod 2^64; two vectors give shape (1,)."""

    async def conj(self, session: Session, pairs: Sequence[tuple[Bits, Bits]]) -> list[Bits]:
        """For each pair, bit by bit, x and y; all pairs in one round."""

    async def less_than(self, session: Session, x: Bits, y: Bits) -> Bits:
        """One row: 1 where x < y as unsigned numbers of equal width, row 0 the lowest bit."""

    async def equal(self, session: Session, x: Bits, y: Bits) -> Bits:
        """One row: 1 where all rows of x and y agree."""

    async def negative(self, session: Session, x: Arith, *, width: int = 64) -> Bits:
        """One row: 1 where the vector x, read as a signed number of `width` bits, is below 0; 2 to 64 bits.

        Right for x in [-2^(width - 1), 2^(width - 1)). Fewer bits cost less.
        """

    async def to_arith(self, session: Session, bits: Bits) -> Arith:
        """0 or 1 in Z_2^64 for each bit; shape (width, length)."""

    async def masked_sums(self, session: Session, masked: Sequence[Masked]) -> Arith:
        """For each request, the sum over the rows of bit * value mod 2^64; shape (len(masked),)."""

    async def shuffle(self, session: Session, columns: Sequence[Column]) -> Shuffled:
        """The columns (vectors and bit rows of n elements each), all in one order that nobody knows."""

    async def unshuffle(
        self, session: Session, order: ShuffleOrder, columns: Sequence[Column]
    ) -> list[Column]:
        """Columns of a shuffle's order in the order from before it; `order` is that of this run's shuffle."""

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        """For each i whether x[i] < y[at[i]] (y[i] without `at`) as unsigned numbers, opened to all compute parties.

        None elsewhere. The two must differ for every i.
        """

    async def reveal_bits(
        self, session: Session, x: Bits, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        """The rows of x in the clear, padding bits 0, at each compute party of `to`, None elsewhere."""

    async def reveal(
        self, session: Session, x: Arith, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        """x in the clear at each party of `to`, None elsewhere. `leak` is the id on the protocol's card."""

    async def permute(
        self,
        session: Session,
        columns: Sequence[Column],
        order: Positions | None,
        *,
        owner: str,
        keep: int | None = None,
    ) -> list[Column]:
        """The columns in an order that `owner` alone knows: element i is element order[i] of the column.

        `order` is given at the owner (of the compute parties or outside), None elsewhere: a permutation of range(n),
        or `keep` distinct positions. Columns are vectors and bit rows of n elements. Raises PeerFault naming the
        owner for another order, InternalError at the owner.
        """

    def products(self, x: Arith, ys: Sequence[Arith]) -> Partial:
        """x y^T mod 2^64 for x of shape (a, n), y the rows of all `ys`, not yet shared again: no message."""

    async def completed(self, session: Session, partial: Partial) -> Arith:
        """The secret that the summands of `partial` add up to."""

    async def outer(self, session: Session, x: Arith, y: Arith) -> Arith:
        """x y^T mod 2^64: element (i, j) is the dot product of row i of x and row j of y."""

    # Exact arithmetic: numbers as bit rows, sums of bit rows, and numbers of 128 bits.

    async def add_bits(self, session: Session, x: Bits, y: Bits, *, carry: Bits | int = 0) -> Bits:
        """x + y + carry mod 2^width as bit rows; `carry` is 0, 1 or one row. x - y is x + not y + 1."""

    async def increment(self, session: Session, x: Bits, carry: Bits) -> Bits:
        """x + carry mod 2^width as bit rows; `carry` is one row."""

    async def select(self, session: Session, flags: Bits, options: Sequence[Bits]) -> Bits:
        """The exclusive or over j of (row j of `flags`) and (options[j]): the chosen option if one flag is 1."""

    async def to_bits(self, session: Session, x: Arith | Wide, *, width: int | None = None) -> Bits:
        """The low `width` bits of the vector x, row 0 the lowest; without `width` all 64 or 128."""

    async def from_bits(self, session: Session, bits: Bits, *, signed: bool = False) -> Arith:
        """The numbers whose bits are the rows, 1 to 64 of them; `signed`: in two's complement. Shape (length,)."""

    async def from_bits_wide(self, session: Session, bits: Bits, *, signed: bool = False) -> Wide:
        """The same in Z_2^128, from 1 to 128 rows."""

    async def lift(self, session: Session, x: Arith) -> Wide:
        """x in Z_2^128, read as signed. Right for x in [-2^62, 2^62)."""

    async def multiply_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        """Element by element, x * y mod 2^128."""

    async def dot_wide(self, session: Session, x: Wide, y: Wide) -> Wide:
        """The sum over the last axis of x * y mod 2^128; two vectors give shape (1,)."""

    async def reveal_wide(
        self, session: Session, x: Wide, *, leak: str, to: Sequence[str]
    ) -> Words | None:
        """x in the clear at each party of `to`, shape (2, *x.shape) as in algebra.wide; None elsewhere."""
