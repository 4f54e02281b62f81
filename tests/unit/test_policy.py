"""The policy: which files are loaded, what each bound refuses and in which words, and who can make a permit."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mpcstats.cards.load import Cards, load_cards
from mpcstats.errors import InternalError, PolicyRefused, UsageError
from mpcstats.plan.physical import Item, Lookup, Physical
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.case import Case
from mpcstats.policy.check import check
from mpcstats.policy.least import least
from mpcstats.policy.permit import Permit, issue
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.policy.sensitivity import Sensitivity, item_level, sensitivity
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "demos" / "settlement"
PARTIES = ("bureau", "insurer", "hospital")
CATALOGUE = Catalogue.load(DEMO / "catalogue.toml")
CARDS = load_cards()
LEAKAGE = ["size-bound", "gated-cell", "suppression-pattern"]
FULL: dict[str, Any] = {
    "scenario": "audit",
    "level": "MODERATE",
    "permit": True,
    "minimum_persons": 10,
    "leakage": LEAKAGE,
    "recipients": ["bureau", "insurer"],
    "engines": ["rep3"],
}
LOW = {**FULL, "level": "LOW"}
NONE = {**FULL, "level": "NONE"}
NO = {"scenario": "audit", "level": "HIGH", "permit": False, "because": "it is the law"}
HELPERS = tuple(Helper(owner=p, accepts=[q for q in PARTIES if q != p]) for p in PARTIES)
NAME = "audit x MODERATE 较敏感"
MODERATE_COLUMNS = (
    "bureau.enrolment.insutype",
    "bureau.settlement.fund_pay_sumamt",
    "bureau.settlement.setl_day",
    "hospital.cases.diag_2",
    "hospital.cases.diag_3",
    "hospital.cases.diag_main",
    "insurer.claims.paid_amt",
    "insurer.claims.policy_no",
    "insurer.claims.status",
    "insurer.policies.policy_no",
    "insurer.policies.prod_type",
)


def planned(name: str) -> Physical:
    setting = Setting(
        catalogue=CATALOGUE,
        engine="rep3",
        compute=PARTIES,
        initiator="bureau",
        recipients=("bureau",),
        scenario="audit",
        purpose="a test",
        k=10,
        helpers=lambda left, right: tuple(p for p in PARTIES if p not in (left, right)),
    )
    return plan_question((DEMO / name).read_text(encoding="utf-8"), setting)


PLAN = planned("question.sql")
SPECIAL = planned("refused.sql")


def policy(*rules: dict[str, Any], helpers: tuple[Helper, ...] = HELPERS) -> Policy:
    return Policy.of(tuple(Rule.model_validate(rule) for rule in rules), helpers)


GOOD = policy(NONE, LOW, FULL, NO)


def decided(
    plan: Physical = PLAN,
    rules: Policy = GOOD,
    catalogue: Catalogue = CATALOGUE,
    cards: Cards = CARDS,
) -> Permit:
    return check(Case(plan, catalogue, rules, cards, day="2026-01-01"), party="insurer")


def reasons(*args: Any, **named: Any) -> tuple[str, ...]:
    with pytest.raises(PolicyRefused) as caught:
        decided(*args, **named)
    assert caught.value.party == "insurer"
    return caught.value.reasons


def reading(*items: Item) -> Physical:
    """The plan, its fragments reading `items` and nothing else."""
    owners = [fragment.owner for fragment in PLAN.fragments]
    # Nobody's go to the first.
    named = [item.dataset.split(".")[0] for item in items]
    at = [owners.index(owner) if owner in owners else 0 for owner in named]
    return replace(
        PLAN,
        fragments=tuple(
            replace(f, items=tuple(i for i, where in zip(items, at, strict=True) if where == n))
            for n, f in enumerate(PLAN.fragments)
        ),
    )


def gated(**change: Any) -> Physical:
    released = replace(PLAN.gate.releases[0], **change)
    return replace(PLAN, steps=(*PLAN.steps[:-1], replace(PLAN.gate, releases=(released,))))


# --- loading ---

HEAD = "version = 1\n"
RULE = """
[[rule]]
scenario = "audit"
level = "LOW"
permit = true
minimum_persons = 10
minimum_parties = 4
adversary = "malicious"
leakage = ["size-bound"]
recipients = ["bureau"]
engines = ["rep3"]
blind_keys = false
"""
NONE_RULE = RULE.replace('"LOW"', '"NONE"')
HELPER = '\n[[helper]]\nowner = "bureau"\naccepts = ["insurer", "hospital"]\n'


def load(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return Policy.load(path)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    found = load(tmp_path, HEAD + NONE_RULE + RULE + HELPER)
    rule = found.rule("audit", Level.LOW)
    assert rule is not None
    assert (rule.name, rule.permit, rule.blind_keys) == ("audit x LOW 低敏感", True, False)
    assert (rule.minimum_persons, rule.minimum_parties, rule.adversary) == (10, 4, "malicious")
    assert (rule.leakage, rule.recipients, rule.engines) == (["size-bound"], ["bureau"], ["rep3"])
    assert found.scenarios == ("audit",)
    assert found.rule("audit", Level.HIGH) is None
    assert found.rule("other", Level.LOW) is None


def test_a_helper_is_who_both_owners_accept() -> None:
    rules = policy(
        NONE,
        helpers=(Helper(owner="a", accepts=["x", "y", "z"]), Helper(owner="b", accepts=["z", "x"])),
    )
    assert rules.helpers("a", "b") == ("x", "z")
    assert rules.helpers("b", "a") == ("z", "x")
    assert rules.helpers("a", "c") == rules.helpers("c", "a") == ()


@pytest.mark.parametrize("demo", ["settlement", "six_parties"])
def test_the_demos_policies_are_loaded(demo: str) -> None:
    assert Policy.load(CHECKOUT / "demos" / demo / "policy.toml").scenarios


def test_the_digest_is_of_what_the_policy_says(tmp_path: Path) -> None:
    text = HEAD + NONE_RULE + RULE + HELPER
    digest = load(tmp_path, text).digest
    assert load(tmp_path, "# a comment\n" + text).digest == digest
    for old, new in (("= 10", "= 11"), ("false", "true"), ('"insurer", ', ""), ("audit", "x")):
        assert load(tmp_path, text.replace(old, new)).digest != digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NONE_RULE, "version: field required"),
        ("version = true\n" + NONE_RULE, "version: expected a version as a whole number"),
        ("version = 2\n" + NONE_RULE, "version: input should be 1"),
        (HEAD, "rule: field required"),
        (HEAD + NONE_RULE + "more = 1", "rule[1].more: extra inputs are not permitted"),
        (HEAD + NONE_RULE.replace("NONE", "low"), "rule[1].level: expected a level of NONE, LOW,"),
        (HEAD + NONE_RULE.replace("true", "1"), "rule[1].permit: input should be a valid boolean"),
        (HEAD + NONE_RULE.replace("10", "0"), "rule[1].minimum_persons: input should be greater"),
        (HEAD + NONE_RULE.replace("10", '"9"'), "rule[1].minimum_persons: input should be a valid"),
        (HEAD + NONE_RULE.replace("malicious", "none"), "rule[1].adversary: input should be "),
        (HEAD + NONE_RULE.replace('["rep3"]', '[""]'), "rule[1].engines[1]: string should have"),
        (
            HEAD + NONE_RULE.replace('["rep3"]', "[]"),
            "rule[1]: expected rule audit x NONE 不敏感 to name leakage, recipients and engines: ",
        ),
        (
            HEAD + '[[rule]]\nscenario = "a"\nlevel = "LOW"\npermit = false\n',
            "rule[1]: expected rule a x LOW 低敏感 to say why it denies: because = ...",
        ),
        (HEAD + NONE_RULE * 2, "expected one rule for audit x NONE 不敏感, got several"),
        (HEAD + NONE_RULE + HELPER * 2, "expected one [[helper]] for each owner, got several"),
        (
            HEAD + RULE,
            "scenario audit: expected LOW to permit no more than lower levels, but nothing is per",
        ),
        (HEAD + "a = " + "[" * 5000, "expected TOML, got lists or tables nested too deep"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'policy.toml'}: {message}")


WIDER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"minimum_persons": 9}, "a smaller minimum_persons"),
    ({"adversary": "malicious"}, {}, "a weaker adversary"),
    ({"minimum_parties": 4}, {}, "a smaller minimum_parties"),
    ({"blind_keys": False}, {}, "blind_keys"),
    ({}, {"leakage": [*LEAKAGE, "x", "a"]}, "more leakage (a, x)"),
    ({}, {"recipients": ["clinic"]}, "more recipients (clinic)"),
    ({}, {"recipients": ["*"]}, "more recipients (*)"),
    ({}, {"engines": ["rep3", "clear"]}, "more engines (clear)"),
    # "*" stands for everybody, not for every leakage or engine.
    ({"leakage": ["*"]}, {"leakage": ["x"]}, "more leakage (x)"),
    ({"engines": ["*"]}, {}, "more engines (rep3)"),
    ({}, {"minimum_persons": 1, "engines": ["a"]}, "a smaller minimum_persons, more engines (a)"),
]


@pytest.mark.parametrize(("low", "high", "fault"), WIDER)
def test_a_higher_level_may_not_permit_more(
    low: dict[str, Any], high: dict[str, Any], fault: str
) -> None:
    expected = f"expected rule {NAME} to permit no more than audit x LOW 低敏感, but it has {fault}"
    with pytest.raises(UsageError) as caught:
        policy({**FULL, **high}, {**NONE, **low}, {**LOW, **low})
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "high",
    [
        *({}, {"minimum_persons": 11}, {"adversary": "malicious"}, {"minimum_parties": 4}),
        *({"blind_keys": False}, {"leakage": ["size-bound"]}, {"recipients": ["insurer"]}),
    ],
)
def test_a_higher_level_may_permit_less(high: dict[str, Any]) -> None:
    policy(NONE, LOW, {**FULL, **high})


def test_everybody_may_be_narrowed() -> None:
    policy({**NONE, "recipients": ["*"]}, {**LOW, "recipients": ["clinic"]})


@pytest.mark.parametrize("between", [(), ({**NO, "level": "LOW"},)], ids=["missing", "denied"])
def test_no_level_below_a_permitted_one_is_left_out(between: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(UsageError, match=r"expected (rule )?.*to permit no more than"):
        policy(NONE, *between, FULL)


def test_scenarios_are_ordered_each_by_itself() -> None:
    policy(NONE, {**NONE, "scenario": "other", "minimum_persons": 1, "engines": ["clear"]})


# --- sensitivity ---


def test_a_blind_key_is_counted_as_low_at_most() -> None:
    assert sensitivity(PLAN, CATALOGUE) == Sensitivity(Level.MODERATE, MODERATE_COLUMNS, True)
    key = Item("hospital.cases", "certno", "key")
    joined = Sensitivity(Level.LOW, ("hospital.cases.certno",), True)
    assert sensitivity(reading(key), CATALOGUE) == joined


@pytest.mark.parametrize("use", ["filter", "value", "group"])
def test_a_key_in_another_use_is_counted(use: Any) -> None:
    item = Item("hospital.cases", "certno", use)
    expected = Sensitivity(Level.HIGH, ("hospital.cases.certno",), False)
    assert sensitivity(reading(item), CATALOGUE) == expected


def test_a_column_that_is_no_key_is_counted_though_used_as_one() -> None:
    item = Item("insurer.policies", "policy_no", "key")
    expected = Sensitivity(Level.MODERATE, ("insurer.policies.policy_no",), False)
    assert sensitivity(reading(item), CATALOGUE) == expected


def test_of_several_levels_the_highest_counts() -> None:
    low, moderate, other = (
        Item("hospital.cases", column, "value")
        for column in ("fixmedins_code", "tot_fee", "diag_2")
    )
    assert sensitivity(reading(low), CATALOGUE).columns == ("hospital.cases.fixmedins_code",)
    assert sensitivity(reading(low, moderate, low, other), CATALOGUE) == Sensitivity(
        Level.MODERATE, ("hospital.cases.diag_2", "hospital.cases.tot_fee"), False
    )


def test_special_codes_are_of_level_high() -> None:
    columns = tuple(
        f"special codes of hospital.cases.{c}" for c in ("diag_2", "diag_3", "diag_main")
    )
    assert sensitivity(SPECIAL, CATALOGUE) == Sensitivity(Level.HIGH, columns, True)
    assert item_level(Item("hospital.cases", "fixmedins_code", "filter"), CATALOGUE) is Level.LOW
    special = Item("hospital.cases", "fixmedins_code", "filter", special=True)
    assert item_level(special, CATALOGUE) is Level.HIGH


def test_special_codes_are_counted_in_a_key_as_well() -> None:
    item = Item("hospital.cases", "certno", "key", special=True)
    expected = Sensitivity(Level.HIGH, ("special codes of hospital.cases.certno",), True)
    assert sensitivity(reading(item), CATALOGUE) == expected


def test_what_the_catalogue_does_not_know_is_high_or_refused() -> None:
    assert item_level(Item("hospital.cases", "secret", "key"), CATALOGUE) is Level.HIGH
    assert sensitivity(reading(Item("hospital.cases", "secret", "key")), CATALOGUE).columns
    with pytest.raises(UsageError, match=r"^expected a dataset of .*, got 'no\.where'$"):
        sensitivity(reading(Item("no.where", "x", "value")), CATALOGUE)


# --- check ---


def test_a_plan_within_the_bounds_is_permitted() -> None:
    permit = decided()
    assert (permit.plan, permit.plan_digest) == (PLAN, PLAN.digest())
    assert (permit.party, permit.level, permit.rule) == ("insurer", Level.MODERATE, NAME)
    assert permit.policy_digest == GOOD.digest


def test_a_missing_rule_denies() -> None:
    columns = f"{', '.join(MODERATE_COLUMNS[:4])} and {len(MODERATE_COLUMNS) - 4} more"
    start = f"the question is of level MODERATE 较敏感 ({columns}), and no rule speaks of scenario "
    end = " at that level (scenarios: audit): what is unknown is denied"
    assert reasons(rules=policy(NONE, LOW)) == (f"{start}'audit'{end}",)
    assert reasons(replace(PLAN, scenario="Audit")) == (f"{start}'Audit'{end}",)
    (no_column,) = reasons(replace(reading(), scenario="x"))
    assert no_column.startswith("the question is of level NONE 不敏感 (no column), and no rule")


def test_a_rule_that_denies_names_columns_level_rule_and_nearest() -> None:
    columns = ", ".join(
        f"special codes of hospital.cases.{c}" for c in ("diag_2", "diag_3", "diag_main")
    )
    denial, nearest = reasons(SPECIAL)
    assert denial == (
        f"the question is of level HIGH 高敏感 because of {columns}; rule audit x HIGH 高敏感: it is the law"
    )
    assert nearest == (
        f"nearest question that could pass: one without {columns}, at level MODERATE 较敏感, "
        "for cells of 10 persons or more"
    )


def test_the_nearest_question_may_be_of_another_scenario_or_none() -> None:
    no = [{**NO, "level": level} for level in ("NONE", "MODERATE")]
    assert reasons(rules=policy(*no))[1] == "nearest question that could pass: none"
    others = [{**rule, "scenario": name} for rule in (NONE, LOW, FULL) for name in ("b", "c")]
    assert reasons(rules=policy(*no, *others))[1] == (
        "nearest question that could pass: the same in scenario b or c"
    )


def card(name: str, **change: Any) -> Cards:
    return Cards({**CARDS, name: replace(CARDS[name], **change)}, CARDS.leakage)


def seats(name: str, **change: Any) -> Cards:
    return card(name, parties=replace(CARDS[name].parties, **change))


def all_levels(**change: Any) -> Policy:
    return policy({**NONE, **change}, {**LOW, **change}, {**FULL, **change})


def helped(helper: str, plan: Physical = PLAN) -> Physical:
    """The plan, its first lookup helped by `helper`."""
    first, *rest = plan.steps
    assert isinstance(first, Lookup)
    return replace(plan, steps=(replace(first, helper=helper), *rest))


def find_d(helper: str) -> str:
    return f"{helper} is no helper that insurer and hospital both accept"


# What is outside, and every reason that it gives.
BOUNDS: dict[str, tuple[Callable[[], dict[str, Any]], *tuple[str, ...]]] = {
    "persons": (
        lambda: {"plan": gated(k=9)},
        f"rule {NAME} opens cells of at least 10 persons, the plan those of 9",
    ),
    "recipient": (
        lambda: {"plan": gated(recipients=("bureau", "hospital"))},
        f"rule {NAME} permits bureau, insurer as recipient; this question is for hospital",
    ),
    "engine": (
        lambda: {"plan": replace(PLAN, engine="clear")},
        f"rule {NAME} permits engines rep3, the plan has clear",
    ),
    "parties": (
        lambda: {"rules": all_levels(minimum_parties=4)},
        f"rule {NAME} asks for at least 4 compute parties, the plan has 3",
    ),
    "the same party twice": (
        lambda: {"plan": replace(PLAN, compute=("bureau", "insurer", "insurer"))},
        f"rule {NAME} asks for at least 3 compute parties, the plan has 2",
    ),
    "blind keys": (
        lambda: {"rules": all_levels(blind_keys=False)},
        f"rule {NAME} permits no join on a person key, the plan has one",
    ),
    "withdrawn": (
        lambda: {"cards": card("gate", status="withdrawn")},
        f"protocol gate v{CARDS['gate'].version} has been withdrawn",
    ),
    "engine of a card": (
        lambda: {"cards": seats("gate", engines=("clear", "shamir"))},
        "protocol gate runs on shamir, not on rep3",
    ),
    "leakage": (
        lambda: {"rules": all_levels(leakage=["size-bound"])},
        f"rule {NAME} does not permit the leakage gated-cell, suppression-pattern of protocol gate",
    ),
    "no card": (
        lambda: {"cards": Cards({n: c for n, c in CARDS.items() if n != "gate"}, CARDS.leakage)},
        "protocol gate has no card: what is unknown is denied",
    ),
    "helper is an owner": (lambda: {"plan": helped("hospital")}, find_d("hospital")),
    "helper is unknown": (lambda: {"plan": helped("clinic")}, find_d("clinic")),
    "helper is not accepted": (
        lambda: {"rules": policy(NONE, LOW, FULL, helpers=(*HELPERS[:1], *HELPERS[2:]))},
        find_d("bureau"),
        "hospital is no helper that insurer and bureau both accept",
    ),
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_plan_outside_a_bound_is_refused_with_the_reason(bound: str) -> None:
    case, *expected = BOUNDS[bound]
    assert reasons(**case()) == tuple(expected)


def test_the_adversary_that_a_rule_asks_for_is_held_against_each_card() -> None:
    rules = all_levels(adversary="malicious")
    (reason,) = reasons(rules=rules)
    assert reason.startswith(
        "the question is of level MODERATE 较敏感 because of bureau.enrolment."
    )
    assert reason.endswith(
        f"; rule {NAME} asks for malicious security, which lookup_join, cohort_count, gate do not have yet"
    )
    one = card("gate", parties=replace(CARDS["gate"].parties, adversary="malicious"))
    (reason,) = reasons(rules=rules, cards=one)
    assert reason.endswith("which lookup_join, cohort_count do not have yet")
    strong = {
        n: replace(c, parties=replace(c.parties, adversary="malicious")) for n, c in CARDS.items()
    }
    assert decided(rules=rules, cards=Cards(strong, CARDS.leakage)).plan == PLAN


def test_the_bounds_themselves_are_permitted() -> None:
    decided(gated(k=11))
    decided(gated(recipients=("insurer", "bureau")))
    decided(gated(recipients=("anybody", "else")), all_levels(recipients=["*"]))
    decided(rules=all_levels(minimum_parties=3))
    decided(reading(Item("hospital.cases", "diag_2", "value")), all_levels(blind_keys=False))
    decided(cards=card("sum", status="withdrawn"))  # the plan has no sum


def test_every_reason_is_listed() -> None:
    first, second, *rest = helped("hospital").steps
    gate = gated(k=1, recipients=("hospital", "clinic")).gate
    plan = replace(PLAN, steps=(first, second, *rest[:-1], gate), compute=("bureau", "insurer"))
    rules = all_levels(blind_keys=False, leakage=["size-bound"], adversary="malicious")
    found = reasons(plan, rules, cards=card("gate", status="withdrawn"))
    for word in (
        *("no helper", "at least 10 persons", "is for hospital", "is for clinic"),
        *(
            "at least 3 compute",
            "no join on a person key",
            "withdrawn",
            "does not permit the leakage",
        ),
    ):
        assert sum(word in reason for reason in found) == 1, word
    assert sum("malicious security" in reason for reason in found) == 1
    assert len(found) == 9


def test_a_denial_does_not_hide_a_wrong_helper() -> None:
    assert (
        reasons(helped("clinic", SPECIAL))[2]
        == "clinic is no helper that insurer and hospital both accept"
    )


def test_least_persons_is_what_the_rule_asks() -> None:
    assert least(PLAN, catalogue=CATALOGUE, policy=GOOD).persons == 10
    assert least(SPECIAL, catalogue=CATALOGUE, policy=GOOD).persons == 1
    assert least(SPECIAL, catalogue=CATALOGUE, policy=policy(NONE)).persons == 1


# --- permit ---


@pytest.mark.parametrize("seal", [None, object(), True])
def test_a_permit_is_not_made_up(seal: object) -> None:
    with pytest.raises(InternalError, match=r"^expected a permit from policy\.check, got one that"):
        Permit(PLAN, "insurer", Level.NONE, NAME, PLAN.digest(), GOOD.digest, (), None, seal)


def test_a_permit_is_not_moved_to_another_plan() -> None:
    permit: Any = decided()
    assert not hasattr(permit, "seal")
    with pytest.raises((ValueError, TypeError), match="seal"):
        replace(permit, plan=SPECIAL, plan_digest=SPECIAL.digest())
    with pytest.raises(AttributeError):
        permit.plan = SPECIAL
    assert "SELECT" not in repr(permit)


def test_a_permit_has_the_hash_of_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = iter(("a", "b"))
    monkeypatch.setattr(Physical, "digest", lambda _: next(hashes))
    with pytest.raises(InternalError, match=r"^expected the permit's plan to have the permit's"):
        issue(PLAN, party="insurer", level=Level.NONE, rule=NAME, policy_digest="")


SOURCE = CHECKOUT / "src" / "mpcstats"
ALLOWED = {"policy/check.py", "policy/permit.py"}


def issues(text: str) -> set[str]:
    """In which ways a module gets at more of policy.permit than the class Permit."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[-1]
            for alias in node.names:
                if (module == "permit" and alias.name != "Permit") or alias.name == "permit":
                    found.add(f"from {node.module} import {alias.name}")
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[-1] == "permit"}
    return found


