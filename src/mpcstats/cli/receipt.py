"""`mpcstats receipt`: what a result's receipt proves, checked offline."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from mpcstats.cli.options import AsJson, ConsortiumFile, PrincipalsPath
from mpcstats.cli.sheet import print_json
from mpcstats.party.desk.receipt import check_receipt, describe, plain

ReceiptFile = Annotated[Path, typer.Argument(help="The receipt.")]

app = typer.Typer(help="A result's receipt.", no_args_is_help=True)


@app.callback()
def receipt() -> None:
    """A result's receipt."""


@app.command("verify")
def verify(
    path: ReceiptFile,
    consortium: ConsortiumFile,
    principals: PrincipalsPath = None,
    answer: Annotated[
        Path | None, typer.Option(help="The answer's file, which the receipt must be of.")
    ] = None,
    quorum: Annotated[
        int | None,
        typer.Option(min=0, help="How many others must have cosigned; else all of the run."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every signature, proof and agreement; exit code 1 if one does not hold, and who is to blame.

    It needs no network, and no file of a party but the keys.
    """
    findings = check_receipt(path, consortium, principals=principals, answer=answer, quorum=quorum)
    bad = [finding for finding in findings if not finding.good]
    if as_json:
        print_json([asdict(finding) for finding in findings])
        if bad:
            raise typer.Exit(1)
        return
    table = Table("", "party", "entry", "check", "finding", box=None)
    for finding in findings:
        table.add_row(
            Text("holds", "green") if finding.good else Text("FAILS", "red"),
            Text(plain(finding.party or "")),
            Text("" if finding.entry is None else str(finding.entry)),
            Text(finding.check),
            Text(plain(finding.why)),
        )
    console = Console(soft_wrap=True)
    console.print(table)
    if not bad:
        console.print(f"{path}: {len(findings)} checks, all hold", markup=False)
        return
    names = ", ".join(dict.fromkeys(plain(f.party) for f in bad if f.party is not None))
    blamed = f"; not borne out by the records of {names}" if names else ""
    console.print(f"{path}: {len(bad)} of {len(findings)} checks fail{blamed}", markup=False)
    raise typer.Exit(1)


@app.command("show")
def show(path: ReceiptFile) -> None:
    """Print what a receipt says. It checks nothing: see verify."""
    table = Table("", Column(overflow="fold"), box=None, show_header=False)
    for name, value in describe(path):
        table.add_row(Text(name), Text(value))
    Console(soft_wrap=True).print(table)
