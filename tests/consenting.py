"""An owner's desk of consents in a folder, with real keys and files; an authority, a regulator, and persons."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.party.desk.consent import ConsentDesk
from mpcstats.party.desk.statements import make, terms
from mpcstats.records.canonical import JSON
from mpcstats.records.consent.pseudonym import make_pseudonym_key
from mpcstats.records.signed import Statement

OWNER = "bureau"
AUTHORITY, REGULATOR = "realname", "regulator"
SECOND = "2026-06-01T08:00:00Z"
IDS = tuple(f"99010119{year}0101{number:03d}X" for year in (60, 75, 90) for number in range(1, 9))
FIELDS = ("bureau.settlement.psn_cash_pay", "bureau.settlement.med_type")
CLAIM = ("commercial", "claim under a health policy")  # scenario and purpose


def key_of(name: str) -> Ed25519PrivateKey:
    """The same key for the same name."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)[:32])


def public(name: str) -> bytes:
    return key_of(name).public_key().public_bytes_raw()


def pem(path: Path, name: str) -> Path:
    """The key of `name` in a file."""
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key_of(name).private_bytes(serialization.Encoding.PEM, *private))
    return path


class Office:
    """The owner's folder, and what others sign and bring to its desk; `second` is what its clock shows."""

    def __init__(self, folder: Path, owner: str = OWNER) -> None:
        self.folder, self.owner, self.second = folder, owner, SECOND
        self.path = folder / "consent.toml"
        make_pseudonym_key(folder / "pseudonyms.key")
        pem(folder / "owner.sign", owner)
        entries = "".join(
            f'[[principal]]\nname = "{name}"\nroles = ["{role}"]\n'
            f'key = "{base64.b64encode(public(name)).decode()}"\n'
            for name, role in (
                (AUTHORITY, "authority"),
                (REGULATOR, "regulator"),
                ("clerk", "user"),
            )
        )
        (folder / "principals.toml").write_text(f"version = 1\n{entries}", encoding="utf-8")
        self.path.write_text(
            f'version = 1\nowner = "{owner}"\njournal = "consent.jsonl"\nspent = "spent.sqlite"\n'
            'principals = "principals.toml"\nsigning_key = "owner.sign"\n'
            'pseudonym_key = "pseudonyms.key"\n',
            encoding="utf-8",
        )
        self.desk = ConsentDesk.open(self.path)

    def person(self, number: int) -> str:
        """The pseudonym of one of IDS."""
        return self.desk.key.person(IDS[number])

    def bring(
        self, kind: str, given: Mapping[str, JSON], signer: str, key: str | None = None
    ) -> str:
        """Sign a statement and have it recorded; its digest."""
        return self.record(self.sign(kind, given, signer, key))

    def sign(
        self, kind: str, given: Mapping[str, JSON], signer: str, key: str | None = None
    ) -> Statement:
        made = make(kind, {"owner": self.owner, **given})
        return made.sign(signer, key_of(signer if key is None else key))

    def record(self, statement: Statement) -> str:
        return self.desk.record(statement, second=self.second)

    def enrol(self, number: int) -> None:
        """Bind a person to a key of its own."""
        given: dict[str, JSON] = {"person": self.person(number), "key": public(IDS[number]).hex()}
        self.bring("person-key", given, AUTHORITY)

    def asset(self, number: int, dataset: str = "bureau.settlement") -> str:
        content = self.desk.key.matter(f"{dataset} {number}")
        given: dict[str, JSON] = {"dataset": dataset, "level": "MODERATE", "content": content}
        return self.bring("consent-asset", {"person": self.person(number), **given}, self.owner)

    def grant(self, number: int, recipient: str = "p", **more: JSON) -> str:
        """A grant that an authority signs for the person."""
        return self.record(self.granted(number, recipient, **more))

    def granted(self, number: int, recipient: str = "p", **more: JSON) -> Statement:
        return self.sign("consent-grant", self._terms(number, recipient, FIELDS, more), AUTHORITY)

    def token(
        self,
        number: int,
        event: str,
        recipient: str = "p",
        fields: Sequence[str] = FIELDS,
        **more: JSON,
    ) -> Statement:
        """A token that the person's own key has signed."""
        given = {
            **self._terms(number, recipient, fields, more),
            "matter": self.desk.key.matter(event),
        }
        return self.sign("consent-token", given, self.person(number), IDS[number])

    def revoke(self, number: int, target: str) -> str:
        return self.bring(
            "consent-revoke", {"person": self.person(number), "target": target}, AUTHORITY
        )

    def freeze(self, target: str, *, frozen: bool = True) -> str:
        given: dict[str, JSON] = {"target": target, "frozen": frozen, "because": "a test"}
        return self.bring("consent-freeze", given, REGULATOR)

    def _terms(
        self, number: int, recipient: str, fields: Sequence[str], more: dict[str, JSON]
    ) -> dict[str, JSON]:
        given = terms(self.owner, self.person(number), recipient, fields, *CLAIM)
        window: dict[str, JSON] = {"not_before": SECOND, "expires": "2026-06-03T08:00:00Z"}
        return {**given, **window, **more}
