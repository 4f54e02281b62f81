"""A signed statement: what somebody says, of a kind, as canonical JSON, and the Ed25519 signatures under it.

What is signed is DOMAIN, kind and canonical body, each after its length in 8 bytes; so no statement can be
taken for one of another kind, nor for an entry of a ledger or a checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mpcstats.errors import UsageError
from mpcstats.records.canonical import JSON, canonical
from mpcstats.records.principals import Principals

DOMAIN = b"mpcstats statement 1"
KIND = re.compile(r"[a-z][a-z0-9-]{0,63}")
SIGNATURE = re.compile(r"[0-9a-f]{128}")
MOST_SIGNATURES = 64


@dataclass(frozen=True, slots=True)
class Signature:
    """By whom, and 128 lower-case hex digits."""

    signer: str
    signature: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`body` says something of kind `kind`; `signatures` are as they came, checked by `signers` alone."""

    kind: str
    text: str  # the canonical body
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def of(cls, kind: str, body: Mapping[str, JSON]) -> Self:
        """An unsigned statement. Raises UsageError for a body that has no canonical form, or another kind of kind."""
        if KIND.fullmatch(kind) is None:
            raise UsageError(
                f"expected a kind of lower-case letters, digits and -, got {kind[:80]!r}"
            )
        return cls(kind, canonical(body))

    @property
    def body(self) -> dict[str, JSON]:
        """What it says; a copy."""
        body: dict[str, JSON] = json.loads(self.text)
        return body

    @property
    def digest(self) -> str:
        """SHA-256 of what is signed, in hex: the statement's name, whoever has signed it."""
        return hashlib.sha256(self._signed()).hexdigest()

    def sign(self, signer: str, key: Ed25519PrivateKey) -> Self:
        """The statement with the signature of `signer` added, in place of an earlier one."""
        others = tuple(s for s in self.signatures if s.signer != signer)
        made = Signature(signer, key.sign(self._signed()).hex())
        ordered = tuple(sorted((*others, made), key=lambda s: s.signer))
        return replace(self, signatures=ordered)

    def signed_with(self, signature: Signature, key: bytes) -> bool:
        """Whether `signature` is one by the public `key` of 32 bytes."""
        # The pattern first: fromhex also takes blanks and capitals, so one signature would have many texts.
        if SIGNATURE.fullmatch(signature.signature) is None:
            return False
        try:
            public = Ed25519PublicKey.from_public_bytes(key)
            public.verify(bytes.fromhex(signature.signature), self._signed())
        except (InvalidSignature, ValueError):
            return False
        return True

    def signers(self, principals: Principals) -> tuple[str, ...]:
        """Who has signed it. Raises UsageError if a signature is by nobody known, or is not theirs."""
        for signature in self.signatures:
            key = principals.key(signature.signer)
            if not self.signed_with(signature, key):
                raise UsageError(
                    f"{self.kind} {self.digest[:16]}: expected a signature by the key of "
                    f"{signature.signer}, got another: it was changed, or somebody else signed it"
                )
        return tuple(signature.signer for signature in self.signatures)

    def to_json(self) -> dict[str, JSON]:
        """The statement as plain data; `from_json` reads it."""
        return {
            "kind": self.kind,
            "body": self.body,
            "signatures": {s.signer: s.signature for s in self.signatures},
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The statement in `value`, which may come from anybody. Raises UsageError if it is none."""
        names = {"kind", "body", "signatures"}
        if not isinstance(value, Mapping) or set(value) != names:
            raise UsageError("expected a statement with kind, body and signatures")
        kind, body, given = value["kind"], value["body"], value["signatures"]
        if not isinstance(kind, str) or not isinstance(body, Mapping):
            raise UsageError("expected a statement's kind as text and its body as a table")
        if not isinstance(given, Mapping) or len(given) > MOST_SIGNATURES:
            raise UsageError(f"expected a table of at most {MOST_SIGNATURES} signatures")
        if not all(isinstance(part, str) for pair in given.items() for part in pair):
            raise UsageError("expected signatures as text, by signer")
        signatures = tuple(Signature(name, given[name]) for name in sorted(given))
        return replace(cls.of(kind, body), signatures=signatures)

    def _signed(self) -> bytes:
        parts = (DOMAIN, self.kind.encode(), self.text.encode())
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
