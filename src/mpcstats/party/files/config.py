"""The files that an organisation writes: consortium.toml, the same for all, and its own party file.

Paths in a file are relative to the file. Nothing but the files named here is read.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mpcstats.errors import UsageError
from mpcstats.party.data.source import Source
from mpcstats.party.files.enginefiles import EnginesTable, Name, check_engines
from mpcstats.party.files.registerfiles import RegisterFiles, RegistersTable
from mpcstats.party.files.sourcetable import Files, Text, sources_of
from mpcstats.plan.offer import Offer
from mpcstats.records.tomlfile import Table, read_toml

SILENCE = 30.0  # seconds without a word after which a party counts as gone
SIGNING_KEY_BYTES = 32
EVERY_HOST = frozenset({"", "*"})  # how people write every interface, beside 0.0.0.0 and ::
PORT = re.compile("[1-9][0-9]{0,4}")
LABEL = "(?!-)[a-z0-9_-]{1,63}(?<!-)"
HOST_NAME = re.compile(rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})*")
# Resolvers read a name that ends so as an address, in forms that ip_address refuses: 0, 0.0, 0x0.
NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
SCOPE = re.compile("[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a party listens, and nowhere else."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address written as HOST:PORT, an IPv6 HOST in []; equal hosts give equal addresses.

        Raises UsageError if it is none, or means every interface.
        """
        host, _, port = text.rpartition(":")
        # The pattern first: int() refuses thousands of digits with an error of its own.
        if PORT.fullmatch(port) is None or int(port) >= 1 << 16:
            raise UsageError(f"expected an address as HOST:PORT, got {text[:80]!r}")
        try:
            return cls(_host(host), int(port))
        except ValueError as error:
            raise UsageError(f"{error}, got {text[:80]!r}") from None


@dataclass(frozen=True, slots=True)
class Member:
    """One party of a consortium, as everybody knows it."""

    name: str
    address: Address
    fingerprint: str  # "sha256:" and 64 hex digits, of the certificate
    certificate: Path
    signing_key: bytes  # Ed25519, public


