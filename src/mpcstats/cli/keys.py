"""`mpcstats keys`: a party's keys, and its entry for the consortium file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.party.files.config import Address
from mpcstats.party.files.keys import make_keys


def keys(
    party: Annotated[str, typer.Argument(help="The party's name: lower-case letters, digits, _.")],
    address: Annotated[str, typer.Option(help="HOST:PORT that its node will listen at.")],
    folder: Annotated[Path, typer.Option(help="Where the keys are written.")] = Path("keys"),
) -> None:
    """Make a TLS key with its certificate and a signing key; print the entry for the consortium file.

    Private parts are readable by their owner alone, and existing files are never replaced.
    """
    where = Address.parse(address)
    made = make_keys(party, folder)
    print(made.entry(where, f"{folder.name}/{made.certificate.name}"), end="")
    print(f"# keep to yourself: {made.tls_key} and {made.signing_key}")
