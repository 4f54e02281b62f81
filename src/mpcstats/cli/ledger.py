"""`mpcstats ledger`: is a party's ledger what it has signed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.errors import UsageError
from mpcstats.party.books import check_ledger, read_ledger
from mpcstats.party.files.config import Consortium, PartyFile

ConsortiumFile = Annotated[
    Path,
    typer.Option(
        "--consortium", help="The consortium file; of a local run, FOLDER/consortium.toml."
    ),
]
PartyName = Annotated[str, typer.Option("--party", help="Whose ledger.")]
LedgerFile = Annotated[
    Path | None, typer.Option("--ledger", help="The ledger's file; else as the party's file says.")
]

app = typer.Typer(help="A party's ledger.", no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """A party's ledger."""


@app.command("show")
def show(consortium: ConsortiumFile, party: PartyName, path: LedgerFile = None) -> None:
    """Print the entries, oldest first, one JSON object a line. It does not check them: see verify."""
    _, where = _ledger(consortium, party, path)
    for entry in read_ledger(where):
        print(entry)


@app.command("verify")
def verify(
    consortium: ConsortiumFile,
    party: PartyName,
    path: LedgerFile = None,
    head: Annotated[str | None, typer.Option(help="A head noted earlier, 64 hex digits.")] = None,
) -> None:
    """Check every entry's hash, chain and signature; exit code 1 and the first bad entry if it is not whole.

    With a head that was noted earlier, cut-off entries are found too.
    """
    agreed, where = _ledger(consortium, party, path)
    report = check_ledger(agreed, party, where, head=head)
    if report.fault is not None:
        print(f"{where}: {report.fault}")
        raise typer.Exit(1)
    print(f"{where}: {report.entries} entries of {party}, whole; head {report.head}")


def _ledger(consortium: Path, party: str, path: Path | None) -> tuple[Consortium, Path]:
    agreed = Consortium.load(consortium)
    where = path
    if where is None:
        where = PartyFile.load(agreed.party_file(party), party=party).ledger.resolve()
    if not where.is_file():
        raise UsageError(f"{where}: expected a ledger, got no file")
    return agreed, where
