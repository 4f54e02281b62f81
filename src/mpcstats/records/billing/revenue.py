"""The income of a month in the parts of its right holders, their signed statements, and the report of a year."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from mpcstats.errors import InternalError, UsageError
from mpcstats.records.billing.account import Account
from mpcstats.records.billing.month import Month
from mpcstats.records.billing.shares import Contributed, Shares, split
from mpcstats.records.billing.tariff import Fen, Word
from mpcstats.records.canonical import JSON
from mpcstats.records.day import Day
from mpcstats.records.journal import body_as
from mpcstats.records.names import Digest
from mpcstats.records.principals import PrincipalName, Principals
from mpcstats.records.signed import Statement
from mpcstats.records.tomlfile import Listed, Table

KIND = "revenue-statement"
CONTRIBUTION = "contribution-shares"
YEAR = 4  # characters of a month that name its year


@dataclass(frozen=True, slots=True)
class Parts:
    """The income of `month` by product, and each product's parts by holder, in fen."""

    month: str
    income: Mapping[str, int]
    parts: Mapping[str, Mapping[str, int]]

    def __post_init__(self) -> None:
        for product, income in self.income.items():
            total = sum(self.parts[product].values())
            if total != income:
                raise InternalError(f"{product}: expected parts of {income} fen, got {total}")

    @property
    def holders(self) -> tuple[str, ...]:
        """Everybody who has a part, be it 0."""
        return tuple(sorted({name for part in self.parts.values() for name in part}))

    def of(self, holder: str) -> dict[str, int]:
        """The parts of `holder` by product."""
        return {product: part[holder] for product, part in self.parts.items() if holder in part}

    def to_json(self) -> dict[str, JSON]:
        """The parts as plain data."""
        return {
            "month": self.month,
            "products": {
                name: {"income_fen": income, "parts_fen": dict(self.parts[name])}
                for name, income in self.income.items()
            },
        }


def parted(account: Account, shares: Shares, contributed: Iterable[Contributed] = ()) -> Parts:
    """The account's income in parts. Raises UsageError where shares are missing, or contributions are twice.

    A product that has earned nothing needs no contributions: nobody may have measured any.
    """
    measured: dict[str, Contributed] = {}
    for one in contributed:
        if one.month != account.month or one.product in measured:
            raise UsageError(
                f"{one.product}: expected one contribution-shares of {account.month}, got "
                + ("two" if one.product in measured else f"one of {one.month}")
            )
        measured[one.product] = one
    income = {name: cap.income_fen for name, cap in account.products.items()}
    parts = {
        name: split(earned, shares.weights(name, measured.get(name)))
        for name, earned in income.items()
        if earned
    }
    return Parts(account.month, {name: income[name] for name in parts}, parts)


def contributed_by(statement: Statement, principals: Principals, *, signer: str) -> Contributed:
    """The contribution shares in a statement that `signer` has signed. Raises UsageError if it is not that."""
    _check_kind(statement, CONTRIBUTION)
    _check_signed(statement, principals, signer)
    return body_as(statement, Contributed)


class Line(Table):
    """What a holder gets of one product's income."""

    product: Word
    income_fen: Fen
    part_fen: Fen


class RevenueStatement(Table):
    """The body of a revenue statement: what `holder` gets for `month`, by which tariff, shares and ledger entries."""

    holder: PrincipalName
    month: Month
    issuer: PrincipalName
    issued: Day
    tariff: Digest
    shares: Digest
    entries: Annotated[int, Field(ge=0)]  # of the issuer's ledger that it was made from
    lines: Annotated[tuple[Line, ...], Listed]
    total_fen: Fen

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [line.product for line in self.lines]
        if len(set(names)) != len(names):
            raise ValueError("expected one line a product, got two")
        if any(line.part_fen > line.income_fen for line in self.lines):
            raise ValueError("expected no part above the income, got one")
        total = sum(line.part_fen for line in self.lines)
        if total != self.total_fen:
            raise ValueError(f"expected the total of the lines, {total} fen, got {self.total_fen}")
        return self


@dataclass(frozen=True, slots=True)
class Source:
    """What a statement was made from, and who says so on which day; `entries` is the ledger's length."""

    issuer: str
    issued: str
    tariff: str
    shares: str
    entries: int


def statements(parts: Parts, source: Source) -> tuple[Statement, ...]:
    """One unsigned statement per right holder, in the order of their names."""
    return tuple(_statement(parts, holder, source) for holder in parts.holders)


