"""`mpcstats bill`: what was used, what it costs, whose the income is; all of it from a party's ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mpcstats.cli.options import (
    AsJson,
    ConsortiumFile,
    LedgerOwner,
    LedgerPath,
    PrincipalsPath,
)
from mpcstats.errors import UsageError
from mpcstats.party.desk.bill import (
    Desk,
    Splitting,
    signed_statements,
    write_statements,
    yearly,
)

TariffFile = Annotated[Path, typer.Option("--tariff", help="The tariff's TOML file.")]
BuyersFile = Annotated[Path, typer.Option("--buyers", help="The TOML file of buyers' classes.")]
SharesFile = Annotated[Path, typer.Option("--shares", help="The TOML file of shares.")]
Contributions = Annotated[
    list[Path] | None,
    typer.Option("--contribution", help="A signed contribution-shares statement. Repeatable."),
]
Month = Annotated[str, typer.Option("--month", help="The month, as YYYY-MM.")]

app = typer.Typer(
    help="Units, invoices and right holders' statements from a ledger.", no_args_is_help=True
)


@app.command("units")
def units(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    tariff: TariffFile,
    ledger: LedgerPath = None,
    as_json: AsJson = False,
) -> None:
    """What was used, by month, product, scenario, level and buyer."""
    found = Desk.open(consortium, party, tariff, None, ledger).use()
    rows = [
        {
            "month": one.month,
            "product": one.product,
            "scenario": one.scenario,
            "level": one.level.name,
            "buyer": one.buyer,
            "units": units.to_json(),
        }
        for one, units in found.items()
    ]
    if as_json:
        return _json(rows)
    heads = ("month", "product", "scenario", "level", "buyer", "call", "cell", "byte", "ms")
    cells = [
        [
            *(one.month, one.product, one.scenario, one.level.name, one.buyer),
            *(units.call, units.cell, units.byte, units.ms),
        ]
        for one, units in found.items()
    ]
    return _table("units", heads, cells, numbers=4)


@app.command("invoice")
def invoice(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    tariff: TariffFile,
    buyers: BuyersFile,
    month: Month,
    buyer: Annotated[str | None, typer.Option(help="Only the bill of this buyer.")] = None,
    ledger: LedgerPath = None,
    as_json: AsJson = False,
) -> None:
    """What the use of a month costs, less what earlier months have earned above what is allowed."""
    account = Desk.open(consortium, party, tariff, buyers, ledger).account(month)
    lines = account.lines if buyer is None else account.of(buyer)
    if as_json:
        whole = account.to_json()
        return _json(whole if buyer is None else [line.to_json() for line in lines])
    heads = ("buyer", "class", "product", "scenario", "level", "units", "charged", "off", "payable")
    rows = [
        [
            *(line.use.buyer, line.buyer_class, line.use.product, line.use.scenario),
            *(line.use.level.name, f"{line.units:,} {line.unit}", _yuan(line.charged_fen)),
            *(_yuan(line.deducted_fen), _yuan(line.payable_fen)),
        ]
        for line in lines
    ]
    payable = sum(line.payable_fen for line in lines)
    _table(f"invoice of {month} (yuan)", heads, rows, numbers=4)
    return print(f"payable: {_yuan(payable)} yuan")


@app.command("split")
def split(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    tariff: TariffFile,
    buyers: BuyersFile,
    shares: SharesFile,
    month: Month,
    contribution: Contributions = None,
    principals: PrincipalsPath = None,
    ledger: LedgerPath = None,
    as_json: AsJson = False,
) -> None:
    """The income of a month in the parts of its right holders, exact to the fen."""
    desk = Desk.open(consortium, party, tariff, buyers, ledger)
    by = Splitting.load(shares, contribution or (), desk=desk, principals=principals)
    parts = by.parts(desk.account(month))
    if as_json:
        return _json(parts.to_json())
    rows = [
        [product, holder, _yuan(part)]
        for product, part_of in parts.parts.items()
        for holder, part in part_of.items()
    ]
    _table(f"income of {month} (yuan)", ("product", "right holder", "part"), rows, numbers=1)
    return print(f"income: {_yuan(sum(parts.income.values()))} yuan")


@app.command("statement")
def statement(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    tariff: TariffFile,
    buyers: BuyersFile,
    shares: SharesFile,
    month: Month,
    issued: Annotated[str, typer.Option(help="The day that they are signed, YYYY-MM-DD.")],
    out: Annotated[Path | None, typer.Option(help="The folder for MONTH-HOLDER.json.")] = None,
    contribution: Contributions = None,
    principals: PrincipalsPath = None,
    key: Annotated[
        Path | None, typer.Option(help="The party's signing key; else as its file says.")
    ] = None,
    ledger: LedgerPath = None,
    as_json: AsJson = False,
) -> None:
    """A signed statement for each right holder of a month; printed with --json, written with --out."""
    if out is None and not as_json:
        raise UsageError("expected a folder for the statements (--out) or --json, got neither")
    desk = Desk.open(consortium, party, tariff, buyers, ledger)
    by = Splitting.load(shares, contribution or (), desk=desk, principals=principals)
    made = signed_statements(desk, by, month, issued=issued, key=key)
    written = write_statements(made, out) if out is not None else ()
    if as_json:
        return _json([one.to_json() for one in made])
    return print("\n".join(map(str, written)) or "no income, no statements")


@app.command("report")
def report(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    tariff: TariffFile,
    buyers: BuyersFile,
    shares: SharesFile,
    year: Annotated[str, typer.Option(help="The year, as YYYY.")],
    through: Annotated[
        str | None, typer.Option(help="The last month of it, as YYYY-MM; else December.")
    ] = None,
    contribution: Contributions = None,
    principals: PrincipalsPath = None,
    ledger: LedgerPath = None,
    as_json: AsJson = False,
) -> None:
    """The report of a year: charged, earned, allowed and carried over, by product, and by right holder."""
    desk = Desk.open(consortium, party, tariff, buyers, ledger)
    by = Splitting.load(shares, contribution or (), desk=desk, principals=principals)
    found = yearly(desk, by, year, through=through or f"{year}-12")
    return _json(found) if as_json else _report(found)


def _report(found: Mapping[str, Any]) -> None:
    fields = ("charged_fen", "income_fen", "allowed_fen", "carried_fen")
    products = {**found["products"], "all together": {"units": "", **found}}
    rows = [
        [name, of["units"], *(_yuan(of[field]) for field in fields)]
        for name, of in products.items()
    ]
    heads = ("product", "units", "charged", "earned", "allowed", "carried over")
    whole = "" if found["complete"] else f", {len(found['months'])} months"
    _table(f"report of {found['year']}{whole} (yuan)", heads, rows, numbers=5)
    holders = [[name, _yuan(fen)] for name, fen in found["holders_fen"].items()]
    _table("right holders (yuan)", ("right holder", "part"), holders, numbers=1)


def _json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: int
) -> None:
    """The last `numbers` columns are never cut: text gives way to them."""
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for i, head in enumerate(heads):
        number = i >= len(heads) - numbers
        table.add_column(
            head, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    for row in rows:
        # A scenario or a name comes from a question, so its brackets are no markup of ours.
        table.add_row(*(f"{c:,}" if isinstance(c, int) else escape(str(c)) for c in row))
    Console().print(table)


def _yuan(fen: int) -> str:
    """Fen as yuan, exact."""
    return f"{fen // 100:,}.{fen % 100:02}"
