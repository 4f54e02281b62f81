"""`mpcstats trace`: where real-world data come from, and what became of a product batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, ConsortiumFile, Key
from mpcstats.cli.sheet import print_json, print_objects
from mpcstats.party.desk.trace import KINDS, add_body, traced

JournalFile = Annotated[Path, typer.Option("--journal", help="The journal of source records.")]
Name = Annotated[str, typer.Argument(help="A record or value, by its keyed pseudonym.")]

app = typer.Typer(help="Source records of real-world data.", no_args_is_help=True)


@app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    body: Annotated[Path, typer.Argument(help="A TOML file with what is recorded.")],
    consortium: ConsortiumFile,
    journal: JournalFile,
    key: Key,
) -> None:
    """Append a source record, or a value made of source records; its holder signs it."""
    print(add_body(consortium, journal, kind, body, key))


@app.command("sources")
def sources(
    name: Name, consortium: ConsortiumFile, journal: JournalFile, as_json: AsJson = False
) -> None:
    """Print all that a value or record rests on, down to the product's batch."""
    _print("sources", traced(consortium, journal, name, life=False), as_json=as_json)


@app.command("life")
def life(
    name: Name, consortium: ConsortiumFile, journal: JournalFile, as_json: AsJson = False
) -> None:
    """Print the life cycle of a batch or another record: all that rests on it."""
    _print("life cycle", traced(consortium, journal, name, life=True), as_json=as_json)


def _print(title: str, found: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_objects(title, found)
