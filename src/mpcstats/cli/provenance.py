"""`mpcstats provenance`: who did what to an asset?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, ConsortiumFile, PrincipalsPath
from mpcstats.party.desk.provenance import lines, look_up, table


def provenance_command(
    consortium: ConsortiumFile,
    asset: Annotated[str, typer.Option("--asset", help="The dataset, as in bureau.settlement.")],
    ledger: Annotated[
        list[Path],
        typer.Option(
            "--ledger",
            help="A party's ledger or a node's copies of logs. Repeatable.",
        ),
    ],
    principals: PrincipalsPath = None,
    as_json: AsJson = False,
) -> None:
    """Print who did what to an asset, from several parties' logs together, each deed once; --json prints a line a deed.

    Exit code 1 if something in a log cannot be believed; it is named, and the rest is shown.
    """
    found = look_up(consortium, principals, ledger, asset)
    for line in lines(found) if as_json else table(found):
        print(line)
    if not found.deeds:
        print(
            f"no contract, request, package or action names {asset} in these logs; runs are in "
            "`mpcstats ledger show`",
            file=sys.stderr,
        )
    for fault in found.faults:
        print(fault, file=sys.stderr)
    if found.faults:
        raise typer.Exit(1)
