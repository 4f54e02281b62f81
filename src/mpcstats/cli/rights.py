"""`mpcstats rights`: the rights register, from the journal that holds it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import (
    AsJson,
    ConsortiumFile,
    Day,
    Key,
    Onward,
    PrincipalsPath,
    PurposeText,
    RegisterPath,
    ScenarioName,
    Sign,
    Signer,
)
from mpcstats.cli.sheet import print_json, print_sheet
from mpcstats.party.desk import rights as desk
from mpcstats.party.desk.journals import JournalFiles, journal_files, keys_of
from mpcstats.party.question import today

app = typer.Typer(help="The rights register: who holds, uses, operates what.", no_args_is_help=True)


@app.callback()
def rights() -> None:
    """The rights register: who holds, uses, operates what."""


@app.command("show")
def show(
    consortium: ConsortiumFile,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
    asset: Annotated[str | None, typer.Argument(help="One asset; else all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print every statement, oldest first, and the register's head."""
    _print(desk.shown(_files(consortium, register, principals), asset), as_json=as_json)


@app.command("as-of")
def as_of(
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD.")],
    consortium: ConsortiumFile,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
    as_json: AsJson = False,
) -> None:
    """Print who held what on a day; scopes as columns / scenarios / purposes."""
    _print(desk.held(_files(consortium, register, principals), day), as_json=as_json)


@app.command("missing")
def missing(
    consortium: ConsortiumFile,
    initiator: Annotated[str, typer.Option(help="Who asks.")],
    dataset: Annotated[list[str], typer.Option(help="NAME, or NAME:COLUMN,COLUMN. Repeatable.")],
    scenario: ScenarioName,
    purpose: PurposeText,
    publisher: Annotated[
        list[str] | None, typer.Option(help="Who publishes the result. Repeatable.")
    ] = None,
    day: Day = None,
    as_json: AsJson = False,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
) -> None:
    """Print every right that a job lacks; exit code 1 if it lacks any."""
    job = desk.Job(
        day or today(), initiator, tuple(publisher or ()), tuple(dataset), scenario, purpose
    )
    found = desk.lacking(_files(consortium, register, principals), job)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            print(f"{one.what}: {one.words}")
        if not found:
            print("nothing is missing")
    if found:
        raise typer.Exit(1)


@app.command("certificate")
def certificate(
    asset: Annotated[str, typer.Argument(help="A dataset, or product:ID.")],
    consortium: ConsortiumFile,
    signer: Signer,
    key: Key,
    out: Annotated[Path, typer.Option(help="A new file for the certificate, JSON.")],
    day: Day = None,
    issued: Annotated[
        str | None, typer.Option(help="The day that it is signed, YYYY-MM-DD; else that of --day.")
    ] = None,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
) -> None:
    """Write the certificate of an asset on a day, signed by a registrar."""
    at = day or today()
    files = _files(consortium, register, principals)
    head = desk.certified(files, asset, at, desk.Seal(signer, key, issued or at), out)
    print(f"{out}: {asset} on {at}, by the register with head {head}")


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A certificate.")],
    consortium: ConsortiumFile,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
) -> None:
    """Check a certificate against the register, as it was at the certificate's head."""
    found = desk.check_certified(_files(consortium, register, principals), file)
    print(f"{file}: {found.body['asset']} on {found.body['day']}: the register says the same")


@app.command("append")
def append(
    file: Annotated[Path, typer.Argument(help="A statement: TOML or JSON, its kind and its body.")],
    consortium: ConsortiumFile,
    sign: Sign,
    register: RegisterPath = None,
    principals: PrincipalsPath = None,
    out: Onward = None,
) -> None:
    """Sign a statement and enter it, if its preconditions hold."""
    files = _files(consortium, register, principals)
    made = desk.entered(files, file, keys_of(sign), out)
    signers = ", ".join(s.signer for s in made.signatures)
    print(f"{out or files.journal}: {made.kind} {made.digest[:16]}, signed by {signers}")


def _files(consortium: Path, register: Path | None, principals: Path | None) -> JournalFiles:
    return journal_files(consortium, "rights", journal=register, principals=principals)


def _print(sheet: desk.Sheet, *, as_json: bool) -> None:
    if as_json:
        rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
        print_json({"head": sheet.head, "rows": rows})
    else:
        print_sheet(sheet.columns, sheet.rows)
        print(f"head {sheet.head}")
