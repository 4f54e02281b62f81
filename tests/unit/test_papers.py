"""Papers: which count for a question, in which words each of the others does not, and what a permit rests on."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.plan.physical import Item, Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.case import Case
from mpcstats.policy.check import check, reasons
from mpcstats.policy.conditions.approval import exempting
from mpcstats.policy.conditions.licence import licence as inside_licence
from mpcstats.policy.reason import VIOLATIONS, Reason
from mpcstats.policy.registers import Registers
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.papers.papers import read
from mpcstats.records.principals import Principal, Principals
from mpcstats.records.signed import Signature, Statement

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "insurer", "hospital")
CATALOGUE = Catalogue.load(DEMO / "catalogue.toml")
CARDS = load_cards()
SQL = (DEMO / "question.sql").read_text(encoding="utf-8")
HELPERS = tuple(Helper(owner=p, accepts=[q for q in PARTIES if q != p]) for p in PARTIES)
QUESTION = "1a" * 32
DAY = "2026-03-01"
ROLES: dict[str, dict[str, Any]] = {
    "bureau": {"roles": ["party"]},
    "insurer": {"roles": ["party"]},
    "bureau.desk": {"roles": ["user"], "real_name": True},
    "bureau.guest": {"roles": ["user"]},
    "insurer.desk": {"roles": ["user"], "real_name": True},
    "bureau.head": {"roles": ["authoriser", "user"], "real_name": True},
    "office.one": {"roles": ["authoriser"]},
    "office.two": {"roles": ["authoriser"]},
    "office.past": {"roles": ["authoriser"], "until": "2026-02-28"},
    "bureau.lab": {"roles": ["operator", "user"], "real_name": True},
}
KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)) for name in ROLES}


def principal(name: str, about: dict[str, Any]) -> Principal:
    key = base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode()
    return Principal.model_validate({"name": name, "key": key, **about})


EVERYBODY = Principals([principal(name, about) for name, about in ROLES.items()])


def planned(text: str = SQL) -> Physical:
    setting = Setting(
        catalogue=CATALOGUE,
        engine="rep3",
        compute=PARTIES,
        initiator="bureau",
        recipients=("bureau",),
        scenario="audit",
        purpose="fund report",
        k=11,
        helpers=lambda left, right: tuple(p for p in PARTIES if p not in (left, right)),
    )
    return plan_question(text, setting)


PLAN = planned()


def case(*papers: Statement, requires: tuple[str, ...], plan: Physical = PLAN, **more: Any) -> Case:
    signatures = more.pop("signatures", 1)
    rule = Rule.model_validate(
        {
            "scenario": "audit",
            "level": "MODERATE",
            "permit": True,
            "minimum_persons": 11,
            "leakage": ["size-bound", "gated-cell", "suppression-pattern"],
            "recipients": ["bureau"],
            "engines": ["rep3"],
            "requires": list(requires),
            "signatures": signatures,
        }
    )
    free = [
        rule.model_copy(update={"level": level, "requires": [], "signatures": 1})
        for level in type(rule.level)
        if level < rule.level
    ]
    given = {
        "day": DAY,
        "user": "bureau.desk",
        "question": QUESTION,
        "registers": Registers(EVERYBODY),
    }
    policy = Policy.of((*free, rule), HELPERS)
    return Case(plan, CATALOGUE, policy, CARDS, **{**given, **more}, papers=papers)


def signed(kind: str, body: Mapping[str, Any], *names: str) -> Statement:
    made = Statement.of(kind, body)
    for name in names:
        made = made.sign(name, KEYS[name])
    return made


TEMPLATE = {
    "sql": SQL.replace("19723", ":first").replace("20088", ":last"),
    "slots": [
        {"name": "first", "type": "integer", "minimum": 19723, "maximum": 20088},
        {"name": "last", "type": "integer", "minimum": 19723, "maximum": 20453},
    ],
}
APPROVAL: dict[str, Any] = {
    "number": "2026-017",
    "plan": PLAN.digest(),
    "scenario": "audit",
    "purposes": ["fund report"],
    "initiators": ["bureau"],
    "recipients": ["bureau"],
    "uses": 3,
    "persons": 11,
    "since": "2026-01-01",
    "until": "2026-12-31",
}
BY_TEMPLATE = {n: v for n, v in APPROVAL.items() if n != "plan"} | {"template": TEMPLATE}
READ: dict[str, list[str]] = {}
for fragment in PLAN.fragments:
    for each in fragment.items:
        READ.setdefault(each.dataset, []).append(each.column)
LICENCE: dict[str, Any] = {
    "number": "L-1",
    "operator": "bureau.lab",
    "scenario": "audit",
    "columns": {name: sorted(set(columns)) for name, columns in READ.items()},
    "protocols": ["lookup_join", "cohort_count", "gate"],
    "operations": ["count", "sum", "join", "group-by"],
    "quota": 2,
    "since": "2026-01-01",
    "until": "2026-12-31",
}


def approval(*names: str, **change: Any) -> Statement:
    return signed("approval", {**APPROVAL, **change}, *(names or ("office.one",)))


def templated(*names: str, **change: Any) -> Statement:
    return signed("approval", {**BY_TEMPLATE, **change}, *(names or ("office.one",)))


def licence(*names: str, **change: Any) -> Statement:
    return signed("licence", {**LICENCE, **change}, *(names or ("office.one",)))


def request(*names: str, question: str = QUESTION) -> Statement:
    return signed("request", {"question": question}, *(names or ("bureau.desk",)))


def said(of: Case) -> str:
    return "\n".join(f"{each.code}: {each}" for each in reasons(of))


def codes(of: Case) -> list[str]:
    return [each.code for each in reasons(of)]


# --- approvals ---


def test_an_approval_of_the_plan_permits_it() -> None:
    approved = case(approval(), requires=("approval",))
    assert reasons(approved) == ()
    assert check(approved, party="insurer").papers == (approval().digest,)
    assert check(case(requires=()), party="insurer").papers == ()


def test_without_an_approval_the_refusal_says_what_is_wanted() -> None:
    assert said(case(requires=("approval",))) == (
        "approval: expected an approval by an authoriser, got what counts from nobody"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plan": "00" * 32}, "it is for plan 0000000000000000, this is"),
        ({"scenario": "commercial"}, "it is for scenario commercial, the question is of audit"),
        ({"purposes": ["another"]}, "it is for other purposes than the question's"),
        ({"initiators": ["insurer"]}, "it is for insurer to ask, not for bureau"),
        ({"users": ["bureau.guest"]}, "it is for bureau.guest to ask, not for bureau.desk"),
        ({"users": ["bureau.desk"]}, "bureau.desk has not signed the question"),
        ({"recipients": ["insurer"]}, "it lets insurer learn the answer, not bureau"),
        ({"project": "p-1"}, "it is for project p-1, the question is of none"),
        ({"persons": 12}, "it is for cells of 12 persons or more, the plan opens those of 11"),
        ({"since": "2026-03-02"}, "it is valid from 2026-03-02 to 2026-12-31, the question is of"),
        ({"until": "2026-02-28"}, "it is valid from 2026-01-01 to 2026-02-28, the question is of"),
        ({"uses": 0}, "uses: input should be greater than or equal to 1"),
        ({"template": TEMPLATE}, "expected plan or template, one of the two"),
        ({"more": 1}, "more: extra inputs are not permitted"),
        ({"until": "2025-01-01"}, "expected since <= until"),
    ],
)
def test_every_limit_of_an_approval_bites(change: dict[str, Any], words: str) -> None:
    first, second = reasons(case(approval(**change), requires=("approval",)))
    assert first.code == "approval"
    assert second.code == "paper"
    assert "approval" in second.text
    assert "does not count: " in second.text
    assert words in second.text


@pytest.mark.parametrize(
    "names", [("bureau.desk",), ("bureau",), ("office.past",), ("bureau.lab",), ("insurer.desk",)]
)
def test_only_authorisers_of_the_day_approve(names: tuple[str, ...]) -> None:
    refused = said(case(approval(*names), requires=("approval",)))
    assert f"signed by {names[0]}: expected an authoriser on {DAY}, other than who asks" in refused


def test_nobody_approves_an_own_question() -> None:
    mine = case(approval("bureau.head"), requires=("approval",), user="bureau.head")
    assert codes(mine) == ["approval", "paper"]
    assert reasons(case(approval("bureau.head"), requires=("approval",))) == ()


def test_two_signatures_are_those_of_two_authorisers() -> None:
    def two(*papers: Statement) -> tuple[Reason, ...]:
        return reasons(case(*papers, requires=("approval",), signatures=2))

    assert two(approval("office.one", "office.two")) == ()
    # On two copies of one approval, or on two approvals: what counts is who, not how often.
    assert two(approval("office.one"), approval("office.two")) == ()
    assert two(approval("office.one"), approval("office.two", number="2026-018")) == ()
    once = two(approval("office.one"), approval("office.one", number="2026-018"))
    assert [str(each) for each in once] == [
        "expected an approval by 2 different authorisers, got what counts from office.one"
    ]
    assert two(approval("office.one", "office.past"))
    assert two(approval("office.one", "bureau.desk"))


def test_what_cannot_be_read_is_named_and_does_not_help() -> None:
    good = approval()
    forged = replace(good, signatures=(Signature("office.one", "00" * 64),))
    strange = signed("aproval", APPROVAL, "office.one")
    unknown = replace(good, signatures=(Signature("office.nine", "00" * 64),))
    bare = Statement.of("approval", {**APPROVAL, "number": "x"})
    for paper, words in (
        (forged, "expected a signature by the key of office.one, got another"),
        (strange, "expected a paper of kind request, approval, licence, got another kind"),
        (unknown, "expected a known principal, got 'office.nine'"),
        (bare, "expected a signature, got none"),
    ):
        refused = reasons(case(paper, requires=("approval",)))
        assert [each.code for each in refused] == ["approval", "paper"]
        assert words in str(refused[1])
        # It costs nothing where another one counts, and nothing where none is asked for.
        assert reasons(case(paper, good, requires=("approval",))) == ()
        assert reasons(case(paper, requires=())) == ()


def test_one_bad_signature_spoils_its_copy_alone() -> None:
    good = approval("office.one")
    spoiled = replace(good, signatures=(*good.signatures, Signature("office.two", "00" * 64)))
    papers = read((good, spoiled), EVERYBODY)
    assert [paper.signers for paper in papers.approvals] == [("office.one",)]
    assert len(papers.unread) == 1


# --- templates, uses, exemptions ---


def test_a_template_permits_its_questions() -> None:
    other = replace(PLAN, question=SQL.replace("bureau.enrolment", "bureau.Enrolment"))
    assert reasons(case(templated(), requires=("approval",))) == ()
    assert codes(case(templated(), requires=("approval",), plan=other)) == [
        *("approval", "outside-template")
    ]  # names in other cases are other names
    assert (
        reasons(
            case(
                templated(),
                requires=("approval",),
                plan=planned("-- another year\n" + SQL.replace("20088", "20100")),
            )
        )
        == ()
    )


def test_a_question_outside_its_template_is_a_violation() -> None:
    outside = case(templated(), requires=("approval",), plan=planned(SQL.replace("20088", "29999")))
    with pytest.raises(PolicyRefused, match="outside the template of approval") as caught:
        check(outside, party="bureau")
    assert caught.value.violations == ("outside-template",)
    assert "expected a whole number from 19723 to 20453 at :last" in str(caught.value)


def test_a_template_too_many_is_no_violation() -> None:
    # The question is one of a template that has run out; the other one was sent beside it.
    other = {"sql": "SELECT COUNT(*) FROM bureau.enrolment", "slots": []}
    expired = templated(until="2026-02-01")
    honest = case(expired, templated(template=other), requires=("approval",))
    assert not VIOLATIONS & set(codes(honest))
    assert "outside the template" in said(honest)
    # Out of date, its text cannot accuse anybody either.
    late = case(templated(until="2026-02-01", template=other), requires=("approval",))
    assert codes(late) == ["approval", "paper"]


def test_an_approval_is_used_up() -> None:
    paper = templated()
    for used, expected in (
        (2, []),
        (3, ["approval", "over-budget"]),
        (4, ["approval", "over-budget"]),
    ):
        found = case(paper, requires=("approval",), used={paper.digest: used})
        assert codes(found) == expected
    again = case(paper, approval(), requires=("approval",), used={paper.digest: 3})
    assert check(again, party="bureau").papers == (approval().digest,)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            {"sql": "SELECT COUNT(*) FROM b.c WHERE d = :a", "slots": []},
            "a slot for the placeholder :a",
        ),
        ({"sql": "SELECT 1", "slots": TEMPLATE["slots"]}, "expected the placeholder :first"),
        ({"sql": "SELECT 1; SELECT 2", "slots": []}, "expected one SELECT, got 2 statements"),
        ({"sql": "(" * 5000, "slots": []}, "its template: expected SQL"),
    ],
)
def test_a_template_that_cannot_be_read_is_named(template: dict[str, Any], words: str) -> None:
    found = case(templated(template=template), requires=("approval",))
    assert codes(found) == ["approval", "paper"]
    assert words in said(found)


def test_an_approval_with_an_exemption_is_an_approval() -> None:
    """What it exempts is in tests/unit/test_releases.py; this plan opens nothing below the minimum."""
    exemption = {
        "recipients": ["bureau"],
        "cells": ["n_two_insurers", "n_over", "over_fen"],
        "because": "the bureau pursues double payments",
    }
    exempt = templated(exemption=exemption)
    asked = case(exempt, requires=("approval",))
    assert check(asked, party="bureau").papers == (exempt.digest,)
    assert exempting(asked) == asked.read.approvals
    assert exempting(case(templated(), requires=("approval",))) == ()
    wider = templated(exemption={**exemption, "recipients": ["insurer"]})
    assert "exemption for recipients of the approval, got insurer" in said(
        case(wider, requires=("approval",))
    )
    with_plan = approval(exemption=exemption)
    assert "expected an exemption with a template" in said(case(with_plan, requires=("approval",)))


# --- requests ---


def test_a_signed_question_has_a_real_name() -> None:
    assert reasons(case(request(), requires=("real-name",))) == ()


@pytest.mark.parametrize(
    ("paper", "user", "words"),
    [
        (request(), None, "the question names none"),
        (
            request(question="00" * 32),
            "bureau.desk",
            "it is for question 0000000000000000, this is",
        ),
        (request("bureau.guest"), "bureau.desk", "it is not signed by bureau.desk, who asks"),
        (
            request("bureau.guest"),
            "bureau.guest",
            "nobody has vouched for the name of bureau.guest",
        ),
        (request("insurer.desk"), "insurer.desk", "insurer.desk is nobody of bureau, which asks"),
        (request("bureau"), "bureau", "bureau is nobody of bureau"),
        (request("office.one"), "office.one", "office.one has not the role user"),
        (request(), "bureau.nobody", "bureau.nobody is no known principal"),
    ],
)
def test_everything_else_has_none(paper: Statement, user: str | None, words: str) -> None:
    refused = case(paper, requires=("real-name",), user=user)
    assert words in said(refused)
    assert set(codes(refused)) <= {"real-name", "paper"}


def test_users_that_an_approval_names_have_signed_the_question() -> None:
    named = approval(users=["bureau.desk"])
    assert reasons(case(named, request(), requires=("approval",))) == ()
    # Who may ask by an approval does not approve it.
    assert codes(
        case(
            approval("bureau.head", users=["bureau.head", "bureau.desk"]),
            request(),
            requires=("approval",),
        )
    ) == ["approval", "paper"]


# --- licences ---


def lab(*papers: Statement, **more: Any) -> Case:
    return case(*papers, request("bureau.lab"), user="bureau.lab", **more)


@pytest.mark.parametrize("requires", [(), ("licence",)])
def test_an_operator_runs_inside_a_licence_alone(requires: tuple[str, ...]) -> None:
    assert reasons(lab(licence(), requires=requires)) == ()
    assert check(lab(licence(), requires=requires), party="bureau").papers == (licence().digest,)
    assert codes(lab(requires=requires)) == ["licence"]


def test_who_is_no_operator_has_no_licence_to_use() -> None:
    refused = case(licence(), request(), requires=("licence",))
    assert said(refused) == (
        "licence: expected an operator to ask, with a licence; bureau.desk is none"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"operator": "office.two"}, "it is for operator office.two, bureau.lab asks"),
        ({"scenario": "research"}, "it is for scenario research, the question is of audit"),
        ({"protocols": ["gate", "cohort_count"]}, "it does not cover protocol lookup_join"),
        ({"operations": ["count", "join", "sum"]}, "it does not cover operation group-by"),
        ({"until": "2026-02-28"}, "it is valid from 2026-01-01 to 2026-02-28"),
        ({"quota": 0}, "quota: input should be greater than or equal to 1"),
        ({"special": ["hospital.cases.nothing"]}, "expected special columns among the columns"),
    ],
)
def test_every_limit_of_a_licence_bites(change: dict[str, Any], words: str) -> None:
    assert words in said(lab(licence(**change), requires=("licence",)))


@pytest.mark.parametrize(
    ("name", "column"), [(name, c) for name, columns in LICENCE["columns"].items() for c in columns]
)
def test_every_column_is_asked_for(name: str, column: str) -> None:
    columns = {
        n: [c for c in cs if (n, c) != (name, column)] for n, cs in LICENCE["columns"].items()
    }
    columns = {n: cs for n, cs in columns.items() if cs}
    assert f"it does not cover {name}.{column}" in said(
        lab(licence(columns=columns), requires=("licence",))
    )


def test_special_codes_are_licensed_by_name() -> None:
    fragments = tuple(
        replace(f, items=tuple(replace(i, special=i.column == "diag_main") for i in f.items))
        for f in PLAN.fragments
    )
    special = replace(PLAN, fragments=fragments)
    assert any(Item("hospital.cases", "diag_main", "filter", True) in f.items for f in fragments)
    words = "it does not cover special codes of hospital.cases.diag_main"
    named = licence(special=["hospital.cases.diag_main"])
    without, with_it = (
        list(inside_licence(lab(paper, requires=(), plan=special))) for paper in (licence(), named)
    )
    assert words in "\n".join(map(str, without))
    assert with_it == []


@pytest.mark.parametrize("names", [("bureau.desk",), ("bureau.lab",), ("office.past",)])
def test_a_licence_is_an_authorisers(names: tuple[str, ...]) -> None:
    assert "expected an authoriser on" in said(lab(licence(*names), requires=("licence",)))


def test_the_quota_is_the_most_runs() -> None:
    paper = licence()
    assert codes(lab(paper, requires=(), used={paper.digest: 1})) == []
    assert codes(lab(paper, requires=(), used={paper.digest: 2})) == ["licence", "over-budget"]


def test_an_operator_has_signed_its_question() -> None:
    alone = case(licence(), user="bureau.lab", requires=("licence",))
    assert "bureau.lab has not signed the question" in said(alone)


def test_one_key_does_not_authorise_and_operate() -> None:
    own = EVERYBODY.get("bureau.lab")
    assert own is not None
    with pytest.raises(UsageError, match="a key of its own for every principal"):
        Principals([own, own.model_copy(update={"name": "bureau.boss", "roles": ("authoriser",)})])
    with pytest.raises(ValueError, match="who authorises must not operate"):
        principal("bureau.lab", {"roles": ["operator", "authoriser"]})


# --- rules about papers ---


RULE: dict[str, Any] = {
    "scenario": "audit",
    "permit": True,
    "leakage": ["size-bound"],
    "recipients": ["bureau"],
    "engines": ["rep3"],
    "requires": ["approval", "project"],
}


def test_a_rule_asks_for_what_it_speaks_of() -> None:
    for change, words in (
        ({"requires": ["approval"], "government_led": True}, "to require project where"),
        ({"requires": ["project"], "signatures": 2}, "to require approval where"),
    ):
        with pytest.raises(ValueError, match=words):
            Rule.model_validate({**RULE, "level": "LOW", **change})


def test_a_higher_level_asks_for_no_fewer_signatures() -> None:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"signatures": 2}, "fewer signatures"),
        ({"government_led": True}, "no government_led"),
    ]
    for change, words in changes:
        low = [Rule.model_validate({**RULE, "level": n, **change}) for n in ("NONE", "LOW")]
        high = Rule.model_validate({**RULE, "level": "MODERATE"})
        with pytest.raises(UsageError, match=words):
            Policy.of((*low, high), HELPERS)
