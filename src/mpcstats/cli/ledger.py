"""`mpcstats ledger`: is a party's ledger what it has signed?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, ConsortiumFile, LedgerOwner, LedgerPath
from mpcstats.cli.sheet import print_json, print_sheet
from mpcstats.errors import UsageError
from mpcstats.party.books import check_ledger, read_checkpoint, read_ledger
from mpcstats.party.files.config import Consortium, PartyFile

app = typer.Typer(help="A party's ledger.", no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """A party's ledger."""


@app.command("show")
def show(
    consortium: ConsortiumFile, party: LedgerOwner, path: LedgerPath = None, as_json: AsJson = False
) -> None:
    """Print the entries, oldest first. It does not check them: see verify. --json prints a line an entry."""
    _, where = _ledger(consortium, party, path)
    if as_json:
        for entry in read_ledger(where):
            print(entry)
        return
    found = [json.loads(entry) for entry in read_ledger(where)]
    rows = [
        (str(e["index"]), e["time"], e["kind"], json.dumps(e["body"], ensure_ascii=False))
        for e in found
    ]
    print_sheet(("entry", "time", "kind", "what it says"), rows)


@app.command("checkpoint")
def checkpoint(
    consortium: ConsortiumFile,
    party: LedgerOwner,
    path: LedgerPath = None,
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
    party: LedgerOwner,
    path: LedgerPath = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="A file with a checkpoint kept earlier. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry, hash, signature and cosignature; exit code 1 and the first bad entry if it is not whole.

    With a checkpoint that was kept earlier, a ledger that was cut off or rolled back as a whole is found too.
    """
    agreed, where = _ledger(consortium, party, path)
    report = check_ledger(agreed, party, where, checkpoints=checkpoints or ())
    if as_json:
        print_json(asdict(report))
        if report.fault is not None:
            raise typer.Exit(1)
        return
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
