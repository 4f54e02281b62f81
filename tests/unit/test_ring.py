"""algebra.ring: what enters Z_2^64, and reductions that wrap and never give a scalar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.algebra.ring import dot, ring, signed, total
from mpcstats.errors import UsageError

TOP = 2**64
INTEGERS = st.integers(min_value=-(2**63), max_value=TOP - 1)
WORDS = st.integers(min_value=0, max_value=TOP - 1)


def numbers(vec: Any) -> list[int]:
    assert isinstance(vec, np.ndarray)
    assert vec.dtype == np.uint64
    assert vec.ndim >= 1
    return [int(word) for word in vec.reshape(-1)]


@given(st.lists(INTEGERS, max_size=20))
def test_a_list_of_ints_is_reduced(values: list[int]) -> None:
    assert numbers(ring(values)) == [value % TOP for value in values]


@pytest.mark.parametrize(
    "dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint32, np.uint64, ">i8", ">u4"]
)
def test_every_integer_type_enters(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    values = np.array([[limits.min, 0], [1, limits.max]], dtype=dtype)
    assert ring(values).shape == (2, 2)
    assert numbers(ring(values)) == [limits.min % TOP, 0, 1, limits.max]


def test_bools_enter() -> None:
    assert numbers(ring(np.array([True, False]))) == [1, 0]
    assert numbers(ring([True, False])) == [1, 0]


def test_shapes_have_an_axis() -> None:
    assert ring(np.array(-1)).shape == (1,)
    assert ring([]).shape == (0,)
    assert ring(np.zeros((0, 3), dtype=np.int64)).shape == (0, 3)
    assert ring([[1, 2, 3], [4, 5, 6]]).shape == (2, 3)


def test_words_are_not_copied() -> None:
    words = np.array([1, 2], dtype=np.uint64)
    assert ring(words) is words or np.shares_memory(ring(words), words)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0]), "expected integers or bools, got an array of float64"),
        (np.array([1 + 0j]), "expected integers or bools, got an array of complex128"),
        (np.array(["1"]), "expected integers or bools, got an array of <U1"),
        (np.array([0], dtype="M8[s]"), r"got an array of datetime64\[s\]"),
        ([1, 2.0], "expected integers, got float"),
        ([None], "expected integers, got NoneType"),
        ([[1], [2, 3]], "expected integers, got list"),
        (np.array([1, "x"], dtype=object), "expected integers, got str"),
        ([np.float64(1)], "expected integers, got float64"),
    ],
)
def test_what_is_not_an_integer_is_refused(values: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ring(values)


@pytest.mark.parametrize("value", [TOP, -(2**63) - 1, 10**30])
def test_what_is_out_of_range_is_refused_and_not_shown(value: int) -> None:
    with pytest.raises(UsageError, match="one out of range") as refused:
        ring([0, value])
    assert str(value) not in str(refused.value)


@given(st.lists(st.integers(min_value=-(2**63), max_value=2**63 - 1), max_size=20))
def test_signed_takes_ring_back(values: list[int]) -> None:
    assert signed(ring(values)).tolist() == values
    assert signed(ring(values)).dtype == np.int64


def test_signed_is_a_view() -> None:
    words = ring([1, 2, 3, 4])[::2]
    assert np.shares_memory(signed(words), words)


@given(st.lists(WORDS, max_size=20))
def test_total_wraps(values: list[int]) -> None:
    assert total(ring(values)).shape == (1,)
    assert numbers(total(ring(values))) == [sum(values) % TOP]


def test_total_along_an_axis() -> None:
    vec = ring([[1, 2, 3], [4, 5, -6]])
    assert numbers(total(vec)) == [6, 3]
    assert numbers(total(vec, axis=0)) == [5, 7, TOP - 3]
    assert total(ring([])).tolist() == [0]


@given(st.lists(st.tuples(WORDS, WORDS), max_size=20))
def test_dot_wraps(pairs: list[tuple[int, int]]) -> None:
    x, y = (ring([pair[side] for pair in pairs]) for side in (0, 1))
    assert dot(x, y).shape == (1,)
    assert numbers(dot(x, y)) == [sum(a * b for a, b in pairs) % TOP]


def test_dot_of_long_vectors_and_of_every_other_word() -> None:
    drawn = np.random.default_rng(7).integers(0, TOP, (2, 100_001), dtype=np.uint64)
    for x, y in (drawn, drawn[:, ::2]):
        exact = sum(a * b for a, b in zip(x.tolist(), y.tolist(), strict=True))
        assert numbers(dot(x, y)) == [exact % TOP]


def test_dot_broadcasts_leading_axes() -> None:
    x = ring([[1, 2], [3, 4], [-1, 0]])
    assert numbers(dot(x, ring([10, 1]))) == [12, 34, TOP - 10]
    assert numbers(dot(x, x)) == [5, 25, 1]


def test_dot_refuses_unequal_lengths() -> None:
    # Lengths 1 and 3 would broadcast elsewhere in numpy.
    with pytest.raises(UsageError, match=r"equally long vectors, got shapes \(1,\) and \(3,\)"):
        dot(ring([1]), ring([1, 2, 3]))


@pytest.mark.parametrize(
    "reduction", [signed, total, lambda v: dot(v, ring([1])), lambda v: dot(ring([1]), v)]
)
@pytest.mark.parametrize("dtype", [np.int64, np.uint32, np.float64, np.bool_])
def test_only_words_are_reduced(reduction: Any, dtype: Any) -> None:
    with pytest.raises(UsageError, match=r"expected uint64, got .*: make it an element with ring"):
        reduction(np.array([1], dtype=dtype))
