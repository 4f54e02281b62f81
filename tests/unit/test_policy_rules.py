"""What a rule may ask for: which files say it, which plans it is about, and in which words it refuses them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mpcstats.cards.card import Offer
from mpcstats.cards.load import Cards, load_cards
from mpcstats.errors import UsageError
from mpcstats.plan.physical import (
    SPINE,
    CodeColumn,
    Cohort,
    Fragment,
    Gate,
    GroupKey,
    Item,
    Physical,
    Ref,
    Release,
    Sum,
    Term,
    Total,
    ValueColumn,
)
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.budget import Budget, Period
from mpcstats.policy.case import Case
from mpcstats.policy.check import findings, reasons
from mpcstats.policy.conditions import granted
from mpcstats.policy.magnitude import magnitudes, moments, sums
from mpcstats.policy.operations import MEANS, OF_CARD, OPERATIONS, operations
from mpcstats.policy.registers import Registers
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.policy.template import (
    KINDS,
    ONE_OF_EACH,
    default_policy,
    filled,
    load_kinds,
    shipped,
)
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level
from mpcstats.records.profiles.profile import shipped as profile_of

CHECKOUT = Path(__file__).parents[2]
CATALOGUE = Catalogue.load(CHECKOUT / "demos" / "six_parties" / "catalogue.toml")
COMPUTE = ("bureau", "h1", "p")
OWNERS = ("bureau", "h1", "h2", "h3", "p", "q")
CARDS = load_cards()
RULE: dict[str, Any] = {
    "scenario": "audit",
    "level": "NONE",
    "permit": True,
    "leakage": ["size-bound", "gated-cell", "suppression-pattern"],
    "recipients": ["bureau"],
    "engines": ["rep3"],
}
HELPERS = tuple(Helper(owner=o, accepts=[p for p in OWNERS if p != o]) for o in OWNERS)


def planned(text: str, k: int = 1) -> Physical:
    setting = Setting(
        catalogue=CATALOGUE,
        engine="rep3",
        compute=COMPUTE,
        initiator="bureau",
        recipients=("bureau",),
        scenario="audit",
        purpose="a test",
        k=k,
        helpers=lambda left, right: tuple(p for p in COMPUTE if p not in (left, right)),
    )
    return plan_question(text, setting)


@pytest.fixture(autouse=True)
def _in_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question belongs to a good project, and nothing else can be required: these tests are of bounds."""
    monkeypatch.setattr(granted, "CONDITIONS", {"project": lambda case: iter(())})


def refusals(
    plan: Physical, cards: Cards = CARDS, spent: int | None = 0, **asked: Any
) -> list[str]:
    """The reasons of a policy that says the same at every level, without the rule's name."""
    rules = tuple(Rule.model_validate({**RULE, **asked, "level": level.name}) for level in Level)
    found = Case(
        plan,
        CATALOGUE,
        Policy.of(rules, HELPERS),
        cards,
        day="2026-01-01",
        project="p",
        spent=spent,
    )
    return [
        f"{reason.code}: " + reason.text.replace(f"rule {found.rule.name} ", "")
        for reason in reasons(found)
        if found.rule is not None
    ]


JOINED = "FROM bureau.settlement s JOIN hospitals.cases c USING (certno)"
COUNTED = planned(f"SELECT COUNT(*) AS n {JOINED}", k=11)
SUMMED = planned(f"SELECT SUM(s.medfee_sumamt) AS fen {JOINED}")
GROUPED = planned("SELECT insutype, COUNT(*) AS n FROM bureau.enrolment GROUP BY insutype")

# --- which totals are magnitudes ---

