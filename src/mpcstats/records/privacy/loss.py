"""Loss: how much an answer may tell of one person, as exact fractions that add up over answers.

epsilon is that of pure differential privacy; rho that of zero-concentrated (zCDP, Bun and Steinke 2016, arXiv
1605.02065), which every noisy answer has: epsilon-differential privacy is epsilon^2 / 2 zCDP (their proposition 1.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction
from typing import Self

from mpcstats.errors import UsageError

DIGITS = 40  # of the conversions, whose results are rounded up
HALVINGS = 60  # of an interval that holds a root
SLACK = Decimal(1).scaleb(-DIGITS // 2)  # far above what rounding to so many digits takes away
FRACTION = re.compile(r"[0-9]{1,9}(/[1-9][0-9]{0,8})?")
_CHARGED = re.compile(r"[0-9]{1,60}(/[1-9][0-9]{0,59})?")  # a product of two, or a sum


@dataclass(frozen=True, slots=True)
class Loss:
    """At most `epsilon` (None: no bound without a delta) and at most `rho`; neither is below 0.

    Both hold but for an event of probability `delta`, which may tell everything: 0 for noise without an end, and above
    for dummies, whose number has one (approximate zCDP, Bun and Steinke 2016, section 8).
    """

    epsilon: Fraction | None
    rho: Fraction
    delta: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.rho < 0 or self.delta < 0 or (self.epsilon is not None and self.epsilon < 0):
            raise UsageError("expected a loss of at least 0, got one below")

    @classmethod
    def pure(cls, epsilon: Fraction) -> Self:
        """That of epsilon-differential privacy."""
        return cls(epsilon, epsilon * epsilon / 2)

    @classmethod
    def concentrated(cls, rho: Fraction) -> Self:
        """That of rho-zCDP."""
        return cls(None, rho)

    def __add__(self, other: Loss) -> Loss:
        """That of both answers together: each kind adds up (Bun and Steinke 2016, lemmas 1.7 and 8.2)."""
        rho, beyond = self.rho + other.rho, self.delta + other.delta
        if self.epsilon is None or other.epsilon is None:
            return Loss(None, rho, beyond)
        return Loss(self.epsilon + other.epsilon, rho, beyond)

    def __str__(self) -> str:
        pure = "" if self.epsilon is None else f"epsilon {self.epsilon}, "
        beyond = f", delta {self.delta}" if self.delta else ""
        return f"{pure}rho {self.rho}{beyond}"


NOTHING = Loss(Fraction(0), Fraction(0))


def read_fraction(text: object) -> Fraction:
    """The number that `text` writes as "3" or "1/2". Raises UsageError for anything else: no number is rounded."""
    if not isinstance(text, str) or FRACTION.fullmatch(text) is None:
        raise UsageError(f'expected a number as text, as "3" or "1/2", got {str(text)[:40]!r}')
    return Fraction(text)


def read_charged(text: object) -> Fraction:
    """As `read_fraction`, of a number that was computed."""
    if not isinstance(text, str) or _CHARGED.fullmatch(text) is None:
        raise UsageError(f"expected a number that was charged as text, got {str(text)[:40]!r}")
    return Fraction(text)


def delta(rho: Fraction, epsilon: Fraction) -> Fraction:
    """A delta for which rho-zCDP is (epsilon, delta)-differential privacy, rounded up; at most 1.

    The least over alpha > 1 of exp((alpha - 1)(alpha rho - epsilon)) / (alpha - 1) * (1 - 1/alpha)^alpha. Source:
    Canonne, Kamath and Steinke 2020, corollary 13. Raises UsageError for a number below 0.
    """
    if rho < 0 or epsilon < 0:
        raise UsageError("expected rho and epsilon of at least 0, got one below")
    if rho == 0:
        return Fraction(0)
    with localcontext(Context(prec=DIGITS)) as context:
        r, e = _decimal(rho), _decimal(epsilon)
        order = _order(r, e)
        # Any order gives a bound, so an error in it costs tightness alone; that of the value is within SLACK.
        above = order - 1
        exponent = above * (order * r - e) + order * (above / order).ln() - above.ln()
        context.rounding = ROUND_CEILING
        return min(Fraction(1), Fraction(exponent.exp() * (1 + SLACK)))


def epsilon(rho: Fraction, delta_: Fraction) -> Fraction:
    """An epsilon for which rho-zCDP is (epsilon, delta_)-differential privacy, above the least by under 2^-40 of it.

    Raises UsageError unless 0 < delta_ < 1.
    """
    if not 0 < delta_ < 1:
        raise UsageError(f"expected a delta above 0 and below 1, got {delta_}")
    if delta(rho, Fraction(0)) <= delta_:
        return Fraction(0)
    high = Fraction(1)
    while delta(rho, high) > delta_:
        high *= 2
    low = high / 2 if high > 1 else Fraction(0)
    while high - low > high / (1 << 40):
        middle = (low + high) / 2
        low, high = (low, middle) if delta(rho, middle) <= delta_ else (middle, high)
    return high


def _order(rho: Decimal, epsilon: Decimal) -> Decimal:
    """The alpha at which the exponent is least: (2 alpha - 1) rho - epsilon + ln(1 - 1/alpha) has its root there."""

    def slope(above: Decimal) -> Decimal:
        order = above + 1
        return (2 * order - 1) * rho - epsilon + (above / order).ln()

    low, high = Decimal(0), Decimal(1)
    while slope(high) < 0:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 1 + high


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)
