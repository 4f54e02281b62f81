"""Laws of a decision: nothing that makes a case worse turns no into yes, the unknown is denied, all decide alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.cards.card import Offer
from mpcstats.cards.load import Cards, load_cards
from mpcstats.errors import UsageError
from mpcstats.plan.physical import Cohort, Item, Physical, Use
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy import check as checking
from mpcstats.policy.authorise import Wish, authorise
from mpcstats.policy.case import Case
from mpcstats.policy.check import digest, reasons
from mpcstats.policy.conditions import granted
from mpcstats.policy.operations import OPERATIONS
from mpcstats.policy.reason import Reason
from mpcstats.policy.rule import Helper, Policy, Requirement, Rule, wider
from mpcstats.policy.template import ONE_OF_EACH, default_policy
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.signed import Statement

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "demos" / "settlement"
PARTIES = ("bureau", "insurer", "hospital")
CARDS = load_cards()
SHIPPED = Catalogue.load(DEMO / "catalogue.toml")
COLUMNS = tuple((name, c) for name in SHIPPED.names for c in SHIPPED.dataset(name).columns)
DEFAULT = default_policy(ONE_OF_EACH)
HELPERS = tuple(Helper(owner=p, accepts=[q for q in PARTIES if q != p]) for p in PARTIES)
DAY = "2026-01-01"
MANY = settings(max_examples=100)


def planned(text: str) -> Physical:
    setting = Setting(
        catalogue=SHIPPED,
        engine="rep3",
        compute=PARTIES,
        initiator="bureau",
        recipients=("bureau",),
        scenario="audit",
        purpose="a test",
        k=10,
        helpers=lambda left, right: tuple(p for p in PARTIES if p not in (left, right)),
    )
    return plan_question(text, setting)


SUMS = planned((DEMO / "question.sql").read_text(encoding="utf-8"))
COUNTS = planned(
    "SELECT COUNT(*) AS n FROM bureau.enrolment e JOIN hospital.cases c USING (certno)"
)

Bounds = dict[str, Any]
MEETING: Bounds = {  # what both plans meet
    "permit": True,
    "minimum_persons": 10,
    "leakage": ["size-bound", "gated-cell", "suppression-pattern"],
    "recipients": ["bureau", "hospital", "insurer"],
    "engines": ["clear", "rep3"],
    "operations": ["count", "sum", "join", "group-by", "moments"],
    "budget": {"questions": 5, "per": "project", "period": "year"},
    "history": None,
    "requires": ["project"],
    "minimum_contributors": 1,
    "dominance": 0,
    "concentration": None,
    "complement": False,
    "zeros": "shown",
    "rounding": 1,
    "quantile_rounding": 10,
    "suppression": None,
    "noise": "none",
    "checks": "none",
    "signatures": 1,
    "government_led": False,
    "form": "aggregate",
    "adversary": "semi-honest",
    "minimum_parties": 3,
    "minimum_corruptions": 1,
    "blind_keys": True,
    "fee": False,
    "adjudication": True,
    "partial": True,
}
# One step tighter, bound by bound; of those that the default leaves open also the first step.
TIGHTER: Mapping[str, list[Any]] = {
    "permit": [False],
    "minimum_persons": [11, 30],
    "leakage": [["gated-cell"]],
    "recipients": [["hospital", "insurer"], ["insurer"]],
    "engines": [["clear"]],
    "operations": [["count"], ["count", "join"], ["sum", "join"]],
    "budget": [
        {"questions": 2, "per": "project", "period": "year"},
        {"questions": 5, "per": "project", "period": "ever"},
        {"questions": 0, "per": "project", "period": "year"},
    ],
    "history": [
        {"persons": 1000, "cells": 8},
        {"persons": 1000, "cells": 4},
        {"persons": 1000, "cells": 8, "otherwise": "budget"},
    ],
    "requires": [["project", "licence"], ["project", "approval"]],
    "minimum_contributors": [2, 3],
    "dominance": [1, 10],
    "concentration": [{"largest": 1, "percent": 90}, {"largest": 2, "percent": 85}],
    "complement": [True],
    "zeros": ["suppressed"],
    "rounding": [5, 10],
    "quantile_rounding": [20],
    "suppression": [{"method": "optimal", "percent": 20}, {"percent": 30}],
    "noise": ["counts"],
    "checks": ["leave-out", "stop"],
    "government_led": [True],
    "adversary": ["malicious"],
    "minimum_parties": [4],
    "minimum_corruptions": [2],
    "blind_keys": [False],
    "fee": [True],
    "adjudication": [False],
    "partial": [False],
}
OPEN: Bounds = {**MEETING, "operations": None, "budget": None, "requires": [], "form": "plain"}


def policy(*bounds: Bounds) -> Policy:
    """A policy of one scenario, the bounds for the levels from NONE on."""
    rules = tuple(
        Rule.model_validate({"scenario": "audit", "level": level.name, "because": "so", **bound})
        for level, bound in zip(Level, bounds, strict=False)
    )
    return Policy.of(rules, HELPERS)


def needing(kind: str) -> Any:
    """A stand-in for a requirement's condition: a paper of that kind must have come with the question."""

    def condition(case: Case) -> Iterator[Reason]:
        if all(paper.kind != kind for paper in case.papers):
            yield Reason("approval", f"no {kind}")

    return condition


