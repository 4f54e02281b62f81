"""Layouts, patterns and the audit against enumeration; the optimal method and HiGHS where it is installed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Collection
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.errors import InternalError, UsageError
from mpcstats.suppression.audit import Bounds, Interval, Solver, audit
from mpcstats.suppression.elimination import rank
from mpcstats.suppression.layout import Axis, Layout, Whole, cube, grouping_sets, rollup
from mpcstats.suppression.pattern import Move, Pattern, determined, least
from mpcstats.suppression.secondary import Method, check_method, secondary
from mpcstats.suppression.simplex import Feasible

METHODS: tuple[Method, ...] = ("greedy", "optimal")
HIERARCHY = Layout((Axis(5, ((0, 1), (2, 3, 4), (0, 1, 2, 3, 4))), Axis.with_total(2)))


def with_solver(method: str) -> None:
    if method in ("optimal", "highs"):
        pytest.importorskip("highspy", reason="the extra sdc is not installed")


layouts = st.one_of(
    st.lists(st.integers(1, 4), min_size=1, max_size=3).map(cube),
    st.lists(st.integers(1, 4), min_size=1, max_size=3).map(rollup),
    st.sampled_from(
        [HIERARCHY, grouping_sets((2, 3, 2), [(0, 1, 2), (0,), (1, 2)]), cube((2, 2, 2, 2))]
    ),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Layout, Whole, frozenset[int]]:
    """A layout, values of all of its cells, and the cells below 5."""
    layout = draw(layouts)
    atoms = [draw(st.sampled_from([0, 1, 4, 9, 20, 50])) for _ in layout.atoms]
    values = layout.sums(np.array(atoms, dtype=np.int64))
    return layout, values, frozenset(int(c) for c in np.flatnonzero(layout.shown & (values < 5)))


@settings(max_examples=15)
@given(table=tables())
def test_sums_are_the_members_times_the_atoms(table: tuple[Layout, Whole, frozenset[int]]) -> None:
    layout, values, _ = table
    assert np.array_equal(layout.members() @ values[list(layout.atoms)], values)
    assert np.array_equal(layout.weights(), layout.members().sum(axis=1))
    members = layout.members()
    for cell in range(layout.cells):
        for other in range(0, layout.cells, 7):
            inside = bool(np.all(members[cell] <= members[other]))
            assert layout.within(cell, other) == inside


def test_a_cube_a_rollup_and_sets_have_the_cells_that_sql_gives_them() -> None:
    sizes = (2, 3)
    assert (cube(sizes).shown.sum(), rollup(sizes).shown.sum()) == (6 + 2 + 3 + 1, 6 + 2 + 1)
    assert grouping_sets(sizes, [(0, 1), (1,)]).shape == (3, 3)
    assert grouping_sets(sizes, [(0, 1), ()]).shown.sum() == 7
    assert cube(sizes) == grouping_sets(sizes, [(0, 1), (0,), (1,), ()])


@pytest.mark.parametrize("method", METHODS)
def test_no_hidden_cell_is_determined(method: Method) -> None:
    with_solver(method)

    @settings(max_examples=50 if method == "greedy" else 15)
    @given(table=tables())
    def check(table: tuple[Layout, Whole, frozenset[int]]) -> None:
        layout, _, primary = table
        pattern = secondary(layout, primary, method)  # which checks itself
        assert determined(layout, pattern.hidden) == ()
        assert pattern == secondary(layout, sorted(primary, reverse=True), method)
        assert pattern.cost <= secondary(layout, primary, "greedy").cost

    check()


def test_primary_cells_alone_are_determined() -> None:
    """Negative control of the one above."""
    layout = cube((3, 3))
    assert determined(layout, [0]) == (0,)
    assert determined(layout, [0, 1]) == (0, 1)
    assert determined(layout, [0, 1, 4]) == (0, 1, 4)
    assert determined(layout, [0, 1, 4, 5]) == ()


def test_the_optimal_method_finds_less_to_hide() -> None:
    with_solver("optimal")
    layout, primary = cube((5, 5)), (9, 13, 20)
    costs = [secondary(layout, primary, method).cost for method in METHODS]
    assert costs == [7, 5]


def test_a_primary_total_with_shown_cells_is_hidden_too() -> None:
    """As a rule of dominance may have it: every total of a row and a column alone is primary."""
    layout = cube((2, 2))
    totals = [2, 5, 6, 7]
    for primary in (totals, totals[:2], [2], [8]):
        pattern = secondary(layout, primary, "greedy")
        assert determined(layout, pattern.hidden) == ()


def moved(pattern: Pattern, change: dict[int, Move]) -> tuple[Move, ...]:
    return tuple(change.get(move.cell, move) for move in pattern.moves)


def test_a_pattern_that_does_not_hide_is_none() -> None:
    pattern = secondary(cube((3, 3)), [0], "greedy")
    (move,) = pattern.moves
    hidden = sorted(pattern.secondary)
    faults: list[tuple[Collection[int], Collection[int], tuple[Move, ...]]] = [
        ([0, 10], hidden, (move,)),
        ([0], hidden[:-1], (move,)),
        ([0], [*hidden, 10], (move,)),
        ([0], hidden, (Move(0, move.lowered, move.raised),)),
        ([0], hidden[:1], (Move(0, (0,), (hidden[0],)),)),
        ([0], [], ()),
    ]
    for primary, others, moves in faults:
        with pytest.raises(InternalError):
            Pattern(pattern.layout, frozenset(primary), frozenset(others), moves)


def test_a_party_without_the_solver_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    for call in (
        lambda: check_method("optimal"),
        lambda: secondary(cube((2, 2)), [], "optimal"),
        lambda: audit(cube((2, 2)), {}, solver="highs"),
    ):
        with pytest.raises(UsageError, match=r"expected highspy .* install the extra `sdc`"):
            call()
    check_method("greedy")
    with pytest.raises(UsageError, match="expected suppression to be greedy or optimal, got 'lp'"):
        check_method("lp")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Axis(0), "at least 1 label, got 0"),
        (lambda: Axis(2, ((0, 2),)), r"labels 0 to 1, got \(0, 2\)"),
        (lambda: Axis(2, ((),)), "expected a group"),
        (lambda: Layout(()), "at least one axis"),
        (lambda: Layout((Axis(2),), frozenset({0})), "part of the table"),
        (lambda: grouping_sets((2, 2), [(0,), (1,)]), "a grouping set of all 2 keys"),
        (lambda: grouping_sets((2,), [(0,), (3,)]), "keys 0 to 0"),
        (lambda: secondary(rollup((2, 2)), [6], "greedy"), r"cells of the table, got \[6\]"),
    ],
)
def test_what_is_no_table_is_refused(make: object, told: str) -> None:
    assert callable(make)
    with pytest.raises(UsageError, match=told):
        make()


def test_least_cells_hold_no_other() -> None:
    layout = cube((2, 2))
    assert least(layout, [0, 1, 2, 5]) == (0, 1, 5)
    assert least(layout, [2, 8]) == (2,)


def enumerated(
    layout: Layout, published: dict[int, int], known: dict[int, Bounds], most: int
) -> dict[int, tuple[int, int]]:
    """The same by trying all tables of atoms up to `most`."""
    free = [i for i, atom in enumerate(layout.atoms) if atom not in published]
    base = np.array([published.get(atom, 0) for atom in layout.atoms], dtype=np.int64)
    found: dict[int, tuple[int, int]] = {}
    for choice in itertools.product(range(most + 1), repeat=len(free)):
        base[free] = choice
        values = layout.sums(base)
        fits = all(values[c] == v for c, v in published.items()) and all(
            b.low <= values[c] and (b.high is None or values[c] <= b.high) for c, b in known.items()
        )
        if not fits:
            continue
        for c in np.flatnonzero(layout.shown):
            low, high = found.get(int(c), (int(values[c]), int(values[c])))
            found[int(c)] = (min(low, int(values[c])), max(high, int(values[c])))
    return {c: ends for c, ends in found.items() if c not in published}


@settings(max_examples=30)
@given(data=st.data())
def test_the_audit_equals_enumeration_with_two_axes(data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from([cube((2, 2)), cube((2, 3)), rollup((2, 2)), cube((4,))]))
    values = layout.sums(
        np.array([data.draw(st.integers(0, 5)) for _ in layout.atoms], dtype=np.int64)
    )
    total = int(values.max())
    shown = [int(c) for c in np.flatnonzero(layout.shown)]
    hidden = data.draw(st.sets(st.sampled_from(shown[:-1]), max_size=4))
    published = {c: int(values[c]) for c in shown if c not in hidden}
    known = (
        {
            c: Bounds(max(0, int(values[c]) - data.draw(st.integers(0, 2))), int(values[c]) + 1)
            for c in data.draw(st.sets(st.sampled_from(sorted(hidden))))
            if hidden
        }
        if hidden
        else {}
    )
    found = audit(layout, published, known=known)
    assert {c: (i.low, i.high) for c, i in found.items()} == enumerated(
        layout, published, known, total
    )


@settings(max_examples=25)
@given(table=tables())
def test_highs_finds_the_same_intervals(table: tuple[Layout, Whole, frozenset[int]]) -> None:
    with_solver("highs")
    layout, values, primary = table
    pattern = secondary(layout, primary, "greedy")
    published = {
        int(c): int(values[c]) for c in np.flatnonzero(layout.shown) if c not in pattern.hidden
    }
    known = {c: Bounds(0, 4) if c in primary else Bounds(5) for c in pattern.hidden}
    assert audit(layout, published, known=known) == audit(
        layout, published, known=known, solver="highs"
    )


def test_a_hidden_cell_without_totals_has_no_bound() -> None:
    layout = Layout((Axis(2), Axis(2)))
    assert audit(layout, {0: 3}, cells=[1]) == {1: Interval(0, None)}
    found = audit(layout, {}, known={2: Bounds(3, 5)}, cells=[2, 3])
    assert found == {2: Interval(3, 5), 3: Interval(0, None)}
    assert found[2].width == 2
    assert found[3].width is None
    assert found[2].covers(4, 5)
    assert not found[2].covers(2, 5)
    assert not found[2].covers(3, 6)
    assert "3" not in repr(found[2])


@pytest.mark.parametrize("solver", ["exact", "highs"])
def test_values_that_do_not_add_up_are_refused(solver: Solver) -> None:
    with_solver(solver)
    with pytest.raises(UsageError, match="expected values of a table that adds up"):
        audit(cube((2,)), {0: 5, 2: 4}, solver=solver)


def test_a_program_is_solved_exactly() -> None:
    """max x + y, 3 x + y <= 4, x + 3 y <= 4: both are 1; without the second, y is without bound in no direction."""
    program = Feasible([], [], [[3, 1], [1, 3]], [4, 4], variables=2)
    assert program.greatest([1, 1]) == 2
    assert program.greatest([1, 0]) == Fraction(4, 3)
    assert program.greatest([-1, -1]) == 0
    assert Feasible([[1, -1]], [0], [], [], variables=2).greatest([1, 1]) is None
    assert Feasible([[2, 2], [1, 1]], [6, 3], [], [], variables=2).greatest([1, 0]) == 3
    assert Feasible([], [], [[-1]], [-7], variables=1).greatest([-1]) == -7
    with pytest.raises(UsageError, match="adds up"):
        Feasible([[1]], [1], [[1]], [0], variables=1)


def test_rank_counts_independent_rows() -> None:
    rows = np.array([[1, 2, 3], [2, 4, 6], [0, 1, 1], [1, 3, 4]], dtype=np.int64)
    assert (rank(rows), rank(rows[:2]), rank(rows[[0, 2]]), rank(rows[:0])) == (2, 1, 2, 0)
