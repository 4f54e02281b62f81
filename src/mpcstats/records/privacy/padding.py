"""Padding: how many dummies hide the size of an intersection, and what an answer with them loses.

The law is that of protocols/private_join_padded/spec.md: discrete Laplace numbers from -t to t, moved by t.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction

from mpcstats.errors import UsageError
from mpcstats.records.privacy.loss import DIGITS, SLACK, Loss


@dataclass(frozen=True, slots=True)
class Padding:
    """Dummies with which the size is (epsilon, delta)-differentially private.

    Raises UsageError unless epsilon > 0 and 0 < delta < 1.
    """

    epsilon: Fraction
    delta: Fraction

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or not 0 < self.delta < 1:
            raise UsageError(
                "expected an epsilon above 0 and a delta above 0 and below 1 to hide a size by dummies"
            )

    @property
    def shift(self) -> int:
        """t: the least whole number, 1 at least, with exp(-epsilon t) at most delta, or one more."""
        with localcontext(Context(prec=DIGITS, rounding=ROUND_CEILING)):
            inverse = Decimal(self.delta.denominator) / self.delta.numerator
            steps = (inverse.ln() + SLACK) * self.epsilon.denominator / self.epsilon.numerator
            return max(1, int(steps.to_integral_value(ROUND_CEILING)))

    @property
    def loss(self) -> Loss:
        """What an answer loses, of a person with one key."""
        return Loss(self.epsilon, self.epsilon * self.epsilon / 2, self.delta)
