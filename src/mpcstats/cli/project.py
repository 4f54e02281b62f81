"""`mpcstats project`: the journal of projects."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, ConsortiumFile, Day, Key, Signer
from mpcstats.cli.sheet import print_json, print_objects
from mpcstats.party.desk.paper import add_signature, shown
from mpcstats.party.desk.project import KINDS, append_file, draft, view
from mpcstats.party.question import today

app = typer.Typer(help="The journal of projects.", no_args_is_help=True)


@app.command("draft")
def draft_command(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    body: Annotated[Path, typer.Argument(help="A TOML file with what the statement says.")],
    consortium: ConsortiumFile,
    signer: Signer,
    key: Key,
    out: Annotated[
        Path, typer.Option(help="Where the statement is written; signatures there are kept.")
    ],
) -> None:
    """Sign a statement that is to come next; others add theirs with `mpcstats paper sign`."""
    print(shown(add_signature(out, draft(consortium, kind, body), signer, key)))


@app.command("append")
def append_command(
    statement: Annotated[Path, typer.Argument(help="A signed statement's file.")],
    consortium: ConsortiumFile,
) -> None:
    """Append a statement to the journal, if it may come next and all who must have signed it."""
    head = append_file(consortium, statement)
    print(f"head {head}")


@app.command("show")
def show(
    consortium: ConsortiumFile,
    day: Day = None,
    ledger: Annotated[
        list[Path] | None, typer.Option(help="A ledger to count runs in. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print every project: whose it is, its state and days, frozen data, releases, runs."""
    found = [asdict(line) for line in view(consortium, day or today(), ledger or [])]
    if as_json:
        print_json(found)
    else:
        print_objects("projects", found)