QUESTIONS = {
    "SELECT COUNT(*) AS n FROM bureau.settlement": ((), ()),
    "SELECT COUNT(DISTINCT certno) AS n FROM bureau.settlement WHERE medfee_sumamt > 5": ((), ()),
    "SELECT SUM(CASE WHEN medfee_sumamt > 5 THEN 1 ELSE 0 END) AS n FROM bureau.settlement": (
        (),
        (),
    ),
    # Constants over thresholds are an amount, rounded.
    "SELECT SUM(CASE WHEN medfee_sumamt > 500 THEN 500 WHEN medfee_sumamt > 100 THEN 100 ELSE 0 END) AS n "
    "FROM bureau.settlement": (("n",), ("n",)),
    "SELECT SUM(medfee_sumamt) AS fen FROM bureau.settlement": (("fen",), ("fen",)),
    # A COUNT beside an amount in one fragment is told from it, a sum of 0 and 1 is not.
    "SELECT COUNT(*) AS n, SUM(medfee_sumamt) AS fen FROM bureau.settlement": (("fen",), ("fen",)),
    "SELECT SUM(CASE WHEN medfee_sumamt > 9 THEN 1 ELSE 0 END) AS n, SUM(medfee_sumamt) AS fen "
    "FROM bureau.settlement": (("n", "fen"), ("n", "fen")),
    # Enrolment and policies have no contributor: their amounts need k alone.
    "SELECT SUM(paid_amt) AS fen FROM bureau.enrolment": ((), ("fen",)),
    "SELECT SUM(premium) AS fen FROM insurers.policies": ((), ("fen",)),
    f"SELECT COUNT(*) AS n {JOINED}": ((), ()),
    f"SELECT SUM(s.medfee_sumamt) AS fen {JOINED}": (("fen",), ("fen",)),
    # The amount has no contributor, but it is counted once for every case.
    "SELECT SUM(e.paid_amt) AS fen FROM bureau.enrolment e JOIN hospitals.cases c USING (certno)": (
        (),
        ("fen",),
    ),
}


@pytest.mark.parametrize("text", QUESTIONS)
def test_which_totals_are_magnitudes(text: str) -> None:
    of_contributors, amounts = QUESTIONS[text]
    plan = planned(text)
    assert (magnitudes(plan, CATALOGUE), sums(plan, CATALOGUE)) == (of_contributors, amounts)


def single(items: tuple[Item, ...], column: ValueColumn, *refs: str) -> Physical:
    """A plan that sums a product of columns of one fragment."""
    fragment = Fragment("f", "bureau", "SELECT 1", 1, (column,), (), items)
    total = Total("t", (Term(tuple(Ref(SPINE, name) for name in refs)),), 1)
    steps = (Sum("sum", ("f",), (), (total,)), Gate("gate", "sum", (Release(("bureau",), 11),)))
    return Physical("q", "audit", "a test", "bureau", "rep3", COMPUTE, (fragment,), steps, ())


FILTER = Item("bureau.settlement", "medfee_sumamt", "filter")
ROWS = CATALOGUE.dataset("bureau.settlement").rows


@pytest.mark.parametrize(
    ("items", "column", "refs", "found"),
    [
        ((FILTER,), ValueColumn("v", 0, ROWS), ("v",), ()),
        ((FILTER,), ValueColumn("v", 0, ROWS + 1), ("v",), ("t",)),
        ((FILTER,), ValueColumn("v", -1, ROWS), ("v",), ("t",)),
        ((replace(FILTER, use="value"),), ValueColumn("v", 0, 1), ("v",), ("t",)),
        ((FILTER,), ValueColumn("v", 0, ROWS), (), ()),
        # What cannot be told: no column read, no such dataset, no such value.
        ((), ValueColumn("v", 0, 1), ("v",), ("t",)),
        ((Item("no.where", "x", "filter"),), ValueColumn("v", 0, 1), ("v",), ("t",)),
        ((FILTER,), ValueColumn("v", 0, ROWS), ("w",), ("t",)),
        # One dataset with a contributor among others is enough, and the smallest bounds a count.
        (
            (FILTER, Item("h3.cases", "certno", "key")),
            ValueColumn("v", 0, ROWS),
            ("v",),
            ("t",),
        ),
        (
            (Item("p.policies", "premium", "value"), FILTER),
            ValueColumn("v", 0, 10**12),
            ("v",),
            ("t",),
        ),
        ((Item("p.policies", "premium", "value"),), ValueColumn("v", 0, 10**12), ("v",), ()),
    ],
)
def test_what_cannot_be_told_is_a_magnitude(
    items: tuple[Item, ...], column: ValueColumn, refs: tuple[str, ...], found: tuple[str, ...]
) -> None:
    assert magnitudes(single(items, column, *refs), CATALOGUE) == found


@dataclass(frozen=True, slots=True)
class Strange:
    """A step that policy does not know."""

    card: ClassVar[str] = "riddle"
    name: str


