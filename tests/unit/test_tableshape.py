"""Shapes of shared tables: rows, columns and owners as the steps say; a plan that does not fit together is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests import plans
from tests.plans import READMITTED, SHARED, STAY, called, changed, digest, flag, number

from mpcstats.errors import InternalError
from mpcstats.plan import tables
from mpcstats.plan.physical import Physical
from mpcstats.plan.tables import Aggregate, Backing, Computed, Null, Order, Reference
from mpcstats.plan.tableshape import Shape, shapes


def names(shape: Shape) -> list[str]:
    return list(shape.columns)


def test_a_find_keeps_rows_and_adds_columns_that_may_be_null() -> None:
    found = shapes(STAY)
    assert (found["settled"].rows, found["settled"].fragment) == (plans.SETTLEMENTS, "s")
    shape = found["find_h3"]
    assert (shape.rows, shape.fragment, shape.partial) == (plans.SETTLEMENTS, "s", True)
    assert shape.columns["tot_fee_h2"] == number("tot_fee_h2", 0, plans.FEE, nullable=True)
    assert shape.columns["hit_h1"] == flag("hit_h1")


def test_cells_are_the_rows_of_what_is_counted() -> None:
    found = shapes(STAY)
    assert (found["counted"].rows, found["counted"].partial) == (len(plans.DRGS), False)
    assert names(found["counted"]) == ["n", "fund", "fees", "all_days", "n_h1"]
    assert names(found["averages"])[-2:] == ["part_0", "part_1"]
    assert shapes(READMITTED)["all"].rows == 1


def test_several_fragments_are_one_table_of_nobody() -> None:
    shape = shapes(READMITTED)["later"]
    assert (shape.rows, shape.fragment) == (plans.STAYS, None)
    assert shape.columns["next_cat"] == digest("next_cat", nullable=True)


def test_a_stack_has_the_columns_that_all_have() -> None:
    fewer = changed(SHARED, "claims_q", columns=plans.CLAIMED[:2])
    fewer = replace(fewer, steps=fewer.steps[:3] + fewer.steps[-1:])
    assert names(shapes(fewer)["claims"]) == ["certno_c", "paid_amt_c"]


def test_groups_are_no_more_than_rows() -> None:
    assert shapes(SHARED)["persons"].rows == 4_500
    assert shapes(changed(SHARED, "persons", groups=9_999))["persons"].rows == plans.N_CLAIMS
    assert names(shapes(SHARED)["persons"])[:2] == ["certno_c", "insutype_e"]


@pytest.mark.parametrize(("kind", "nullable"), [("inner", False), ("left", True)])
def test_a_left_match_has_nulls_at_the_right(kind: str, nullable: bool) -> None:
    column = shapes(changed(SHARED, "insured_claims", kind=kind))["insured_claims"].columns
    assert column["insutype_e"].nullable is nullable


def test_many_matches_are_blocks_of_rows_and_no_longer_the_owners() -> None:
    given = changed(SHARED, "insured_claims", left="claims_p")
    assert shapes(given)["insured_claims"].fragment == "c_p"
    shape = shapes(changed(given, "insured_claims", most=3))["insured_claims"]
    assert (shape.rows, shape.fragment) == (3 * plans.CLAIMS["p"], None)


def test_a_plan_without_tables_has_no_shapes() -> None:
    gate = STAY.steps[-1]
    assert shapes(replace(STAY, steps=(gate,))) == {}


def step(of: Physical, name: str) -> Any:
    return next(each for each in of.steps if each.name == name)


def derived(node: tables.Node, keep: tables.Node | None = None, kind: Any = number) -> Physical:
    column = flag("new") if kind is flag else number("new", -9, 9)
    return changed(STAY, "joined", columns=(Computed(column, node),), keep=keep)


def without(of: Physical, name: str) -> Physical:
    return replace(of, steps=tuple(each for each in of.steps if each.name != name))


def fragment_changed(of: Physical, name: str, **changes: Any) -> Physical:
    fragments = tuple(replace(f, **changes) if f.name == name else f for f in of.fragments)
    return replace(of, fragments=fragments)


MAYBE = replace(flag("enough"), nullable=True)

BAD: dict[str, Callable[[], Physical]] = {
    # References.
    "step find_h2: expected the table of an earlier step, got 'find_h1'": lambda: without(
        STAY, "find_h1"
    ),
    "step settled: expected a fragment of the plan, got 'x'": lambda: changed(
        STAY, "settled", fragments=("x",)
    ),
    "step settled: expected a column of fragment s, got 'x'": lambda: changed(
        STAY, "settled", columns=(number("x", 0, 1),)
    ),
    "step find_h1: expected a digest column of fragment s, got 'fund_pay_sumamt_s'": lambda: (
        changed(STAY, "find_h1", left_key="fund_pay_sumamt_s")
    ),
    "step counted: expected a column of drg_code_s, fund_pay_sumamt_s, tot_fee_h1": lambda: changed(
        STAY, "counted", aggregates=(Aggregate(number("y", 0, 1), "sum", "x"),)
    ),
    # Rows of another fragment, or of none.
    "step find_h1: expected a table whose rows are those of fragment c_h1, got s": lambda: changed(
        STAY, "find_h1", left="c_h1", left_key="setl_id_h1"
    ),
    "step beside: expected tables of equally many rows, got [2, 4500]": lambda: changed(
        SHARED, "beside", of=("counts", "persons")
    ),
    # A column that not all tables have is gone once they are stacked.
    "step persons: expected a column of certno_c, paid_amt_c, insutype_e, insured_hit, got": lambda: (
        changed(SHARED, "claims_q", columns=plans.CLAIMED[:2])
    ),
    # Kinds.
    "step insured_claims: expected insutype_e to be comparable with certno_c, a digest": lambda: (
        changed(SHARED, "insured_claims", on=(("certno_c", "insutype_e"),))
    ),
    "expected number or flag, got a digest": lambda: changed(
        READMITTED,
        "again",
        columns=(Computed(flag("soon"), called("lt", "cat_u", 3)),),
    ),
    "step joined: expected new to be a number": lambda: derived(
        Reference("fund_pay_sumamt_s"), kind=flag
    ),
    "step joined: expected a flag that says which rows stay": lambda: derived(
        Null(), keep=Reference("fund_pay_sumamt_s")
    ),
    "step counts: expected count, sum, got max": lambda: changed(
        SHARED, "counts", aggregates=(Aggregate(number("n", 0, 9), "max", "paid"),)
    ),
    "step counts: expected a column to take the sum of, got none": lambda: changed(
        SHARED, "counts", aggregates=(Aggregate(number("n", 0, 9), "sum"),)
    ),
    "step spread: expected a column of kind number or flag, got certno_c, a digest": lambda: (
        changed(SHARED, "spread", value="certno_c")
    ),
    # Bounds.
    "step settled: expected bounds of a number, got fund_pay_sumamt_s from": lambda: changed(
        STAY, "settled", columns=(number("fund_pay_sumamt_s", -(2**62) - 1, 2**61),)
    ),
    "step settled: expected fund_pay_sumamt_s of fragment s, a number from": lambda: changed(
        STAY, "settled", columns=(number("fund_pay_sumamt_s", 0, 9),)
    ),
    "step stays: expected a column without NULLs of u_h1, got dscg_way_u": lambda: changed(
        READMITTED, "stays", columns=(*plans.STAYED[:4], number("dscg_way_u", 1, 9))
    ),
    "step joined: mul: expected values of at least -2^62 and below 2^62": lambda: derived(
        called("mul", called("mul", "fund_pay_sumamt_s", "fund_pay_sumamt_s"), 10**4)
    ),
    "step spread: expected bounds of a wide": lambda: changed(
        SHARED, "spread", numerator=tables.Column("over", "wide", 0, 2**126)
    ),
    "step counted: expected numbers of 19 cells": lambda: changed(STAY, "counted", cells=19),
    "step all: expected one cell without a column that says which, got 2": lambda: changed(
        READMITTED, "all", cells=2
    ),
    # Names.
    "step counted: expected a new column to have a name of its own, got 'n'": lambda: changed(
        STAY, "counted", aggregates=(Aggregate(number("n", 0, 9), "count"),) * 2
    ),
    "step find_h1: expected a new column to have a name of its own, got 'drg_code_s'": lambda: (
        changed(STAY, "find_h1", hit="drg_code_s")
    ),
    "step all: expected cat_u to be a digest, as in another table, got number": lambda: changed(
        READMITTED, "all", aggregates=(Aggregate(number("cat_u", 0, 9), "count"),)
    ),
    # What is left of each step.
    "step insured_claims: expected 1 match without columns, got 1 with 1 columns": lambda: changed(
        SHARED, "insured_claims", kind="semi"
    ),
    "step insured_claims: expected at least one pair of columns": lambda: changed(
        SHARED, "insured_claims", on=()
    ),
    "step find_h1: expected a bound of at least 1 on distinct keys, got 0": lambda: changed(
        STAY, "find_h1", distinct=0
    ),
    "step persons: expected keys and at least one group, got 2 and 0": lambda: changed(
        SHARED, "persons", groups=0
    ),
    "step later: expected columns to partition or to order by, got none": lambda: changed(
        READMITTED, "later", partition=(), order=()
    ),
    "step later: expected a column at a distance for a lag, got None, 1": lambda: changed(
        READMITTED, "later", functions=(tables.Neighbour(number("x", 0, 1), "lag"),)
    ),
    "step later: expected a column of certno_u": lambda: changed(
        READMITTED, "later", order=(Order("x"),)
    ),
    "step median: expected a quantile, got 3 / 2": lambda: changed(SHARED, "median", numerator=3),
    # The outcome.
    "step outcome: expected a table of all 20 cells, got 20000 rows": lambda: changed(
        STAY, "outcome", of="joined"
    ),
    "step outcome: expected a number of persons of each cell, got none": lambda: changed(
        STAY, "outcome", persons=()
    ),
    "step outcome: expected a column of kind flag, got n, a number": lambda: changed(
        STAY, "outcome", appears="n"
    ),
    "step outcome: expected an entry for each of 8 totals, got 1": lambda: changed(
        STAY, "outcome", backing=(Backing("n"),)
    ),
    "step outcome: expected a column that is never NULL to be declared so, got enough": lambda: (
        changed(
            changed(STAY, "shown", columns=(Computed(MAYBE, called("le", 30, "n")),)),
            "outcome",
            totals=(plans.total("enough", 1),),
        )
    ),
    "step outcome: expected a column that may be NULL to be declared so, got enough": lambda: (
        changed(
            changed(STAY, "shown", columns=(Computed(flag("enough"), called("lt", Null(), "n")),)),
            "outcome",
            totals=(plans.total("enough", 1),),
        )
    ),
}


@pytest.mark.parametrize("words", BAD)
def test_a_plan_that_does_not_fit_together_is_refused(words: str) -> None:
    with pytest.raises(InternalError) as caught:
        shapes(BAD[words]())
    assert words in str(caught.value)


def test_an_unknown_number_of_operands_is_refused() -> None:
    for node in (called("add", 1), called("if", 1, 2), tables.Call("least", ())):
        with pytest.raises(InternalError, match="operands"):
            shapes(derived(node))
