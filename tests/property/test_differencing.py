"""What a history allows equals the rule on sets, for random sequences of questions; innocent ones pass untouched."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import Cohort, History
from tests.pasts import Past

from mpcstats.errors import UsageError
from mpcstats.protocols.differencing import Index, placed

Sequences = list[
    tuple[int, list[Cohort]]
]  # questions: how many persons there are by then, and the cells


@st.composite
def sequences(draw: st.DrawFn, most: int = 5) -> Sequences:
    """Cells change by few persons from question to question, and persons come."""
    found: Sequences = []
    persons = draw(st.integers(4, 20))
    inside = draw(st.lists(st.integers(0, 2), min_size=persons, max_size=persons))
    for _ in range(draw(st.integers(1, most))):
        cells = draw(st.integers(1, 2))
        found.append(
            (
                persons,
                [
                    frozenset(i for i, c in enumerate(inside) if c == cell + 1)
                    for cell in range(cells)
                ],
            )
        )
        more = draw(st.integers(0, 2))
        persons += more
        inside = [*inside, *(draw(st.integers(0, 2)) for _ in range(more))]
        for _ in range(draw(st.integers(0, 4))):
            inside[draw(st.integers(0, persons - 1))] = draw(st.integers(0, 2))
    return found


def check(past: Past, asked: Sequences) -> int:
    """Every cell is shown as the rule says, and has its count and sum; how many the history alone held back."""
    plain, held = History(past.k), 0
    for persons, cells in asked:
        values = {i: 100 + i * i for i in range(persons)}
        answer, shown = past.ask(cells, values)
        allowed = plain.release(cells, persons)
        expected = [a and len(c) >= past.k for a, c in zip(allowed, cells, strict=True)]
        held += sum(not a and len(c) >= past.k for a, c in zip(allowed, cells, strict=True))
        assert shown == expected
        for cell, given_ in zip(cells, answer, strict=True):
            assert given_ is None or given_ == (len(cell), sum(values[i] for i in cell))
    return held


@settings(max_examples=60)
@given(asked=sequences(), k=st.integers(1, 4))
def test_decisions_on_the_clear_engine_equal_the_rule(asked: Sequences, k: int) -> None:
    check(Past(k), asked)


@settings(max_examples=15)
@given(asked=sequences(3), k=st.integers(2, 4), owner=st.sampled_from("abd"))
def test_decisions_on_shares_equal_the_rule(asked: Sequences, k: int, owner: str) -> None:
    check(Past(k, clear=False, owner=owner, depth=6, capacity=30), asked)


def test_a_sequence_is_held_back_by_its_history_alone() -> None:
    """Control: the sequences above are not all ones in which nothing happens."""
    one: Cohort = frozenset(range(10))
    assert check(Past(3), [(20, [one]), (20, [one - {4}]), (20, [one])]) == 1


def test_another_rule_is_seen() -> None:
    """Negative control: with another k the decisions differ from the rule."""
    past = Past(3)
    asked = [(20, [frozenset(range(10))]), (20, [frozenset(range(12))])]
    check(past, asked)
    other = Past(3)
    other.ask(asked[0][1], dict.fromkeys(range(20), 1))
    other.k = 2
    assert other.ask(asked[1][1], dict.fromkeys(range(20), 1))[1] == [True]
    assert History(3, [[asked[0][1][0]]]).decide(asked[1][1], 20) == [False]


def innocent(seed: int, k: int) -> Sequences:
    """Questions about groups that have k persons or more, such as districts: any two differ in whole groups."""
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(k, 2 * k + 3, 5)]
    ends = np.cumsum([0, *sizes]).tolist()
    groups = [frozenset(range(a, b)) for a, b in pairwise(ends)]
    found: Sequences = []
    for _ in range(3):
        cell_of = rng.integers(0, 4, len(groups))
        cells = [
            frozenset().union(*(g for g, c in zip(groups, cell_of, strict=True) if c == cell))
            for cell in range(1, 4)
        ]
        found.append((ends[-1], [cell for cell in cells if cell] or [groups[0]]))
    return found


def test_a_hundred_innocent_sequences_pass_untouched() -> None:
    for seed in range(100):
        k = 3 + seed % 9
        past = Past(k, capacity=128)
        for persons, cells in innocent(seed, k):
            values = {i: i for i in range(persons)}
            assert past.ask(cells, values)[0] == [
                (len(cell), sum(values[i] for i in cell)) for cell in cells
            ]


@pytest.mark.parametrize(
    ("positions", "persons", "rows", "capacity"),
    [([0, 0], 2, 2, 4), ([0, 2], 2, 2, 4), ([-1], 2, 2, 4), ([0, 1], 2, 1, 4), ([0], 5, 2, 4)],
)
def test_positions_that_are_none_are_refused(
    positions: list[int], persons: int, rows: int, capacity: int
) -> None:
    index = Index("a", capacity, np.array(positions, dtype=np.intp), persons)
    with pytest.raises(UsageError, match=r"positions|rows"):
        placed(index, rows)


def test_every_position_gets_one_row() -> None:
    index = Index("a", 5, np.array([3, 0], dtype=np.intp), 4)
    order: Sequence[int] = placed(index, 3).tolist()
    assert sorted(order) == list(range(5))
    assert (order[3], order[0]) == (0, 1)


@pytest.mark.parametrize("capacity", [0, (1 << 30) + 1])
def test_an_index_of_nobody_or_of_too_many_is_refused(capacity: int) -> None:
    with pytest.raises(UsageError, match="expected an index of 1 to"):
        Index("a", capacity, None, None)


def test_the_example_of_the_page() -> None:
    """docs/history.md, *A worked example*."""
    everybody = frozenset(range(50))
    t, ann = frozenset(range(20)), frozenset({7})
    rest = everybody - t
    asked = [
        ([t], [True]),
        ([t - ann], [False]),
        ([frozenset(range(12)), frozenset(range(12, 20))], [True, True]),
        ([rest | ann], [False]),
        ([t | frozenset(range(20, 26))], [True]),
    ]
    past, plain = Past(5), History(5)
    for cells, expected in asked:
        assert past.ask(cells, dict.fromkeys(everybody, 1))[1] == expected
        assert plain.release(cells, 50) == expected