def strange(card: str) -> Physical:
    kind: Any = type("Kind", (Strange,), {"card": card})
    return replace(COUNTED, steps=(kind("odd"), *COUNTED.steps))


def test_an_unknown_step_is_a_magnitude_and_an_unknown_operation() -> None:
    assert magnitudes(strange("riddle"), CATALOGUE) == ("odd",)
    assert operations(strange("riddle"), CATALOGUE) == ("count", "riddle", "join")
    assert operations(strange("quantile"), CATALOGUE) == ("count", "quantile", "join")
    assert operations(strange("sort"), CATALOGUE) == ("count", "join")


# --- operations ---


def test_the_operations_of_plans() -> None:
    assert operations(COUNTED, CATALOGUE) == ("count", "join")
    assert operations(SUMMED, CATALOGUE) == ("count", "join", "sum")
    assert operations(GROUPED, CATALOGUE) == ("count", "group-by")


def test_a_product_of_amounts_is_a_moment() -> None:
    value = replace(FILTER, use="value")
    square = single((value,), ValueColumn("v", 0, 10**9), "v", "v")
    assert operations(square, CATALOGUE) == ("count", "sum", "moments")
    assert moments(square, CATALOGUE) == ("t",)
    assert moments(single((value,), ValueColumn("v", 0, 10**9), "v"), CATALOGUE) == ()


def test_every_card_has_its_operation_or_is_a_means() -> None:
    # A claim is no plan: a rule permits it by `adjudication`, whatever operations it names.
    assert set(CARDS) == set(OF_CARD) | MEANS | {"adjudication"}
    assert not set(OF_CARD) & MEANS
    assert set(OF_CARD.values()) | {"sum"} == set(OPERATIONS)


def test_an_operation_that_is_not_named_is_refused() -> None:
    assert refusals(SUMMED, operations=["count", "join"]) == [
        "operation: permits count, join; this question needs sum"
    ]
    assert refusals(GROUPED, operations=["count"]) == [
        "operation: permits count; this question needs group-by"
    ]
    assert refusals(SUMMED, operations=["sum", "join", "count", "quantile"]) == []
    assert refusals(SUMMED) == []


# --- the gate ---

GATE = f"gate v{CARDS['gate'].version}"


def offering(*offers: Offer) -> Cards:
    return Cards({**CARDS, "gate": replace(CARDS["gate"], offers=offers)}, CARDS.leakage)


def test_what_opens_cells_offers_its_tests() -> None:
    offers = (
        "minimum-persons",
        "minimum-contributors",
        "per-recipient",
        "dominance",
        "complement",
        "rounding",
    )
    assert {name: card.offers for name, card in CARDS.items() if card.offers} == {
        "gate": offers,
        "noise": ("noise-counts",),
        "private_join": ("minimum-persons",),
        "private_join_padded": ("minimum-persons",),
        "regression": ("minimum-persons", "minimum-contributors", "complement"),
    }


def test_what_the_gate_does_not_offer_is_refused_for_magnitudes() -> None:
    cards = offering("minimum-persons")
    assert refusals(SUMMED, cards, minimum_contributors=3, dominance=10) == [
        f"gate: asks for at least 3 contributors of a magnitude, which {GATE} does not test yet (fen)",
        f"gate: asks for a p-ratio of 10 % of a magnitude, which {GATE} does not test yet (fen)",
    ]
    assert refusals(COUNTED, minimum_contributors=3, dominance=10) == []
    assert refusals(SUMMED, minimum_contributors=1, dominance=0) == []


def test_noise_of_no_amount_is_refused() -> None:
    expected = [
        'gate: asks for noise on counts, and does not say how much: give it privacy = { epsilon = "..." }'
    ]
    assert refusals(COUNTED, noise="counts") == expected


def test_a_gate_without_persons_is_refused() -> None:
    expected = [f"gate: asks for at least 11 persons of a cell, which {GATE} does not test yet"]
    assert refusals(COUNTED, offering(), minimum_persons=11) == expected
    assert refusals(COUNTED, offering(), minimum_persons=1) == []


def test_an_offer_that_the_plan_does_not_ask_for_is_refused() -> None:
    cards = offering("minimum-persons", "minimum-contributors", "dominance")
    assert refusals(SUMMED, cards, minimum_contributors=3) == [
        f"gate: asks for at least 3 contributors of a magnitude, which the plan does not ask of {GATE} (fen)"
    ]