REAL = granted.CONDITIONS
STAND_INS: dict[Requirement, Any] = {n: needing(n) for n in ("project", "licence", "approval")}
PAPERS = tuple(Statement.of(kind, {}) for kind in STAND_INS)


@pytest.fixture(autouse=True, scope="module")
def _stand_ins() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(granted, "CONDITIONS", STAND_INS)
        yield


def case(plan: Physical = SUMS, rules: Policy | None = None, **more: Any) -> Case:
    given_parts: dict[str, Any] = {
        "catalogue": catalogue({}),
        "policy": policy(*[MEETING] * 4) if rules is None else rules,
        "cards": CARDS,
        "day": DAY,
        "project": "p1",
        "papers": PAPERS,
        "spent": 2,
        **more,
    }
    return Case(plan, **given_parts)


def catalogue(levels: Mapping[tuple[str, str], Level]) -> Catalogue:
    """The demo's catalogue with other levels; NONE where none is given."""
    datasets = []
    for name in SHIPPED.names:
        dataset = SHIPPED.dataset(name)
        columns = {
            c: column.model_copy(update={"level": levels.get((name, c), Level.NONE)})
            for c, column in dataset.columns.items()
        }
        datasets.append(dataset.model_copy(update={"columns": columns}))
    return Catalogue(tuple(datasets))


def with_items(plan: Physical, *more: Item) -> Physical:
    """The plan with `more`, each read by the first fragment of its owner: by another's it is refused for that."""
    left = list(more)
    fragments = []
    for fragment in plan.fragments:
        mine = [i for i in left if SHIPPED.dataset(i.dataset).owner == fragment.owner]
        left = [item for item in left if item not in mine]
        fragments.append(replace(fragment, items=(*fragment.items, *mine)))
    first, *others = fragments
    return replace(
        plan, fragments=(replace(first, items=(*first.items, *left)), *others)
    )  # of owners without one


def never_widens(before: Case, after: Case) -> None:
    if not reasons(after):
        assert not reasons(before), "a refusal became a permit"


plans = st.sampled_from([SUMS, COUNTS])
uses: st.SearchStrategy[Use] = st.sampled_from(["value", "value", "key", "filter", "group"])
items = st.builds(
    lambda column, use, special: Item(column[0], column[1], use, special),
    st.sampled_from(COLUMNS),
    uses,
    st.sampled_from([False, False, False, True]),
)
spents = st.sampled_from([None, 0, 2, 4, 5])
paper_sets = st.sets(st.sampled_from(PAPERS)).map(lambda found: tuple(sorted(found, key=str)))


