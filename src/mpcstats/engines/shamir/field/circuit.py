"""What a computation over the field is made of, in whole lists: products, openings, bits, comparisons, roundings.

Two parties to it: `Shares` is MPyC's side of a real run; `Tally` computes in the clear and counts what each step would
send, so that a cost is known from public sizes before a run. An element is MPyC's, or a number; both have + - *.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Element = Any
SECURITY = 64  # bits by which a mask is longer than what it hides, less log2 of C(n, t): at least 50 for n <= 15


class Circuit(Protocol):
    """Steps of a computation on secret elements of the prime field of p elements."""

    p: int

    async def reshared(self, xs: Sequence[Element]) -> list[Element]:
        """Sums of products of two secrets each, as secrets that can be multiplied again."""

    async def opened(self, xs: Sequence[Element]) -> list[int]:
        """The numbers xs, in [0, p), at every party: for masked ones alone."""

    async def random_bits(self, n: int) -> list[Element]:
        """n secret bits that nobody knows."""

    async def masks(self, n: int, bits: int) -> list[Element]:
        """n secret numbers in [0, 2^bits) that hide what they are added to."""

    async def rounded(self, xs: Sequence[Element], *, drop: int, bits: int) -> list[Element]:
        """x / 2^drop, rounded down or up at random; each x in [-2^(bits-1), 2^(bits-1)).

        Catrina, Saxena, Secure computation with fixed-point numbers, FC 2010, section 3.3 (PRTrunc).
        """


class Shares:
    """A circuit on MPyC's runtime `rt`, over the field of p elements."""

    def __init__(self, rt: Any, p: int) -> None:
        # Here, not above: this module is read without MPyC too.
        from mpcstats.engines.shamir.field.library import finfields  # noqa: PLC0415

        self.p = p
        self._rt = rt
        self._field = finfields.GF(p)

    def of(self, shares: Sequence[int]) -> list[Element]:
        """This party's shares as elements."""
        return [self._field(share) for share in shares]

    @staticmethod
    def numbers(elements: Sequence[Element]) -> list[int]:
        """This party's shares of `elements`."""
        return [int(element.value) for element in elements]

    async def reshared(self, xs: Sequence[Element]) -> list[Element]:
        """As Circuit says."""
        return list(await self._rt._reshare(list(xs)))

    async def opened(self, xs: Sequence[Element]) -> list[int]:
        """As Circuit says."""
        return [int(x.value) for x in await self._rt.output(list(xs))]

    async def random_bits(self, n: int) -> list[Element]:
        """As Circuit says."""
        return list(await self._rt.random_bits(self._field, n))

    async def masks(self, n: int, bits: int) -> list[Element]:
        """As Circuit says."""
        return list(self._rt._randoms(self._field, n, 1 << bits))

    async def rounded(self, xs: Sequence[Element], *, drop: int, bits: int) -> list[Element]:
        """As Circuit says."""
        return list(await self._rt.trunc(list(xs), f=drop, l=bits))


@dataclass(slots=True)
class Tally:
    """A circuit in the clear, of zeros where a run has random numbers, and how many elements a run would send."""

    p: int
    products: int = 0  # elements that are reshared
    openings: int = 0  # elements that are opened by t + 1 shares
    squares: int = 0  # elements that are opened by 2t + 1 shares: one for each random bit
    rounds: int = field(default=0)

    async def reshared(self, xs: Sequence[Element]) -> list[Element]:
        """As Circuit says."""
        self.products += len(xs)
        self.rounds += 1
        return [x % self.p for x in xs]

    async def opened(self, xs: Sequence[Element]) -> list[int]:
        """As Circuit says."""
        self.openings += len(xs)
        self.rounds += 1
        return [x % self.p for x in xs]

    async def random_bits(self, n: int) -> list[Element]:
        """As Circuit says."""
        self.squares += n
        self.rounds += 1
        return [0] * n

    async def masks(self, n: int, bits: int) -> list[Element]:
        """As Circuit says."""
        return [0] * n

    async def rounded(self, xs: Sequence[Element], *, drop: int, bits: int) -> list[Element]:
        """As Circuit says."""
        self.squares += drop * len(xs)
        self.openings += len(xs)
        self.rounds += 2
        signed = [x - self.p if (x := value % self.p) > self.p // 2 else x for value in xs]
        return [x >> drop for x in signed]