def test_only_check_issues_permits() -> None:
    found = {
        path.relative_to(SOURCE).as_posix(): issues(path.read_text(encoding="utf-8"))
        for path in SOURCE.rglob("*.py")
    }
    assert found["policy/check.py"] == {"from mpcstats.policy.permit import issue"}
    assert {path: ways for path, ways in found.items() if ways and path not in ALLOWED} == {}


@pytest.mark.parametrize(
    "text",
    [
        "from mpcstats.policy.permit import issue",
        "from mpcstats.policy.permit import Permit, issue as make",
        "from mpcstats.policy.permit import _SEAL",
        "from mpcstats.policy.permit import *",
        "from mpcstats.policy import permit",
        "from .permit import issue",
        "from . import permit",
        "import mpcstats.policy.permit as p",
        "def f():\n    from mpcstats.policy.permit import issue",
    ],
)
def test_a_module_that_gets_at_issue_is_caught(text: str) -> None:
    assert issues(text)


def test_a_module_that_uses_permits_is_not() -> None:
    assert not issues("from mpcstats.policy.permit import Permit\nfrom a.issue import issue")


def test_what_no_condition_can_test_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpcstats.policy.conditions.granted.CONDITIONS", {})
    asking = {**FULL, "requires": ["licence"]}
    lower = [{**each, "requires": []} for each in (NONE, LOW)]
    (only,) = reasons(rules=policy(*lower, asking, NO))
    assert "requires licence, which cannot be tested here: what is unknown is denied" in only


def test_a_higher_level_requires_no_less() -> None:
    with pytest.raises(UsageError, match=r"fewer requires \(licence\)"):
        policy({**NONE, "requires": ["licence"]}, LOW, FULL, NO)
