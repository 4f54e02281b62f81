"""Policy over plans of shared tables: which totals are amounts, which operations, which helpers, which levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import plans
from tests.plans import CATALOGUE, READMITTED, SHARED, STAY, called, changed, number

from mpcstats.cards.load import load_cards
from mpcstats.plan.physical import Item, Physical
from mpcstats.plan.tables import (
    Aggregate,
    Backing,
    Computed,
    Node,
    Null,
    Number,
    Outcome,
    Reference,
)
from mpcstats.policy.case import Case
from mpcstats.policy.conditions.helpers_accepted import helpers_accepted
from mpcstats.policy.derived import AFTER_GATE, derived
from mpcstats.policy.magnitude import magnitudes, moments, sums
from mpcstats.policy.operations import operations
from mpcstats.policy.rule import Policy
from mpcstats.policy.sensitivity import sensitivity
from mpcstats.records.levels import Level

# --- magnitudes ---


def test_averages_of_amounts_are_magnitudes_and_counts_are_not() -> None:
    quotients = ("fee_0", "fee_1", "alos_0", "alos_1", "part_0", "part_1")
    assert magnitudes(STAY, CATALOGUE) == sums(STAY, CATALOGUE) == quotients
    assert moments(STAY, CATALOGUE) == ()


def test_counts_of_conditions_on_amounts_are_no_magnitudes() -> None:
    assert magnitudes(READMITTED, CATALOGUE) == sums(READMITTED, CATALOGUE) == ()


def test_extremes_quantiles_and_variances_are_magnitudes_and_distinct_counts_are_not() -> None:
    found = ("paid_all", "most", "mid", "var_0", "var_1")
    assert magnitudes(SHARED, CATALOGUE) == found
    assert moments(SHARED, CATALOGUE) == ("var_0", "var_1")


def summed(node: Node, low: int = 0, high: int = 10) -> Physical:
    """The readmissions, with the sum over the node in place of those of 30 days."""
    made = Computed(number("made", low, high), node)
    plan = changed(READMITTED, "again", columns=(made,))
    total = 10 * plans.STAYS
    counted = (
        Aggregate(number("n_dscg", 0, plans.STAYS), "count"),
        Aggregate(number("r30", -total, total), "sum", "made"),
        Aggregate(number("r15", 0, plans.STAYS), "count", "made"),
    )
    return changed(plan, "all", aggregates=counted)


LATE = called("le", 20_000, "adm_day_u")


@pytest.mark.parametrize(
    ("node", "amount"),
    [
        (LATE, False),
        (called("if", LATE, 1, 0), False),
        (called("if", LATE, 1, Null()), False),
        (called("add", LATE, called("isnull", "cat_u")), False),
        (called("least", LATE, called("not", LATE)), False),
        (called("mul", LATE, LATE), False),
        (Number(1), False),
        # An amount in whatever expression.
        (Reference("dscg_way_u"), True),
        (called("if", LATE, "dscg_way_u", 0), True),
        (called("mul", LATE, "dscg_way_u"), True),
        (called("coalesce", "dscg_way_u", 0), True),
        (called("add", LATE, called("abs", "dscg_way_u")), True),
        (called("mod", "dscg_day_u", 7), True),
        # What cannot be told: constants over thresholds, a product and a difference of counts.
        (called("if", LATE, 5, 0), True),
        (called("mul", LATE, 5), True),
        (called("mul", called("add", LATE, LATE), called("add", LATE, LATE)), True),
        (called("mod", called("add", LATE, LATE), called("add", LATE, 1)), True),
    ],
)
def test_whether_a_sum_is_an_amount_is_read_off_its_expression(node: Node, amount: bool) -> None:
    assert magnitudes(summed(node), CATALOGUE) == (("r30",) if amount else ())


def test_what_may_be_below_zero_is_an_amount() -> None:
    node = called("sub", LATE, called("isnull", "cat_u"))
    assert magnitudes(summed(node, low=-1), CATALOGUE) == ("r30",)


def reading(plan: Physical, dataset: str) -> Physical:
    """The plan, all of whose fragments read the certificate and an amount of `dataset`."""
    items = (Item(dataset, "certno", "key"), Item(dataset, "premium", "value"))
    return replace(plan, fragments=tuple(replace(f, items=items) for f in plan.fragments))


def test_amounts_of_datasets_without_contributors_are_sums_and_no_magnitudes() -> None:
    plan = reading(summed(Reference("dscg_way_u")), "p.policies")
    assert (magnitudes(plan, CATALOGUE), sums(plan, CATALOGUE)) == ((), ("r30",))
    unknown = reading(plan, "no.where")
    assert magnitudes(unknown, CATALOGUE) == ("r30",)


def test_a_fragments_own_counts_stay_counts() -> None:
    plan = summed(Reference("dscg_way_u"))
    keys = (Item("h1.cases", "certno", "key"), Item("h1.cases", "tot_fee", "filter"))
    counted = replace(plan, fragments=tuple(replace(f, items=keys) for f in plan.fragments))
    assert sums(counted, CATALOGUE) == ()


# --- operations, helpers ---


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (STAY, ("count", "join", "group-by", "sum")),
        (READMITTED, ("count", "window")),
        (
            SHARED,
            ("count", "join", "group-by", "quantile", "distinct", "moments", "sum"),
        ),
    ],
)
def test_operations_of_steps_on_tables(plan: Physical, expected: tuple[str, ...]) -> None:
    assert operations(plan, CATALOGUE) == expected


def test_distinct_values_of_groups_are_an_operation_of_their_own() -> None:
    counted = (Aggregate(number("n_claims", 0, 9), "distinct", "report_day_c"),)
    last = Aggregate(number("last_day", 0, 9), "count")
    paid = Aggregate(number("paid", 0, 9), "count")
    plan = changed(SHARED, "persons", aggregates=(*counted, last, paid))
    top = Aggregate(number("most", 0, 9), "max", "paid")
    days = Aggregate(number("days", 0, 9), "max", "last_day")
    plan = changed(plan, "extremes", aggregates=(top, days))
    assert "distinct" in operations(plan, CATALOGUE)
    plan = changed(
        plan, "persons", aggregates=(Aggregate(number("n_claims", 0, 9), "count"), last, paid)
    )
    assert "distinct" not in operations(plan, CATALOGUE)


@pytest.mark.parametrize("field", ["persons", "support", "rests"])
def test_what_the_gate_counts_cells_by_is_no_operation_of_its_own(field: str) -> None:
    (shown,) = (step for step in SHARED.steps if step.name == "outcome")
    assert isinstance(shown, Outcome)
    totals = tuple(total for total in shown.totals if total.name != "days")
    names: dict[str, Any] = {"support": {"support": "days"}, "rests": {"rests": ("days",)}}
    backing = (Backing(**names.get(field, {})), *(Backing() for _ in totals[1:]))
    persons = ("days",) if field == "persons" else shown.persons
    plan = changed(SHARED, "outcome", totals=totals, backing=backing, persons=persons)
    assert "distinct" not in operations(plan, CATALOGUE)
    assert "distinct" in operations(SHARED, CATALOGUE)
    opened = changed(SHARED, "outcome", persons=("days",))
    assert "distinct" in operations(opened, CATALOGUE)


DEMO = Path(plans.__file__).parents[1] / "demos" / "six_parties"


def helper_reasons(plan: Physical) -> list[str]:
    case = Case(plan, CATALOGUE, Policy.load(DEMO / "policy.toml"), load_cards(), day="2026-01-01")
    return [reason.text for reason in helpers_accepted(case)]


def test_every_helper_of_a_find_must_be_accepted_by_both_owners() -> None:
    assert helper_reasons(STAY) == []
    refused = ["bureau is no helper that bureau and h2 both accept"]
    assert helper_reasons(changed(STAY, "find_h2", helper="bureau")) == refused
    # q would be a third party, but nobody accepts it.
    assert helper_reasons(changed(STAY, "find_h1", helper="q")) == [
        "q is no helper that bureau and h1 both accept"
    ]


# --- levels ---


def levels(plan: Physical, of: str) -> dict[str, Level]:
    return {each.name: each.level for each in derived(plan, CATALOGUE) if each.of == of}


def test_every_column_of_a_table_has_the_level_of_all_that_reaches_it() -> None:
    because = {(d.of, d.name): d.because for d in derived(STAY, CATALOGUE)}
    assert because["settled", "fund_pay_sumamt_s"] == because["settled", "rows"]
    assert not any(name.startswith("h1.") for name in because["settled", "rows"])
    assert "h1.cases.tot_fee" in because["find_h1", "hit_h1"]
    assert "h2.cases.tot_fee" not in because["find_h1", "tot_fee_h1"]
    assert "h3.cases.tot_fee" in because["counted", "n"]
    assert set(levels(STAY, "outcome").values()) == {Level.MODERATE}
    assert set(levels(STAY, "answer").values()) == {AFTER_GATE}


def with_special(plan: Physical, name: str) -> Physical:
    special = Item("h1.cases", "diag_main", "filter", special=True)
    return replace(
        plan,
        fragments=tuple(
            replace(f, items=(*f.items, special)) if f.name == name else f for f in plan.fragments
        ),
    )


def steps_at(plan: Physical, level: Level) -> set[str]:
    return {d.of for d in derived(plan, CATALOGUE) if d.stage == "table" and d.level is level}


def test_a_special_code_rises_from_where_it_enters() -> None:
    plan = with_special(STAY, "c_h2")
    assert steps_at(plan, Level.HIGH) == {
        *("find_h2", "find_h3", "joined", "counted", "averages", "shown")
    }
    assert set(levels(plan, "outcome").values()) == {Level.HIGH}
    assert set(levels(plan, "answer").values()) == {AFTER_GATE}
    assert sensitivity(plan, CATALOGUE).level is Level.HIGH


def test_a_blind_key_is_compared_and_counts_for_no_level() -> None:
    keys = [d for d in derived(READMITTED, CATALOGUE) if d.name == "key"]
    assert {(d.of, d.blind) for d in keys} == {("u_h1", True), ("u_h2", True), ("u_h3", True)}
    tables = [d for d in derived(READMITTED, CATALOGUE) if d.stage == "table"]
    assert not any("certno" in name for d in tables for name in d.because)


def test_a_column_appears_once() -> None:
    found = [(d.of, d.name) for d in derived(SHARED, CATALOGUE) if d.stage == "table"]
    assert len(found) == len(set(found))
    assert ("beside", "n") not in found
    assert ("counts", "n") in found