@st.composite
def tables(draw: st.DrawFn) -> list[Bounds]:
    """Bounds from the lowest level on, each at most one step tighter than the one below it.

    The lowest is what the plans meet, or one step tighter: more steps, and nearly everything would be refused.
    """
    bounds = draw(st.sampled_from([MEETING, OPEN]))
    found = [draw(st.sampled_from([bounds, draw(tighter(bounds))]))]
    while len(found) < len(Level):
        found.append(draw(st.sampled_from([found[-1]] * 3 + [draw(tighter(found[-1]))])))
    return found


@st.composite
def tighter(draw: st.DrawFn, bounds: Bounds) -> Bounds:
    """`bounds` with one of them tighter, which is not loaded unless it is within them."""
    name = draw(st.sampled_from(sorted(TIGHTER)))
    changed = {**bounds, name: draw(st.sampled_from(TIGHTER[name]))}
    if changed["budget"] is None and (changed["history"] or {}).get("otherwise") == "budget":
        changed["budget"] = MEETING["budget"]
    if changed["budget"] is not None or changed["government_led"]:
        changed["requires"] = sorted({"project", *changed["requires"]})
    one, other = (
        Rule.model_validate({"scenario": "a", "level": "LOW", "because": "so", **b})
        for b in (changed, bounds)
    )
    return bounds if list(wider(one, other)) else changed


levels_of = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(Level), max_size=8)


@MANY
@given(plans, tables(), levels_of, st.sampled_from(COLUMNS), st.sampled_from(Level))
def test_raising_any_columns_level_never_permits_more(
    plan: Physical,
    table: list[Bounds],
    low: dict[tuple[str, str], Level],
    column: tuple[str, str],
    up: Level,
) -> None:
    rules = policy(*table)
    raised = {**low, column: max(up, low.get(column, Level.NONE))}
    never_widens(
        case(plan, rules, catalogue=catalogue(low)), case(plan, rules, catalogue=catalogue(raised))
    )


@MANY
@given(plans, tables(), levels_of, items)
def test_adding_a_column_never_permits_more(
    plan: Physical, table: list[Bounds], levels: dict[tuple[str, str], Level], more: Item
) -> None:
    rules, known = policy(*table), catalogue(levels)
    never_widens(
        case(plan, rules, catalogue=known), case(with_items(plan, more), rules, catalogue=known)
    )


# One bound tighter at every level. Exhaustive where random examples are too few to meet what a bound is about.
ONE_TIGHTER = [(name, value) for name, values in TIGHTER.items() for value in values]
READ = [
    Item(*column, use, flag)
    for column in COLUMNS
    for use in get_args(Use)
    for flag in (False, True)
]


@pytest.mark.parametrize(
    "change",
    [{}, {"minimum_contributors": 3}, {"operations": ["count", "join"]}, {"blind_keys": False}],
)
def test_adding_any_column_never_permits_more(change: Bounds) -> None:
    rules, known = policy(*[{**MEETING, **change}] * 4), catalogue({})
    for plan in (SUMS, COUNTS):
        before = case(plan, rules, catalogue=known)
        for item in READ:
            never_widens(before, case(with_items(plan, item), rules, catalogue=known))


@pytest.mark.parametrize(("name", "value"), ONE_TIGHTER)
def test_tightening_one_field_everywhere_never_permits_more(name: str, value: Any) -> None:
    known = catalogue({})
    for base in (MEETING, OPEN):
        requires = {"project", *base["requires"]} if name == "government_led" else base["requires"]
        tight = {**base, "requires": sorted(requires), name: value}
        if name == "history" and tight["budget"] is None and value.get("otherwise") == "budget":
            tight["budget"] = MEETING["budget"]
        if tight["budget"] is not None:
            tight["requires"] = ["project"]
        for plan in (SUMS, COUNTS):
            for spent in (None, 0, 2, 3, 5):
                before = case(plan, policy(*[base] * 4), catalogue=known, spent=spent)
                after = case(plan, policy(*[tight] * 4), catalogue=known, spent=spent)
                never_widens(before, after)


