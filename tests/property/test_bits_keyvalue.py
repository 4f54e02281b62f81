"""algebra.bits and algebra.keyvalue: round trips and linearity for any sizes and contents."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.algebra.bits import join_bits, pack, slice_bits, tail, unpack, words
from mpcstats.algebra.keyvalue import build, decode, shape
from mpcstats.algebra.ring import ring

TOP = 2**64
WORDS = st.lists(st.integers(min_value=0, max_value=TOP - 1), max_size=200)
WIDTHS = st.integers(min_value=0, max_value=64)
DRAWS = st.integers(min_value=0, max_value=2**32 - 1)
SIZES = st.integers(min_value=0, max_value=600)


def drawn(draw: int, n: int, v: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(draw)
    return (
        generator.integers(0, 2**32, (n, 3), dtype=np.uint32),
        generator.integers(0, TOP, (n, v), dtype=np.uint64),
    )


@given(WORDS, WIDTHS)
def test_slices_join_to_the_low_bits(values: list[int], width: int) -> None:
    sliced = slice_bits(ring(values), width)
    assert sliced.shape == (width, words(len(values)))
    assert join_bits(sliced, len(values)).tolist() == [value % (1 << width) for value in values]
    assert not np.any(sliced[:, -1:] & ~tail(len(values)))


@given(WORDS, WORDS)
def test_slicing_is_linear_over_xor(xs: list[int], ys: list[int]) -> None:
    x, y = (ring(values[: min(len(xs), len(ys))]) for values in (xs, ys))
    assert np.array_equal(slice_bits(x ^ y, 64), slice_bits(x, 64) ^ slice_bits(y, 64))


@given(st.lists(st.booleans(), max_size=300))
def test_packed_flags_are_one_slice(flags: list[bool]) -> None:
    packed = pack(np.array(flags, dtype=np.bool_))
    assert packed.tolist() == slice_bits(ring(flags), 1)[0].tolist()
    assert unpack(packed, len(flags)).tolist() == [int(flag) for flag in flags]


@given(SIZES, st.integers(min_value=0, max_value=300), st.integers(min_value=1, max_value=5), DRAWS)
def test_stores_give_back_their_values(n: int, spare: int, v: int, draw: int) -> None:
    seeds, values = drawn(draw, n, v)
    size = shape(n + spare)
    store = build(seeds, values, size)
    assert store.shape == (size.rows, v)
    assert np.array_equal(decode(store, seeds, size), values)


@given(SIZES, st.integers(min_value=0, max_value=100), DRAWS)
def test_decoding_is_linear(bound: int, asked: int, draw: int) -> None:
    size = shape(bound)
    seeds, _ = drawn(draw, asked, 2)
    _, rows = drawn(draw + 1, 2 * size.rows, 2)
    a, b = rows[: size.rows], rows[size.rows :]
    assert np.array_equal(
        decode(a + b, seeds, size), decode(a, seeds, size) + decode(b, seeds, size)
    )


@given(st.integers(min_value=1, max_value=300), DRAWS)
def test_a_key_that_is_not_there_does_not_hit(n: int, draw: int) -> None:
    seeds, tags = drawn(draw, n, 1)
    absent, own_tags = drawn(draw + 1, 50, 1)
    assert not np.any(decode(build(seeds, tags, shape(n)), absent, shape(n)) == own_tags)


@given(bits=st.lists(st.booleans(), min_size=1, max_size=200), by=st.integers(-210, 210))
def test_moved_elements_and_prefixes(bits: list[bool], by: int) -> None:
    flags = np.array(bits)
    n = flags.size
    shifted = np.zeros(n, dtype=np.uint64)
    for i in range(n):
        if 0 <= i - by < n:
            shifted[i] = flags[i - by]
    assert np.array_equal(slicing.unpack(slicing.moved(slicing.pack(flags), n, by), n), shifted)
    prefixes = np.bitwise_xor.accumulate(flags.astype(np.uint64))
    assert np.array_equal(slicing.unpack(slicing.accumulated(slicing.pack(flags)), n), prefixes)


@given(st.lists(st.lists(st.booleans(), max_size=130), min_size=1, max_size=4))
def test_concatenated_elements(pieces: list[list[bool]]) -> None:
    # Padding bits of the pieces are of no meaning, and must not get into the next piece.
    packed = [(~slicing.pack(~np.array(p, dtype=np.bool_)), len(p)) for p in pieces]
    flat = [b for p in pieces for b in p]
    found = slicing.concatenated(packed)
    assert slicing.unpack(found, len(flat)).tolist() == flat
