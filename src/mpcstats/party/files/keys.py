"""A party's keys: made once, private parts readable by their owner alone, public parts for the consortium file."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from mpcstats.errors import UsageError
from mpcstats.party.files.config import Address
from mpcstats.party.question import PRINCIPAL, check_name
from mpcstats.records.principals import Principal
from mpcstats.records.tomlfile import counted, said, toml_text
from mpcstats.transport.identity import fingerprint, make_certificate


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a party's new keys, and what the others must know of them."""

    party: str
    certificate: Path
    tls_key: Path
    signing_key: Path
    fingerprint: str
    public_key: bytes

    def entry(self, address: Address, certificate: str) -> str:
        """The [[party]] entry for the consortium file; `certificate` is the path as that file will give it."""
        return "\n".join(
            (
                "[[party]]",
                f'name = "{self.party}"',
                f'address = "{address}"',
                f'fingerprint = "{self.fingerprint}"',
                f"certificate = {toml_text(certificate)}",
                f'signing_key = "{base64.b64encode(self.public_key).decode()}"',
                "",
            )
        )


def make_keys(party: str, folder: Path) -> Made:
    """New keys of `party` in `folder`. Raises UsageError if one of the files is there: keys are never replaced."""
    check_name(party)
    public, private, sign = (folder / f"{party}.{end}" for end in ("crt", "key", "sign"))
    for path in (public, private, sign):
        if path.exists():
            raise UsageError(f"{path}: expected no such file, got one: move it away first")
    certificate, tls_key = make_certificate(party)
    signing = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    _write(public, certificate, 0o644)
    _write(private, tls_key, 0o600)
    _write(sign, _pem(signing), 0o600)
    der = x509.load_pem_x509_certificate(certificate).public_bytes(serialization.Encoding.DER)
    known = signing.public_key().public_bytes_raw()
    return Made(party, public, private, sign, fingerprint(der), known)


def make_signing_key(name: str, folder: Path) -> tuple[Path, bytes]:
    """A new signing key of the principal `name`: its file in `folder`, and its public part of 32 bytes.

    Raises UsageError for another kind of name, or if the file is there: keys are never replaced.
    """
    _check_principal(name)
    path = folder / f"{name}.sign"
    if path.exists():
        raise UsageError(f"{path}: expected no such file, got one: move it away first")
    signing = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, _pem(signing), 0o600)
    return path, signing.public_key().public_bytes_raw()


def principal_entry(name: str, key: bytes, roles: Sequence[str], *, real_name: bool) -> str:
    """The [[principal]] entry for principals.toml. Raises UsageError for a bad name or role."""
    _check_principal(name)
    entry = {
        "name": name,
        "key": base64.b64encode(key).decode(),
        "roles": list(roles),
        "real_name": real_name,
    }
    try:
        Principal.model_validate(entry)
    except ValidationError as error:
        # After a role that is none pydantic also counts the roles that are left: the first fault is the fault.
        first = error.errors()[0]
        place = f"{counted(dict(entry), first['loc'])}: " if first["loc"] else ""
        raise UsageError(f"{name}: {place}{said(first['msg'])}") from None
    lines = [
        "[[principal]]",
        f"name = {toml_text(name)}",
        f"key = {toml_text(str(entry['key']))}",
        f"roles = [{', '.join(toml_text(role) for role in roles)}]",
        *(["real_name = true"] if real_name else []),
        "",
    ]
    return "\n".join(lines)


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key in the PEM file at `path`. Raises UsageError with the path if it is none."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise UsageError(f"{path}: expected a signing key, got: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError(f"{path}: expected an unencrypted signing key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: expected an Ed25519 key, got another kind")
    return key


def _check_principal(name: str) -> None:
    if PRINCIPAL.fullmatch(name) is None:
        raise UsageError(
            f'expected a principal\'s name, as "bureau" or "bureau.claims_desk", got {name[:80]!r}'
        )


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    # O_EXCL, and the mode from the start: at no time can another user read a private key.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
