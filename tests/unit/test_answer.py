"""What a recipient sees: labels, suppressed cells, empty groups at k = 1, ORDER BY, the printed table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mpcstats.errors import InternalError
from mpcstats.party.answer import Answer, answer
from mpcstats.plan import physical as plans
from mpcstats.plan import tables
from mpcstats.protocols.cells import Opened

GROUPS = (
    plans.GroupKey(plans.SPINE, "g0", ("x", "y")),
    plans.GroupKey(plans.SPINE, "g1", (10, 20)),
)
OUTPUT = (
    plans.OutputColumn("letter", "group", 0),
    plans.OutputColumn("number", "group", 1),
    plans.OutputColumn("total", "total", 0),
)


def plan(k: int = 11, order: tuple[tuple[int, bool], ...] = ()) -> plans.Physical:
    step = plans.Sum("sum", (), GROUPS, (plans.Total("total", (), 1),))
    gate = plans.Gate("gate", "sum", (plans.Release(("a",), k),))
    return plans.Physical(
        *("text", "s", "p", "a", "rep3", ("a", "b", "c"), (), (step, gate), OUTPUT, order)
    )


def opened(shown: list[bool], values: list[int]) -> Opened:
    cells = np.array(shown)
    return Opened(cells, cells[None], cells[None], np.array([values], dtype=np.int64))


def test_cells_run_through_the_last_group_fastest() -> None:
    found = answer(plan(), [opened([True] * 4, [1, -2, 3, 4])])
    assert found.rows == (("x", 10, 1), ("x", 20, -2), ("y", 10, 3), ("y", 20, 4))
    assert found.suppressed == 0


def test_a_suppressed_cell_keeps_its_labels_and_says_so() -> None:
    found = answer(plan(), [opened([True, False, True, True], [1, 0, 3, 4])])
    assert found.rows[1] == ("x", 20, None)
    assert found.states[1] == ("value", "value", "suppressed")
    assert found.suppressed == 1
    assert str(found).splitlines()[2].split() == ["x", "20", "suppressed"]


def test_with_k_1_an_empty_group_is_left_out_as_in_sql() -> None:
    found = answer(plan(k=1), [opened([True, False, True, True], [1, 0, 3, 4])])
    assert [row[:2] for row in found.rows] == [("x", 10), ("y", 10), ("y", 20)]


def test_order_by_is_stable_and_puts_suppressed_cells_last() -> None:
    order = ((2, True), (0, False))
    found = answer(plan(order=order), [opened([True, False, True, True], [3, 0, 3, 4])])
    assert [row[2] for row in found.rows] == [4, 3, 3, None]
    assert [row[0] for row in found.rows[1:3]] == ["x", "y"]


def test_ascending_order_puts_suppressed_cells_last_too() -> None:
    found = answer(plan(order=((2, False),)), [opened([True, False, True, True], [3, 0, 5, 4])])
    assert [row[2] for row in found.rows] == [3, 4, 5, None]


SUM = plans.Sum("sum", (), (), (plans.Total("total", (), 1),))
COHORT = plans.Cohort("sum", "s", (), plans.Always(), (), SUM.totals)


@pytest.mark.parametrize(
    ("k", "step", "cell", "state"),
    [
        (11, SUM, None, "suppressed"),
        (11, COHORT, None, "suppressed"),
        (1, SUM, None, "suppressed"),  # rows without a key may be there
        (1, COHORT, 0, "value"),
    ],
)
def test_without_groups_one_row_is_there(
    k: int, step: plans.Sum | plans.Cohort, cell: int | None, state: str
) -> None:
    whole = plan(k=k)
    lone = replace(whole, steps=(step, whole.gate), output=OUTPUT[2:])
    found = answer(lone, [opened([False], [0])])
    assert found.rows == ((cell,),)
    assert found.states == ((state,),)


def test_the_table_is_aligned_and_groups_thousands() -> None:
    table = Answer(("n",), ((1234567,), (1,)), (("value",), ("value",)))
    assert str(table) == "        n\n1,234,567\n        1"


def test_json_has_plain_lists() -> None:
    found = answer(plan(), [opened([True, False, True, True], [1, 0, 3, 4])]).to_json()
    assert found["columns"] == ["letter", "number", "total"]
    assert found["rows"] == [["x", 10, 1], ["x", 20, None], ["y", 10, 3], ["y", 20, 4]]


@pytest.mark.parametrize("hidden", [0, 3])
def test_repr_shows_no_cell(hidden: int) -> None:
    shown = [i != hidden for i in range(4)]
    assert "987654" not in repr(answer(plan(), [opened(shown, [987654, 987654, 987654, 987654])]))


def outcome(
    output: tuple[plans.OutputColumn, ...],
    *,
    groups: tuple[plans.GroupKey, ...] = (),
    k: int = 1,
    limit: int | None = None,
    order: tuple[tuple[int, bool], ...] = (),
) -> plans.Physical:
    """A plan on shared tables: totals a (never NULL) and b (which may be)."""
    columns = (
        tables.Aggregate(tables.Column("a", "number", 0, 99), "count"),
        tables.Aggregate(tables.Column("b", "number", 0, 99, nullable=True), "sum", "x"),
    )
    totals = tuple(plans.Total(name, (), 99) for name in "ab")
    steps = (
        tables.Tally("t", "l", None, 1, columns),
        tables.Outcome("o", "t", groups, totals, ("a",)),
        plans.Gate("gate", "o", (plans.Release(("a",), k),)),
    )
    return plans.Physical(
        *("text", "s", "p", "a", "rep3", ("a", "b", "c"), (), steps, output, order, limit)
    )


def both(shown: list[bool], known: list[bool], a: list[int], b: list[int]) -> Opened:
    """What is opened of cells with the totals a and b, b being NULL where it is not known."""
    cells = np.array(shown)
    values = np.array([a, b], dtype=np.int64)
    return Opened(cells, np.stack([cells] * 2), np.stack([cells, np.array(known)]), values)


@pytest.mark.parametrize(
    ("kind", "a", "b", "expected"),
    [
        ("ratio", 2, 5 * 10**16, 2.5),
        ("ratio", -1, -25 * 10**16, -3.5),
        ("ratio", 10**17, 1, 1e17),
        ("quotient", 1, 3, 1 / 3),
        ("quotient", 7, 0, None),
        ("root", 2, 25 * 10**16, 1.5 * 2**0.5),
    ],
)
def test_two_totals_make_a_number(kind: Any, a: int, b: int, expected: float | None) -> None:
    plan = outcome((plans.OutputColumn("q", kind, 0, 1),))
    found = answer(plan, [both([True], [True], [a], [b])])
    (((value,),), ((state,),)) = (found.rows, found.states)
    assert state == "value"
    assert value == (expected if expected is None else pytest.approx(expected, rel=1e-15))


def test_a_number_of_two_totals_is_null_or_suppressed_with_either() -> None:
    output = (plans.OutputColumn("q", "ratio", 0, 1), plans.OutputColumn("b", "total", 1))
    found = answer(outcome(output), [both([True], [False], [1], [0])])
    assert (found.rows, found.states) == (((None, None),), (("value", "value"),))
    assert str(found).split() == ["q", "b", "NULL", "NULL"]
    hidden = answer(outcome(output, k=2), [both([False], [False], [0], [0])])
    assert hidden.states == (("suppressed", "suppressed"),)


def test_nobody_is_a_count_of_0_and_a_sum_of_null() -> None:
    output = (plans.OutputColumn("a", "total", 0), plans.OutputColumn("b", "total", 1))
    found = answer(outcome(output), [both([False], [False], [0], [0])])
    assert (found.rows, found.states) == (((0, None),), (("value", "value"),))


def test_limit_leaves_the_first_rows_and_null_is_a_label() -> None:
    group = plans.GroupKey("", "g", ("x", None, "y"))
    output = (plans.OutputColumn("g", "group", 0), plans.OutputColumn("a", "total", 0))
    plan = outcome(output, groups=(group,), limit=2, order=((1, True),))
    found = answer(plan, [both([True] * 3, [True] * 3, [1, 2, 3], [0] * 3)])
    assert found.rows == (("y", 3), (None, 2))
    assert str(found).split() == ["g", "a", "y", "3", "NULL", "2"]


# Releases, NULL, HAVING.


def of(release: plans.Release) -> plans.Physical:
    whole = plan()
    gate = replace(whole.gate, releases=(*whole.gate.releases, release))
    return replace(whole, steps=(*whole.steps[:-1], gate))


def nullable(shown: list[bool], released: list[bool], known: list[bool]) -> Opened:
    values = np.where(known, 7, 0)
    return Opened(np.array(shown), np.array([released]), np.array([known]), values[None])


def test_null_is_a_value_and_says_so() -> None:
    found = answer(
        plan(), [nullable([True] * 4, [True, True, False, True], [True, False, False, True])]
    )
    assert [row[2] for row in found.rows] == [7, None, None, 7]
    assert [states[2] for states in found.states] == ["value", "value", "suppressed", "value"]
    assert found.suppressed == 1
    assert [line.split()[2] for line in str(found).splitlines()] == [
        *("total", "7", "NULL", "suppressed", "7")
    ]


def test_a_column_can_be_suppressed_in_a_cell_that_is_shown() -> None:
    found = answer(
        plan(),
        [
            nullable(
                [True, True, False, True], [True, False, False, True], [True, False, False, True]
            )
        ],
    )
    assert [states[2] for states in found.states] == ["value", "suppressed", "suppressed", "value"]


def test_a_recipient_sees_what_any_of_its_releases_shows() -> None:
    both = of(plans.Release(("a",), 1, cells=(1, 2), exempt="ab" * 32))
    first = opened([True, False, False, True], [1, 0, 0, 4])
    second = Opened(
        *(np.array(x) for x in ([True, True], [[True, True]], [[True, True]], [[2, 3]]))
    )
    assert [row[2] for row in answer(both, [first, second]).rows] == [1, 2, 3, 4]
    # The first is not to this party: other cells are no rows of its answer.
    assert answer(both, [None, second]).rows == (("x", 20, 2), ("y", 10, 3))
    assert answer(both, [first, None]).states[1][2] == "suppressed"


def test_a_column_of_no_release_is_not_computed() -> None:
    step = plans.Sum("sum", (), GROUPS, (plans.Total("total", (), 1), plans.Total("other", (), 1)))
    output = (*OUTPUT, plans.OutputColumn("other", "total", 1))
    gate = plans.Gate("gate", "sum", (plans.Release(("a",), 11, columns=(1,)),))
    whole = replace(plan(), steps=(step, gate), output=output)
    found = answer(whole, [opened([True, False, True, True], [5, 0, 6, 7])])
    assert found.rows[0] == ("x", 10, None, 5)
    assert found.states[0][2:] == ("not computed", "value")
    assert found.states[1][2:] == ("not computed", "suppressed")


def test_what_having_has_not_let_through_is_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = opened([True, False, True, False], [1, 0, 3, 0])
    assert len(answer(plan(), [shown]).rows) == 4
    monkeypatch.setattr(plans.Physical, "tests", plans.Tests(1, (), having=True))
    assert answer(plan(), [shown]).rows == (("x", 10, 1), ("y", 10, 3))


def test_every_release_must_be_accounted_for() -> None:
    with pytest.raises(InternalError, match="expected what 1 releases open, got 2"):
        answer(plan(), [None, None])
