"""The months' accounts: what is charged, what of it is given back, what is earned and what is carried over.

With every product, and with all of them together, no more may be earned over time than is allowed (最高准许收入).
What a month has earned above that is carried over and taken off the next month's bills:

    deducted = what is carried over, as far as the month's charges go
    income   = charged - deducted
    carried' = max(0, carried + income - allowed)

so the income of any number of months from the first on is at most what they were allowed, and what is carried
over. What is left of an allowance is not carried over. A deduction is the same part of every bill, its fraction of a
fen left with what is carried: buyers who are charged the same pay the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mpcstats.errors import UsageError
from mpcstats.records.billing.buyers import Buyers
from mpcstats.records.billing.month import check_month, months
from mpcstats.records.billing.tariff import Tariff
from mpcstats.records.billing.units import Unit, Units, Use
from mpcstats.records.canonical import JSON


@dataclass(frozen=True, slots=True)
class Line:
    """What one use of a month costs: `units` of the product's unit, in fen what is charged and what taken off."""

    use: Use
    buyer_class: str
    unit: Unit
    units: int
    charged_fen: int
    deducted_fen: int = 0

    @property
    def payable_fen(self) -> int:
        """What the buyer owes for it."""
        return self.charged_fen - self.deducted_fen

    def to_json(self) -> dict[str, JSON]:
        """The line as plain data."""
        return {
            "month": self.use.month,
            "product": self.use.product,
            "scenario": self.use.scenario,
            "level": self.use.level.name,
            "buyer": self.use.buyer,
            "buyer_class": self.buyer_class,
            "unit": self.unit,
            "units": self.units,
            "charged_fen": self.charged_fen,
            "deducted_fen": self.deducted_fen,
            "payable_fen": self.payable_fen,
        }


@dataclass(frozen=True, slots=True)
class Cap:
    """How a month's income stands to what is allowed, in fen; `carried_fen` goes over to the next month."""

    allowed_fen: int
    income_fen: int
    carried_fen: int

    def to_json(self) -> dict[str, JSON]:
        """The cap as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Account:
    """One month: its lines, the cap of each product, and that of all of them."""

    month: str
    lines: tuple[Line, ...]
    products: Mapping[str, Cap]
    overall: Cap

    @property
    def income_fen(self) -> int:
        """What the month has earned."""
        return self.overall.income_fen

    def of(self, buyer: str) -> tuple[Line, ...]:
        """The bill of `buyer`."""
        return tuple(line for line in self.lines if line.use.buyer == buyer)

    def to_json(self) -> dict[str, JSON]:
        """The month as plain data."""
        return {
            "month": self.month,
            "lines": [line.to_json() for line in self.lines],
            "products": {name: cap.to_json() for name, cap in self.products.items()},
            "overall": self.overall.to_json(),
        }


def accounts(
    use: Mapping[Use, Units], tariff: Tariff, buyers: Buyers, *, through: str
) -> tuple[Account, ...]:
    """The account of every month from the tariff's first to `through`. Use before that is another tariff's.

    Raises UsageError if `through` is outside the tariff's months, or something used has no price.
    """
    check_month(through)
    last = tariff.until if tariff.until is not None else through
    if not tariff.since <= through <= last:
        raise UsageError(
            f"expected a month from {tariff.since}"
            + (f" to {tariff.until}" if tariff.until is not None else " on")
            + f", which the tariff prices, got {through}"
        )
    charged: dict[str, list[Line]] = defaultdict(list)
    for one, units in use.items():
        if tariff.since <= one.month <= through:
            charged[one.month].append(_charged(one, units, tariff, buyers))
    carried = {name: product.carried_fen for name, product in tariff.products.items()}
    return tuple(_folded(charged, carried, tariff, through))


def _folded(
    charged: Mapping[str, list[Line]], carried: dict[str, int], tariff: Tariff, through: str
) -> Iterator[Account]:
    overall = tariff.carried_fen
    for month in months(tariff.since, through):
        account = _settled(month, charged.get(month, []), carried, overall, tariff)
        carried = {name: cap.carried_fen for name, cap in account.products.items()}
        overall = account.overall.carried_fen
        yield account


def _charged(use: Use, units: Units, tariff: Tariff, buyers: Buyers) -> Line:
    unit = tariff.product(use.product).unit
    buyer_class = buyers.class_of(use.buyer)
    fen = tariff.price(
        use.product,
        scenario=use.scenario,
        level=use.level,
        buyer_class=buyer_class,
        units=units.of(unit),
    )
    return Line(use, buyer_class, unit, units.of(unit), fen)


def _settled(
    month: str, lines: list[Line], carried: Mapping[str, int], overall: int, tariff: Tariff
) -> Account:
    by_product: dict[str, list[Line]] = {name: [] for name in tariff.products}
    for line in lines:
        by_product[line.use.product].append(line)
    reduced = [line for name, some in by_product.items() for line in _deducted(some, carried[name])]
    # What the products' deductions give back is not given back a second time.
    given = sum(line.deducted_fen for line in reduced)
    reduced = _deducted(reduced, max(0, overall - given))
    caps = {
        name: _cap(
            carried[name],
            sum(line.payable_fen for line in reduced if line.use.product == name),
            product.allowed_fen,
        )
        for name, product in tariff.products.items()
    }
    income = sum(line.payable_fen for line in reduced)
    ordered = tuple(sorted(reduced, key=lambda line: line.use))
    return Account(month, ordered, caps, _cap(overall, income, tariff.allowed_fen))


def _deducted(lines: list[Line], most: int) -> list[Line]:
    """The lines with `most` fen taken off, or all that they come to: of each line the same part, rounded down."""
    total = sum(line.payable_fen for line in lines)
    part = min(most, total)
    return [
        replace(line, deducted_fen=line.deducted_fen + line.payable_fen * part // total)
        if total
        else line
        for line in lines
    ]


def _cap(carried: int, income: int, allowed: int) -> Cap:
    return Cap(allowed, income, max(0, carried + income - allowed))
