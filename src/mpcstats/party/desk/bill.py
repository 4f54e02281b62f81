"""Bills at an organisation's desk: units, invoices, splits and statements from its verified ledger and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpcstats.errors import UsageError
from mpcstats.party.books import check_ledger
from mpcstats.party.files.config import Consortium, PartyFile
from mpcstats.party.files.keys import read_signing_key
from mpcstats.party.registers import load_principals
from mpcstats.records.billing.account import Account, accounts
from mpcstats.records.billing.buyers import Buyers
from mpcstats.records.billing.month import MONTHS
from mpcstats.records.billing.revenue import (
    Parts,
    Source,
    contributed_by,
    parted,
    report,
    statements,
)
from mpcstats.records.billing.shares import Contributed, Shares
from mpcstats.records.billing.tariff import Tariff
from mpcstats.records.billing.units import Units, Use, finished, used
from mpcstats.records.canonical import JSON
from mpcstats.records.day import check_day
from mpcstats.records.ledger import entries
from mpcstats.records.principals import Principals
from mpcstats.records.record import Record
from mpcstats.records.signed import Statement

STATEMENT_LIMIT = 256 * 1024  # bytes of a statement's file


@dataclass(frozen=True, slots=True)
class Desk:
    """What bills are made from: whose ledger, its entries, the tariff, and who is of which class of buyers."""

    consortium: Consortium
    party: str
    entries: Sequence[Record]
    tariff: Tariff
    buyers: Buyers | None

    @classmethod
    def open(
        cls, consortium: Path, party: str, tariff: Path, buyers: Path | None, ledger: Path | None
    ) -> Desk:
        """The desk of `party`. Raises UsageError for a bad file, or a ledger that is not whole."""
        agreed = Consortium.load(consortium)
        where = ledger
        if where is None:
            where = PartyFile.load(agreed.party_file(party), party=party).ledger
        checked = check_ledger(agreed, party, where)
        if checked.fault is not None:
            raise UsageError(f"{where}: expected a whole ledger to bill from, got: {checked.fault}")
        return cls(
            agreed,
            party,
            entries(where),
            Tariff.load(tariff),
            None if buyers is None else Buyers.load(buyers),
        )

    def use(self) -> Mapping[Use, Units]:
        """The units of every month in the ledger."""
        return used(finished(self.entries), self.tariff)

    def accounts(self, month: str) -> tuple[Account, ...]:
        """The accounts of the tariff's months to `month`."""
        if self.buyers is None:
            raise UsageError("expected a file of buyers to price what they used, got none")
        return accounts(self.use(), self.tariff, self.buyers, through=month)

    def account(self, month: str) -> Account:
        """The account of `month`."""
        return self.accounts(month)[-1]


@dataclass(frozen=True, slots=True)
class Splitting:
    """By what income is split: registered shares, and the months' measured contributions."""

    shares: Shares
    contributed: tuple[Contributed, ...]

    @classmethod
    def load(
        cls, shares: Path, contributions: Sequence[Path], *, desk: Desk, principals: Path | None
    ) -> Splitting:
        """From the shares' file, and files with one contribution-shares statement each, signed by the desk's party."""
        known = load_principals(desk.consortium, principals)
        return cls(
            Shares.load(shares),
            tuple(_contributed(path, known, desk.party) for path in contributions),
        )

    def parts(self, account: Account) -> Parts:
        """The account's income in parts."""
        return parted(
            account, self.shares, (c for c in self.contributed if c.month == account.month)
        )


def signed_statements(
    desk: Desk, splitting: Splitting, month: str, *, issued: str, key: Path | None
) -> tuple[Statement, ...]:
    """The statement of each right holder for `month`, signed with the party's key as of day `issued`."""
    source = Source(
        issuer=desk.party,
        issued=check_day(issued),
        tariff=desk.tariff.digest,
        shares=splitting.shares.digest,
        entries=len(desk.entries),
    )
    if key is None:
        path = desk.consortium.party_file(desk.party)
        key = PartyFile.load(path, party=desk.party).signing_key
    signing = read_signing_key(key)
    known = desk.consortium.member(desk.party).signing_key
    if signing.public_key().public_bytes_raw() != known:
        raise UsageError(f"{key}: expected the signing key of {desk.party}, got another")
    parts = splitting.parts(desk.account(month))
    return tuple(one.sign(desk.party, signing) for one in statements(parts, source))


def write_statements(made: Sequence[Statement], folder: Path) -> tuple[Path, ...]:
    """Each statement as MONTH-HOLDER.json in `folder`. Raises UsageError if a file is there: none is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{s.body['month']}-{s.body['holder']}.json" for s in made]
    for path, statement in zip(paths, made, strict=True):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(json.dumps(statement.to_json(), ensure_ascii=False, indent=1) + "\n")
        except OSError as error:
            raise UsageError(
                f"{path}: expected a new file to write, got: {error.strerror}"
            ) from None
    return tuple(paths)


def yearly(desk: Desk, splitting: Splitting, year: str, *, through: str) -> dict[str, JSON]:
    """The report of `year` as far as month `through`."""
    if not through.startswith(f"{year}-"):
        raise UsageError(f"expected the last month in {year}, got {through}")
    found = [a for a in desk.accounts(through) if a.month.startswith(year)]
    made = report(year, found, [splitting.parts(account) for account in found])
    return {**made, "complete": len(found) == MONTHS}


def _contributed(path: Path, principals: Principals, signer: str) -> Contributed:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: expected a statement, got: {error.strerror}") from None
    if len(raw) > STATEMENT_LIMIT:
        raise UsageError(f"{path}: expected at most {STATEMENT_LIMIT} bytes, got {len(raw)}")
    try:
        return contributed_by(Statement.from_json(json.loads(raw)), principals, signer=signer)
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: expected one JSON object, got other text") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
