"""Agreements: before a share is sent, every party signs what it takes part in, and sees that all others did.

An agreement is a statement of one party about one run: question and plan, the terms (digests of policy, catalogue
and registers; card versions; the run's id), and commitments to the rows that it brings in. The handshake has compared
the terms already; the signature makes each party answerable for them later, to who holds the receipt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mpcstats.errors import Disagreement, PeerFault, UsageError
from mpcstats.records.journal import body_as
from mpcstats.records.ledger.receipt import AGREEMENT, Agreement, agreement
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.transport.handshake import Exchanger

STEP = "agreement"


class Brings(Protocol):
    """An input of a plan: its name, and who comes with it."""

    @property
    def name(self) -> str:
        """The name that its commitment has."""

    @property
    def owner(self) -> str:
        """The party that comes with it."""


class Opens(Protocol):
    """What a plan opens."""

    @property
    def recipients(self) -> Sequence[str]:
        """Who learns anything of it."""


class Outline(Protocol):
    """What agreements and receipts know of a plan: plan.physical.Physical, or a claim's (party.adjudication.plan)."""

    @property
    def initiator(self) -> str:
        """Who asks."""

    @property
    def parties(self) -> tuple[str, ...]:
        """All who take part."""

    @property
    def fragments(self) -> Sequence[Brings]:
        """The inputs."""

    @property
    def gate(self) -> Opens:
        """What comes out."""

    def digest(self) -> str:
        """The plan's digest, 64 hex digits."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one run is about: its label, the question's digest, the plan, and all that is agreed on, by name."""

    label: str
    question: str
    plan: Outline
    agreed: Mapping[str, str]

    def statement(self, inputs: Mapping[str, str]) -> Statement:
        """The agreement of a party that comes with `inputs`, not signed yet."""
        return agreement(
            run=self.label,
            question=self.question,
            plan=self.plan.digest(),
            terms=self.agreed,
            commitments=inputs,
        )


def exchange_agreements(
    mesh: Exchanger, terms: Terms, own: Statement, me: str, principals: Principals
) -> dict[str, Statement]:
    """Send this party's signed agreement to all others, return everybody's, by party.

    Raises Disagreement naming a party that signs other terms, PeerFault for one that signs nothing or with
    another key, and what `mesh` raises. No share has been sent then.
    """
    others = [party for party in terms.plan.parties if party != me]
    found = {me: own}

    def check(peer: str, fields: Mapping[str, Any]) -> None:
        found[peer] = _checked(peer, fields, terms, principals)

    mesh.exchange_json_each(dict.fromkeys(others, own.to_json()), check=check)
    return found


def _checked(
    peer: str, fields: Mapping[str, Any], terms: Terms, principals: Principals
) -> Statement:
    try:
        said = Statement.from_json(dict(fields))
        signers = said.signers(principals)
    except UsageError as error:
        raise PeerFault(peer, STEP, str(error)) from None
    if said.kind != AGREEMENT or signers != (peer,):
        raise PeerFault(peer, STEP, f"expected an agreement signed by {peer} alone, got another")
    try:
        body = body_as(said, Agreement)
    except UsageError as error:
        raise PeerFault(peer, STEP, str(error)) from None
    owned = {f.name for f in terms.plan.fragments if f.owner == peer}
    if set(body.commitments) != owned:
        raise PeerFault(
            peer, STEP, f"expected commitments to its {len(owned)} fragments, got others"
        )
    expected = terms.statement(body.commitments).body
    if said.body != expected:
        differ = sorted(name for name in expected if said.body[name] != expected[name])
        raise Disagreement(peer, STEP, f"it signs another {', '.join(differ)}")
    return said