@MANY
@given(plans, tables(), levels_of, paper_sets, st.data())
def test_removing_a_paper_never_permits_more(
    plan: Physical,
    table: list[Bounds],
    levels: dict[tuple[str, str], Level],
    papers: tuple[Statement, ...],
    data: st.DataObject,
) -> None:
    rules, known = policy(*table), catalogue(levels)
    left = tuple(paper for paper in papers if data.draw(st.booleans()))
    never_widens(
        case(plan, rules, catalogue=known, papers=papers),
        case(plan, rules, catalogue=known, papers=left),
    )


@MANY
@given(plans, tables(), levels_of, spents, st.data())
def test_tightening_any_field_never_permits_more(
    plan: Physical,
    table: list[Bounds],
    levels: dict[tuple[str, str], Level],
    spent: int | None,
    data: st.DataObject,
) -> None:
    at = data.draw(st.integers(0, len(table) - 1))
    narrow = data.draw(tighter(table[at]))
    changed = [*table[:at], narrow, *table[at + 1 :]]
    try:
        narrower = policy(*changed)
    except UsageError:  # a level above is now wider than this one: all above are made as tight
        narrower = policy(*table[:at], *[narrow] * (len(table) - at))
        table = [*table[:at], *[table[at]] * (len(table) - at)]
    known = catalogue(levels)
    never_widens(
        case(plan, policy(*table), catalogue=known, spent=spent),
        case(plan, narrower, catalogue=known, spent=spent),
    )


@MANY
@given(plans, tables(), st.integers(0, 6), st.integers(0, 6))
def test_having_asked_more_never_permits_more(
    plan: Physical, table: list[Bounds], spent: int, more: int
) -> None:
    rules = policy(*table)
    never_widens(case(plan, rules, spent=spent), case(plan, rules, spent=spent + more))
    never_widens(case(plan, rules, spent=spent), case(plan, rules, spent=None))


@MANY
@given(plans, tables(), st.sets(st.sampled_from(["minimum-persons", "dominance"])))
def test_a_gate_that_offers_less_never_permits_more(
    plan: Physical, table: list[Bounds], offers: set[Offer]
) -> None:
    rules = policy(*table)
    gate = replace(CARDS["gate"], offers=tuple(sorted(offers)))
    fewer = Cards({**CARDS, "gate": replace(gate, offers=gate.offers[:1])}, CARDS.leakage)
    more = Cards({**CARDS, "gate": gate}, CARDS.leakage)
    never_widens(case(plan, rules, cards=more), case(plan, rules, cards=fewer))


@pytest.mark.parametrize("name", sorted(TIGHTER))
def test_each_field_is_ordered(name: str) -> None:
    """A tighter field is not wider, a looser one is: else a higher level could have it."""
    rule = {"scenario": "a", "level": "LOW", "because": "so"}
    base = Rule.model_validate({**rule, **MEETING})
    for value in TIGHTER[name]:
        tight = Rule.model_validate({**rule, **MEETING, name: value})
        assert list(wider(tight, base)) == []
        if name != "permit":  # a level that denies below one that permits is refused for itself
            assert list(wider(base, tight)) != []


def test_signatures_and_form_are_ordered() -> None:
    rule = {"scenario": "a", "level": "LOW", "because": "so", **MEETING}
    approved = {**rule, "requires": ["project", "approval"]}
    one, two = (Rule.model_validate({**approved, "signatures": n}) for n in (1, 2))
    assert (list(wider(one, two)), list(wider(two, one))) == (["fewer signatures"], [])
    plain, cells = (Rule.model_validate({**rule, "form": f}) for f in ("plain", "aggregate"))
    assert (list(wider(plain, cells)), list(wider(cells, plain))) == (["a wider form (plain)"], [])


