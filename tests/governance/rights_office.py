"""A rights register on disk with its parties, for tests: statements are signed and appended to a real journal."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.records.journal import EMPTY, append
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.rights.register import RightsRegister
from mpcstats.records.signed import Statement

ROLES = {
    "bureau": ["party"],
    "hospital": ["party"],
    "insurer": ["party"],
    "vendor": ["party"],
    "computer": ["party"],  # computes, and nothing else
    "registry": ["registrar"],
    "watchdog": ["regulator"],
    "person": ["user"],
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}
DOCUMENT = "ab" * 32
AGREED = {"confidentiality": "01" * 32, "revenue": "02" * 32, "responsibility": "03" * 32}
SETTLEMENT = "bureau.settlement"
CASES = "hospital.cases"
REPORT = "product:fund-report"
Body = dict[str, Any]
MOVABLE = {"stage": "COLLECT", "transferable": True, "basis": {"by": "law", "document": DOCUMENT}}


def principals() -> Principals:
    """Everybody of ROLES."""
    return Principals(
        Principal.model_validate(
            {
                "name": name,
                "key": base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode(),
                "roles": roles,
            }
        )
        for name, roles in ROLES.items()
    )


WHO = principals()


def terms(**changed: Any) -> Body:
    """Terms of a right: everything, from 2026 on, in stage PROCESS; `columns` and so on go into the scope."""
    scope = {name: changed.pop(name, ["*"]) for name in ("columns", "scenarios", "purposes")}
    plain = {
        "basis": {"by": "contract", "document": DOCUMENT},
        "scope": scope,
        "since": "2026-01-01",
        "stage": "PROCESS",
    }
    return plain | changed


def first(asset: str, number: str, holder: str, **changed: Any) -> Body:
    """The first registration of a dataset."""
    body = {
        "asset": asset,
        "number": number,
        "right": "HOLD",
        "holder": holder,
        "terms": terms(stage="COLLECT", basis={"by": "law", "document": DOCUMENT}),
        "sensitivity": "general",
    }
    return body | changed


def product(asset: str, number: str, holder: str, inputs: list[str], **changed: Any) -> Body:
    """The first registration of a product made from `inputs`."""
    made = {
        "right": "OPERATE",
        "terms": terms(stage="TRADE"),
        "lineage": {"inputs": inputs, "plans": ["cd" * 32]},
    }
    return first(asset, number, holder) | made | changed


def licence(number: str, under: str, holder: str, **changed: Any) -> Body:
    """A licence of USE; what `terms` takes goes into its terms."""
    top = {name: changed.pop(name) for name in ("right",) if name in changed}
    body = {"number": number, "under": under, "right": "USE", "holder": holder}
    return body | {"terms": terms(**changed)} | top


def objection(number: str = "O-1", asset: str = SETTLEMENT, objector: str = "vendor") -> Body:
    return {
        "step": "raise",
        "objection": number,
        "asset": asset,
        "objector": objector,
        "document": DOCUMENT,
    }


def resolution(outcome: str, number: str = "O-1") -> Body:
    return {
        "step": "resolve",
        "objection": number,
        "outcome": outcome,
        "reason": "heard",
        "document": DOCUMENT,
    }


def transfer(number: str, holder: str) -> Body:
    return {"number": number, "holder": holder, "document": DOCUMENT}


def cancel(number: str) -> Body:
    return {"number": number, "reason": "no longer kept"}


def change(number: str, **changed: Any) -> Body:
    return {"number": number, "terms": terms(**changed), "reason": "agreed anew"}


class Office:
    """A journal at `path`, or in memory alone, and its register."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.register = RightsRegister(WHO)
        self.statements: list[Statement] = []

    @property
    def head(self) -> str:
        return self.register.head if self.statements else EMPTY

    def signed(self, kind: str, day: str, body: Body, *signers: str) -> Statement:
        """The statement, as one that comes next."""
        made = Statement.of(f"right-{kind}", {"after": self.head, "day": day, **body})
        for name in signers:
            made = made.sign(name, KEYS[name])
        return made

    def enter(self, kind: str, day: str, body: Body, *signers: str) -> Statement:
        """Sign and enter it: in the file and in the register. Raises UsageError as these do."""
        statement = self.signed(kind, day, body, *signers)
        if self.path is not None:
            append(self.path, statement, WHO, RightsRegister(WHO).add)
        self.register.add(statement)
        self.statements.append(statement)
        return statement

    def with_data(self) -> Office:
        """The bureau's and the hospital's datasets, entered on 2026-01-05."""
        self.enter("first", "2026-01-05", first(SETTLEMENT, "R-1", "bureau"), "bureau")
        self.enter("first", "2026-01-05", first(CASES, "R-2", "hospital"), "hospital")
        return self


def holders(office: Office, day: str, **more: Any) -> list[tuple[str, str, str]]:
    return [
        (one.number, one.right.name, one.holder) for one in office.register.as_of(day, **more).held
    ]
