"""How much an answer may tell of a person where a rule asks for noise: the law, and what its totals cost together."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, Self

from pydantic import model_validator

from mpcstats.records.privacy.budget import Number
from mpcstats.records.privacy.contribution import Sensitivity
from mpcstats.records.privacy.loss import Loss
from mpcstats.records.privacy.mechanism import Mechanism, gaussian_for, laplace_for
from mpcstats.records.tomlfile import Table


class Privacy(Table):
    """Laplace noise for an `epsilon`, or Gaussian noise for a `rho`, of each answer; "1/2", as text.

    sticky: asked again, the same is answered, which takes every owner's word for that its data have not changed; else
    every run has noise of its own, and takes nobody's.
    """

    mechanism: Literal["laplace", "gaussian"] = "laplace"
    epsilon: Number | None = None
    rho: Number | None = None
    sticky: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        needed = "epsilon" if self.mechanism == "laplace" else "rho"
        given = [name for name in ("epsilon", "rho") if getattr(self, name) is not None]
        if given != [needed]:
            raise ValueError(
                f"expected {needed} of {self.mechanism} noise and no other number, got "
                f"{' and '.join(given) or 'none'}"
            )
        if self.amount == 0:
            raise ValueError(f"expected {needed} above 0: no noise is enough for 0")
        return self

    @property
    def amount(self) -> Fraction:
        """The epsilon or the rho."""
        return self.epsilon or self.rho or Fraction(0)

    @property
    def loss(self) -> Loss:
        """What an answer may cost."""
        if self.mechanism == "laplace":
            return Loss.pure(self.amount)
        return Loss.concentrated(self.amount)

    def part(self, moved: Sensitivity, totals: int) -> Mechanism:
        """The noise on a total that one person moves by `moved`, where `totals` share the amount alike."""
        share = self.amount / totals
        make = laplace_for if self.mechanism == "laplace" else gaussian_for
        return make(moved, share)

    def holds(self, loss: Loss) -> bool:
        """Whether an answer that tells `loss` tells no more than it may."""
        if loss.delta:  # a rule allows none
            return False
        if self.mechanism == "laplace":
            return loss.epsilon is not None and loss.epsilon <= self.amount
        return loss.rho <= self.amount

    def wider(self, other: Privacy) -> bool:
        """Whether an answer may tell more under this one than under `other`."""
        return not other.holds(self.loss)

    def __str__(self) -> str:
        what = "epsilon" if self.mechanism == "laplace" else "rho"
        return f"{self.mechanism.capitalize()} noise for {what} {self.amount} an answer"