def test_every_field_of_a_rule_has_its_law() -> None:
    """A new field must say how it is ordered before it is in a file."""
    unordered = {"scenario", "level", "because"}
    elsewhere = {"signatures", "form", "privacy", "padding"}  # padding: unit/test_padded_question
    assert set(Rule.model_fields) - unordered == {*TIGHTER, *elsewhere}


# --- the unknown ---

UNKNOWN_CARD = Cards({n: c for n, c in CARDS.items() if n != "cohort_count"}, CARDS.leakage)


def test_the_known_is_permitted() -> None:
    assert reasons(case(SUMS)) == reasons(case(COUNTS)) == ()


@pytest.mark.parametrize(
    ("unknown", "code"),
    [
        (lambda: case(with_items(SUMS, Item("hospital.cases", "secret", "value"))), "catalogue"),
        (lambda: case(with_items(SUMS, Item("hospital.cases", "secret", "key"))), "catalogue"),
        (lambda: case(replace(SUMS, scenario="marketing")), "no-rule"),
        (lambda: case(rules=policy(*[MEETING] * 2), catalogue=SHIPPED), "no-rule"),
        (lambda: case(cards=UNKNOWN_CARD), "card"),
        (lambda: case(spent=None), "denied"),
        (lambda: case(project=None), "project"),
        (
            lambda: case(rules=policy(*[{**MEETING, "requires": ["project", "rights"]}] * 4)),
            "denied",
        ),
    ],
    ids=["column", "key", "scenario", "level", "card", "spent", "project", "requirement"],
)
def test_the_unknown_is_denied(unknown: Any, code: str) -> None:
    assert code in {reason.code for reason in reasons(unknown())}


def test_an_unknown_dataset_is_no_case_at_all() -> None:
    with pytest.raises(UsageError, match="expected a dataset of"):
        case(with_items(SUMS, Item("no.where", "x", "value")))


words = st.one_of(st.text(max_size=8), st.sampled_from(["supervision", "LOW", "user", "count"]))


@MANY
@given(words, words, words, words, words)
def test_authorise_is_total_and_denies_the_unknown(
    scenario: str, level: str, requester: str, operation: str, form: str
) -> None:
    found = authorise(DEFAULT, Wish(scenario, level, requester, operation, form))
    known = scenario in DEFAULT.scenarios and level in Level.__members__
    if not known or (operation not in OPERATIONS and operation != "adjudication"):
        assert found.verdict == "deny"


# --- all decide alike ---


TIGHT: Bounds = {  # nearly every bound has something against the plans, and lists of several
    **MEETING,
    **{name: values[-1] for name, values in TIGHTER.items() if name != "permit"},
    "recipients": ["insurer", "hospital", "x"],
    "operations": ["quantile", "count", "window"],
    "requires": ["project", "rights", "approval", "licence"],
    "engines": ["shamir", "clear"],
    "leakage": ["gated-cell"],
}


@MANY
@given(plans, st.one_of(tables(), st.just([TIGHT] * 4)), levels_of, st.data())
def test_a_decision_does_not_depend_on_the_order_of_entries(
    plan: Physical, table: list[Bounds], levels: dict[tuple[str, str], Level], data: st.DataObject
) -> None:
    rules = policy(*table)
    mixed = Policy.of(
        tuple(
            Rule.model_validate(
                {
                    **rule.model_dump(mode="json"),
                    "level": rule.level.name,
                    **{n: getattr(rule, n)[::-1] for n in ("leakage", "recipients", "engines")},
                    "requires": rule.requires[::-1],
                    "operations": None if rule.operations is None else rule.operations[::-1],
                }
            )
            for rule in data.draw(st.permutations(rules.rules))
        ),
        tuple(data.draw(st.permutations(HELPERS))),
    )
    known = catalogue(levels)
    datasets = [known.dataset(name) for name in data.draw(st.permutations(known.names))]
    cards = Cards(dict(reversed(list(CARDS.items()))), CARDS.leakage)
    one = case(plan, rules, catalogue=known)
    other = case(
        plan, mixed, catalogue=Catalogue(tuple(datasets)), cards=cards, papers=PAPERS[::-1]
    )
    assert reasons(one) == reasons(other)
    assert rules.digest == mixed.digest


