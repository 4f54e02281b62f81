"""Laws of the policy: what makes a question more sensitive, or a rule tighter, never turns no into yes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpcstats.cards.load import load_cards
from mpcstats.errors import PolicyRefused, UsageError
from mpcstats.plan.physical import Item, Physical, Use
from mpcstats.plan.question import Setting, plan_question
from mpcstats.policy.case import Case
from mpcstats.policy.check import check
from mpcstats.policy.rule import Helper, Policy, Rule
from mpcstats.policy.sensitivity import sensitivity
from mpcstats.records.catalogue import Catalogue
from mpcstats.records.levels import Level

DEMO = Path(__file__).parents[2] / "demos" / "settlement"
PARTIES = ("bureau", "insurer", "hospital")
CARDS = load_cards()
SHIPPED = Catalogue.load(DEMO / "catalogue.toml")
LEAKAGE = ("size-bound", "gated-cell", "suppression-pattern")
COLUMNS = tuple(
    (name, column) for name in SHIPPED.names for column in SHIPPED.dataset(name).columns
)
HELPERS = tuple(Helper(owner=p, accepts=[q for q in PARTIES if q != p]) for p in PARTIES)
PLAN = plan_question(
    (DEMO / "question.sql").read_text(encoding="utf-8"),
    Setting(
        catalogue=SHIPPED,
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

USES: tuple[Use, ...] = ("key", "filter", "value", "group")
MANY = settings(max_examples=150)  # most are one change away from what the plan meets
Levels = dict[tuple[str, str], Level]
Bounds = dict[str, Any]
levels = st.sampled_from(Level)
items = st.builds(
    lambda column, use, special: Item(column[0], column[1], use, special),
    st.sampled_from(COLUMNS),
    st.sampled_from(["key", *USES]),
    st.sampled_from([False] * 9 + [True]),
)
item_lists = st.lists(items, max_size=4)


def catalogue(given_levels: Levels) -> Catalogue:
    """The demo's catalogue with other levels; NONE where none is given."""
    datasets = []
    for name in SHIPPED.names:
        dataset = SHIPPED.dataset(name)
        columns = {
            c: column.model_copy(update={"level": given_levels.get((name, c), Level.NONE)})
            for c, column in dataset.columns.items()
        }
        datasets.append(dataset.model_copy(update={"columns": columns}))
    return Catalogue(tuple(datasets))


def reading(read: list[Item]) -> Physical:
    """The plan, each item being read by the first fragment of its owner, and nothing else."""
    waiting = list(read)
    fragments = []
    for fragment in PLAN.fragments:
        mine = tuple(i for i in waiting if SHIPPED.dataset(i.dataset).owner == fragment.owner)
        waiting = [item for item in waiting if item not in mine]
        fragments.append(replace(fragment, items=mine))
    assert not waiting  # else every plan would be refused, and no law tested
    return replace(PLAN, fragments=tuple(fragments))


MEETING: Bounds = {  # what the plan meets
    "permit": True,
    "minimum_persons": 10,
    "minimum_parties": 3,
    "adversary": "semi-honest",
    "blind_keys": True,
    "leakage": [*LEAKAGE],
    "recipients": ["bureau"],
    "engines": ["rep3"],
}
OTHER: dict[str, list[Any]] = {
    "permit": [False],
    "minimum_persons": [1, 9, 11],
    "minimum_parties": [1, 4],
    "adversary": ["malicious"],
    "blind_keys": [False],
    "leakage": [[*LEAKAGE, "x"], ["size-bound"], ["*"]],
    "recipients": [["*"], ["insurer"], ["bureau", "insurer"]],
    "engines": [["rep3", "clear"], ["clear"], ["*"]],
}


@st.composite
def wild(draw: st.DrawFn) -> Bounds:
    """The bounds that the plan meets, with up to two other ones."""
    changed = draw(st.lists(st.sampled_from(sorted(OTHER)), max_size=2, unique=True))
    return {**MEETING, **{name: draw(st.sampled_from(OTHER[name])) for name in changed}}


@st.composite
def tighter(draw: st.DrawFn, within: Bounds) -> Bounds:
    """`within`, perhaps with one bound made tighter."""
    change = draw(st.sampled_from(["nothing", *within]))
    found = {**within}
    match change:
        case "permit" | "blind_keys":
            found[change] = False
        case "minimum_persons" | "minimum_parties":
            found[change] += draw(st.integers(0, 3))
        case "adversary":
            found[change] = "malicious"
        case "leakage" | "engines" | "recipients":
            found[change] = draw(st.lists(st.sampled_from(within[change]), min_size=1, unique=True))
    return found


@st.composite
def tables(draw: st.DrawFn) -> dict[Level, Bounds]:
    """Bounds for the levels from the lowest on: each within those below, or wild."""
    found = [draw(wild())]
    while len(found) < len(Level) and draw(st.sampled_from([True] * 7 + [False])):
        found.append(draw(st.one_of(tighter(found[-1]), wild())))
    return dict(zip(Level, found, strict=False))


