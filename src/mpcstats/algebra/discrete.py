"""Discrete laws: exact samples of integers by rational numbers alone, from uniform bits that a caller draws.

No floating point anywhere, so no law is off by a rounding error that an attacker could read (Mironov 2012). The laws
are those of Canonne, Kamath and Steinke 2020 (arXiv 2004.00010), sections 2 and 5, and one more, `half_geometric`,
whose argument is in protocols/noise/spec.md. All of them loop until a draw is kept: how long that takes depends on
the sample, and so is known to whoever can time the caller.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Protocol

from mpcstats.errors import UsageError


class Draw(Protocol):
    """A source of uniform integers; algebra has none of its own."""

    def bits(self, n: int) -> int:
        """A uniform integer in [0, 2^n), independent of all that were drawn before."""
        ...


def below(draw: Draw, bound: int) -> int:
    """A uniform integer in [0, bound), bound >= 1, by rejection."""
    width = (bound - 1).bit_length()
    while True:
        found = draw.bits(width)
        if found < bound:
            return found


def discrete_laplace(draw: Draw, scale: Fraction) -> int:
    """An integer z with probability proportional to exp(-|z| / scale).

    Source: Canonne et al. 2020, algorithm 2. Raises UsageError unless scale > 0.
    """
    _check(scale, "scale")
    while True:
        size = geometric(draw, scale)
        negative = draw.bits(1)
        if size or not negative:  # 0 has one sign only
            return -size if negative else size


def discrete_gaussian(draw: Draw, variance: Fraction) -> int:
    """An integer z with probability proportional to exp(-z^2 / (2 variance)); the true variance is at most that.

    Source: Canonne et al. 2020, algorithm 3. Raises UsageError unless variance > 0.
    """
    _check(variance, "variance")
    whole = isqrt(variance.numerator // variance.denominator) + 1  # floor(sigma) + 1
    scale = Fraction(whole)
    while True:
        z = discrete_laplace(draw, scale)
        away = abs(z) - variance / whole
        if _with_exponential(draw, away * away / (2 * variance)):
            return z


def geometric(draw: Draw, scale: Fraction) -> int:
    """An integer k >= 0 with probability proportional to exp(-k / scale).

    u + t v with t the scale's numerator is geometric of scale t; its quotient by the denominator is what is wanted.
    Source: Canonne et al. 2020, algorithm 2, steps 4 to 12. Raises UsageError unless scale > 0.
    """
    _check(scale, "scale")
    t, s = scale.numerator, scale.denominator
    while True:
        u = below(draw, t)
        if _exponential(draw, u, t):
            break
    v = 0
    while _exponential(draw, 1, 1):
        v += 1
    return (u + t * v) // s


def half_geometric(draw: Draw, scale: Fraction) -> int:
    """An integer k >= 0 with probability proportional to C(2k, k) 4^-k exp(-k / scale).

    This is the negative binomial law with half a success: two of them add up to `geometric` of that scale.
    C(2k, k) 4^-k is the chance that 2k fair coins fall evenly, so that many are thrown. About sqrt(scale) trials, and
    2 scale coins in each. Raises UsageError unless scale > 0.
    """
    while True:
        k = geometric(draw, scale)
        if draw.bits(2 * k).bit_count() == k:
            return k


def _with_exponential(draw: Draw, rate: Fraction) -> bool:
    """True with probability exp(-rate), rate >= 0. Source: Canonne et al. 2020, algorithm 1."""
    whole, rest = divmod(rate.numerator, rate.denominator)
    return all(_exponential(draw, 1, 1) for _ in range(whole)) and _exponential(
        draw, rest, rate.denominator
    )


def _exponential(draw: Draw, a: int, b: int) -> bool:
    """True with probability exp(-a / b), 0 <= a <= b: the first k with no event of chance a / (b k) is odd."""
    k = 1
    while below(draw, b * k) < a:
        k += 1
    return k % 2 == 1


def _check(value: Fraction, what: str) -> None:
    if value <= 0:
        raise UsageError(f"expected a {what} above 0, got {value}")
