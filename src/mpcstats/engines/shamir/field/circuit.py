"""What a computation over the field is made of, in whole lists: products, openings, and numbers that nobody knows.

Two parties to it: `Shares` is MPyC's side of a real run; `Tally` computes in the clear and counts what each step would
send, so that a cost is known from public sizes before a run. An element is MPyC's, or a number; both have + - *.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Element = Any
SECURITY = 64  # bits by which a mask is longer than what it hides, less log2 of C(n, t): at least 50 for n <= 15


class Circuit(Protocol):
    """Steps of a computation on secret elements of the prime field of p elements."""

    p: int

    async def reshared(self, xs: Sequence[Element]) -> list[Element]:
        """Sums of products of two secrets each, as secrets that can be multiplied again. One round."""

    async def opened(self, xs: Sequence[Element]) -> list[int]:
        """The numbers xs, in [0, p), at every party: for masked ones alone. One round."""

    def uniform(self, n: int) -> list[Element]:
        """n secret uniform elements. No round."""

    def masks(self, n: int, bits: int) -> list[Element]:
        """n secret numbers in [0, 2^bits) that hide what they are added to. No round."""


class Shares:
    """A circuit on MPyC's runtime `rt`, over the field of p elements."""

    def __init__(self, rt: Any, p: int) -> None:
        # Here, not above: this module is read without MPyC too.
        from mpcstats.engines.shamir.field.library import finfields

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

    def uniform(self, n: int) -> list[Element]:
        """As Circuit says."""
        return list(self._rt._randoms(self._field, n))

    def masks(self, n: int, bits: int) -> list[Element]:
        """As Circuit says."""
        return list(self._rt._randoms(self._field, n, 1 << bits))


@dataclass(slots=True)
class Tally:
    """A circuit in the clear, of ones and zeros where a run has random numbers; it counts what a run would send."""

    p: int
    products: int = 0  # elements that are reshared
    openings: int = 0  # elements that are opened
    rounds: int = 0

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

    def uniform(self, n: int) -> list[Element]:
        """As Circuit says."""
        return [1] * n

    def masks(self, n: int, bits: int) -> list[Element]:
        """As Circuit says."""
        return [0] * n
