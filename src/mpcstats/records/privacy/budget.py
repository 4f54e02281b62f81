"""Budget: how much may be lost of a dataset, over all answers, and why a question would be too much."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.privacy.loss import FRACTION, Loss, epsilon, read_fraction
from mpcstats.records.tomlfile import Table


def _fraction(value: object) -> Any:
    if isinstance(value, Fraction):
        return value
    try:
        return read_fraction(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


Number = Annotated[
    Fraction,
    BeforeValidator(_fraction),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{FRACTION.pattern}$"}),
]


class PrivacyBudget(Table):
    """What may be lost of any one person in `dataset`, over all answers together.

    epsilon alone: of pure differential privacy, so that Gaussian noise does not fit. rho: of zCDP. epsilon and delta:
    the rho so far must be (epsilon, delta)-differential privacy. Numbers are written as text, "3" or "1/2".
    """

    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    epsilon: Number | None = None
    delta: Number | None = None
    rho: Number | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.epsilon is None) == (self.rho is None):
            raise ValueError(f"expected a budget of {self.dataset} in epsilon or in rho")
        if self.delta is not None and (self.epsilon is None or not 0 < self.delta < 1):
            raise ValueError(
                f"expected a delta of {self.dataset} above 0 and below 1, beside an epsilon"
            )
        return self

    def __str__(self) -> str:
        if self.rho is not None:
            return f"rho {self.rho}"
        return f"epsilon {self.epsilon}" + ("" if self.delta is None else f", delta {self.delta}")

    def refusal(self, lost: Loss, asked: Loss) -> str | None:
        """Why a question that loses `asked` is too much after `lost`; None if it is within the budget."""
        found = lost + asked
        if found.delta and (self.delta is None or found.delta >= self.delta):
            return (
                f"{self.dataset}: its budget is {self}; with this question delta alone would be "
                f"{_near(found.delta)}: ask for dummies of a smaller delta, or give the budget a larger one"
            )
        if self.rho is not None:
            return self._over("rho", self.rho, lost.rho, asked.rho)
        if self.epsilon is None:  # held by _consistent
            return None
        if self.delta is not None:
            # But for found.delta the loss is found.rho of zCDP; what is left of delta is for its conversion.
            total = epsilon(found.rho, self.delta - found.delta)
            if total <= self.epsilon:
                return None
            return (
                f"{self.dataset}: its budget is {self}; with this question it would be epsilon "
                f"{_near(total)} at that delta: ask for less, or with more noise"
            )
        if asked.epsilon is None or lost.epsilon is None:
            whose = "this question" if asked.epsilon is None else "an earlier question"
            return (
                f"{self.dataset}: its budget is {self} without a delta, and the noise of {whose} "
                "is Gaussian, which has none: ask with Laplace noise, or give the budget a delta"
            )
        return self._over("epsilon", self.epsilon, lost.epsilon, asked.epsilon)

    def _over(self, what: str, most: Fraction, lost: Fraction, asked: Fraction) -> str | None:
        if lost + asked <= most:
            return None
        return (
            f"{self.dataset}: its budget is {what} {most}, of which {_near(lost)} is spent, and this "
            f"question costs {_near(asked)}: ask for less, or with more noise"
        )


def _near(number: Fraction) -> str:
    """The number as it is, or, if that is long, in decimals and rounded up."""
    if len(str(number)) <= 12:
        return str(number)
    millionths = -(-number.numerator * 10**6 // number.denominator)
    return f"about {millionths // 10**6}.{millionths % 10**6:06d}"
