"""`mpcstats registration`: the national registration of data resources, from the journal that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mpcstats.cli.sheet import print_sheet
from mpcstats.party.desk import registration as desk
from mpcstats.party.desk.journals import keys_of, write_new

app = typer.Typer(help="The registration of data resources.", no_args_is_help=True)

Register = Annotated[
    Path | None,
    typer.Option(
        "--register", help="The registration's journal; else as the consortium file says."
    ),
]
Consortium = Annotated[Path, typer.Option("--consortium", help="The consortium file.")]
Principals = Annotated[
    Path | None,
    typer.Option("--principals", help="Who may sign too; else as the consortium file says."),
]
Holidays = Annotated[
    Path | None,
    typer.Option("--holidays", help="Days off and worked; else as the consortium file says."),
]
Day = Annotated[str, typer.Option("--day", help="As YYYY-MM-DD.")]


@app.callback()
def registration() -> None:
    """The registration of data resources."""


@app.command("show")
def show(
    consortium: Consortium,
    day: Day,
    register: Register = None,
    principals: Principals = None,
    holidays: Holidays = None,
) -> None:
    """Print where every registration stood on a day; `until` is the code's last day, or that of publicity."""
    at = desk.registry(consortium, journal=register, principals=principals, holidays=holidays)
    found = desk.shown(at, day)
    print_sheet(found.columns, found.rows)
    print(f"head {found.head}")


@app.command("export")
def export(
    consortium: Consortium,
    day: Day,
    form: Annotated[Literal["json", "csv"], typer.Option("--format", help="Of the file.")] = "json",
    out: Annotated[Path | None, typer.Option(help="A new file; else it is printed.")] = None,
    register: Register = None,
    principals: Principals = None,
    holidays: Holidays = None,
) -> None:
    """The registrations in the fields of the platform's form; names that are unverified are marked."""
    at = desk.registry(consortium, journal=register, principals=principals, holidays=holidays)
    text = desk.exported(at, day, form)
    if out is None:
        print(text, end="")
    else:
        write_new(out, text)


@app.command("append")
def append(
    file: Annotated[Path, typer.Argument(help="A statement: TOML or JSON, its kind and its body.")],
    consortium: Consortium,
    sign: Annotated[
        list[str], typer.Option("--sign", help="NAME=KEYFILE; again for everybody who signs here.")
    ],
    register: Register = None,
    principals: Principals = None,
    holidays: Holidays = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the signed statement here, for others to sign too.")
    ] = None,
) -> None:
    """Sign a statement and enter it, if it may come now."""
    at = desk.registry(consortium, journal=register, principals=principals, holidays=holidays)
    made = desk.entered(at, file, keys_of(sign), out)
    signers = ", ".join(s.signer for s in made.signatures)
    print(f"{out or at.files.journal}: {made.kind} {made.digest[:16]}, signed by {signers}")
