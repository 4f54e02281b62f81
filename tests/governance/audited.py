"""A run as its records tell it: three parties with real ledgers, agreements, cosignatures, and the receipt of it all.

Run as a program, it writes the example: PYTHONPATH=src python -m tests.governance.audited examples/governance
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.records.canonical import JSON
from mpcstats.records.ledger import Ledger
from mpcstats.records.ledger.commitment import commit
from mpcstats.records.ledger.receipt import (
    PartyPart,
    Question,
    Receipt,
    agreement,
    answer_bytes,
    part_of,
)
from mpcstats.records.ledger.witness import Witness
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Statement

PARTIES = ("bureau", "hospital", "insurer")
AUTHORISER = "bureau.authoriser"
OPERATOR = "bureau.operator"
NOW = 1_790_000_000  # 2026-09-21
RUN = "5f0c" * 16
PLAN = "9a" * 32
POLICY = "7b" * 32
SALT = bytes(range(64, 96))
QUESTION = Question(
    text="SELECT COUNT(*) AS persons FROM hospital.cases c JOIN bureau.enrolment e USING (certno)",
    scenario="supervision",
    purpose="inpatients who are enrolled",
    initiator="bureau",
    recipients=("bureau",),
    day="2026-09-21",
    user=None,
    project=None,
)
ANSWER: Mapping[str, Any] = {"columns": ["persons"], "rows": [[4211]], "states": [["value"]]}
FRAGMENTS = {"bureau": {"right1": b"enrolled"}, "hospital": {"spine": b"cases"}, "insurer": {}}


def key_of(name: str) -> Ed25519PrivateKey:
    """A fixed key for each name, of tests and examples alone."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def public(name: str) -> bytes:
    return key_of(name).public_key().public_bytes_raw()


def principal(name: str, *roles: str) -> Principal:
    key = base64.b64encode(public(name)).decode()
    return Principal.model_validate({"name": name, "key": key, "roles": list(roles)})


def principals() -> Principals:
    """The parties, and two people of the bureau."""
    return Principals(
        [
            *(principal(name, "party") for name in PARTIES),
            principal(AUTHORISER, "authoriser"),
            principal(OPERATOR, "operator"),
        ]
    )