# --- the budget ---

BUDGET = {"questions": 3, "per": "project", "period": "month"}
WITHIN: dict[str, Any] = {"budget": BUDGET, "requires": ["project"]}


def test_a_budget_is_spent() -> None:
    assert refusals(COUNTED, spent=2, **WITHIN) == []
    over = "over-budget: permits 3 questions a month for each project, and 3 have been permitted before"
    assert refusals(COUNTED, spent=3, **WITHIN) == [over]
    (uncounted,) = refusals(COUNTED, spent=None, **WITHIN)
    assert uncounted.startswith(
        "denied: permits 3 questions a month for each project, and the earlier"
    )


def test_a_budget_for_each_project_needs_one() -> None:
    rules = tuple(Rule.model_validate({**RULE, **WITHIN, "level": level.name}) for level in Level)
    case = Case(COUNTED, CATALOGUE, Policy.of(rules, HELPERS), CARDS, day="2026-01-01", spent=0)
    assert "names no project" in " ".join(reason.text for reason in reasons(case))


@pytest.mark.parametrize(
    ("period", "since"),
    [
        ("day", "2026-03-31"),
        ("month", "2026-03-01"),
        ("year", "2026-01-01"),
        ("ever", "0001-01-01"),
    ],
)
def test_a_period_begins(period: Period, since: str) -> None:
    assert Budget(questions=1, period=period).since("2026-03-31") == since


@pytest.mark.parametrize(
    ("one", "other", "wider"),
    [
        ({}, {}, False),
        ({"questions": 2}, {}, False),
        ({"questions": 4}, {}, True),
        ({"period": "year"}, {}, False),  # 3 a year are never more than 3 a month
        ({"period": "day"}, {}, True),
        ({"questions": 2, "period": "day"}, {}, True),
        ({"per": "template"}, {}, True),
        ({"questions": 1, "per": "template"}, {}, True),
    ],
)
def test_which_budget_is_wider(one: dict[str, Any], other: dict[str, Any], wider: bool) -> None:
    first, second = (Budget.model_validate({**BUDGET, **change}) for change in (one, other))
    assert first.wider(second) is wider


