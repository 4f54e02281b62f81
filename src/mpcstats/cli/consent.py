"""`mpcstats consent`: who may use whose rows, once or again; what was used; and ending it.

Persons are named by pseudonyms. `pseudonym` gives that of an id, read from the standard input, so that no id
stays in the shell's history.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.options import AsJson, Key, PurposeText, ScenarioName
from mpcstats.cli.sheet import print_json, print_objects
from mpcstats.party.desk import statements
from mpcstats.party.desk.consent import ConsentDesk, now

DeskFile = Annotated[Path, typer.Option("--desk", help="The owner's consent.toml.")]
Person = Annotated[str, typer.Option(help="The person's pseudonym, 64 hex digits.")]
Owner = Annotated[str, typer.Option(help="The party that holds the rows.")]
Recipient = Annotated[str, typer.Option(help="The party that is to have the fields.")]
Fields = Annotated[list[str], typer.Option("--field", help="owner.dataset.column. Repeatable.")]
NotBefore = Annotated[
    str | None, typer.Option(help="YYYY-MM-DDThh:mm:ssZ; without it, from now on.")
]
Expires = Annotated[str, typer.Option(help="YYYY-MM-DDThh:mm:ssZ, the last second of validity.")]
Signer = Annotated[
    str, typer.Option(help="Who signs, by principal's name; or the person, by pseudonym.")
]

app = typer.Typer(help="Consents of persons to the use of their rows.", no_args_is_help=True)


@app.callback()
def consent() -> None:
    """Consents of persons to the use of their rows."""


@app.command("grant")
def grant(
    desk: DeskFile,
    person: Person,
    recipient: Recipient,
    field: Fields,
    scenario: ScenarioName,
    purpose: PurposeText,
    expires: Expires,
    signer: Signer,
    key: Key,
    not_before: NotBefore = None,
    most_uses: Annotated[int | None, typer.Option(help="Without it, any number.")] = None,
) -> None:
    """Record a standing grant of a person; prints its digest."""
    opened, second = ConsentDesk.open(desk), now()
    terms = statements.terms(opened.owner, person, recipient, field, scenario, purpose)
    window = {"not_before": not_before or second, "expires": expires}
    statement = statements.make("consent-grant", {**terms, **window, "most_uses": most_uses})
    print(opened.record(statements.signed(statement, signer, key), second=second))


@app.command("token")
def token(
    owner: Owner,
    person: Person,
    matter: Annotated[str, typer.Option(help="The event's pseudonym or the question's digest.")],
    recipient: Recipient,
    field: Fields,
    scenario: ScenarioName,
    purpose: PurposeText,
    expires: Expires,
    signer: Signer,
    key: Key,
    not_before: NotBefore = None,
) -> None:
    """Print a signed one-shot token. Whoever holds it can present it once; the owner need not know of it before."""
    terms = statements.terms(owner, person, recipient, field, scenario, purpose)
    window = {"not_before": not_before or now(), "expires": expires}
    statement = statements.make("consent-token", {**terms, **window, "matter": matter})
    print(statements.text_of(statements.signed(statement, signer, key)))


@app.command("sign")
def sign(
    kind: Annotated[str, typer.Argument(help="Such as consent-opt-out, person-key.")],
    body: Annotated[Path, typer.Argument(help="A JSON file with the body, without its nonce.")],
    signer: Signer,
    key: Key,
) -> None:
    """Print a signed statement of any kind: an asset, an opt-out, a person's key, a freeze."""
    statement = statements.make_of_file(kind, body)
    print(statements.text_of(statements.signed(statement, signer, key)))


@app.command("record")
def record(
    desk: DeskFile,
    path: Annotated[Path, typer.Argument(help="A file with a signed statement as JSON.")],
) -> None:
    """Record a statement that somebody else has signed: a token, an opt-out, a person's key, a freeze."""
    print(ConsentDesk.open(desk).record_file(path, second=now()))


@app.command("revoke")
def revoke(
    desk: DeskFile,
    person: Person,
    target: Annotated[str, typer.Argument(help="The digest of a grant, token or opt-out.")],
    signer: Signer,
    key: Key,
) -> None:
    """End a grant, token or opt-out: from the next run on it does not hold."""
    opened = ConsentDesk.open(desk)
    given = {"owner": opened.owner, "person": person, "target": target}
    statement = statements.make("consent-revoke", given)
    print(opened.record(statements.signed(statement, signer, key), second=now()))


@app.command("show")
def show(desk: DeskFile, as_json: AsJson = False) -> None:
    """Print the journal's records, oldest first; checks all of it first. --json prints a line a record."""
    lines = list(statements.event_lines(ConsentDesk.open(desk).consents()))
    if as_json:
        for line in lines:
            print(line)
    else:
        print_objects("records", [json.loads(line) for line in lines])


@app.command("view")
def view(
    desk: DeskFile,
    person: Annotated[str | None, typer.Option(help="Whose safe box.")] = None,
    asset: Annotated[str | None, typer.Option(help="All uses of this asset instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a person's safe box (assets, grants, opt-outs, uses, history), or all uses of one asset."""
    consents = ConsentDesk.open(desk).consents()
    found = json.loads(statements.view_text(consents, person=person, asset=asset, second=now()))
    if as_json:
        print_json(found)
    elif isinstance(found, list):
        print_objects("uses", found)
    else:
        print(f"person {found.pop('person')}")
        for name, rows in found.items():
            # An opt-out is shown by its digest alone.
            listed = [row if isinstance(row, dict) else {"digest": row} for row in rows]
            print_objects(name.replace("_", " "), listed)


@app.command("make-key")
def make_key(
    path: Annotated[Path, typer.Argument(help="The file that consent.toml names pseudonym_key.")],
) -> None:
    """Make the owner's secret key of pseudonyms, once: with another key every consent would be lost."""
    statements.make_key(path)
    print(f"# keep to yourself, and keep a copy in a safe place: {path}")


@app.command("pseudonym")
def pseudonym(
    desk: DeskFile,
    normalisation: Annotated[str, typer.Option(help="As the catalogue says.")] = "resident-id",
) -> None:
    """Print the pseudonym of the id on the first line of the standard input."""
    line = sys.stdin.readline().rstrip("\n")
    print(ConsentDesk.open(desk).pseudonym(line, statements.normalisation(normalisation)))


@app.command("matter")
def matter(desk: DeskFile) -> None:
    """Print the pseudonym of the event on the first line of the standard input: what a token for it names."""
    print(ConsentDesk.open(desk).key.matter(sys.stdin.readline().rstrip("\n")))
