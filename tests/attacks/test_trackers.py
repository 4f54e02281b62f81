"""Trackers and differencing recover one person's amount where the gate stands alone, and fail where history is kept.

Every attack is a function of `Ask`, which answers cohorts or not; it gives the amount, or None if it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.pasts import Past

Cohort = frozenset[int]
K = 5
EVERYBODY: Cohort = frozenset(range(50))
VICTIM = 17
AMOUNT = 123_457
VALUES = {person: 1000 + 7 * person for person in EVERYBODY} | {VICTIM: AMOUNT}
C: Cohort = frozenset({VICTIM})
T: Cohort = frozenset(range(5, 25))  # VICTIM is in it
REST: Cohort = frozenset(range(25, 45))  # and not in this one


class Ask:
    """The questions of an attacker: one cohort after another, or cells of one question."""

    def __init__(self, past: Past) -> None:
        self.past = past

    def cells(self, *cells: Cohort, values: Mapping[int, int] = VALUES) -> list[int | None]:
        answer, _ = self.past.ask(cells, values)
        return [None if each is None else each[1] for each in answer]

    def one(self, cohort: Cohort, values: Mapping[int, int] = VALUES) -> int | None:
        return self.cells(cohort, values=values)[0]


def combined(*terms: tuple[int, int | None]) -> int | None:
    """The sum of factor * answer, if all were answered."""
    if any(answer is None for _, answer in terms):
        return None
    return sum(factor * answer for factor, answer in terms if answer is not None)


def one_person(ask: Ask) -> int | None:
    return combined((1, ask.one(T)), (-1, ask.one(T - C)))


def one_person_added(ask: Ask) -> int | None:
    return combined((-1, ask.one(REST)), (1, ask.one(REST | C)))


def individual_tracker(ask: Ask) -> int | None:
    """C = A and B, T = A and not B: q(C) = q(A) - q(T)."""
    a, b = frozenset(range(30)), C | frozenset(range(40, 50))
    return combined((1, ask.one(a)), (-1, ask.one(a - b)))


def general_tracker(ask: Ask) -> int | None:
    """q(C) = q(C or T) + q(C or not T) - q(T) - q(not T)."""
    others = EVERYBODY - T
    first = combined((1, ask.one(C | T)), (1, ask.one(C | others)))
    return combined((1, first), (-1, ask.one(T)), (-1, ask.one(others)))


def general_tracker_of_a_known_whole(ask: Ask) -> int | None:
    """The same where the sum over everybody is known: two questions are enough."""
    others = EVERYBODY - T
    return combined((1, ask.one(C | T)), (1, ask.one(C | others)), (-1, sum(VALUES.values())))


def double_tracker(ask: Ask) -> int | None:
    """T in U: q(C) = q(U) + q(C or T) - q(T) - q(U without (C and T))."""
    small, large = frozenset(range(10, 22)), frozenset(range(5, 30))
    first = combined((1, ask.one(large)), (1, ask.one(C | small)))
    return combined((1, first), (-1, ask.one(small)), (-1, ask.one(large - (C & small))))


def total_less_cells(ask: Ask) -> int | None:
    """A whole and its parts, of which the small one is suppressed."""
    whole = ask.one(T)
    part, hidden = ask.cells(T - C, C)
    assert hidden is None
    return combined((1, whole), (-1, part))


def cells_of_two_questions(ask: Ask) -> int | None:
    """The cells of one question together are one person less than those of another."""
    one, two = frozenset(range(5, 15)), frozenset(range(15, 25))
    three, four = frozenset(range(5, 11)), frozenset(range(11, 25)) - C
    first, second = ask.cells(one, two), ask.cells(three, four)
    return combined(*((1, each) for each in first), *((-1, each) for each in second))


def one_hospital(ask: Ask) -> int | None:
    """A cohort with and without a hospital that has few patients; here one."""
    patients = {1: frozenset(range(20)) - C, 2: frozenset(range(20, 40)), 3: C}
    with_all = frozenset().union(*patients.values())
    return combined((1, ask.one(with_all)), (-1, ask.one(with_all - patients[3])))


def by_time(ask: Ask) -> int | None:
    """The same question before and after a person has come."""
    before = {person: value for person, value in VALUES.items() if person != VICTIM}
    first = ask.one(frozenset(before), values=before)
    return combined((1, ask.one(frozenset(VALUES))), (-1, first))


ATTACKS: list[Callable[[Ask], int | None]] = [
    one_person,
    one_person_added,
    individual_tracker,
    general_tracker,
    general_tracker_of_a_known_whole,
    double_tracker,
    total_less_cells,
    cells_of_two_questions,
    one_hospital,
    by_time,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_recovers_the_amount_where_nothing_is_compared(
    attack: Callable[[Ask], int | None],
) -> None:
    assert attack(Ask(Past(K, compare=False))) == AMOUNT


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_attack_fails_where_history_is_kept(attack: Callable[[Ask], int | None]) -> None:
    past = Past(K)
    assert attack(Ask(past)) is None
    assert past.kept


@pytest.mark.parametrize("attack", [one_person, general_tracker, total_less_cells])
def test_the_attack_fails_on_shares_too(attack: Callable[[Ask], int | None]) -> None:
    assert attack(Ask(Past(K, clear=False, depth=6))) is None


def test_a_known_whole_less_one_person_is_refused_at_once() -> None:
    """Who knows the sum over everybody needs one question alone: nobody is an earlier cohort."""
    assert Ask(Past(K)).one(EVERYBODY - C) is None
    assert Ask(Past(K, compare=False)).one(EVERYBODY - C) is not None


def test_three_cohorts_far_apart_still_single_a_person_out() -> None:
    """The limit that docs/history.md states: each two lie far apart, and A + B - D - E is one person's amount."""
    a, b = frozenset(range(10)) | C, frozenset(range(20, 30))
    d, e = (
        frozenset(range(5)) | frozenset(range(20, 25)),
        frozenset(range(5, 10)) | frozenset(range(25, 30)),
    )
    ask = Ask(Past(K))
    found = [ask.one(cohort) for cohort in (a, b, d, e)]
    assert combined(*zip((1, 1, -1, -1), found, strict=True)) == AMOUNT