# --- files ---


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("minimum_contributors = 0", "rule[1].minimum_contributors: input should be greater"),
        ("dominance = 101", "rule[1].dominance: input should be less than or equal to 100"),
        ("dominance = 0.1", "rule[1].dominance: input should be a valid integer"),
        ('noise = "sums"', "rule[1].noise: input should be 'none', 'counts' or 'all'"),
        ('operations = ["train"]', "rule[1].operations[1]: input should be 'count', 'sum'"),
        ("operations = []", "rule[1].operations: list should have at least 1 item"),
        ('form = "rows"', "rule[1].form: input should be 'aggregate' or 'plain'"),
        ("signatures = 2", "expected rule audit x NONE 不敏感 to require approval"),
        ("government_led = true", "to require project where it is government_led"),
        ("budget = { questions = 3 }", "to require project where it has a budget for each"),
        ("budget = { questions = -1 }", "rule[1].budget.questions: input should be greater"),
        ('budget = { per = "project" }', "rule[1].budget.questions: field required"),
        ('budget = { questions = 1, period = "week" }', "rule[1].budget.period: input should be"),
    ],
)
def test_a_bad_field_is_refused_with_its_place(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "policy.toml"
    parts = [
        'version = 1\n[[rule]]\nscenario = "audit"\nlevel = "NONE"\npermit = true',
        'leakage = ["size-bound"]\nrecipients = ["bureau"]\nengines = ["rep3"]',
        line,
    ]
    path.write_text("\n".join(parts), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Policy.load(path)
    assert fault in str(caught.value)
    assert str(caught.value).startswith(f"{path}: rule[1]")


def test_every_fault_is_named_at_once() -> None:
    low, none = ({**RULE, "level": level} for level in ("LOW", "NONE"))
    rules = [{**none, "minimum_persons": 5}, low, low, {**RULE, "scenario": "x", "level": "HIGH"}]
    with pytest.raises(UsageError) as caught:
        Policy.of(tuple(map(Rule.model_validate, rules)), (*HELPERS, HELPERS[0]))
    for fault in (
        "expected one rule for audit x LOW",
        "expected one [[helper]] for each owner",
        "a smaller minimum_persons",
        "nothing is permitted for NONE, LOW, MODERATE",
    ):
        assert fault in str(caught.value)


# --- templates ---

SIX = load_kinds(CHECKOUT / "examples" / "governance" / "parties.toml")


def test_the_default_is_filled_with_the_parties() -> None:
    policy = default_policy(SIX)
    low = policy.rule("supervision", Level.LOW)
    moderate = policy.rule("commercial", Level.MODERATE)
    assert low is not None
    assert moderate is not None
    assert low.recipients == ["bureau", "h1", "h2", "h3", "p", "q"]
    assert moderate.recipients == ["bureau", "p", "q"]
    assert policy.helpers("bureau", "h1") == ("p", "q")
    assert policy.helpers("h1", "h2") == ("bureau", "p", "q")
    assert all(rule.because for rule in policy.rules)


def test_the_order_of_parties_does_not_matter() -> None:
    backwards = default_policy(dict(reversed(list(SIX.items()))))
    assert backwards == default_policy(SIX)


def test_a_template_is_no_policy_until_it_is_filled() -> None:
    with pytest.raises(UsageError, match="got @bureau, a kind of party: fill the template first"):
        Policy.load(shipped() / "default.toml")


def test_a_template_that_nobody_fills_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a party of @bureau as recipient, got none"):
        default_policy({"h1": "hospital", "p": "insurer"})


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path) -> None:
    text = (shipped() / "default.toml").read_text(encoding="utf-8")
    path = tmp_path / "policy.toml"
    path.write_text(text.replace("@institute", "@bank"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected a kind of party of @bureau, .*, got '@bank'"):
        filled(path, ONE_OF_EACH)
    parties = tmp_path / "parties.toml"
    parties.write_text('version = 1\n[party]\nx = "bank"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"party\.x: input should be 'bureau', 'hospital'"):
        load_kinds(parties)


def test_a_policy_of_names_is_a_template_without_kinds() -> None:
    path = CHECKOUT / "demos" / "six_parties" / "policy.toml"
    assert filled(path, {}) == Policy.load(path)


def test_one_of_each_kind_has_its_name() -> None:
    assert dict(zip(KINDS, KINDS, strict=True)) == ONE_OF_EACH


# --- condition by condition ---


def test_each_condition_and_requirement_speaks_for_itself() -> None:
    rules = tuple(
        Rule.model_validate({**RULE, "requires": ["rights", "project"], "level": level.name})
        for level in Level
    )
    found = findings(Case(COUNTED, CATALOGUE, Policy.of(rules, HELPERS), CARDS, day="2026-01-01"))
    names = [finding.condition for finding in found]
    assert names[:3] == ["standing", "table", "columns known"]
    assert names[-3:] == ["granted: project", "granted: rights", "budget"]
    assert {f.condition for f in found if f.reasons} >= {"granted: rights"}
    assert isinstance(COUNTED.aggregate, Cohort)


def test_a_group_of_one_cell_is_one() -> None:
    code = CodeColumn("g", ("a",))
    fragment = replace(single((FILTER,), ValueColumn("v", 0, 1)).fragments[0], codes=(code,))
    step = Sum("sum", ("f",), (GroupKey(SPINE, "g", ("a",)),), ())
    plan = replace(
        COUNTED,
        fragments=(fragment,),
        steps=(step, Gate("gate", "sum", (Release(("bureau",), 11),))),
    )
    assert operations(plan, CATALOGUE) == ("count", "group-by")


# --- the profile ---


def test_what_a_profile_asks_of_amounts_is_not_passed_over() -> None:
    profile = profile_of("CN")
    for plan, expected in ((SUMMED, 2), (COUNTED, 0)):
        wide = replace(
            plan, steps=(*plan.steps[:-1], replace(plan.gate, releases=(Release(("bureau",), 11),)))
        )
        rules = tuple(Rule.model_validate({**RULE, "level": level.name}) for level in Level)
        case = Case(wide, CATALOGUE, Policy.of(rules, HELPERS), CARDS, day="2026-01-01")
        assert reasons(case) == ()
        held = [r.text for r in reasons(replace(case, registers=Registers(profile=profile)))]
        assert len(held) == expected
        assert all(text.startswith("profile CN asks for") for text in held)
