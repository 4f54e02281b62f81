"""Laws of papers: none that is taken away permits more, none for somebody else helps, and signers count once."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.cards.load import load_cards
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.case import Case
from mpcstats.policy.check import reasons
from mpcstats.policy.registers import Registers
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Statement

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "insurer", "hospital")
CATALOGUE = Catalogue.load(DEMO / "catalogue.toml")
CARDS = load_cards()
SQL = (DEMO / "question.sql").read_text(encoding="utf-8")
QUESTION, OTHER, DAY = "1a" * 32, "2b" * 32, "2026-03-01"
AUTHORISERS = ("office.one", "office.two", "office.three")
ROLES: dict[str, list[str]] = {
    **{name: ["authoriser"] for name in AUTHORISERS},
    "bureau.desk": ["user"],
    "bureau.lab": ["user", "operator"],
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}
EVERYBODY = Principals(
    Principal.model_validate(
        {
            "name": name,
            "key": base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode(),
            "roles": roles,
            "real_name": True,
        }
    )
    for name, roles in ROLES.items()
)
PLAN = plan_question(
    SQL,
    Setting(
        catalogue=CATALOGUE,
        engine="rep3",
        compute=PARTIES,
        initiator="bureau",
        recipients=("bureau",),
        scenario="audit",
        purpose="fund report",
        k=11,
        helpers=lambda left, right: tuple(p for p in PARTIES if p not in (left, right)),
    ),
)
REQUIRED = ("real-name", "licence", "approval")
# Signatures and trees are the time of it: a few dozen examples a law.
SOME = settings(max_examples=30)
columns: dict[str, list[str]] = {}
for item in {i for f in PLAN.fragments for i in f.items}:
    columns.setdefault(item.dataset, []).append(item.column)
TERM = {"since": "2026-01-01", "until": "2026-12-31"}
LIMITS = {
    "scenario": "audit",
    "purposes": ["fund report"],
    "initiators": ["bureau"],
    "recipients": ["bureau"],
    "uses": 3,
    "persons": 11,
}
TEMPLATE = {"sql": SQL, "slots": []}
BOUND: list[dict[str, Any]] = [{"plan": PLAN.digest()}, {"template": TEMPLATE}]


def signed(kind: str, body: dict[str, Any], names: Sequence[str]) -> Statement:
    made = Statement.of(kind, body)
    for name in names:
        made = made.sign(name, KEYS[name])
    return made


signers = st.lists(st.sampled_from(sorted(ROLES)), max_size=3, unique=True)
OTHERS: list[dict[str, Any]] = [
    {"since": "2026-03-02"},
    {"until": "2026-02-28"},
    {"scenario": "research"},
    {"initiators": ["insurer"], "operator": "office.one"},
    {"users": ["bureau.guest"], "protocols": ["gate"]},
    {"plan": OTHER, "columns": {"bureau.enrolment": ["certno"]}},
    {"purposes": ["another"], "operations": ["count"]},
]
ALLOWED = {
    "approval": {*TERM, *LIMITS, "users", "plan", "template", "number"},
    "licence": {
        *TERM,
        *("number", "operator", "scenario", "columns", "protocols", "operations", "quota"),
    },
}


@st.composite
def papers(draw: st.DrawFn, changes: Sequence[dict[str, Any]] = ({}, *OTHERS)) -> Statement:
    """A paper that counts, or one that is for somebody, something or some time else."""
    names = draw(signers)
    kind = draw(st.sampled_from(["request", "approval", "licence"]))
    change = draw(st.sampled_from(list(changes)))
    if kind == "request":
        return signed(kind, {"question": OTHER if change else QUESTION}, names)
    if kind == "approval":
        what = draw(st.sampled_from(BOUND))
        body = {"number": draw(st.sampled_from("ab")), **TERM, **LIMITS, **what}
        # A template covers no other plan: that is the plan's own case.
        change = {n: v for n, v in change.items() if n != "plan" or "plan" in what}
    else:
        body = {
            "number": "L",
            "operator": "bureau.lab",
            "scenario": "audit",
            "quota": 2,
            **TERM,
            "columns": columns,
            "protocols": ["lookup_join", "cohort_count", "gate"],
            "operations": ["count", "sum", "join", "group-by"],
        }
    body |= {n: v for n, v in change.items() if n in ALLOWED[kind]}
    return signed(kind, body, names)


def policy(requires: Sequence[str], signatures: int) -> Policy:
    rule = {
        "scenario": "audit",
        "permit": True,
        "minimum_persons": 11,
        "leakage": ["size-bound", "gated-cell", "suppression-pattern"],
        "recipients": ["bureau"],
        "engines": ["rep3"],
        "requires": list(requires),
        "signatures": signatures if "approval" in requires else 1,
    }
    rules = [Rule.model_validate({**rule, "level": lv.name}) for lv in Level if lv < Level.HIGH]
    helpers = [Helper(owner=p, accepts=[q for q in PARTIES if q != p]) for p in PARTIES]
    return Policy.of(tuple(rules), tuple(helpers))


def case(given_papers: Sequence[Statement], rules: Policy, user: str = "bureau.lab") -> Case:
    return Case(
        *(PLAN, CATALOGUE, rules, CARDS, DAY, user, None, QUESTION, Registers(EVERYBODY)),
        papers=tuple(given_papers),
    )


required = st.lists(st.sampled_from(REQUIRED), min_size=1, unique=True)
good = papers([{}])


@SOME
@given(st.lists(st.one_of(good, papers()), max_size=5), required, st.integers(1, 3), st.data())
def test_taking_a_paper_away_never_permits_more(
    some: list[Statement], requires: list[str], signatures: int, data: st.DataObject
) -> None:
    rules = policy(requires, signatures)
    fewer = [each for each in some if data.draw(st.booleans())]
    if reasons(case(some, rules)):
        assert reasons(case(fewer, rules))


@SOME
@given(st.lists(papers(OTHERS), max_size=5), required)
def test_papers_for_others_never_help(some: list[Statement], requires: list[str]) -> None:
    wanted = [each for each in requires if each != "licence"] or ["approval"]
    templates = [p for p in some if p.kind == "approval" and "template" in p.body]
    others = [p for p in some if p not in templates or p.body["scenario"] != "audit"]
    assert reasons(case(others, policy(wanted, 1), user="bureau.desk"))


@SOME
@given(st.lists(good, max_size=5), st.integers(1, 3))
def test_the_signatures_are_those_of_different_authorisers(
    some: list[Statement], signatures: int
) -> None:
    rules = policy(["approval"], signatures)
    names = {s.signer for p in some if p.kind == "approval" for s in p.signatures}
    found = reasons(case(some, rules, user="bureau.desk"))
    assert (not found) == (len(names & set(AUTHORISERS)) >= signatures)


@SOME
@given(st.lists(good, min_size=1, max_size=4), required, st.integers(1, 2), st.data())
def test_a_changed_signature_never_helps(
    some: list[Statement], requires: list[str], signatures: int, data: st.DataObject
) -> None:
    rules = policy(requires, signatures)
    at = data.draw(st.integers(0, len(some) - 1))
    broken = replace(
        some[at], signatures=tuple(replace(s, signature="0" * 128) for s in some[at].signatures)
    )
    rest = [*some[:at], *some[at + 1 :]]
    with_broken = reasons(case([*rest, broken], rules))
    assert bool(with_broken) == bool(reasons(case(rest, rules)))


@SOME
@given(st.lists(st.one_of(good, papers()), max_size=4), required, st.integers(1, 3), st.data())
def test_the_order_of_papers_does_not_matter(
    some: list[Statement], requires: list[str], signatures: int, data: st.DataObject
) -> None:
    rules = policy(requires, signatures)
    shuffled = data.draw(st.permutations(some))
    one, other = reasons(case(some, rules)), reasons(case(shuffled, rules))
    assert sorted(map(str, one)) == sorted(map(str, other))
