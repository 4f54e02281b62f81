"""Who buys as a member of which class: the one place where bills meet names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.billing.tariff import Word
from mpcstats.records.principals import PrincipalName
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml


class Buyer(Table):
    """One buyer and its class."""

    name: PrincipalName
    buyer_class: Word


class BuyersFile(Table):
    """buyers.toml: the buyers, each in one class."""

    version: Version
    buyer: Annotated[tuple[Buyer, ...], Listed, Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [buyer.name for buyer in self.buyer]
        if len(set(names)) != len(names):
            raise ValueError("expected every buyer in one class, got one twice")
        return self


@dataclass(frozen=True, slots=True)
class Buyers:
    """The class of each buyer, by name."""

    classes: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> Buyers:
        """The buyers' file at `path`. Raises UsageError with file and place."""
        listed = read_toml(path, BuyersFile).buyer
        return cls({buyer.name: buyer.buyer_class for buyer in listed})

    def class_of(self, name: str) -> str:
        """The class of `name`. Raises UsageError if it has none."""
        if name not in self.classes:
            raise UsageError(f"expected a buyer with a class, got {name[:80]!r}: add a [[buyer]]")
        return self.classes[name]
