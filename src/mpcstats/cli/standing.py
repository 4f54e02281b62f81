"""`mpcstats standing`: who has lost the right to ask a party, and who gives it back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, ConsortiumFile, Key, LedgerOwner, Signer
from mpcstats.cli.sheet import print_json
from mpcstats.party.desk.consent import now
from mpcstats.party.desk.paper import add_signature, read_paper, shown
from mpcstats.party.desk.standing import forgiveness, reinstated, violations
from mpcstats.party.question import today

app = typer.Typer(help="Who may still ask, after a violation.", no_args_is_help=True)


@app.command("show")
def show(consortium: ConsortiumFile, party: LedgerOwner, as_json: AsJson = False) -> None:
    """Print the violations in a party's ledger; who has one that stands may not ask it."""
    lines = list(violations(consortium, party))
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    for line in lines:
        state = "is forgiven" if line.forgiven else "stands: it may not ask"
        print(f"entry {line.entry}: {line.what} of {line.offender} at {line.at} {state}")
        print(f"  violation {line.digest}")
    if not lines:
        print(f"no violation in the ledger of {party}")


@app.command("forgive")
def forgive(
    offender: Annotated[str, typer.Option(help="Who may ask again, by principal's name.")],
    violation: Annotated[list[str], typer.Option(help="As `show` prints it. Repeatable.")],
    reason: Annotated[str, typer.Option(help="Why, in one line.")],
    signer: Signer,
    key: Key,
    out: Annotated[
        Path, typer.Option(help="Where the statement is written; signatures there are kept.")
    ],
) -> None:
    """Sign a statement that violations count no longer; each party that holds them enters it.

    An authoriser or a regulator of another organisation than the offender's signs.
    """
    made = forgiveness(offender, violation, reason, today())
    print(shown(add_signature(out, made, signer, key)))


@app.command("reinstate")
def reinstate(
    statement: Annotated[Path, typer.Argument(help="The signed statement's file.")],
    consortium: ConsortiumFile,
    party: LedgerOwner,
) -> None:
    """Enter the statement in the party's ledger, also while its node runs; it counts at the next question."""
    index = reinstated(consortium, party, read_paper(statement), at=now())
    print(f"entry {index} of {party}")
