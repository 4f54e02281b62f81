"""Secrets do not show, compare, branch, convert or travel by mistake."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from mpcstats.engines.share import Arith, Bits, Secret
from mpcstats.errors import InternalError, UsageError

VALUE = 123456789
ARITH = Arith((2,), (np.array([VALUE, 2], dtype=np.uint64),), 0)
BITS = Bits(70, 1, (np.array([[VALUE, 5]], dtype=np.uint64),), 0)
SECRETS = [ARITH, BITS]


@pytest.mark.parametrize("secret", SECRETS, ids=["arith", "bits"])
def test_a_secret_shows_its_kind_and_size_only(secret: Secret) -> None:
    assert str(VALUE) not in repr(secret) + str(secret)
    assert "secret" in repr(secret)


@pytest.mark.parametrize("secret", SECRETS, ids=["arith", "bits"])
def test_a_secret_is_no_truth_value_array_key_or_pickle(secret: Secret) -> None:
    with pytest.raises(UsageError, match="no truth value"):
        bool(secret)
    with pytest.raises(UsageError, match="=="):
        _ = secret == secret
    with pytest.raises(UsageError, match="no array"):
        np.asarray(secret)
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)
    with pytest.raises(UsageError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(UsageError, match="copied"):
        copy.copy(secret)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(InternalError, match="one shape"):
        ARITH + ARITH[:1]
    with pytest.raises(InternalError, match="one shape"):
        BITS ^ Bits.stack([BITS, BITS])
    with pytest.raises(InternalError, match="expected one row"):
        Bits.stack([BITS, BITS]).repeat(2)


def test_a_party_without_parts_still_knows_every_shape() -> None:
    absent = Arith((6,), (), None)
    assert absent[1::2].shape == (3,)
    assert absent.total().shape == (1,)
    assert absent.repeat(4).flat().shape == (24,)
    assert Arith.concatenate([absent, absent]).shape == (12,)
    bits = Bits(64, 6, (), None)
    assert bits.rows(slice(0, 6, 2)).width == 3
    assert bits.rows([5, 5]).width == 2
    assert Bits.stack([bits, ~bits]).width == 12


def test_folding_needs_whole_words() -> None:
    row = Bits(128, 1, (np.array([[1, 2]], dtype=np.uint64),), 0)
    assert row.folded(64, 2).parts[0].tolist() == [[1], [2]]
    with pytest.raises(InternalError, match="1 row"):
        row.folded(64, 3)
