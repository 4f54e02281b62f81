"""`mpcstats registration`: the national registration of data resources, from the journal that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mpcstats.cli.options import (
    AsJson,
    ConsortiumFile,
    Day,
    Onward,
    PrincipalsPath,
    Printed,
    RegisterPath,
    Sign,
)
from mpcstats.cli.sheet import print_json, print_sheet
from mpcstats.party.desk import registration as desk
from mpcstats.party.desk.journals import keys_of, write_new
from mpcstats.party.question import today

app = typer.Typer(help="The registration of data resources.", no_args_is_help=True)

Holidays = Annotated[
    Path | None,
    typer.Option(
        "--holidays",
        help="Days off and worked; else as the consortium file says, else weekends alone.",
    ),
]


@app.callback()
def registration() -> None:
    """The registration of data resources."""


@app.command("show")
def show(
    consortium: ConsortiumFile,
    day: Day = None,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
    holidays: Holidays = None,
    as_json: AsJson = False,
) -> None:
    """Print where every registration stood on a day; `until` is the code's last day, or that of publicity."""
    registry = desk.registry(consortium, journal=register, principals=principals, holidays=holidays)
    found = desk.shown(registry, day or today())
    if as_json:
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        print_json({"head": found.head, "rows": rows})
    else:
        print_sheet(found.columns, found.rows)
        print(f"head {found.head}")


@app.command("export")
def export(
    consortium: ConsortiumFile,
    day: Day = None,
    form: Annotated[Literal["json", "csv"], typer.Option("--format", help="json or csv.")] = "json",
    out: Printed = None,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
    holidays: Holidays = None,
) -> None:
    """The registrations in the fields of the platform's form; names that are unverified are marked."""
    registry = desk.registry(consortium, journal=register, principals=principals, holidays=holidays)
    text = desk.exported(registry, day or today(), form)
    if out is None:
        print(text, end="")
    else:
        write_new(out, text)


@app.command("append")
def append(
    file: Annotated[Path, typer.Argument(help="A statement: TOML or JSON, its kind and its body.")],
    consortium: ConsortiumFile,
    sign: Sign,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
    holidays: Holidays = None,
    out: Onward = None,
) -> None:
    """Sign a statement and enter it, if it may come now."""
    registry = desk.registry(consortium, journal=register, principals=principals, holidays=holidays)
    made = desk.entered(registry, file, keys_of(sign), out)
    signers = ", ".join(s.signer for s in made.signatures)
    print(f"{out or registry.files.journal}: {made.kind} {made.digest[:16]}, signed by {signers}")
