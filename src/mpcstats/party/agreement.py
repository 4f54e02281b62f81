"""Agreements: before a share is sent, every party signs what it takes part in, and sees that all others did.

An agreement is a statement of one party about one run: the run's id, the terms (digests of question, plan, policy,
catalogue, registers; card versions), and commitments to the rows that it brings in. The handshake has compared
the terms already; the signature makes each party answerable for them later, to who holds the receipt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import Disagreement, PeerFault, UsageError
from mpcstats.plan.physical import Physical
from mpcstats.records.canonical import JSON
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement
from mpcstats.transport.handshake import Exchanger

KIND = "agreement"
STEP = "agreement"
COMMITMENT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What one run is about: its id and label, the plan, and what all have agreed on, name by name."""

    run: str
    label: str
    plan: Physical
    agreed: Mapping[str, str]

    def body(self, party: str, inputs: Mapping[str, str]) -> dict[str, JSON]:
        """What `party` signs; `inputs` are its commitments by fragment."""
        return {
            "run": self.run,
            "label": self.label,
            "party": party,
            "terms": dict(self.agreed),
            "inputs": dict(inputs),
        }


def exchange_agreements(
    mesh: Exchanger,
    terms: Terms,
    me: str,
    key: Ed25519PrivateKey,
    inputs: Mapping[str, str],
    principals: Principals,
) -> dict[str, Statement]:
    """Sign this party's agreement, send it to all others, return everybody's, by party.

    Raises Disagreement naming a party that signs other terms, PeerFault for one that signs nothing or with
    another key, and what `mesh` raises. No share has been sent then.
    """
    own = Statement.of(KIND, terms.body(me, inputs)).sign(me, key)
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
    if said.kind != KIND or signers != (peer,):
        raise PeerFault(peer, STEP, f"expected an agreement signed by {peer} alone, got another")
    inputs = said.body.get("inputs")
    owned = {f.name for f in terms.plan.fragments if f.owner == peer}
    if not isinstance(inputs, Mapping) or set(inputs) != owned:
        raise PeerFault(peer, STEP, f"expected commitments to {len(owned)} fragments of {peer}")
    if not all(isinstance(c, str) and COMMITMENT.fullmatch(c) for c in inputs.values()):
        raise PeerFault(peer, STEP, "expected commitments of 64 hex digits, got other values")
    expected = terms.body(peer, {name: str(c) for name, c in inputs.items()})
    if said.body != expected:
        differ = sorted(n for n in expected if said.body.get(n) != expected[n])
        raise Disagreement(peer, STEP, f"it signs another {', '.join(differ) or 'agreement'}")
    return said
