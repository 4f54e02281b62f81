"""`mpcstats paper`: approvals, licences and requests that come with a question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.cli.asking import (
    EngineChoice,
    Project,
    Purpose,
    QuestionFile,
    Recipients,
    Scenario,
    read_question,
)
from mpcstats.cli.options import AsJson, ConsortiumFile, Day, Key, KeyPath, Signer
from mpcstats.cli.sheet import print_json
from mpcstats.errors import UsageError
from mpcstats.party.desk.acknowledgement import acknowledged, texts
from mpcstats.party.desk.paper import (
    add_signature,
    approval_of,
    check_paper,
    licence_of,
    read_paper,
    request_of,
    shown,
    sign_again,
)
from mpcstats.party.question import Asking, Defaults, question_of, today

Body = Annotated[Path, typer.Argument(help="A TOML file with what the paper says.")]
PaperFile = Annotated[Path, typer.Argument(help="A paper's file, *.paper.json.")]
Out = Annotated[Path, typer.Option(help="Where the paper is written; signatures there are kept.")]

app = typer.Typer(help="Papers that come with a question.", no_args_is_help=True)


@app.command("approve")
def approve(body: Body, signer: Signer, key: Key, out: Out) -> None:
    """Sign an approval of a plan or a template."""
    print(shown(add_signature(out, approval_of(body), signer, key)))


@app.command("licence")
def licence(body: Body, signer: Signer, key: Key, out: Out) -> None:
    """Sign an operator's licence."""
    print(shown(add_signature(out, licence_of(body), signer, key)))


@app.command("request")
def request(
    question: QuestionFile,
    party: Annotated[str, typer.Option(help="Which party asks.")],
    user: Annotated[str, typer.Option(help="Who asks for it and signs, by principal's name.")],
    key: Key,
    out: Out,
    scenario: Scenario = None,
    purpose: Purpose = None,
    to: Recipients = None,
    project: Project = None,
    day: Day = None,
    engine: EngineChoice = None,
) -> None:
    """Sign a question as its real-name user; it must then be asked with the same options, on the same day."""
    asked = question_of(
        read_question(question),
        initiator=party,
        asking=Asking(day or today(), user, project, engine),
        given=Defaults(scenario, purpose),
        defaults=Defaults(),
        to=to or None,
    )
    print(shown(add_signature(out, request_of(asked), user, key)))


@app.command("acknowledge")
def acknowledge(
    consortium: ConsortiumFile,
    user: Annotated[
        str | None, typer.Option(help="Who has read them and signs; without it nothing is signed.")
    ] = None,
    key: KeyPath = None,
) -> None:
    """Print the texts of the consortium's profile; with --user and --key, sign those not yet acknowledged."""
    if (user is None) != (key is None):
        raise UsageError("expected --user and --key together, got one of them")
    for text in texts(consortium):
        print(text)
    if user is not None and key is not None:
        print(f"{acknowledged(consortium, user, key, today())} acknowledged by {user}")


@app.command("sign")
def sign(paper: PaperFile, signer: Signer, key: Key) -> None:
    """Add a signature to a paper, or to a project's statement, that others have signed."""
    print(shown(sign_again(paper, signer, key)))


@app.command("show")
def show(paper: PaperFile) -> None:
    """Print what a paper says; it does not check the signatures: see check."""
    print(shown(read_paper(paper)))


@app.command("check")
def check(
    paper: PaperFile,
    consortium: ConsortiumFile,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Check a paper's signatures, roles and days; exit code 1 with all that is wrong if it does not count."""
    faults = list(check_paper(read_paper(paper), consortium, day or today()))
    if as_json:
        print_json(faults)
    else:
        for fault in faults or ["good"]:
            print(f"{paper}: {fault}")
    if faults:
        raise typer.Exit(1)
