"""`mpcstats ledger`: is a party's ledger what it has signed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.errors import UsageError
from mpcstats.party.books import check_ledger
from mpcstats.party.config import Consortium, PartyFile

app = typer.Typer(help="A party's ledger.", no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """A party's ledger."""


@app.command("verify")
def verify(
    consortium: Annotated[Path, typer.Option(help="The consortium file, for the public key.")],
    party: Annotated[str, typer.Option(help="Whose ledger.")],
    path: Annotated[Path | None, typer.Option("--ledger", help="The ledger's file.")] = None,
    head: Annotated[str | None, typer.Option(help="A head noted earlier, in hex.")] = None,
) -> None:
    """Check every entry's hash, chain and signature; exit code 1 and the first bad entry if it is not whole.

    With a head that was noted earlier, cut-off entries are found too.
    """
    agreed = Consortium.load(consortium)
    where = path
    if where is None:
        where = PartyFile.load(agreed.party_file(party), party=party).ledger
    if not where.is_file():
        raise UsageError(f"{where}: expected a ledger, got no file")
    report = check_ledger(agreed, party, where, head=head)
    if report.fault is not None:
        print(f"{where}: {report.fault}")
        raise typer.Exit(1)
    print(f"{where}: {report.entries} entries of {party}, whole; head {report.head}")