@dataclass
class Audited:
    """Three ledgers in `folder`, and runs of one question that are written into them."""

    folder: Path
    question: Question = QUESTION
    plan: str = PLAN
    policy: str = POLICY
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    approvals: list[Statement] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in PARTIES:
            self.ledgers[name] = Ledger.open(
                self.path(name), party=name, signing_key=key_of(name), clock=lambda: NOW
            )
        body: dict[str, JSON] = {
            "number": "A-2026-021",
            "plan": self.plan,
            "scenario": self.question.scenario,
            "purposes": [self.question.purpose],
            "initiators": [self.question.initiator],
            "recipients": list(self.question.recipients),
            "uses": 1,
            "persons": 11,
            "since": "2026-09-20",
            "until": "2026-12-31",
        }
        approval = Statement.of("approval", body).sign(AUTHORISER, key_of(AUTHORISER))
        self.approvals.append(approval)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.sqlite"

    def close(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()

    @property
    def terms(self) -> dict[str, str]:
        return {
            "mpcstats version": "0.4.0",
            "question": self.question.digest,
            "catalogue": "3c" * 32,
            "policy": self.policy,
            "plan": self.plan,
            "public sizes": "d1" * 32,
            "card lookup_join": "1",
        }

    def agreed(self, name: str, run: str, **other: Any) -> Statement:
        """What party `name` signs before the run; `other` is what it says differently."""
        made = {label: commit(c, SALT) for label, c in FRAGMENTS[name].items()}
        said = {
            "run": run,
            "question": self.question.digest,
            "plan": self.plan,
            "terms": self.terms,
            "commitments": made,
        }
        return agreement(**{**said, **other}).sign(name, key_of(name))

    def decide(self, name: str, **other: Any) -> None:
        about: dict[str, Any] = {"question": self.question.digest}
        self.ledgers[name].append(
            "request",
            {**about, "initiator": self.question.initiator, "purpose": self.question.purpose},
        )
        said: dict[str, Any] = {
            "permit": True,
            "plan": self.plan,
            "policy": self.policy,
            "level": "MODERATE",
            "rule": "supervision x MODERATE 较敏感",
            "approvals": [approval.digest for approval in self.approvals],
        }
        self.ledgers[name].append("decision", {**about, **said, **other})

    def take_part(
        self,
        name: str,
        signed: Statement,
        run: str,
        *,
        opening: Mapping[str, Any] | None = None,
        finish: Mapping[str, Any] | None = None,
    ) -> int:
        """The run as party `name` writes it down; the size of its log at the end."""
        ledger = self.ledgers[name]
        about: dict[str, Any] = {"run": run, "plan": self.plan}
        ledger.append("start", {**about, "parties": list(PARTIES), "agreement": signed.digest})
        said: dict[str, Any] = {
            "step": f"{run}/gate",
            "leak": "gated-cell",
            "to": ["bureau"],
            "shape": [1, 1],
        }
        ledger.append("opening", {**about, **said, **(opening or {})})
        told = name in self.question.recipients
        gate = {"k": 11, "cells": 1, "suppressed": 0 if told else None}
        result = commit(answer_bytes(ANSWER), SALT) if told else None
        end: dict[str, Any] = {"rounds": 13, "bytes_sent": 4096, "gate": gate, "result": result}
        end["transcript"] = {
            peer: {"sent": transcript(name, peer), "received": transcript(peer, name)}
            for peer in PARTIES
            if peer != name
        }
        ledger.append("finish", {**about, **end, **(finish or {})})
        return ledger.size

    def cosign(self, sizes: Mapping[str, int]) -> None:
        """The exchange of checkpoints after the run, between every two parties."""
        keys = {name: public(name) for name in PARTIES}
        witnesses = {name: Witness(self.ledgers[name], keys) for name in PARTIES}
        for log in PARTIES:
            for other in PARTIES:
                if other != log:
                    held = witnesses[other].held(log)
                    offer = witnesses[log].offer(other, held, size=sizes[log])
                    answer = witnesses[other].answer(log, json.loads(json.dumps(offer)))
                    witnesses[log].accept(other, answer, size=sizes[log])

    def receipt(
        self,
        run: str = RUN,
        *,
        agreed: Mapping[str, Mapping[str, Any]] | None = None,
        decision: Mapping[str, Mapping[str, Any]] | None = None,
        opening: Mapping[str, Mapping[str, Any]] | None = None,
        finish: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Receipt:
        """A whole run and its receipt; the arguments say what a party does differently."""
        signed, sizes = {}, {}
        for name in PARTIES:
            self.decide(name, **(decision or {}).get(name, {}))
        for name in PARTIES:
            signed[name] = self.agreed(name, run, **(agreed or {}).get(name, {}))
            sizes[name] = self.take_part(
                name,
                signed[name],
                run,
                opening=(opening or {}).get(name),
                finish=(finish or {}).get(name),
            )
        self.cosign(sizes)
        parts = [part_of(self.ledgers[n], signed[n], size=sizes[n]) for n in PARTIES]
        return self.of_parts(parts, run)

    def of_parts(self, parts: list[PartyPart], run: str = RUN) -> Receipt:
        """The receipt that the initiator makes of what the others have sent it."""
        return Receipt.from_json(
            {
                "version": 1,
                "run": run,
                "question": self.question.to_json(),
                "plan": self.plan,
                "terms": self.terms,
                "approvals": [approval.to_json() for approval in self.approvals],
                "parties": [json.loads(json.dumps(part.to_json())) for part in parts],
            }
        )


def transcript(sender: str, receiver: str) -> str:
    """What both keep of the messages one way."""
    return hashlib.sha256(f"all that {sender} has sent {receiver}".encode()).hexdigest()


def answer_file() -> dict[str, Any]:
    """What the recipient keeps: the answer, and the salt of its commitment."""
    return {**ANSWER, "salt": SALT.hex()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        world = Audited(Path(folder))
        world.receipt().save(Path(sys.argv[1]) / "receipt.json")
        world.close()
    (Path(sys.argv[1]) / "receipt_answer.json").write_text(
        json.dumps(answer_file(), indent=1) + "\n", "utf-8"
    )
