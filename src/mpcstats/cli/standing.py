"""`mpcstats standing`: who has lost the right to ask a party, and who gives it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.party.desk.consent import now
from mpcstats.party.desk.paper import add_signature, read_paper, shown
from mpcstats.party.desk.standing import forgiveness, reinstated, violations
from mpcstats.party.question import today

ConsortiumFile = Annotated[Path, typer.Option("--consortium", help="The consortium file.")]
PartyName = Annotated[str, typer.Option("--party", help="Whose ledger.")]

app = typer.Typer(help="Who may still ask, after a violation.", no_args_is_help=True)


@app.command("show")
def show(consortium: ConsortiumFile, party: PartyName) -> None:
    """Print the violations in a party's ledger; who has one that stands may not ask it."""
    lines = list(violations(consortium, party))
    for line in lines:
        state = "is forgiven" if line.forgiven else "stands: it may not ask"
        print(f"entry {line.entry}: {line.what} of {line.offender} at {line.at} {state}")
        print(f"  violation {line.digest}")
    if not lines:
        print(f"no violation in the ledger of {party}")


@app.command("forgive")
def forgive(
    offender: Annotated[str, typer.Option(help="Who may ask again, by principal's name.")],
    violation: Annotated[list[str], typer.Option(help="As `show` prints it; again for each.")],
    reason: Annotated[str, typer.Option(help="Why, in one line.")],
    signer: Annotated[
        str, typer.Option(help="An authoriser or regulator of another organisation.")
    ],
    key: Annotated[Path, typer.Option(help="The signer's key.")],
    out: Annotated[Path, typer.Option(help="Where the statement is written.")],
) -> None:
    """Sign a statement that violations count no longer; each party that holds them enters it."""
    made = forgiveness(offender, violation, reason, today())
    print(shown(add_signature(out, made, signer, key)))


@app.command("reinstate")
def reinstate(
    statement: Annotated[Path, typer.Argument(help="The signed statement's file.")],
    consortium: ConsortiumFile,
    party: PartyName,
) -> None:
    """Enter the statement in the party's ledger, also while its node runs; it counts at the next question."""
    index = reinstated(consortium, party, read_paper(statement), at=now())
    print(f"entry {index} of {party}")
