"""`mpcstats adjudicate`: what an insurer has to pay for one event, by a rule that nobody else sees."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.asking import PartyPath
from mpcstats.cli.options import AsJson, ConsortiumFile
from mpcstats.party.adjudication.rulefile import RuleFile
from mpcstats.party.client import connect

STDIN = "-"


def adjudicate(
    consortium: ConsortiumFile,
    party: Annotated[str, typer.Option(help="The insurer that asks.")],
    rule: Annotated[Path, typer.Option(help="rule.toml: the claim's form, and the secret rule.")],
    token: Annotated[
        Path,
        typer.Option(help="The person's one-shot token, as `mpcstats consent token` makes it."),
    ],
    event: Annotated[
        str, typer.Option(help="The settlement's number; - reads it from the standard input.")
    ] = STDIN,
    party_file: PartyPath = None,
    as_json: AsJson = False,
) -> None:
    """Adjudicate one claim with the holder of its settlement; print what is payable.

    The holder's node must be serving. The token is spent, whatever becomes of the run. Exit codes: 2 a file; 3 a policy
    or the token says no (with every reason); 4 another party's fault; 1 a defect of mpcstats.
    """
    named = sys.stdin.readline().rstrip("\n") if event == STDIN else event
    with connect(consortium, party=party, party_file=party_file) as insurer:
        done = insurer.adjudicate(event=named, token=token, rule=rule)
    if as_json:
        print(json.dumps(done.to_json(), ensure_ascii=False, sort_keys=True))
        return
    print(done)
    for what, path in (("amount and salt", done.kept), ("receipt", done.receipt)):
        print(f"{what}: {path if path is not None else 'not kept'}")
    for trouble in done.closed.troubles:
        print(f"the run has ended well; its closing has not: {trouble}", file=sys.stderr)


def commitment(
    path: Annotated[Path, typer.Argument(help="The insurer's rule.toml.")],
) -> None:
    """Print the commitment to a rule: what a contract names, and the holder's desk (`rules` in consent.toml)."""
    print(RuleFile.load(path).commitment)
