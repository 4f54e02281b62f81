"""algebra.bits: the bit-sliced layout, element by element, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpcstats.algebra.bits import join_bits, pack, slice_bits, tail, unpack, words
from mpcstats.errors import UsageError

# Around the word, the block of 1024 words, and several blocks with a rest.
SIZES = (0, 1, 2, 63, 64, 65, 128, 1000, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 150_001)
WIDTHS = (0, 1, 2, 3, 4, 5, 8, 11, 16, 17, 20, 31, 32, 33, 48, 63, 64)


def drawn(n: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)


def low(values: Any, width: int) -> Any:
    return values & np.uint64((1 << width) - 1)


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 1), (64, 1), (65, 2), (128, 2), (129, 3)])
def test_words(n: int, expected: int) -> None:
    assert words(n) == expected


@pytest.mark.parametrize(
    ("n", "mask"), [(1, 1), (2, 3), (63, 2**63 - 1), (64, 2**64 - 1), (65, 1), (0, 2**64 - 1)]
)
def test_tail_masks_the_bits_of_elements(n: int, mask: int) -> None:
    assert tail(n).dtype == np.uint64
    assert tail(n).tolist() == [mask]


def test_element_e_is_bit_e_of_its_word() -> None:
    n, width = 200, 64
    values = drawn(n)
    sliced = slice_bits(values, width).tolist()
    for element, value in enumerate(values.tolist()):
        for bit in range(width):
            word = sliced[bit][element // 64]
            assert (word >> (element % 64)) & 1 == (value >> bit) & 1


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_are_packed_bits(width: int) -> None:
    values = drawn(333)
    sliced = slice_bits(values, width)
    assert sliced.shape == (width, words(333))
    for bit in range(width):
        flags = (values >> np.uint64(bit)) & np.uint64(1)
        assert sliced[bit].tolist() == pack(flags).tolist()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("width", [1, 20, 64])
def test_sizes_around_words_and_blocks(n: int, width: int) -> None:
    values = drawn(n)
    sliced = slice_bits(values, width)
    assert sliced.shape == (width, words(n))
    assert not np.any(sliced[:, -1:] & ~tail(n))
    assert np.array_equal(join_bits(sliced, n), low(values, width))


@pytest.mark.parametrize("width", WIDTHS)
def test_join_takes_slices_back(width: int) -> None:
    values = drawn(700)
    joined = join_bits(slice_bits(values, width), 700)
    assert joined.dtype == np.uint64
    assert np.array_equal(joined, low(values, width))


def test_join_ignores_padding() -> None:
    # Masks fill whole words, so shares have random padding.
    sliced = drawn(10 * words(70)).reshape(10, -1)
    clean = sliced.copy()
    clean[:, -1:] &= tail(70)
    assert np.array_equal(join_bits(sliced, 70), join_bits(clean, 70))


def test_inputs_stay_as_they_are() -> None:
    values = drawn(100)
    sliced = slice_bits(values, 64)
    kept = sliced.copy()
    join_bits(sliced, 100)
    assert np.array_equal(values, drawn(100))
    assert np.array_equal(sliced, kept)


def test_strided_views_are_read_as_they_look() -> None:
    values = drawn(300).reshape(-1, 2)[:, 0]
    assert np.array_equal(slice_bits(values, 64), slice_bits(values.copy(), 64))
    rows = slice_bits(values, 64)[::2]
    assert np.array_equal(join_bits(rows, 150), join_bits(rows.copy(), 150))
    assert np.array_equal(unpack(rows[:, :1], 64), unpack(rows[:, :1].copy(), 64))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.uint64])
def test_unpack_takes_pack_back(n: int, dtype: Any) -> None:
    flags = low(drawn(n), 1).astype(dtype)
    packed = pack(flags)
    assert packed.shape == (words(n),)
    assert packed.dtype == np.uint64
    assert not np.any(packed[-1:] & ~tail(n))
    flat = unpack(packed, n)
    assert flat.dtype == np.uint64
    assert np.array_equal(flat, flags.astype(np.uint64))


def test_pack_and_unpack_rows() -> None:
    flags = low(drawn(3 * 70), 1).reshape(3, 70)
    packed = pack(flags)
    assert packed.shape == (3, 2)
    assert np.array_equal(packed, [pack(row) for row in flags])
    assert np.array_equal(unpack(packed, 70), flags)


def test_pack_takes_any_number_but_zero_as_one() -> None:
    assert pack(np.array([0, 2, 256, -1, 2**40])).tolist() == [0b11110]


@pytest.mark.parametrize("width", [-1, 65])
def test_widths_out_of_range_are_refused(width: int) -> None:
    with pytest.raises(UsageError, match=f"expected a width from 0 to 64 bits, got {width}"):
        slice_bits(drawn(3), width)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: slice_bits(drawn(4).reshape(2, 2), 8),
            r"of shape \(4,\), got uint64 of shape \(2, 2\)",
        ),
        (lambda: slice_bits(drawn(4).astype(np.int64), 8), "expected uint64 .* got int64"),
        (lambda: slice_bits(drawn(4).astype(np.float64), 8), "expected uint64 .* got float64"),
        (lambda: join_bits(np.zeros((65, 1), dtype=np.uint64), 3), "from 0 to 64 bits, got 65"),
        (
            lambda: join_bits(np.zeros((8, 1), dtype=np.uint64), 65),
            r"of shape \(8, 2\), got .*\(8, 1\)",
        ),
        (lambda: join_bits(np.zeros((8, 1), dtype=np.int64), 64), "expected uint64 .* got int64"),
        (lambda: unpack(drawn(2), 64), r"of shape \(1,\), got uint64 of shape \(2,\)"),
        (lambda: unpack(np.zeros(1, dtype=np.uint8), 5), "expected uint64 .* got uint8"),
    ],
)
def test_wrong_shapes_and_types_are_refused(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
