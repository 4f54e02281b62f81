"""Ways around the governance that do not work: each is tried by who asks, with all that it may write itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from tests.unit.test_compile import question, records
from tests.unit.test_papers import (
    BY_TEMPLATE,
    CATALOGUE,
    DAY,
    EVERYBODY,
    HELPERS,
    PLAN,
    ROLES,
    RULE,
    SQL,
    approval,
    case,
    codes,
    principal,
    request,
    signed,
    templated,
)
from tests.unit.test_papers import (
    planned as plan_of,
)

from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.party.compile import Known, Records, case_of, compile_question, planned
from mpcstats.party.history import History
from mpcstats.party.question import Question, days_about
from mpcstats.plan.template import Pattern
from mpcstats.policy.budget import Budget, Period
from mpcstats.policy.case import Case
from mpcstats.policy.check import check, reasons
from mpcstats.policy.reason import VIOLATIONS
from mpcstats.policy.registers import Registers
from mpcstats.policy.rule import Policy, Rule
from mpcstats.policy.sensitivity import sensitivity
from mpcstats.policy.template import Kind, default_policy
from mpcstats.records.budget import Spending
from mpcstats.records.day import later, years_later
from mpcstats.records.journal import EMPTY, following
from mpcstats.records.ledger import Entry
from mpcstats.records.ledger.receipt import PartyPart
from mpcstats.records.papers.project import Projects
from mpcstats.records.papers.template import Template
from mpcstats.records.principals import Principals
from mpcstats.records.profiles.acknowledgement import Acknowledgements
from mpcstats.records.profiles.profile import shipped
from mpcstats.records.registration.workdays import Calendar
from mpcstats.records.signed import Statement

OUTSIDE = SQL.replace("20088", "29999")


def own_template(text: str, low: int = 0) -> Statement:
    """An approval that the initiator has written and signed itself, of a template that `text` is one of."""
    number = "29999" if "29999" in text else "20088"
    slot = {"name": "last", "type": "integer", "minimum": low, "maximum": 40000}
    template = {"sql": text.replace(number, ":last"), "slots": [slot]}
    return signed("approval", {**BY_TEMPLATE, "template": template}, "bureau")


def digest(paper: Statement) -> str:
    return Pattern.of(Template.model_validate(paper.body["template"])).digest


# --- templates of one's own ---


def test_a_template_that_nobody_has_approved_is_not_what_is_counted() -> None:
    real = templated()
    # One whose digest comes first: the permit names the first of those that count.
    own = next(
        paper for low in range(100) if digest(paper := own_template(SQL, low)) < digest(real)
    )
    permit = check(case(real, own, requires=("approval",)), party="bureau")
    assert permit.template == digest(real)


def test_a_paper_of_ones_own_excuses_no_question_outside_its_template() -> None:
    for own in (own_template(OUTSIDE), signed("approval", approval_of(OUTSIDE), "bureau")):
        found = case(templated(), own, requires=("approval",), plan=plan_of(OUTSIDE))
        assert "outside-template" in codes(found)


def approval_of(text: str) -> dict[str, Any]:
    return {**approval().body, "plan": plan_of(text).digest()}


# --- budgets ---


def budgeted(of: Case, budget: Budget) -> Case:
    rules = tuple(rule.model_copy(update={"budget": budget}) for rule in of.policy.rules)
    return replace(of, policy=Policy.of(rules, HELPERS), spent=0)


def test_a_budget_for_each_template_is_not_dodged_by_asking_without_one() -> None:
    budget = Budget(questions=1, per="template")
    with_template = budgeted(case(templated(), requires=("approval",)), budget)
    assert reasons(with_template) == ()
    for papers in ((approval(),), (approval(), own_template(SQL))):
        without = budgeted(case(*papers, requires=("approval",)), budget)
        assert [r.code for r in reasons(without)] == ["approval"]


def test_a_rule_that_counts_by_template_asks_for_one() -> None:
    counted = {"budget": {"questions": 3, "per": "template"}, "level": "LOW"}
    with pytest.raises(
        ValueError, match="to require approval where it has a budget for each templ"
    ):
        Rule.model_validate({**RULE, **counted, "requires": ["project"]})


@dataclass(frozen=True, slots=True)
class Noted:
    index: int
    kind: str
    body: dict[str, Any]
    time: str = "2026-03-31T23:50:00Z"


def spending(*days: str) -> Spending:
    found: list[Noted] = []
    for day in days:
        about = {"question": day, "project": "p", "day": day, "initiator": "bureau"}
        found.append(Noted(len(found), "request", about))
        found.append(Noted(len(found), "decision", {"question": day, "permit": True}))
    return Spending.of(found)


def test_what_others_have_spent_is_no_violation_of_who_asks() -> None:
    paper = templated()
    for alone, code in ((2, "used-up"), (3, "over-budget")):
        used: dict[str, Any] = {"used": {paper.digest: 3}, "used_alone": {paper.digest: alone}}
        assert codes(case(paper, requires=("approval",), **used)) == ["approval", code]
        budget = Budget(questions=3, per="template")
        spent = replace(budgeted(case(paper, requires=("approval",)), budget), spent=3)
        assert codes(replace(spent, spent_alone=alone)) == [code]
    assert "used-up" not in VIOLATIONS


def test_questions_and_runs_are_counted_by_who_asked_too() -> None:
    history = History()
    entries: list[tuple[str, dict[str, Any]]] = [
        ("request", {"question": "q", "initiator": "hospital", "project": "p", "day": DAY}),
        ("decision", {"question": "q", "permit": True}),
        ("start", {"question": "q", "run": "r", "papers": ["a"]}),
        ("request", {"question": "o", "initiator": "bureau", "project": "p", "day": DAY}),
        ("decision", {"question": "o", "permit": True}),
    ]
    for index, (kind, about) in enumerate(entries):
        history.add(Entry(index, f"{DAY}T08:00:00Z", kind, about, "0" * 64))
    assert history.used_by["hospital"] == {"a": 1} == history.used
    assert history.used_by["bureau"] == {}
    count = partial(history.spending.spent, "project", "p", since=DAY, until=DAY)
    assert (count(), count(initiator="bureau"), count(initiator="insurer")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("period", "counted"), [("day", 1), ("month", 2), ("year", 3), ("ever", 3)]
)
def test_a_question_dated_tomorrow_counts_for_one_of_today(period: Period, counted: int) -> None:
    asked = replace(question(), day="2026-03-30", project="p")
    with_budget = with_rule(records(), asked, Budget(questions=9, period=period))
    known = Known(spending=spending("2026-03-30", "2026-03-31", "2026-04-01"))
    plan = planned(asked, with_budget)
    assert case_of(plan, asked, with_budget, known=known).spent == counted


def with_rule(of: Records, asked: Question, budget: Budget) -> Records:
    rules = tuple(
        rule.model_copy(update={"budget": budget} if rule.scenario == asked.scenario else {})
        for rule in of.policy.rules
    )
    return replace(of, policy=Policy.of(rules, of.policy.accepted))


# --- data that no file can hold ---


@pytest.mark.parametrize("place", ["checkpoint", "party", "\ud800", "deep"])
def test_a_part_of_a_receipt_that_cannot_be_written_is_its_senders_fault(place: str) -> None:
    part: dict[str, Any] = {"party": "p", "agreement": {}, "entries": [], "checkpoint": "x"}
    deep: Any = "\ud800"
    for _ in range(5000 if place == "deep" else 0):
        deep = [deep]
    with pytest.raises(UsageError, match="part of a receipt: expected JSON in valid Unicode"):
        PartyPart.from_json({**part, place: deep})


# --- the day ---


@pytest.mark.parametrize(
    ("time", "days"),
    [
        ("2026-03-02T00:20:00", {"2026-03-01", "2026-03-02"}),
        ("2026-03-02T00:40:00", {"2026-03-02"}),
        ("2026-03-02T23:00:00", {"2026-03-02"}),
        ("2026-03-02T23:40:00", {"2026-03-02", "2026-03-03"}),
    ],
)
def test_a_question_chooses_its_day_only_around_midnight(time: str, days: set[str]) -> None:
    assert days_about(datetime.fromisoformat(time)) == days


# --- whose name it is ---

# Without what it asks of amounts, which no gate holds yet.
TOLD = shipped("CN").model_copy(update={"minimum_contributors": 1, "dominance": 0})


def told(*papers: Statement, user: str, who: Principals = EVERYBODY) -> list[str]:
    """Why a question of the bureau in the name of `user`, who has acknowledged all, is refused."""
    register = Acknowledgements(who)
    head = EMPTY
    for text in TOLD.text:
        about = {"after": head, "user": user, "text": text.digest, "day": "2026-02-27"}
        read = signed("acknowledged", about, user)
        register.add(read)
        head = following(head, read)
    registers = Registers(who, acknowledgements=register, profile=TOLD)
    releases = (replace(PLAN.gate.releases[0], k=TOLD.minimum_persons),)
    plan = replace(PLAN, steps=(*PLAN.steps[:-1], replace(PLAN.gate, releases=releases)))
    asked = case(*papers, requires=("acknowledgement",), plan=plan, user=user, registers=registers)
    return codes(asked)


def test_an_acknowledgement_is_of_who_has_signed_the_question() -> None:
    assert told(request(), user="bureau.desk") == []
    assert told(user="bureau.desk") == ["real-name"]
    # Nor is somebody else's a borrowed one.
    assert told(request("insurer.desk"), user="insurer.desk") == ["acknowledgement"]
    over = Principals(
        principal(name, about | ({"until": "2026-02-28"} if name == "bureau.desk" else {}))
        for name, about in ROLES.items()
    )
    assert told(request(), user="bureau.desk", who=over) == ["real-name"]


def test_no_day_of_a_statement_is_beyond_the_calendar() -> None:
    with pytest.raises(UsageError, match="expected a day within the calendar"):
        later("9999-12-31", 1)
    with pytest.raises(UsageError, match="expected a day within the calendar"):
        Calendar().after("9999-12-31", 1)
    assert years_later("2024-02-29", 1) == "2025-03-01"
    assert years_later("9998-05-01", 9) == "9999-05-01"


# --- who is in another's table ---


def test_whether_one_person_is_in_anothers_table_is_not_open() -> None:
    """An insurer's table of one person, joined with a hospital's, would tell by a count of 0 or 1."""
    kinds: dict[str, Kind] = {"bureau": "bureau", "hospital": "hospital", "insurer": "insurer"}
    policy = default_policy({**kinds, "institute": "institute"})
    text = "SELECT COUNT(*) AS n FROM insurer.policies p JOIN hospital.cases c USING (certno)"
    for scenario in policy.scenarios:
        asked = Question(text, scenario, "a test", "insurer", ("insurer",), "2026-01-01")
        with pytest.raises(PolicyRefused):
            compile_question(asked, replace(records("hospital"), policy=policy))
        plan = planned(asked, replace(records("hospital"), policy=policy))
        rule = policy.rule(scenario, sensitivity(plan, CATALOGUE).level)
        assert rule is None or rule.minimum_persons >= 11


# --- others' projects ---


def test_nobody_spends_the_budget_of_anothers_project() -> None:
    projects = Projects(EVERYBODY)
    registered = {
        "after": EMPTY,
        "day": "2026-01-01",
        "project": "theirs",
        "title": "a test",
        "sponsor": "insurer",
        "risk": "low",
        "government_led": False,
        "datasets": {"bureau.enrolment": "bureau"},
        "analyses": ["0" * 64],
        "initiators": ["insurer"],
        "results": ["insurer"],
    }
    projects.add(signed("project-registered", registered, "insurer"))
    registers = Registers(EVERYBODY, projects=projects)
    for name, expected in (("theirs", ["project"]), ("unknown", ["project"]), (None, [])):
        assert codes(case(requires=(), project=name, registers=registers)) == expected
    own = replace(PLAN, initiator="insurer")
    assert codes(case(requires=(), plan=own, project="theirs", registers=registers)) == []
