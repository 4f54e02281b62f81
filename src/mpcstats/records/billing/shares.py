"""Whose the income of a product is: registered shares, and measured contributions of which only shares are known.

Shares are whole numbers of millionths that add up to 1,000,000. Money is split by the largest remainder: each
gets the whole fen of its exact part, and the fen that are left go one each to those whose parts had the largest
remainders, of equal ones to the name that comes first. So the parts are the whole, to the fen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.billing.month import Month
from mpcstats.records.billing.tariff import Word
from mpcstats.records.principals import PrincipalName
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

MILLION = 1_000_000
Share = Annotated[int, Field(ge=0, le=MILLION)]
Right = Literal["hold", "use", "operate"]  # 持有权, 加工使用权, 经营权


def split(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`amount` in parts as `weights` to one another, by the largest remainder; the parts add up to it.

    Raises UsageError for a negative amount or weight, or if all weights are 0.
    """
    total = sum(weights.values())
    if amount < 0 or total <= 0 or any(weight < 0 for weight in weights.values()):
        raise UsageError("expected an amount and weights of 0 or more, and one above 0")
    parts = {name: amount * weight // total for name, weight in weights.items()}
    left = amount - sum(parts.values())
    first = sorted(weights, key=lambda name: (-(amount * weights[name] % total), name))
    for name in first[:left]:
        parts[name] += 1
    return dict(sorted(parts.items()))


def contribution(weights: Mapping[str, int]) -> dict[str, int]:
    """Measured weights, such as matched rows, as shares in millionths: all that is published of them."""
    return split(MILLION, weights)


def check_whole(what: str, shares: Mapping[str, int]) -> None:
    """Raises ValueError unless `shares` add up to 1,000,000."""
    total = sum(shares.values())
    if total != MILLION:
        raise ValueError(f"{what}: expected shares that add up to {MILLION}, got {total}")


class Holder(Table):
    """The share of one right holder."""

    name: PrincipalName
    right: Right
    share: Share


class Registered(Table):
    """The registered shares of one product; `measured` of the income is split by measured contributions instead."""

    product: Word
    measured: Share = 0
    holder: Annotated[tuple[Holder, ...], Listed, Field(min_length=1, max_length=256)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [holder.name for holder in self.holder]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.product}: expected every holder once, got one twice")
        check_whole(self.product, self.shares)
        return self

    @property
    def shares(self) -> dict[str, int]:
        """The registered shares by holder."""
        return {holder.name: holder.share for holder in self.holder}


class Contributed(Table):
    """The body of a statement `contribution-shares`: shares of a month, and never what they were measured from."""

    product: Word
    month: Month
    shares: dict[PrincipalName, Share]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_whole(self.product, self.shares)
        return self


class SharesFile(Table):
    """shares.toml: the registered shares of each product."""

    version: Version
    shares: Annotated[tuple[Registered, ...], Listed, Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [entry.product for entry in self.shares]
        if len(set(names)) != len(names):
            raise ValueError("expected the shares of a product once, got one product twice")
        return self


class Shares:
    """The registered shares of each product. Immutable; `digest` names the content."""

    def __init__(self, content: SharesFile) -> None:
        self._products = {entry.product: entry for entry in content.shares}
        self.digest = hashlib.sha256(content.model_dump_json().encode()).hexdigest()

    @classmethod
    def load(cls, path: Path) -> Shares:
        """The shares' file at `path`. Raises UsageError with file and place."""
        return cls(read_toml(path, SharesFile))

    def weights(self, product: str, measured: Contributed | None) -> dict[str, int]:
        """What each holder has of `product`: whole numbers that add up to 10^12.

        Raises UsageError if the product has no shares, or needs measured ones and `measured` is None, or theirs
        is another product, or names somebody who holds no right in it.
        """
        entry = self._products.get(product)
        if entry is None:
            raise UsageError(
                f"{product}: expected registered shares, got none: add a [[shares]] of it"
            )
        weights = {n: share * (MILLION - entry.measured) for n, share in entry.shares.items()}
        if not entry.measured:
            return weights
        if measured is None or measured.product != product:
            raise UsageError(
                f"{product}: expected measured contributions, which {entry.measured} millionths of its "
                "income are split by, got none: give the month's contribution-shares"
            )
        for name, share in measured.shares.items():
            if name not in weights:
                raise UsageError(
                    f"{product}: expected contributions of its right holders, got one of {name}"
                )
            weights[name] += share * entry.measured
        return weights
