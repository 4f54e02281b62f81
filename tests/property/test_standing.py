"""Standing, contracts: legal actions never revoke, one violating action always does, in whatever order they come."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.records.canonical import JSON
from mpcstats.records.contracts.contract import JOB_ACTIONS, Contract
from mpcstats.records.contracts.custodian import Custodian
from mpcstats.records.contracts.dealings import Dealings
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.record import record_digest
from mpcstats.records.signed import Statement
from mpcstats.records.standing import (
    REINSTATEMENT,
    VIOLATION,
    Violation,
    reinstate,
    standing,
    violated,
)

ROLES = {
    "bureau": "party",
    "p": "party",
    "p.analyst": "user",
    "h1.doctor": "user",
    "p.licensing": "authoriser",
    "nhsa": "regulator",
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}
AT = "2026-03-02T08:00:00Z"
QUERY = "1" * 64
ALLOWED = ("sum", "count", "join")
USERS = ("p.analyst", "h1.doctor")
FEW = settings(max_examples=60)


def principal(name: str) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    return Principal.model_validate({"name": name, "key": key, "roles": [ROLES[name]]})


EVERYBODY = Principals(principal(name) for name in ROLES)
CONTRACT = Contract.model_validate(
    {
        "name": "c",
        "owner": "bureau",
        "asset": {"name": "bureau.settlement", "catalogue": "0" * 64, "rows": "0" * 64},
        "level": "MODERATE",
        "use": "job",
        "actions": [*ALLOWED, "release"],
        "roles": ["user"],
        "parties": ["p", "h1"],
        "purposes": ["report"],
        "since": "2026-01-01",
        "until": "2026-12-31",
    }
)


@dataclass(frozen=True, slots=True)
class Noted:
    """A record in memory."""

    index: int
    time: str
    kind: str
    body: Mapping[str, JSON]


@dataclass(slots=True)
class Memory:
    """A log in memory, whose first record is record 0, as in a ledger."""

    records: list[Noted] = field(default_factory=list)

    def append(self, kind: str, body: Mapping[str, JSON], /) -> Noted:
        self.records.append(Noted(len(self.records), AT, kind, body))
        return self.records[-1]

    def entries(self, kind: str | None = None, *, since: int = 0) -> Iterator[Noted]:
        return (r for r in self.records[since:] if kind in (None, r.kind))


def signed(kind: str, signer: str, **body: Any) -> Statement:
    return Statement.of(kind, body).sign(signer, KEYS[signer])


class World:
    """A custodian, and users that ask and act with fresh nonces."""

    def __init__(self) -> None:
        self.log = Memory()
        self.custodian = Custodian("bureau", KEYS["bureau"], self.log, EVERYBODY)
        made = CONTRACT.to_json()
        self.custodian.release(signed("contract", "bureau", **made), at=AT)
        self._numbers = itertools.count()

    def nonce(self) -> str:
        return f"{next(self._numbers):032x}"

    def ask(self, user: str, uses: int) -> Statement:
        body = {"contract": "c", "asset": "bureau.settlement", "user": user, "purpose": "report"}
        asked = {**body, "query": QUERY, "uses": uses, "nonce": self.nonce()}
        return self.custodian.request(signed("access", user, **asked), at=AT)

    def act(self, user: str, package: Statement, *actions: str, query: str = QUERY) -> bool:
        opened = "release" in actions
        body = {
            "package": package.digest,
            "actor": user,
            "actions": list(actions),
            "query": query,
            "result": "2" * 64 if opened else None,
            "cells": 3 if opened else None,
            "nonce": self.nonce(),
        }
        return self.custodian.report(signed("action", user, **body), at=AT).allowed

    def revoked(self, user: str) -> bool:
        return standing(self.log.records, user, EVERYBODY).revoked


# What a user does in turn: asks for a package of so many uses, uses the newest with these words, or releases.
words = st.lists(st.sampled_from(ALLOWED), min_size=1, max_size=3, unique=True)
turns = st.tuples(st.sampled_from(USERS), st.one_of(st.integers(1, 3), words, st.just("release")))


def play_legally(world: World, sequence: list[tuple[str, Any]]) -> dict[str, Statement]:
    """Every turn that is legal as things stand; the newest package of each user."""
    package: dict[str, Statement] = {}
    left: dict[str, int] = dict.fromkeys(USERS, 0)
    unopened: dict[str, int] = dict.fromkeys(USERS, 0)
    for user, turn in sequence:
        if isinstance(turn, int):
            package[user] = world.ask(user, turn)
            left[user], unopened[user] = turn, 0
        elif turn == "release" and unopened[user]:
            assert world.act(user, package[user], "release")
            unopened[user] -= 1
        elif turn != "release" and left[user]:
            assert world.act(user, package[user], *turn)
            left[user] -= 1
            unopened[user] += 1
    return package


@FEW
@given(st.lists(turns, max_size=8))
def test_legal_actions_never_revoke(sequence: list[tuple[str, Any]]) -> None:
    world = World()
    play_legally(world, sequence)
    assert not any(world.revoked(user) for user in USERS)
    assert VIOLATION not in {record.kind for record in world.log.records}
    for user in USERS:
        world.ask(user, 1)


violations = st.one_of(
    st.sampled_from([w for w in JOB_ACTIONS if w not in (*ALLOWED, "release")]).map(
        lambda word: (QUERY, (word,))
    ),
    words.map(lambda some: ("3" * 64, tuple(some))),
    words.map(lambda some: (QUERY, (*some, "copy-out"))),
)


@FEW
@given(st.lists(turns, max_size=5), st.lists(turns, max_size=3), violations)
def test_one_violating_action_revokes_the_actor_alone_whatever_came_before_and_comes_after(
    before: list[tuple[str, Any]], after: list[tuple[str, Any]], bad: tuple[str, tuple[str, ...]]
) -> None:
    world = World()
    package = play_legally(world, before).get("p.analyst") or world.ask("p.analyst", 1)
    query, actions = bad
    assert not world.act("p.analyst", package, *actions, query=query)
    with pytest.raises(PolicyRefused, match="no right to ask"):
        world.ask("p.analyst", 1)
    play_legally(world, [turn for turn in after if turn[0] != "p.analyst"])
    assert world.revoked("p.analyst")
    assert not world.revoked("h1.doctor")
    # Whoever folds the log comes to the same.
    again = Dealings.of("bureau", world.log.records, EVERYBODY)
    assert again.standing("p.analyst").revoked
    assert len(again.proven) == 1


WHATS = ("outside-template", "replayed-token", "over-budget", "disallowed-action", "altered-plan")
OFFENDERS = ("p", "p.analyst", "h1.doctor")


def violation(number: int, offender: str, what: str) -> Violation:
    subject = hashlib.sha256(str(number).encode()).hexdigest()
    form = {"offender": offender, "what": what, "subject": subject, "entry": number}
    return Violation.model_validate({**form, "by": "bureau", "at": AT})


def pardon(signer: str, offender: str, digests: list[str]) -> Statement:
    return signed(
        REINSTATEMENT,
        signer,
        offender=offender,
        violations=digests,
        reason="heard",
        day="2026-03-02",
    )


events = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(OFFENDERS), st.sampled_from(WHATS)),
        st.tuples(st.sampled_from(OFFENDERS), st.just("pardon")),
    ),
    max_size=12,
)


@settings(max_examples=100)
@given(events)
def test_standing_is_the_violations_that_are_not_forgiven(
    sequence: list[tuple[str, str]],
) -> None:
    log = Memory()
    held: dict[str, list[str]] = {name: [] for name in OFFENDERS}
    for number, (name, event) in enumerate(sequence):
        if event != "pardon":
            record = violated(log, violation(number, name, event))
            held[name].append(record_digest(VIOLATION, record.body))
        elif held[name]:
            reinstate(log, log.records, pardon("nhsa", name, held[name]), EVERYBODY, at=AT)
            held[name] = []
        # An organisation's violation holds for its people; a person's, for nobody else.
        expected = {
            "p": bool(held["p"]),
            "p.analyst": bool(held["p"] or held["p.analyst"]),
            "h1.doctor": bool(held["h1.doctor"]),
        }
        found = {n: standing(log.records, n, EVERYBODY).revoked for n in OFFENDERS}
        assert found == expected
    # Records of other kinds change nothing: those of the two kinds may be read alone.
    log.append("decision", {"permit": True})
    assert standing(log.records, "p", EVERYBODY) == standing(log.records[:-1], "p", EVERYBODY)


@pytest.mark.parametrize(
    ("signer", "message"),
    [
        ("p.licensing", "of another organisation, got p.licensing"),  # an authoriser, but p's own
        ("bureau", "of another organisation, got bureau"),
        ("p", "of another organisation, got p"),
    ],
)
def test_nobody_else_reinstates_neither_through_the_function_nor_by_writing_it_into_the_log(
    signer: str, message: str
) -> None:
    log = Memory()
    record = violated(log, violation(1, "p", "over-budget"))
    statement = pardon(signer, "p", [record_digest(VIOLATION, record.body)])
    with pytest.raises(UsageError, match=message):
        reinstate(log, log.records, statement, EVERYBODY, at=AT)
    log.append(REINSTATEMENT, {"at": AT, "statement": statement.to_json()})
    found = standing(log.records, "p", EVERYBODY)
    assert (found.revoked, found.by) == (True, 0)
    assert found.why == f"over-budget of p at {AT}, recorded by bureau"


def test_a_reinstatement_of_something_else_is_refused() -> None:
    log = Memory()
    violated(log, violation(1, "p", "over-budget"))
    with pytest.raises(UsageError, match="expected violations of p in this log, got 00000000"):
        reinstate(log, log.records, pardon("nhsa", "p", ["0" * 64]), EVERYBODY, at=AT)
    with pytest.raises(UsageError, match="expected a reinstatement, got a statement of kind x"):
        reinstate(log, log.records, signed("x", "nhsa"), EVERYBODY, at=AT)


def test_a_violation_that_cannot_be_read_is_an_error_not_a_clean_slate() -> None:
    log = Memory()
    log.append(VIOLATION, {"offender": "p", "what": "being-late"})
    with pytest.raises(UsageError, match=r"violation, record 0: what: .*subject: field required"):
        standing(log.records, "p", EVERYBODY)
