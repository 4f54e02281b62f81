"""Mechanism: the law of the noise on a column, and what an answer with it loses.

The law is that of the parts of the honest parties alone (protocols/noise/spec.md, *What is promised*).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt
from typing import Literal

from mpcstats.errors import UsageError
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import Loss

Kind = Literal["laplace", "gaussian"]
LEAST_VARIANCE = 2  # below it the gap between two discrete Gaussians and one is not bounded here
UNIT = 1 << 48  # a rho of Gaussian noise is rounded up to a whole number of these parts
_MOST_BITS = 512  # of a gap: a smaller one counts as 2^-512


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Discrete Laplace of the scale `parameter`, or two discrete Gaussians of that variance together."""

    kind: Kind
    parameter: Fraction

    def __post_init__(self) -> None:
        least = 0 if self.kind == "laplace" else LEAST_VARIANCE
        if self.parameter < least or self.parameter == 0:
            what = "scale above 0" if self.kind == "laplace" else f"variance of at least {least}"
            raise UsageError(f"expected a {what} for noise, got {self.parameter}")

    def loss(self, moved: Sensitivity) -> Loss:
        """What an answer loses that moves by `moved` between neighbours."""
        if self.kind == "laplace":
            return Loss.pure(Fraction(moved.l1) / self.parameter)
        # rho = (A + B)^2 / 2 with A^2 = D2^2 / w and B^2 = 4 d L^2, where L <= 5 * 2^-floor(7 w).
        shift = Fraction(moved.l2_squared) / self.parameter
        bits = min(int(7 * self.parameter), _MOST_BITS)
        gap = Fraction(100 * moved.cells, 1 << 2 * bits)
        rho = (shift + gap + 2 * root_above(shift * gap)) / 2
        return Loss.concentrated(Fraction(ceil(rho * UNIT), UNIT))

    def __str__(self) -> str:
        of = "scale" if self.kind == "laplace" else "variance"
        return f"discrete {self.kind.capitalize()} of {of} {self.parameter}"


def laplace_for(moved: Sensitivity, epsilon: Fraction) -> Mechanism:
    """The least Laplace noise with which an answer that moves by `moved` loses no more than `epsilon`.

    Raises UsageError unless epsilon is above 0.
    """
    if epsilon <= 0:
        raise UsageError(f"expected an epsilon above 0 to add noise for, got {epsilon}")
    return Mechanism("laplace", Fraction(moved.l1) / epsilon)


def gaussian_for(moved: Sensitivity, rho: Fraction) -> Mechanism:
    """A Gaussian whose answer loses at most `rho`: the variance without a gap, and a little more where that counts.

    Raises UsageError unless rho is above 0.
    """
    if rho <= 0:
        raise UsageError(f"expected a rho above 0 to add noise for, got {rho}")
    variance = max(Fraction(moved.l2_squared) / (2 * rho), Fraction(LEAST_VARIANCE))
    # The gap halves with every seventh of a variance: a few steps of 2^-32 of it make up for it.
    extra = variance / (1 << 32)
    while True:
        found = Mechanism("gaussian", variance)
        if found.loss(moved).rho <= rho:
            return found
        variance += extra
        extra *= 2


def root_above(number: Fraction) -> Fraction:
    """A fraction of at least the root of `number`, above it by under 2^-32 of it or 2^-600."""
    if number == 0:
        return Fraction(0)
    bits = max(0, number.denominator.bit_length() - number.numerator.bit_length()) + 66
    scaled = (number.numerator << 2 * bits) // number.denominator + 1
    return Fraction(isqrt(scaled) + 1, 1 << bits)
