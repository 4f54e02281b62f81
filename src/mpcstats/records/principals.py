"""Principals: who may sign what. Parties, their users, those who authorise and those who operate, authorities."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.records.day import Day
from mpcstats.records.tomlfile import Listed, Table, Version, read_toml

KEY_BYTES = 32
# party: an organisation of the consortium. user: a person of one, known by name. authoriser: grants licences
# and approvals. operator: runs what was authorised. government: signs for government-led projects. regulator:
# reads everything and may freeze. authority: consents on a person's behalf. reviewer: confirms levels.
# registrar: keeps the registration of data resources.
Role = Literal[
    "party",
    "user",
    "authoriser",
    "operator",
    "government",
    "regulator",
    "authority",
    "reviewer",
    "registrar",
]
ROLES: tuple[Role, ...] = get_args(Role)
SEPARATE = frozenset({"authoriser", "operator"})  # 运营与授权分离: nobody is both
PrincipalName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31})?$")
]  # "bureau", or "bureau.claims_desk" for somebody of the bureau


def _key(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("expected a key as text")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected a public Ed25519 key in base64, got other text") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a public Ed25519 key of 32 bytes in base64, got {len(key)}")
    return key


class Principal(Table):
    """One principal: its public key, what it may do, since when and until when (both days included)."""

    name: PrincipalName
    key: Annotated[bytes, BeforeValidator(_key)]
    roles: Annotated[tuple[Role, ...], Field(min_length=1), Listed]
    real_name: bool = False  # somebody has seen this person's papers, and vouches for the name
    since: Day | None = None
    until: Day | None = None

    @property
    def organisation(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if set(self.roles) >= SEPARATE:
            raise ValueError(
                f"{self.name}: expected an authoriser or an operator, got both in one: who "
                "authorises must not operate"
            )
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError(
                f"{self.name}: expected since <= until, got {self.since} > {self.until}"
            )
        return self

    def valid(self, day: str) -> bool:
        """Whether it may act on `day`."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


class PrincipalsFile(Table):
    """principals.toml."""

    version: Version
    principal: list[Principal] = Field(default_factory=list)


class Principals:
    """All principals by name. Immutable; `digest` names the content."""

    def __init__(self, entries: Iterable[Principal]) -> None:
        self._entries: dict[str, Principal] = {}
        keys: dict[bytes, str] = {}
        for entry in entries:
            if entry.name in self._entries:
                raise UsageError(f"{entry.name}: expected one principal of that name, got several")
            # One key under two names could sign twice where two are asked for.
            if entry.key in keys:
                raise UsageError(
                    f"expected a key of its own for every principal, got one of {keys[entry.key]} "
                    f"and {entry.name}"
                )
            self._entries[entry.name] = entry
            keys[entry.key] = entry.name

    @classmethod
    def load(cls, path: Path | None, parties: Mapping[str, bytes]) -> Self:
        """The parties of the consortium with their signing keys, and the principals of the file.

        A party's own entry in the file gives it more roles; its key must be the consortium's. Raises UsageError
        with file and place.
        """
        listed = () if path is None else tuple(read_toml(path, PrincipalsFile).principal)
        try:
            return cls(_with_parties(listed, parties))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self._entries)

    def get(self, name: str) -> Principal | None:
        """The principal of that name, if there is one."""
        return self._entries.get(name)

    def key(self, name: str) -> bytes:
        """The public key of `name`. Raises UsageError if there is no such principal."""
        found = self._entries.get(name)
        if found is None:
            raise UsageError(f"expected a known principal, got {name[:80]!r}")
        return found.key

    def has(self, name: str, role: Role, day: str) -> bool:
        """Whether `name` has `role` on `day`."""
        found = self._entries.get(name)
        return found is not None and role in found.roles and found.valid(day)

    def having(self, role: Role, day: str) -> tuple[str, ...]:
        """Everybody who has `role` on `day`."""
        return tuple(name for name in self._entries if self.has(name, role, day))

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex; the order of entries does not matter."""
        entries = [
            [e.name, e.key.hex(), sorted(e.roles), e.real_name, e.since, e.until]
            for _, e in sorted(self._entries.items())
        ]
        return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def _with_parties(
    listed: tuple[Principal, ...], parties: Mapping[str, bytes]
) -> Iterable[Principal]:
    named = {entry.name for entry in listed}
    for entry in listed:
        own = parties.get(entry.name)
        if own is None and "party" in entry.roles:
            raise UsageError(f"{entry.name}: expected a party of the consortium, got another name")
        if own is not None and own != entry.key:
            raise UsageError(
                f"{entry.name}: expected the party's signing key of the consortium file, got another"
            )
        if own is not None and "party" not in entry.roles:
            entry = entry.model_copy(update={"roles": ("party", *entry.roles)})
        yield entry
    for name, key in parties.items():
        if name not in named:
            given = {"name": name, "key": base64.b64encode(key).decode(), "roles": ["party"]}
            yield Principal.model_validate(given)
