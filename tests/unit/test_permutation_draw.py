"""A drawn permutation is the order of its words, whatever way numpy sorts them."""

from __future__ import annotations

import numpy as np
import pytest

from mpcstats.session import Stream
from mpcstats.session.randomness import _ranking


@pytest.mark.parametrize("n", [0, 1, 2, 3, 64, 1000, 70_000])
def test_a_permutation_is_the_order_of_the_words_drawn(n: int) -> None:
    order = Stream(bytes(16)).permutation(n)
    assert order.dtype == np.intp
    assert np.array_equal(order, np.argsort(Stream(bytes(16)).words(n)))


@pytest.mark.parametrize("bits", [3, 10, 20])
def test_keys_that_differ_in_low_bits_only_are_told_apart(bits: int) -> None:
    """Their high bits agree, so whole keys must decide."""
    keys = Stream(bytes(16)).permutation(1 << bits).astype(np.uint64) + np.uint64(1 << 40)
    found = _ranking(keys)
    assert found is not None
    assert np.array_equal(found, np.argsort(keys))


def test_equal_keys_are_drawn_again() -> None:
    keys = np.array([5, 1 << 63, 5, 7], dtype=np.uint64)
    assert _ranking(keys) is None
    keys[2] += np.uint64(1)
    found = _ranking(keys)
    assert found is not None
    assert found.tolist() == [0, 2, 3, 1]
