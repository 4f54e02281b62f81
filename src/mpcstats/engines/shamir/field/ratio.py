"""Quotients of secret integers, rounded to a public number of binary places, with a bound on the error.

The divisor is scaled by a secret power of two to a public length, cut to as many bits as the answer needs, and inverted
by Newton's iteration from the linear estimate 2.9142 - 2x, whose relative error on [1/2, 1] is below 0.0858.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

from mpcstats.engines.shamir.field.circuit import SECURITY, Circuit, Element
from mpcstats.engines.shamir.field.digits import leading, products, rounded

GUARD = 6  # bits carried beyond those of the answer; see Precision.working
ESTIMATE_BITS = 3.54  # -log2 of the first estimate's relative error
ESTIMATE = 29142  # in ten thousandths


@dataclass(frozen=True, slots=True)
class Precision:
    """Public sizes of a division: divisors in (0, 2^divisor), |quotient| at most 2^magnitude, `fraction` places.

    The quotient found differs from the exact one by less than 2^(1-fraction): spec.md of regression, Error.
    """

    divisor: int
    magnitude: int
    fraction: int

    @property
    def working(self) -> int:
        """Bits W of the cut divisor."""
        return self.magnitude + self.fraction + GUARD

    @property
    def scaled(self) -> int:
        """Bits L that a divisor is scaled to: at least those of the cut one."""
        return max(self.divisor, self.working)

    @property
    def steps(self) -> int:
        """Newton's steps until W bits are right: each doubles them."""
        return ceil(log2(self.working / ESTIMATE_BITS))

    @property
    def widest(self) -> int:
        """Bits of the longest number that is masked, its mask included; p must be longer."""
        scaled = self.scaled + self.magnitude + 2
        inverted = 2 * self.working + self.magnitude + 4
        return max(scaled, inverted, self.divisor + 1) + SECURITY


@dataclass(frozen=True, slots=True)
class Quotients:
    """The quotients times 2^fraction, rounded, and for each divisor whether it is above 0."""

    values: list[Element]
    positive: list[Element]


async def ratios(
    circuit: Circuit,
    tops: Sequence[tuple[Element, int]],
    divisors: Sequence[Element],
    precision: Precision,
) -> Quotients:
    """top / divisors[i] for each (top, i). A divisor may be 0: what is divided by it must be 0, and stays so.

    Each divisor must lie in [0, 2^precision.divisor), each quotient within 2^precision.magnitude.
    """
    L, W = precision.scaled, precision.working
    places, positive = await leading(circuit, divisors, precision.divisor)
    # v = 2^(L - len): v times the divisor has L bits exactly.
    powers = [sum(bit * (1 << L - 1 - i) for i, bit in enumerate(row)) for row in places]
    scaled = await products(
        circuit,
        [*zip(divisors, powers, strict=True), *((top, powers[i]) for top, i in tops)],
    )
    # A divisor of 0 becomes 2^(L-1), so that no number below leaves its bounds.
    bottoms = [
        x + (1 - above) * (1 << L - 1)
        for x, above in zip(scaled[: len(divisors)], positive, strict=True)
    ]
    cut = [*bottoms, *scaled[len(divisors) :]]
    if L > W:
        cut = await rounded(circuit, cut, drop=L - W, bits=L + precision.magnitude + 2)
    inverses = await _inverted(circuit, cut[: len(divisors)], precision)
    found = await products(
        circuit,
        [(top, inverses[i]) for top, (_, i) in zip(cut[len(divisors) :], tops, strict=True)],
    )
    values = await rounded(
        circuit, found, drop=2 * W - precision.fraction, bits=2 * W + precision.magnitude + 4
    )
    return Quotients(values, positive)


async def _inverted(circuit: Circuit, xs: Sequence[Element], precision: Precision) -> list[Element]:
    """About 2^(2W) / x for each x in [2^(W-1), 2^W]: z is 1/x with W places, for x with W places."""
    W = precision.working
    z = [(ESTIMATE << W) // 10000 - 2 * x for x in xs]
    for _ in range(precision.steps):
        near = await products(circuit, list(zip(xs, z, strict=True)))
        one = await rounded(circuit, near, drop=W, bits=2 * W + 3)
        pairs = [(a, (2 << W) - b) for a, b in zip(z, one, strict=True)]
        z = await rounded(circuit, await products(circuit, pairs), drop=W, bits=2 * W + 4)
    return z