LOADING = """
import importlib.util, sys
sys.path[:0] = {path!r}
spec = importlib.util.spec_from_file_location("laws", {file!r})
laws = importlib.util.module_from_spec(spec)
sys.modules["laws"] = laws
spec.loader.exec_module(laws)
"""


def decisions() -> list[str]:
    """Digests of decisions that have many reasons, and of the policy."""
    rules = policy(*[TIGHT] * 4)
    bad = replace(SUMS, compute=("bureau", "insurer"), scenario="audit")
    return [
        *(digest(reasons(case(plan, rules, catalogue=SHIPPED))) for plan in (SUMS, COUNTS, bad)),
        digest(reasons(case(replace(SUMS, scenario="supervision"), DEFAULT, catalogue=SHIPPED))),
        rules.digest,
        DEFAULT.digest,
    ]


def in_another_process(seed: str, call: str, loading: str = "") -> list[str]:
    """What the Python expression `call` gives, where texts have other hashes than here."""
    run = subprocess.run(
        [sys.executable, "-c", f"{loading}\nimport json\nprint(json.dumps({call}))"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(run.stdout)
    return found


def test_another_process_decides_alike() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(granted, "CONDITIONS", REAL)  # the other process has no stand-ins
        here = decisions()
    loading = LOADING.format(path=sys.path, file=__file__)
    assert in_another_process("1", "laws.decisions()", loading) == here


# --- negative controls: a broken check is caught ---


def _inverted(found: Case) -> Iterator[Reason]:
    """Refuses questions that are not sensitive, and only those."""
    if found.found.level < Level.MODERATE:
        yield Reason("denied", "not sensitive")


def _by_order(found: Case) -> Iterator[Reason]:
    for scenario in found.policy.rules:
        yield Reason("denied", scenario.name)


def test_a_check_that_permits_more_for_higher_levels_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checking, "CONDITIONS", (_inverted,))
    column = ("hospital.cases", "diag_2")
    low, high = (case(catalogue=catalogue({column: level})) for level in (Level.LOW, Level.HIGH))
    with pytest.raises(AssertionError, match="a refusal became a permit"):
        never_widens(low, high)


def test_a_check_that_forgets_the_contributors_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = policy(*[{**MEETING, "minimum_contributors": 3}] * 4)
    assert {r.code for r in reasons(case(SUMS, asking))} == {"gate"}
    left = tuple(c for c in checking.CONDITIONS if c.__name__ != "gate_rules")
    monkeypatch.setattr(checking, "CONDITIONS", left)
    assert reasons(case(SUMS, asking)) == ()


def test_a_check_that_goes_by_the_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CONDITIONS", (_by_order,))
    rules = policy(*[MEETING] * 4)
    mixed = Policy.of(rules.rules[::-1], HELPERS)
    assert rules.digest == mixed.digest
    assert digest(reasons(case(SUMS, rules))) != digest(reasons(case(SUMS, mixed)))


def test_a_decision_by_hash_is_caught_in_another_process() -> None:
    broken = "[str(hash('a reason'))]"
    assert in_another_process("1", broken) != in_another_process("2", broken)


def test_the_plans_have_what_the_laws_are_about() -> None:
    assert isinstance(SUMS.aggregate, Cohort)
    assert any(term.factors for total in SUMS.aggregate.totals for term in total.terms)