def rules(table: dict[Level, Bounds]) -> tuple[Rule, ...]:
    return tuple(
        Rule.model_validate(
            {"scenario": "audit", "level": level.name, "because": "the law says so", **bound}
        )
        for level, bound in table.items()
    )


def loaded(table: dict[Level, Bounds]) -> Policy | None:
    """The policy; None if it is not loaded."""
    try:
        return Policy.of(rules(table), HELPERS)
    except UsageError:
        return None


def permits(plan: Physical, records: Catalogue, policy: Policy) -> bool:
    try:
        permit = check(Case(plan, records, policy, CARDS, day="2026-01-01"), party="bureau")
    except PolicyRefused:
        return False
    return permit.plan == plan


def never_widens(before: bool, after: bool) -> None:
    assert before or not after, "a refusal became a permit"


@MANY
@given(item_lists, st.dictionaries(st.sampled_from(COLUMNS), levels), tables(), st.data())
def test_raising_a_level_never_permits_more(
    read: list[Item], low: Levels, table: dict[Level, Bounds], data: st.DataObject
) -> None:
    policy = loaded(table)
    assume(policy is not None and read)
    assert policy is not None
    raised = data.draw(st.sampled_from([(item.dataset, item.column) for item in read]))
    up = data.draw(st.sampled_from([lv for lv in Level if lv >= low.get(raised, Level.NONE)]))
    before = permits(reading(read), catalogue(low), policy)
    never_widens(before, permits(reading(read), catalogue({**low, raised: up}), policy))


@MANY
@given(item_lists, items, st.dictionaries(st.sampled_from(COLUMNS), levels), tables())
def test_reading_one_column_more_never_permits_more(
    read: list[Item], more: Item, given_levels: Levels, table: dict[Level, Bounds]
) -> None:
    policy = loaded(table)
    assume(policy is not None)
    assert policy is not None
    records = catalogue({**given_levels})
    before = permits(reading(read), records, policy)
    never_widens(before, permits(reading([*read, more]), records, policy))
    never_widens(before, permits(_in_another_fragment(read, more), records, policy))


def _in_another_fragment(read: list[Item], more: Item) -> Physical:
    plan = reading(read)
    owner = SHIPPED.dataset(more.dataset).owner
    last = max(n for n, fragment in enumerate(plan.fragments) if fragment.owner == owner)
    return replace(
        plan,
        fragments=tuple(
            replace(fragment, items=(*fragment.items, more)) if n == last else fragment
            for n, fragment in enumerate(plan.fragments)
        ),
    )


@MANY
@given(item_lists, st.sampled_from(COLUMNS), tables())
def test_picking_special_codes_never_permits_more(
    read: list[Item], column: tuple[str, str], table: dict[Level, Bounds]
) -> None:
    policy = loaded(table)
    assume(policy is not None)
    assert policy is not None
    for use in USES:
        plain, special = (Item(column[0], column[1], use, flag) for flag in (False, True))
        before = permits(reading([*read, plain]), SHIPPED, policy)
        never_widens(before, permits(reading([*read, special]), SHIPPED, policy))
        assert sensitivity(reading([*read, special]), SHIPPED).level is Level.HIGH


@MANY
@given(item_lists, tables(), st.data())
def test_tightening_rules_never_permits_more(
    read: list[Item], table: dict[Level, Bounds], data: st.DataObject
) -> None:
    policy = loaded(table)
    assume(policy is not None)
    changed = data.draw(st.sets(st.sampled_from(sorted(table)), min_size=1))
    narrower = loaded(
        {lv: data.draw(tighter(b)) if lv in changed else b for lv, b in table.items()}
    )
    # One level alone may then be tighter than one above it: such a file is not loaded.
    assume(narrower is not None)
    assert policy is not None
    assert narrower is not None
    before = permits(reading(read), SHIPPED, policy)
    never_widens(before, permits(reading(read), SHIPPED, narrower))


@MANY
@given(item_lists, tables(), st.data())
def test_taking_rules_away_never_permits_more(
    read: list[Item], table: dict[Level, Bounds], data: st.DataObject
) -> None:
    policy = loaded(table)
    assume(policy is not None)
    assert policy is not None
    highest = data.draw(st.sampled_from(sorted(table)))
    fewer = loaded({level: bound for level, bound in table.items() if level < highest})
    assert fewer is not None
    before = permits(reading(read), SHIPPED, policy)
    never_widens(before, permits(reading(read), SHIPPED, fewer))


def test_the_law_notices_a_policy_that_is_out_of_order() -> None:
    table: dict[Level, Bounds] = {Level.NONE: {**MEETING, "permit": False}, Level.HIGH: MEETING}
    assert loaded(table) is None
    policy = Policy(rules(table), HELPERS, "not checked")
    column = ("hospital.cases", "tot_fee")
    plan = reading([Item(*column, "value")])
    before = permits(plan, catalogue({}), policy)
    with pytest.raises(AssertionError, match="a refusal became a permit"):
        never_widens(before, permits(plan, catalogue({column: Level.HIGH}), policy))
