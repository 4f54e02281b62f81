"""Who signs in the tests of catalogue and classification; their private keys are in this file, so they are nobody's."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.records.journal import EMPTY, Add, append, following, line_of
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Statement

EXAMPLES = Path(__file__).parents[2] / "examples" / "governance"
ROLES: Mapping[str, tuple[str, ...]] = {
    "bureau": ("party",),
    "bureau.steward": ("user", "reviewer"),
    "office.reviewer": ("reviewer",),
    "office.registrar": ("registrar",),
    "insurer.clerk": ("user",),
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}


def _principal(name: str, roles: tuple[str, ...]) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    return Principal.model_validate({"name": name, "key": key, "roles": list(roles)})


EVERYBODY = Principals(_principal(name, roles) for name, roles in ROLES.items())


def principals_toml() -> str:
    """The principals but for the party, whose key is the consortium file's."""
    lines = [
        "# Who signs levels.jsonl and sources.jsonl. The private keys are in the tests: nobody's.\n"
    ]
    lines += ["version = 1\n"]
    for name, roles in ROLES.items():
        if roles != ("party",):
            key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
            listed = ", ".join(f'"{role}"' for role in roles)
            lines.append(f'[[principal]]\nname = "{name}"\nkey = "{key}"\nroles = [{listed}]\n')
    return "\n".join(lines)


class Desk:
    """A journal that grows by statements which somebody signs; written to a file if it has one."""

    def __init__(self, add: Add, path: Path | None = None) -> None:
        self.head = EMPTY
        self.lines = ""
        self._add = add
        self._path = path

    def say(self, kind: str, signer: str, **body: Any) -> Statement:
        statement = Statement.of(kind, {"after": self.head, **body}).sign(signer, KEYS[signer])
        if self._path is None:
            self._add(statement)
        else:
            append(self._path, statement, EVERYBODY)
            self._add(statement)
        self.head = following(self.head, statement)
        self.lines += line_of(statement)
        return statement
