"""`mpcstats project`: the journal of projects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.party.desk.paper import add_signature, read_paper, shown
from mpcstats.party.desk.project import KINDS, append_statement, draft, view
from mpcstats.party.question import today

ConsortiumFile = Annotated[Path, typer.Option("--consortium", help="The consortium file.")]

app = typer.Typer(help="The journal of projects.", no_args_is_help=True)


@app.command("draft")
def draft_command(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    body: Annotated[Path, typer.Argument(help="A TOML file with what the statement says.")],
    consortium: ConsortiumFile,
    signer: Annotated[str, typer.Option(help="Who signs first, by principal's name.")],
    key: Annotated[Path, typer.Option(help="The signer's key.")],
    out: Annotated[Path, typer.Option(help="Where the statement is written.")],
) -> None:
    """Sign a statement that is to come next; others add theirs with `mpcstats paper sign`."""
    print(shown(add_signature(out, draft(consortium, kind, body), signer, key)))


@app.command("append")
def append_command(
    statement: Annotated[Path, typer.Argument(help="A signed statement's file.")],
    consortium: ConsortiumFile,
) -> None:
    """Append a statement to the journal, if it may come next and all who must have signed it."""
    head = append_statement(consortium, read_paper(statement))
    print(f"head {head}")


@app.command("show")
def show(
    consortium: ConsortiumFile,
    day: Annotated[str | None, typer.Option(help="YYYY-MM-DD; else today in UTC.")] = None,
    ledger: Annotated[
        list[Path] | None, typer.Option(help="A ledger to count runs in. Repeatable.")
    ] = None,
) -> None:
    """Print every project: whose it is, its state and days, frozen data, releases, runs."""
    for line in view(consortium, day or today(), ledger or []):
        led = "government-led" if line.government_led else f"led by {line.sponsor}"
        print(f"{line.project}: {line.state}, {led}, risk {line.risk}: {line.title}")
        print(
            f"  registered {line.registered}, until {line.until or '-'}, frozen "
            f"{', '.join(line.frozen) or '-'}, released to {', '.join(line.released_to) or '-'}, "
            f"{line.runs} runs"
        )