def _statement(parts: Parts, holder: str, source: Source) -> Statement:
    lines: list[JSON] = [
        {"product": name, "income_fen": parts.income[name], "part_fen": part}
        for name, part in parts.of(holder).items()
    ]
    return Statement.of(
        KIND,
        {
            "holder": holder,
            "month": parts.month,
            "issuer": source.issuer,
            "issued": source.issued,
            "tariff": source.tariff,
            "shares": source.shares,
            "entries": source.entries,
            "lines": lines,
            "total_fen": sum(parts.of(holder).values()),
        },
    )


def read_statement(statement: Statement, principals: Principals) -> RevenueStatement:
    """What a revenue statement says, if its issuer has signed it and it adds up. Raises UsageError if not."""
    _check_kind(statement, KIND)
    body = body_as(statement, RevenueStatement)
    _check_signed(statement, principals, body.issuer)
    return body


def check_balance(bodies: Iterable[RevenueStatement]) -> int:
    """The income that the statements of one month split, if all of it went to somebody, to the fen.

    For an auditor who has every holder's statement. Raises UsageError if they are of several months or sources,
    name other incomes, or a product's parts are not its income.
    """
    told = list(bodies)
    sources = {(body.month, body.issuer, body.tariff, body.shares, body.entries) for body in told}
    if len(sources) != 1 or len({body.holder for body in told}) != len(told):
        raise UsageError(
            f"expected one statement per holder, of one month and source, got {len(told)} statements "
            f"of {len(sources)}"
        )
    income: dict[str, int] = {}
    parts: Counter[str] = Counter()
    for body in told:
        for line in body.lines:
            if income.setdefault(line.product, line.income_fen) != line.income_fen:
                raise UsageError(f"{line.product}: expected one income in all statements, got two")
            parts[line.product] += line.part_fen
    for product, earned in income.items():
        if parts[product] != earned:
            raise UsageError(
                f"{product}: expected parts of {earned} fen, got {parts[product]}: a statement is "
                "missing or wrong"
            )
    return sum(income.values())


def report(year: str, accounts: Iterable[Account], parts: Iterable[Parts]) -> dict[str, JSON]:
    """The report of a year as plain data: by product and in all what was charged, earned, allowed, and is carried.

    `accounts` and `parts` are of any months; those of other years are left out. What is carried is as of the last
    month. Raises UsageError if a month's parts are not its income.
    """
    of_year = [a for a in accounts if a.month[:YEAR] == year]
    split_up = {p.month: p for p in parts if p.month[:YEAR] == year}
    holders: Counter[str] = Counter()
    for account in of_year:
        found = split_up.get(account.month, Parts(account.month, {}, {}))
        earned = sum(found.income.values())
        if earned != account.income_fen:
            raise UsageError(
                f"{account.month}: expected parts of {account.income_fen} fen, got {earned}"
            )
        for holder in found.holders:
            holders[holder] += sum(found.of(holder).values())
    names = sorted({name for account in of_year for name in account.products})
    return {
        "year": year,
        "months": [account.month for account in of_year],
        "products": {name: _yearly(name, of_year) for name in names},
        "charged_fen": sum(line.charged_fen for a in of_year for line in a.lines),
        "income_fen": sum(account.income_fen for account in of_year),
        "allowed_fen": sum(account.overall.allowed_fen for account in of_year),
        "carried_fen": of_year[-1].overall.carried_fen if of_year else 0,
        "holders_fen": dict(sorted(holders.items())),
    }


def _yearly(product: str, accounts: list[Account]) -> dict[str, JSON]:
    lines = [line for a in accounts for line in a.lines if line.use.product == product]
    caps = [account.products[product] for account in accounts]
    return {
        "units": sum(line.units for line in lines),
        "charged_fen": sum(line.charged_fen for line in lines),
        "income_fen": sum(cap.income_fen for cap in caps),
        "allowed_fen": sum(cap.allowed_fen for cap in caps),
        "carried_fen": caps[-1].carried_fen,
    }


def _check_kind(statement: Statement, kind: str) -> None:
    if statement.kind != kind:
        raise UsageError(f"expected a statement of kind {kind}, got a {statement.kind}")


def _check_signed(statement: Statement, principals: Principals, signer: str) -> None:
    if signer not in statement.signers(principals):
        raise UsageError(
            f"{statement.kind}: expected the signature of {signer}, got none of theirs"
        )
