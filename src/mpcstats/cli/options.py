"""The options that several commands have: one name, one meaning and one help text everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CONSORTIUM = "The consortium file; of a local run with --keep FOLDER, FOLDER/consortium.toml."

ConsortiumFile = Annotated[Path, typer.Option("--consortium", help=CONSORTIUM)]
ConsortiumPath = Annotated[Path | None, typer.Option("--consortium", help=CONSORTIUM)]
PrincipalsPath = Annotated[
    Path | None,
    typer.Option(
        "--principals", help="Who may sign, beside the parties; else as the consortium file says."
    ),
]
RegisterPath = Annotated[
    Path | None,
    typer.Option("--register", help="The register's journal; else as the consortium file says."),
]
Day = Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; else today in UTC.")]
Signer = Annotated[str, typer.Option("--signer", help="Who signs, by principal's name.")]
KEY = "The signer's key, as `mpcstats keys` and `mpcstats principal` make it."
Key = Annotated[Path, typer.Option("--key", help=KEY)]
KeyPath = Annotated[Path | None, typer.Option("--key", help=KEY)]
Sign = Annotated[
    list[str],
    typer.Option("--sign", help="NAME=KEYFILE of somebody who signs now. Repeatable."),
]
Onward = Annotated[
    Path | None,
    typer.Option("--out", help="Enter nothing: write it here, signed, for others to sign too."),
]
Printed = Annotated[Path | None, typer.Option("--out", help="A new file; else it is printed.")]
LedgerOwner = Annotated[str, typer.Option("--party", help="Whose ledger.")]
LedgerPath = Annotated[
    Path | None, typer.Option("--ledger", help="The ledger's file; else as the party's file says.")
]
ScenarioName = Annotated[
    str, typer.Option("--scenario", help="The scenario, as the policy names it.")
]
PurposeText = Annotated[str, typer.Option("--purpose", help="The purpose, word for word.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
