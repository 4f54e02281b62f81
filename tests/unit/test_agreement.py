"""Agreements: who signs other terms, for somebody else or nothing at all, is named before a share is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.errors import Disagreement, PeerFault
from mpcstats.party.agreement import Terms, exchange_agreements
from mpcstats.plan.question import Setting, plan_question
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.principals import Principals
from mpcstats.records.signed import Statement

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "hospital", "insurer")
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in PARTIES}
PRINCIPALS = Principals.load(None, {n: k.public_key().public_bytes_raw() for n, k in KEYS.items()})
PLAN = plan_question(
    (DEMO / "question.sql").read_text(encoding="utf-8"),
    Setting(
        catalogue=Catalogue.load(DEMO / "catalogue.toml"),
        engine="rep3",
        compute=PARTIES,
        initiator="bureau",
        recipients=("bureau",),
        scenario="audit",
        purpose="a test",
        k=10,
        helpers=lambda left, right: tuple(p for p in PARTIES if p not in (left, right)),
    ),
)
TERMS = Terms("cd" * 16, "ab" * 32, PLAN, {"plan": PLAN.digest(), "policy": "ef" * 32})


def inputs(party: str) -> dict[str, str]:
    return {f.name: "01" * 32 for f in PLAN.fragments if f.owner == party}


def signed(party: str, terms: Terms = TERMS, own: Mapping[str, str] | None = None) -> Statement:
    made = terms.statement(inputs(party) if own is None else own)
    return made.sign(party, KEYS[party])


class Others:
    """A mesh whose other parties say what they are given to say."""

    def __init__(self, said: Mapping[str, Statement]) -> None:
        self.said = said

    def exchange_json_each(
        self,
        fields: Mapping[str, Mapping[str, Any]],
        *,
        check: Callable[[str, dict[str, Any]], None] | None = None,
    ) -> dict[str, dict[str, Any]]:
        assert set(fields) == set(self.said)
        said = {peer: dict(self.said[peer].to_json()) for peer in fields}
        for peer, value in said.items():
            assert check is not None
            check(peer, value)
        return said


def agreed(**said: Statement) -> dict[str, Statement]:
    honest = {party: signed(party) for party in PARTIES[1:]}
    others = Others({**honest, **said})
    return exchange_agreements(others, TERMS, signed("bureau"), "bureau", PRINCIPALS)


def test_everybody_has_everybody_s_signature() -> None:
    found = agreed()
    assert found == {party: signed(party) for party in PARTIES}
    assert all(s.signers(PRINCIPALS) == (party,) for party, s in found.items())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (replace(TERMS, question="00" * 32), "question"),
        (replace(TERMS, label="00" * 16), "run"),
        (replace(TERMS, agreed={**TERMS.agreed, "policy": "00" * 32}), "terms"),
        (replace(TERMS, agreed={"plan": TERMS.agreed["plan"]}), "terms"),
    ],
)
def test_who_signs_other_terms_is_named(changed: Terms, named: str) -> None:
    with pytest.raises(Disagreement, match=f"hospital at agreement: it signs another {named}"):
        agreed(hospital=signed("hospital", changed))


def test_nobody_signs_for_somebody_else() -> None:
    for wrong in (
        signed("insurer"),
        TERMS.statement(inputs("hospital")).sign("hospital", KEYS["insurer"]),
        signed("hospital").sign("insurer", KEYS["insurer"]),
        replace(signed("hospital"), signatures=()),
        Statement.of("approval", signed("hospital").body).sign("hospital", KEYS["hospital"]),
    ):
        with pytest.raises(PeerFault, match="hospital at agreement"):
            agreed(hospital=wrong)


def test_commitments_are_to_the_party_s_own_fragments() -> None:
    own = inputs("hospital")
    for wrong in ({**own, "more": "01" * 32}, inputs("bureau")):
        with pytest.raises(PeerFault, match="hospital at agreement: expected commitments"):
            agreed(hospital=signed("hospital", own=wrong))
    for digest in ("01" * 31, "X" * 64, "AB" * 32):
        body = {**signed("hospital").body, "commitments": dict.fromkeys(own, digest)}
        made = Statement.of("agreement", body).sign("hospital", KEYS["hospital"])
        with pytest.raises(PeerFault, match=r"hospital at agreement: agreement: commitments\."):
            agreed(hospital=made)
