"""`mpcstats keys` and `mpcstats principal`: keys of a party, and of others who sign, with their entries in files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpcstats.party.files.config import Address
from mpcstats.party.files.keys import make_keys, make_signing_key, principal_entry


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


def principal(
    name: Annotated[
        str, typer.Argument(help='As "bureau.claims_desk": whose, and who; or one name alone.')
    ],
    role: Annotated[
        list[str], typer.Option(help="user, authoriser, operator, government, ... Repeatable.")
    ],
    real_name: Annotated[
        bool, typer.Option("--real-name", help="You have seen this person's papers.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where the key is written.")] = Path("keys"),
) -> None:
    """Make a signing key of a user, an authoriser or another principal; print the entry for principals.toml.

    The key is readable by its owner alone, and an existing file is never replaced.
    """
    principal_entry(
        name, bytes(32), role, real_name=real_name
    )  # no key for an entry that cannot be
    path, public = make_signing_key(name, folder)
    print(principal_entry(name, public, role, real_name=real_name), end="")
    print(f"# keep to yourself: {path}")
