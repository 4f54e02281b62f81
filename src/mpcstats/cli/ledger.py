"""`mpcstats ledger`: is a party's ledger what it has signed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.errors import UsageError
from mpcstats.party.books import check_ledger, read_checkpoint, read_ledger
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


@app.command("checkpoint")
def checkpoint(
    consortium: ConsortiumFile,
    party: PartyName,
    path: LedgerFile = None,
    of: Annotated[
        str | None, typer.Option(help="Another party, whose checkpoint this ledger keeps.")
    ] = None,
) -> None:
    """Print the newest checkpoint: a signed note to be kept elsewhere, for `verify --checkpoint`.

    With --of, print the newest one of that party's ledger which this party has cosigned and kept.
    """
    _, where = _ledger(consortium, party, path)
    print(read_checkpoint(where, of), end="")


@app.command("verify")
def verify(
    consortium: ConsortiumFile,
    party: PartyName,
    path: LedgerFile = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", help="A file with a checkpoint kept earlier; may be repeated."
        ),
    ] = None,
) -> None:
    """Check every entry, hash, signature and cosignature; exit code 1 and the first bad entry if it is not whole.

    With a checkpoint that was kept earlier, a ledger that was cut off or rolled back as a whole is found too.
    """
    agreed, where = _ledger(consortium, party, path)
    report = check_ledger(agreed, party, where, checkpoints=checkpoints or ())
    if report.fault is not None:
        print(f"{where}: {report.fault}")
        raise typer.Exit(1)
    cosigned = "none" if report.cosigned is None else f"the first {report.cosigned}"
    print(
        f"{where}: {report.entries} entries of {party}, whole; root {report.root}; cosigned by "
        f"others: {cosigned}"
    )


def _ledger(consortium: Path, party: str, path: Path | None) -> tuple[Consortium, Path]:
    agreed = Consortium.load(consortium)
    where = path
    if where is None:
        where = PartyFile.load(agreed.party_file(party), party=party).ledger.resolve()
    if not where.is_file():
        raise UsageError(f"{where}: expected a ledger, got no file")
    return agreed, where
