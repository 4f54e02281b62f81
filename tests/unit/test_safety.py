"""The ranks that a quantile must have around it, and amounts that the gate cannot compare."""

from __future__ import annotations

from itertools import combinations, permutations, product
from math import ceil

import pytest

from mpcstats.errors import InternalError
from mpcstats.protocols.safety import NEVER, least_for_rank

RANKS = [(1, 2), (1, 4), (3, 4), (9, 10), (1, 3), (99, 100), (2, 4)]


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("persons", [1, 2, 5, 11])
def test_a_rank_has_enough_on_each_side_just_from_its_least_number_on(
    persons: int, rank: tuple[int, int]
) -> None:
    def surrounded(count: int) -> bool:
        place = ceil(count * rank[0] / rank[1])
        return min(place - 1, count - place) >= persons

    least = least_for_rank(persons, rank)
    assert all(surrounded(count) == (count >= least) for count in range(2 * least))


def test_no_number_of_values_surrounds_an_end() -> None:
    assert least_for_rank(1, (0, 1)) == least_for_rank(1, (7, 7)) == NEVER


def test_a_least_number_never_wraps_around() -> None:
    """A rank of which only more values than there are would do: the difference keeps its sign."""
    assert least_for_rank(1 << 40, (1, 1 << 40)) == NEVER


@pytest.mark.parametrize("rank", [(2, 1), (-1, 2), (0, 0), (1, -2)])
def test_a_rank_lies_between_the_ends(rank: tuple[int, int]) -> None:
    with pytest.raises(InternalError, match="a rank from 0 to 1"):
        least_for_rank(11, rank)


def passes_p(total: int, parts: tuple[int, ...], p: int) -> bool:
    """The tests of protocols.safety on the p% rule, where zeros may be told."""
    every = [*parts, total - sum(parts)]
    return all(100 * (total - a - b) >= p * a for a, b in permutations(every, 2))


def passes_largest(total: int, parts: tuple[int, ...], n: int, k: int) -> bool:
    every = [*parts, total - sum(parts)]
    return all(k * total >= 100 * sum(some) for some in combinations(every, min(n, len(every))))


def test_an_amount_told_as_1_passes_no_rule_on_contributions() -> None:
    """What the planner tells of an amount above 2^50, whatever its parts are (plan.relational.opening)."""
    for count in (1, 2, 3):
        for parts in product((0, 1, 2, 7, 1 << 50), repeat=count):
            assert not passes_p(1, parts, 1)
            assert not any(passes_largest(1, parts, n, 99) for n in (1, 2, 3, 9))
    # Negative control: cut off at 2^50, the one large part of nobody known would look like half of the amount.
    assert passes_p(1 << 50, (1 << 48, 1 << 48), 10)
