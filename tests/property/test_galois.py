"""GR(2^64, 4) and GF(16) against polynomials in Python's integers, divided by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.algebra.galois import (
    BITS,
    DEGREE,
    NUMBERS,
    ONE,
    POINTS,
    Constant,
    Extension,
    Words,
    interpolation,
    point,
)
from mpcstats.errors import InternalError

NUMBER = st.tuples(*[st.integers(0, 2**64 - 1)] * DEGREE)
BIT = st.tuples(*[st.integers(0, 1)] * DEGREE)
RINGS = [NUMBERS, BITS]


def slow_product(x: Constant, y: Constant, modulus: int) -> Constant:
    """The long way: multiply, then take off multiples of X^4 + X + 1 from the top."""
    product = [0] * 7
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            product[i + j] += a * b
    for top in (6, 5, 4):
        for k, c in ((top, 1), (top - 3, 1), (top - 4, 1)):
            product[k] -= c * product[top] if k != top else 0
    a, b, c, d = (v % modulus for v in product[:4])
    return a, b, c, d


def array(constants: list[Constant]) -> Words:
    return np.array(constants, dtype=np.uint64).T.copy()


def constants(words: Words) -> list[Constant]:
    return [tuple(column) for column in words.T.tolist()]


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=5))
def test_products_are_those_of_polynomials(pairs: list[tuple[Constant, Constant]]) -> None:
    expected = [slow_product(x, y, 1 << 64) for x, y in pairs]
    assert [NUMBERS.times(x, y) for x, y in pairs] == expected
    x, y = (array([pair[i] for pair in pairs]) for i in range(2))
    assert constants(NUMBERS.product(x, y)) == expected
    assert constants(NUMBERS.matmul(x[:, :, None], y[:, :1, None])[:, :, 0]) == [
        slow_product(a, pairs[0][1], 1 << 64) for a, _ in pairs
    ]


@given(BIT, BIT)
def test_the_field_is_the_ring_modulo_two(x: Constant, y: Constant) -> None:
    expected = slow_product(x, y, 2)
    assert BITS.times(x, y) == expected
    full = [np.array([[(2**64 - 1) * v] for v in z], dtype=np.uint64) for z in (x, y)]
    found = BITS.product(full[0], full[1])
    assert found[:, 0].tolist() == [(2**64 - 1) * v for v in expected]


@given(NUMBER)
def test_units_have_inverses_and_others_are_refused(x: Constant) -> None:
    if any(v % 2 for v in x):
        assert NUMBERS.times(x, NUMBERS.inverse(x)) == ONE
    else:
        with pytest.raises(InternalError, match="unit"):
            NUMBERS.inverse(x)


@pytest.mark.parametrize("ring", RINGS)
def test_any_two_points_differ_by_a_unit(ring: Extension) -> None:
    for i, j in combinations(range(POINTS), 2):
        difference = ring.minus(point(i), point(j))
        assert ring.times(difference, ring.inverse(difference)) == ONE


def value_at(ring: Extension, coefficients: list[Constant], index: int) -> Constant:
    total, power = (0, 0, 0, 0), ONE
    for c in coefficients:
        total = ring.minus(total, ring.minus((0, 0, 0, 0), ring.times(c, power)))
        power = ring.times(power, point(index))
    return total


@pytest.mark.parametrize("n", [1, 300, 2500])
@pytest.mark.parametrize(("ring", "modulus"), [(NUMBERS, 1 << 64), (BITS, 2)])
def test_a_polynomial_is_found_from_its_values(ring: Extension, modulus: int, n: int) -> None:
    rng = np.random.default_rng(n)
    drawn = rng.integers(0, 2**62, (4, 4), dtype=np.uint64)
    polynomial = constants(drawn % np.uint64(modulus) if modulus == 2 else drawn)
    known, wanted = (3, 15, 8, 1), (0, 7, 3, 12)
    matrix = interpolation(ring, known, wanted)
    # In every column a multiple of the same polynomial: linear maps keep it.
    factors = rng.integers(0, 2**63, n, dtype=np.uint64)
    times = np.bitwise_and if ring.bits else np.multiply
    full = np.uint64((1 << 64) - 1) if ring.bits else np.uint64(1)

    def column(index: int) -> Words:
        value = np.array(value_at(ring, polynomial, index), dtype=np.uint64)
        return np.asarray(times((value * full)[:, None], factors))

    found = ring.applied(matrix, [column(k) for k in known])
    assert np.array_equal(found, np.stack([column(w) for w in wanted]))
    wrong = [column(k) for k in known]
    wrong[2] = wrong[2] ^ np.uint64(1)
    assert not np.array_equal(ring.applied(matrix, wrong), found)


def test_a_vector_may_have_its_first_part_alone() -> None:
    matrix = interpolation(NUMBERS, (0, 1, 2), (5, 6))
    words = np.arange(24, dtype=np.uint64).reshape(2, 4, 3)
    first = np.arange(3, dtype=np.uint64)[None]
    whole = np.concatenate([first, np.zeros((3, 3), dtype=np.uint64)])
    short = NUMBERS.applied(matrix, [first, *words])
    assert np.array_equal(short, NUMBERS.applied(matrix, [whole, *words]))


def test_there_are_sixteen_points() -> None:
    with pytest.raises(InternalError, match="point"):
        point(16)
