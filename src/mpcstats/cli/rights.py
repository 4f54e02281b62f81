"""`mpcstats rights`: the rights register, from the journal that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.sheet import print_sheet
from mpcstats.party.desk import rights as desk
from mpcstats.party.desk.journals import journal_files, keys_of

app = typer.Typer(help="The rights register: who holds, uses, operates what.", no_args_is_help=True)

Register = Annotated[
    Path | None,
    typer.Option("--register", help="The register's journal; else as the consortium file says."),
]
Consortium = Annotated[Path, typer.Option("--consortium", help="The consortium file.")]
Principals = Annotated[
    Path | None,
    typer.Option("--principals", help="Who may sign too; else as the consortium file says."),
]
Day = Annotated[str, typer.Option("--day", help="As YYYY-MM-DD.")]
Sign = Annotated[
    list[str], typer.Option("--sign", help="NAME=KEYFILE; again for everybody who signs here.")
]


@app.callback()
def rights() -> None:
    """The rights register: who holds, uses, operates what."""


@app.command("show")
def show(
    consortium: Consortium,
    register: Register = None,
    principals: Principals = None,
    asset: Annotated[str | None, typer.Argument(help="One asset; else all.")] = None,
) -> None:
    """Print every statement, oldest first, and the register's head."""
    _print(
        desk.shown(
            journal_files(consortium, "rights", journal=register, principals=principals), asset
        )
    )


@app.command("as-of")
def as_of(
    day: Annotated[str, typer.Argument(help="As YYYY-MM-DD.")],
    consortium: Consortium,
    register: Register = None,
    principals: Principals = None,
) -> None:
    """Print who held what on a day; scopes as columns / scenarios / purposes."""
    _print(
        desk.held(journal_files(consortium, "rights", journal=register, principals=principals), day)
    )


@app.command("missing")
def missing(
    consortium: Consortium,
    day: Day,
    initiator: Annotated[str, typer.Option(help="Who asks.")],
    dataset: Annotated[
        list[str], typer.Option(help="NAME, or NAME:COLUMN,COLUMN; again for each.")
    ],
    scenario: Annotated[str, typer.Option(help="As the licences name it.")],
    purpose: Annotated[str, typer.Option(help="As the licences name it.")],
    publisher: Annotated[
        list[str] | None, typer.Option(help="Who publishes the result; again for each.")
    ] = None,
    register: Register = None,
    principals: Principals = None,
) -> None:
    """Print every right that a job lacks; exit code 1 if it lacks any."""
    job = desk.Job(day, initiator, tuple(publisher or ()), tuple(dataset), scenario, purpose)
    found = desk.lacking(
        journal_files(consortium, "rights", journal=register, principals=principals), job
    )
    for one in found:
        print(f"{one.what}: {one.words}")
    if found:
        raise typer.Exit(1)
    print("nothing is missing")


@app.command("certificate")
def certificate(
    asset: Annotated[str, typer.Argument(help="A dataset, or product:ID.")],
    consortium: Consortium,
    day: Day,
    signer: Annotated[str, typer.Option(help="The registrar who signs it.")],
    key: Annotated[Path, typer.Option(help="The registrar's signing key, PEM.")],
    out: Annotated[Path, typer.Option(help="A new file, JSON.")],
    issued: Annotated[str | None, typer.Option(help="The day of signing; else DAY.")] = None,
    register: Register = None,
    principals: Principals = None,
) -> None:
    """Write the signed certificate of an asset on a day."""
    files = journal_files(consortium, "rights", journal=register, principals=principals)
    head = desk.certified(files, asset, day, desk.Seal(signer, key, issued or day), out)
    print(f"{out}: {asset} on {day}, by the register with head {head}")


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A certificate.")],
    consortium: Consortium,
    register: Register = None,
    principals: Principals = None,
) -> None:
    """Check a certificate against the register, as it was at the certificate's head."""
    found = desk.check_certified(
        journal_files(consortium, "rights", journal=register, principals=principals), file
    )
    print(f"{file}: {found.body['asset']} on {found.body['day']}: the register says the same")


@app.command("append")
def append(
    file: Annotated[Path, typer.Argument(help="A statement: TOML or JSON, its kind and its body.")],
    consortium: Consortium,
    sign: Sign,
    register: Register = None,
    principals: Principals = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the signed statement here, for others to sign too.")
    ] = None,
) -> None:
    """Sign a statement and enter it, if its preconditions hold."""
    files = journal_files(consortium, "rights", journal=register, principals=principals)
    made = desk.entered(files, file, keys_of(sign), out)
    signers = ", ".join(s.signer for s in made.signatures)
    print(f"{out or files.journal}: {made.kind} {made.digest[:16]}, signed by {signers}")


def _print(sheet: desk.Sheet) -> None:
    print_sheet(sheet.columns, sheet.rows)
    print(f"head {sheet.head}")
