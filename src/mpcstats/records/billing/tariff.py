"""A tariff: what a unit of each product costs, by level, scenario and class of buyer, and how much may be earned.

    price = tiered base x level factor x scenario factor x class factor, at most the product's highest price,
    and nothing at all in a scenario of the public good (公共治理、公益事业: 有条件无偿).

It names no buyer: who belongs to which class stands in another file, so buyers of one class pay one price for the
same use. Factors are whole numbers of thousandths, all arithmetic is in fractions, and an amount is rounded once,
when it is whole: to the nearest fen, half a fen up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.billing.month import Month
from mpcstats.records.billing.units import Run, Text, Unit
from mpcstats.records.levels import Level
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

MILLE = 1000
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Fen = Annotated[int, Field(ge=0, le=10**15)]
PerMille = Annotated[int, Field(ge=0, le=1_000_000)]
Names = Annotated[tuple[Text, ...], Listed]


def nearest_fen(amount: Fraction) -> int:
    """`amount`, which is not negative, to the nearest fen; half a fen goes up."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


class Tier(Table):
    """The price of the units up to the `up_to`-th, from where the tier before it ends; without `up_to`: of all."""

    fen: Fen
    up_to: Annotated[int, Field(ge=1, le=1 << 60)] | None = None


class Product(Table):
    """What is sold: the runs of some templates or purposes, or over one set of datasets, by one unit.

    A tier's and the highest price are for `per` units. The allowed income of a month is its cost and a
    reasonable profit (最高准许收入); `carried_fen` is what an earlier tariff has earned above its own.
    """

    name: Word
    templates: Names = ()
    purposes: Names = ()
    datasets: Names = ()
    unit: Unit
    per: Annotated[int, Field(ge=1, le=1 << 40)] = 1
    tier: Annotated[tuple[Tier, ...], Listed, Field(min_length=1, max_length=64)]
    highest_fen: Fen
    cost_fen: Fen
    profit_per_mille: Annotated[int, Field(ge=0, le=MILLE)]
    carried_fen: Fen = 0

    @property
    def allowed_fen(self) -> int:
        """The most that may be earned with it in a month; a fraction of a fen is not allowed."""
        return self.cost_fen * (MILLE + self.profit_per_mille) // MILLE

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not (self.templates or self.purposes or self.datasets):
            raise ValueError(f"{self.name}: expected templates, purposes or datasets, got none")
        *bounded, last = self.tier
        if last.up_to is not None or any(tier.up_to is None for tier in bounded):
            raise ValueError(f"{self.name}: expected up_to in every tier but the last")
        for lower, upper in pairwise(tier.up_to or 0 for tier in bounded):
            if lower >= upper:
                raise ValueError(f"{self.name}: expected tiers in order, got {upper} after {lower}")
        return self

    def base(self, units: int) -> Fraction:
        """What `units` of a month cost before factors, in fen: each tier's price for the units that lie in it."""
        total, below = 0, 0
        for tier in self.tier:
            top = units if tier.up_to is None else min(units, tier.up_to)
            total += tier.fen * max(0, top - below)
            below = max(below, top)
        return Fraction(total, self.per)

    def known_by(self) -> Iterator[tuple[str, str]]:
        """By what a run is known as a call of it: kind of key, and key."""
        yield from (("template", name) for name in self.templates)
        yield from (("purpose", name) for name in self.purposes)
        if self.datasets:
            yield "datasets", ", ".join(sorted(self.datasets))


