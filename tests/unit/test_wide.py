"""algebra.wide: Z_2^128 against Python's ints, and Wide as a secret that does not show."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.algebra import wide
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError, UsageError

TOP = 1 << 128
EXTREMES = [0, 1, -1, 2**127 - 1, -(2**127), 2**64 - 1, 2**64, -(2**64), 2**32 - 1, 2**96]
NUMBERS = st.sampled_from(EXTREMES) | st.integers(-(2**127), 2**127 - 1)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20)


def signed(number: int) -> int:
    return (number + TOP // 2) % TOP - TOP // 2


@given(PAIRS)
def test_operations_are_those_of_numbers_modulo_2_128(pairs: list[tuple[int, int]]) -> None:
    x, y = (wide.wide([pair[side] for pair in pairs]) for side in range(2))
    assert x.shape == (2, len(pairs))
    assert wide.ints(x) == [p for p, _ in pairs]
    assert wide.ints(x, signed=False) == [p % TOP for p, _ in pairs]
    assert wide.ints(wide.add(x, y)) == [signed(p + q) for p, q in pairs]
    assert wide.ints(wide.subtract(x, y)) == [signed(p - q) for p, q in pairs]
    assert wide.ints(wide.multiply(x, y)) == [signed(p * q) for p, q in pairs]
    assert wide.ints(wide.scaled(x, -(10**20))) == [signed(-p * 10**20) for p, _ in pairs]
    assert wide.ints(wide.total(x)) == [signed(sum(p for p, _ in pairs))]
    assert wide.ints(wide.dot(x, y)) == [signed(sum(p * q for p, q in pairs))]


def test_longer_than_a_block_and_along_every_axis() -> None:
    ones = np.full((2, 3, 5000), 2**64 - 1, dtype=np.uint64)  # -1 everywhere
    assert wide.ints(wide.total(ones)) == [-5000] * 3
    assert wide.ints(wide.total(ones, axis=0)) == [-3] * 5000
    assert wide.ints(wide.dot(ones, ones)) == [5000] * 3
    assert wide.ints(wide.multiply(ones, ones)) == [1] * 15000


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_words_keep_their_sign(values: list[int]) -> None:
    words = np.array(values, dtype=np.int64).view(np.uint64)
    assert wide.ints(wide.from_signed(words)) == values


def test_what_does_not_fit_is_refused() -> None:
    for number in (TOP, -(2**127) - 1):
        with pytest.raises(UsageError, match="out of range"):
            wide.wide([number])
    with pytest.raises(UsageError, match="expected uint64 of shape"):
        wide.ints(np.zeros((3, 2), dtype=np.uint64))


SECRET = Wide((2,), (wide.wide([123456789, -5]),), 0)


def test_a_wide_secret_does_not_show_compare_branch_convert_or_travel() -> None:
    assert "123456789" not in repr(SECRET) + str(SECRET)
    assert "secret" in repr(SECRET)
    with pytest.raises(UsageError, match="no truth value"):
        bool(SECRET)
    with pytest.raises(UsageError, match="=="):
        _ = SECRET == SECRET
    with pytest.raises(UsageError, match="no array"):
        np.asarray(SECRET)
    with pytest.raises(TypeError, match="unhashable"):
        hash(SECRET)
    with pytest.raises(UsageError, match="pickled"):
        pickle.dumps(SECRET)
    with pytest.raises(UsageError, match="copied"):
        copy.copy(SECRET)


def test_shapes_follow_at_a_party_without_parts() -> None:
    absent = Wide((6,), (), None)
    assert absent[1::2].shape == (3,)
    assert absent.total().shape == (1,)
    assert absent.low().shape == (6,)
    assert Wide.concatenate([absent, absent]).shape == (12,)
    with pytest.raises(InternalError, match="one shape"):
        SECRET + SECRET[:1]


def test_linear_operations_and_the_low_word() -> None:
    two = (SECRET + SECRET.scaled(3) - (-SECRET)).plus(-7)
    assert wide.ints(two.parts[0]) == [5 * 123456789 - 7, -32]
    assert wide.ints(Wide.concatenate([SECRET, two[:1]]).total().parts[0]) == [6 * 123456789 - 12]
    assert SECRET.low().parts[0].view(np.int64).tolist() == [123456789, -5]