@dataclass(frozen=True, slots=True)
class Consortium:
    """What all parties of a consortium have agreed on; `silence` in seconds.

    `compute` are the compute parties of rep3, none where it is not offered; `engines` what else is.
    """

    name: str
    path: Path
    catalogue: Path
    policy: Path
    compute: tuple[str, ...]
    silence: float
    members: Mapping[str, Member]
    registers: RegisterFiles = field(default_factory=RegisterFiles)
    engines: tuple[Offer, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Consortium:
        """The consortium file at `path`. Raises UsageError with file and place."""
        table = read_toml(path, ConsortiumTable)
        here = path.parent
        members = {
            p.name: Member(p.name, p.address, p.fingerprint, here / p.certificate, p.signing_key)
            for p in table.party
        }
        return cls(
            table.name,
            path,
            here / table.catalogue,
            here / table.policy,
            tuple(table.compute or ()),
            table.silence,
            members,
            RegisterFiles.of(table.registers, here),
            table.engines.offers,
        )

    def member(self, name: str) -> Member:
        """The party of that name. Raises UsageError if there is none."""
        if name not in self.members:
            known = ", ".join(self.members)
            raise UsageError(f"{self.path}: expected a party of {known}, got {name[:40]!r}")
        return self.members[name]

    def party_file(self, name: str) -> Path:
        """Where the file of party `name` is looked for unless another place is given."""
        return self.path.parent / "parties" / f"{self.member(name).name}.toml"


@dataclass(frozen=True, slots=True)
class PartyFile:
    """What one party keeps to itself: keys, ledger, and where each of its datasets is."""

    party: str
    path: Path
    tls_key: Path
    signing_key: Path
    ledger: Path
    consent: Path | None  # consent.toml, where this party's datasets need consent
    data: Mapping[str, Source] = field(repr=False)

    @classmethod
    def load(cls, path: Path, *, party: str) -> PartyFile:
        """The file of `party`. Raises UsageError with file and place, also if it is another party's."""
        table = read_toml(path, PartyTable)
        if table.party != party:
            raise UsageError(f"{path}: expected the file of {party}, got that of {table.party}")
        here = path.parent
        data = sources_of(table.data, here)
        return cls(
            table.party,
            path,
            here / table.tls_key,
            here / table.signing_key,
            here / table.ledger,
            None if table.consent is None else here / table.consent,
            data,
        )


def decode_key(text: str) -> bytes:
    """A public Ed25519 key from base64. Raises UsageError if it is none."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("expected a public Ed25519 key in base64, got other text") from None
    if len(key) != SIGNING_KEY_BYTES:
        raise UsageError(f"expected a public Ed25519 key of 32 bytes in base64, got {len(key)}")
    return key


def _host(text: str) -> str:
    """The IP address or host name that `text` is, in lower case. Raises ValueError if it is neither."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ip = ip_address(bare)
    except ValueError:
        return _host_name(text)
    # Bound to ::ffff:0.0.0.0, a socket listens on every interface as well.
    plain = (ip.ipv4_mapped or ip) if ip.version == 6 else ip
    if plain.is_unspecified:
        raise ValueError("expected the address of one interface, not of all")
    if (ip.version == 6) != (bare != text):
        raise ValueError("expected an IPv6 address, and no other, in [], as in [::1]:7000")
    _, percent, scope = str(plain).partition("%")
    if percent and SCOPE.fullmatch(scope) is None:
        raise ValueError("expected the name of an interface after %")
    return str(plain)


def _host_name(text: str) -> str:
    if text.strip("[]") in EVERY_HOST:
        raise ValueError("expected the address of one interface, not of all")
    name = text.lower()
    # text.isascii: lower() takes the sign for kelvin to a plain k.
    if HOST_NAME.fullmatch(name) is None or not text.isascii() or NUMBER.fullmatch(name):
        raise ValueError("expected an IP address written in full, or a host name, before the port")
    return name


def _address(text: object) -> Address:
    if not isinstance(text, str):
        raise ValueError("expected an address as text")
    try:
        return Address.parse(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _key(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("expected a key as text")
    try:
        return decode_key(text)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _fingerprint(text: str) -> str:
    if re.fullmatch("sha256:[0-9a-f]{64}", text) is None:
        raise ValueError(f"expected sha256: and 64 hex digits, got {text[:80]!r}")
    return text


Silence = Annotated[float, Field(ge=1, le=3600)]


class MemberTable(Table):
    """One party of the consortium: where it is reached, and by which certificate and key it is known."""

    name: Name
    address: Annotated[Address, BeforeValidator(_address)]
    fingerprint: Annotated[str, AfterValidator(_fingerprint)]
    certificate: Text
    signing_key: Annotated[bytes, BeforeValidator(_key)]


class ConsortiumTable(Table):
    """consortium.toml: what all parties have agreed on. Paths are relative to it, `silence` is in seconds."""

    name: Text
    catalogue: Text
    policy: Text
    compute: list[Name] | None = None
    engines: EnginesTable = Field(default_factory=EnginesTable)
    silence: Silence = SILENCE
    registers: RegistersTable = Field(default_factory=RegistersTable)
    party: list[MemberTable]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [p.name for p in self.party]
        for what, values in (
            ("name", names),
            ("address", [str(p.address) for p in self.party]),
            ("fingerprint", [p.fingerprint for p in self.party]),
            ("signing key", [p.signing_key.hex() for p in self.party]),
        ):
            if len(set(values)) != len(values):
                article = "an" if what == "address" else "a"
                raise ValueError(f"expected every party to have {article} {what} of its own")
        check_engines(self.compute, self.engines, names)
        return self


class PartyTable(Table):
    """A party's own file, NAME.toml beside the consortium's: its keys, its ledger, and its data by dataset."""

    party: Name
    tls_key: Text
    signing_key: Text
    ledger: Text
    consent: Text | None = None
    data: Files = Field(default_factory=dict)