class TariffFile(Table):
    """tariff.toml: the products and what they cost; factors are thousandths, money is fen."""

    version: Version
    name: Text
    since: Month
    until: Month | None = None
    public_good: Annotated[tuple[Text, ...], Listed]
    allowed_fen: Fen
    carried_fen: Fen = 0
    level: dict[str, PerMille]
    scenario: dict[Text, PerMille] = Field(default_factory=dict)
    buyer_class: dict[Word, PerMille]
    product: Annotated[tuple[Product, ...], Listed, Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.until is not None and self.since > self.until:
            raise ValueError(f"expected since <= until, got {self.since} > {self.until}")
        both = sorted(set(self.public_good) & set(self.scenario))
        if both:
            raise ValueError(
                f"expected a scenario to be of the public good or to have a factor, got both for {both[0]}"
            )
        if set(self.level) != set(Level.__members__):
            raise ValueError(f"expected a factor for each level: {', '.join(Level.__members__)}")
        factors = [self.level[level.name] for level in Level]
        if factors != sorted(factors):
            raise ValueError("expected no higher level to have a smaller factor than a lower one")
        names = Counter(product.name for product in self.product)
        keys = Counter(key for product in self.product for key in product.known_by())
        twice = [*(n for n, c in names.items() if c > 1)]
        twice += [f"{kind} {key}" for (kind, key), c in keys.items() if c > 1]
        if twice:
            raise ValueError(
                f"expected every product once, and by keys of its own, got {twice[0]} twice"
            )
        return self


class Tariff:
    """A tariff in force from month `since` to `until`. Immutable; `digest` names its content."""

    def __init__(self, content: TariffFile) -> None:
        self._content = content
        self._products = {product.name: product for product in content.product}
        self._keys = {
            key: product.name for product in content.product for key in product.known_by()
        }
        self.digest = hashlib.sha256(content.model_dump_json().encode()).hexdigest()

    @classmethod
    def load(cls, path: Path) -> Tariff:
        """The tariff file at `path`. Raises UsageError with file and place."""
        return cls(read_toml(path, TariffFile))

    @property
    def since(self) -> str:
        """The first month that it prices."""
        return self._content.since

    @property
    def until(self) -> str | None:
        """The last month that it prices; None if there is no end yet."""
        return self._content.until

    @property
    def allowed_fen(self) -> int:
        """The most that may be earned with all products in a month."""
        return self._content.allowed_fen

    @property
    def carried_fen(self) -> int:
        """What an earlier tariff has earned with all products above what was allowed."""
        return self._content.carried_fen

    @property
    def products(self) -> Mapping[str, Product]:
        """The products by name."""
        return self._products

    def product(self, name: str) -> Product:
        """The product of that name. Raises UsageError if there is none."""
        if name not in self._products:
            raise UsageError(
                f"expected a product of {', '.join(self._products)}, got {name[:80]!r}"
            )
        return self._products[name]

    def product_of(self, run: Run) -> str:
        """The product that `run` was a call of: by its template, else its purpose, else the datasets it read.

        Raises UsageError if it is a call of none: what is not in the tariff has no price.
        """
        keys = (
            ("template", run.template or ""),
            ("purpose", run.purpose),
            ("datasets", ", ".join(run.datasets)),
        )
        for key in keys:
            if key in self._keys:
                return self._keys[key]
        raise UsageError(
            f"expected a product for purpose {run.purpose[:80]!r}, got none in the tariff "
            f"{self._content.name!r}: add its template, purpose or datasets to a [[product]]"
        )

    def price(
        self, product: str, *, scenario: str, level: Level, buyer_class: str, units: int
    ) -> int:
        """What `units` of one month cost, in fen. There is no argument that says who buys.

        Raises UsageError for a product, scenario or class that the tariff does not name.
        """
        sold = self.product(product)
        if units < 0:
            raise UsageError(f"expected 0 units or more, got {units}")
        by_class = _factor("class of buyer", buyer_class, self._content.buyer_class)
        if scenario in self._content.public_good:
            return 0
        by_scenario = _factor("scenario", scenario, self._content.scenario)
        by_level = self._content.level[level.name]
        factor = Fraction(by_level * by_scenario * by_class, MILLE**3)
        highest = Fraction(sold.highest_fen * units, sold.per)
        return nearest_fen(min(sold.base(units) * factor, highest))


def _factor(what: str, name: str, known: Mapping[str, int]) -> int:
    if name not in known:
        raise UsageError(
            f"expected a {what} of the tariff ({', '.join(known) or 'none'}), got {name[:80]!r}: "
            "what the tariff does not name has no price"
        )
    return known[name]
