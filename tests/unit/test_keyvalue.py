"""algebra.keyvalue: what a store gives back, when there is none, and how often that is.

Random seeds are drawn with numpy's generators, from fixed numbers: a test here never fails by luck.
"""

from __future__ import annotations

import hashlib
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from mpcstats.algebra import keyvalue
from mpcstats.algebra.keyvalue import Shape, StoreFailure, build, decode, shape
from mpcstats.errors import InternalError, UsageError

TOP = 2**64


def table(n: int, v: int = 2, seed: int = 0) -> tuple[Any, Any]:
    """Seeds and values of n keys."""
    draw = np.random.default_rng([n, v, seed])
    return (
        draw.integers(0, 2**32, (n, 3), dtype=np.uint32),
        draw.integers(0, TOP, (n, v), dtype=np.uint64),
    )


def counted(rows: int, v: int) -> Any:
    """A store without any randomness in it."""
    return (np.arange(rows * v, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).reshape(rows, v)


def rows_of(parts: list[int], shape: Shape) -> list[int]:
    """The rows of one key, in Python integers and straight from the definition."""
    rows = [j * shape.segment + (part * shape.segment >> 32) for j, part in enumerate(parts)]
    z = (parts[0] + (parts[1] << 32) + parts[2] * 0x9E3779B97F4A7C15) % TOP
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % TOP
    z = (z ^ z >> 27) * 0x94D049BB133111EB % TOP
    z = (z ^ z >> 31) >> 16
    return rows + [shape.sparse + b for b in range(shape.dense) if z >> b & 1]


# --- shape ---


@pytest.mark.parametrize(
    ("n", "sparse"),
    [(0, 30), (1, 33), (2, 33), (10, 45), (100, 162), (1000, 1332), (10**6, 1_300_032)],
)
def test_shape_follows_the_bound(n: int, sparse: int) -> None:
    size = shape(n)
    assert (size.keys, size.sparse, size.dense, size.rows) == (n, sparse, 48, sparse + 48)
    assert size.segment * 3 == size.sparse
    assert 0 <= size.sparse - (1.3 * n + 30) < 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shape(-1), "expected a bound on the number of keys, got -1"),
        (lambda: shape(310_000_000), "expected a segment of 1 to 134217728 rows, got 134333344"),
        (lambda: Shape(1, 0), "expected a segment of 1 to 134217728 rows, got 0"),
        (lambda: Shape(1, 1, 49), "expected at most 48 dense rows, got 49"),
        (lambda: Shape(1, 1, -1), "expected at most 48 dense rows, got -1"),
    ],
)
def test_impossible_shapes_are_refused(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


# --- decode ---


@pytest.mark.parametrize("size", [shape(50), shape(5000), Shape(50, 7, 11), Shape(50, 1, 0)])
def test_decode_adds_the_rows_of_the_definition(size: Shape) -> None:
    seeds, _ = table(200)
    seeds[0], seeds[1] = 0, 2**32 - 1
    store = counted(size.rows, 2)
    exact = [
        [sum(int(store[row, column]) for row in rows_of(key, size)) % TOP for column in (0, 1)]
        for key in seeds.tolist()
    ]
    assert decode(store, seeds, size).tolist() == exact


def test_positions_do_not_change() -> None:
    # Both parties of a lookup derive them, perhaps with different versions of this library.
    seeds = (
        np.arange(300, dtype=np.uint64) * np.uint64(0xD1342543DE82EF95) >> np.uint64(32)
    ).astype(np.uint32)
    size = shape(1000)
    decoded = decode(counted(size.rows, 3), seeds.reshape(-1, 3), size)
    assert hashlib.sha256(decoded.astype("<u8").tobytes()).hexdigest() == (
        "aebe8b14b3db90baff0142ed71a6aea5fc2d4ab919bfdd9932fb69e3e74a46bd"
    )


def test_the_rows_of_a_key_are_distinct_and_all_are_reached() -> None:
    seeds, _ = table(3000)
    size = shape(100)
    reached = [rows_of(key, size) for key in seeds.tolist()]
    assert all(len(set(rows)) == len(rows) for rows in reached)
    assert {row for rows in reached for row in rows} == set(range(size.rows))


# --- build and decode ---


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 100, 1000, 4095, 4096, 4097, 20_000])
@pytest.mark.parametrize("v", [1, 3])
def test_decode_takes_build_back(n: int, v: int) -> None:
    seeds, values = table(n, v)
    store = build(seeds, values, shape(n))
    assert store.dtype == np.uint64
    assert store.shape == (shape(n).rows, v)
    assert np.array_equal(decode(store, seeds, shape(n)), values)


def test_many_columns() -> None:
    seeds, values = table(500, 40)
    assert np.array_equal(decode(build(seeds, values, shape(500)), seeds, shape(500)), values)


def test_fewer_keys_than_the_bound() -> None:
    seeds, values = table(70)
    for bound in (70, 71, 500):
        store = build(seeds, values, shape(bound))
        assert store.shape == (shape(bound).rows, 2)
        assert np.array_equal(decode(store, seeds, shape(bound)), values)


def test_absent_keys_give_junk() -> None:
    seeds, values = table(1000, 1)
    absent, tags = table(1000, 1, seed=1)
    junk = decode(build(seeds, values, shape(1000)), absent, shape(1000))
    assert not np.any(junk == tags)
    # Why junk must never be opened: rows may be zero, and then it is what another key holds.
    assert np.isin(junk, values).any()


def test_decoding_is_linear() -> None:
    seeds, values = table(400)
    store, mask = build(seeds, values, shape(400)), counted(shape(400).rows, 2)
    left, helper = decode(store + mask, seeds, shape(400)), decode(mask, seeds, shape(400))
    assert np.array_equal(left - helper, values)


def test_views_are_read_as_they_look_and_inputs_stay() -> None:
    wide, values = table(300, 6)
    wide = np.concatenate([wide, wide[:, :1]], axis=1)
    seeds, values = wide[:, :3], values[:, ::2]
    kept = seeds.copy(), values.copy()
    store = build(seeds, values, shape(300))
    assert np.array_equal(store, build(*kept, shape(300)))
    assert np.array_equal(decode(store, seeds, shape(300)), values)
    spread = np.repeat(store, 2, axis=1)[:, ::2]
    assert np.array_equal(decode(spread, seeds, shape(300)), values)
    assert np.array_equal(seeds, kept[0])
    assert np.array_equal(values, kept[1])


def test_memory_stays_within_a_few_times_the_values() -> None:
    n = 100_000
    seeds, values = table(n, 3)
    tracemalloc.start()
    try:
        store = build(seeds, values, shape(n))
        _, building = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        decode(store, seeds, shape(n))
        decoding = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # At 10^6 keys ten times as much: below 200 MB.
    assert building < 20e6
    assert decoding < 5e6


# --- the core ---


@pytest.mark.parametrize(("n", "load"), [(60, 0.9), (300, 0.85), (1000, 0.83), (3000, 0.9)])
def test_what_cannot_be_peeled_is_solved(n: int, load: float) -> None:
    # Above a load of 0.82 keys a sparse row, most of the keys are left.
    small = Shape(n, int(n / load / 3))
    seeds, values = table(n, 3)
    store = build(seeds, values, small)
    assert store[small.sparse :].any()
    assert np.array_equal(decode(store, seeds, small), values)


def test_a_small_core_is_solved() -> None:
    # Two keys with the same three slots, which only dense rows tell apart, among others that peel.
    seeds, values = table(1000)
    seeds[17] = seeds[902] ^ np.uint32(1)
    store = build(seeds, values, shape(1000))
    assert store[shape(1000).sparse :].any()
    assert np.array_equal(decode(store, seeds, shape(1000)), values)
    with pytest.raises(StoreFailure, match="equations that do not depend on one another"):
        build(seeds, values, Shape(1000, shape(1000).segment, 0))


def test_dense_rows_alone_hold_some_keys() -> None:
    # One slot a segment: all keys have the same sparse rows.
    seeds, values = table(40)
    cramped = Shape(40, 1)
    assert np.array_equal(decode(build(seeds, values, cramped), seeds, cramped), values)


@pytest.mark.parametrize("n", [52, 1000])
def test_more_keys_than_rows_fail(n: int) -> None:
    seeds, values = table(n)
    with pytest.raises(StoreFailure, match="equations that do not depend on one another"):
        build(seeds, values, Shape(n, 1))


def test_inverse_of_odd_numbers() -> None:
    odd = np.concatenate(
        [table(1000, 1)[1][:, 0] | np.uint64(1), np.array([1, 3, TOP - 1], np.uint64)]
    )
    assert (keyvalue._inverse(odd) * odd == 1).all()


# --- failure ---


def failures(dense: int, trials: int, sizes: range) -> int:
    """Stores that do not exist, of `trials` with sizes in turn; those that exist are checked."""
    failed = 0
    for trial in range(trials):
        n = sizes[trial % len(sizes)]
        seeds, values = table(n, 1, seed=trial)
        size = Shape(n, shape(n).segment, dense)
        try:
            store = build(seeds, values, size)
        except StoreFailure:
            failed += 1
        else:
            assert np.array_equal(decode(store, seeds, size), values)
    return failed


def even_sets(n: int) -> float:
    """Expected number of sets of n random keys that have every sparse row an even number of times.

    t keys fall evenly on S slots with probability p = 2^-S sum_k C(S, k) (1 - 2 k / S)^t; in three segments p^3.
    """
    slots = shape(n).segment
    k = np.arange(slots + 1)
    weights = np.array([log_choose(slots, i) for i in range(slots + 1)]) - slots * math.log(2)
    with np.errstate(divide="ignore"):
        base = np.log(np.abs(1 - 2 * k / slots))
    # An odd number of keys cannot fall evenly.
    return sum(
        math.exp(log_choose(n, t) + 3 * float(np.logaddexp.reduce(weights + t * base)))
        for t in range(2, n + 1, 2)
    )


def log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def test_no_store_of_random_seeds_fails() -> None:
    assert failures(keyvalue.DENSE, 2000, range(1, 301)) == 0


def test_without_dense_rows_stores_do_fail() -> None:
    # Negative control of the test above: sizes at which even sets are most frequent.
    sizes = range(30, 80)
    expected = 2000 * sum(even_sets(n) for n in sizes) / len(sizes)
    assert 80 < expected < 100
    assert 0.6 * expected < failures(0, 2000, sizes) < 1.2 * expected


def test_every_dense_row_halves_the_failures() -> None:
    sizes = range(30, 80)
    expected = 4000 * sum(even_sets(n) for n in sizes) / len(sizes) / 2**3
    assert 0.4 * expected < failures(3, 4000, sizes) < 1.5 * expected


def test_chance_of_failure_for_any_number_of_keys() -> None:
    expected = {n: even_sets(n) for n in (*range(1, 150), 200, 300, 500, 1000, 2000)}
    assert max(expected.values()) < 0.05
    # Beyond the largest, pairs of keys with the same slots decide, and they become ever fewer: about 6 / n.
    assert [n for n, sets in expected.items() if sets == max(expected.values())] == [53]
    assert 5 < 2000 * expected[2000] < 7
    assert math.log2(0.05) - keyvalue.DENSE < -51


@pytest.mark.parametrize("n", [2, 3, 100, 5000])
@pytest.mark.parametrize("equal_values", [False, True])
def test_a_repeated_seed_fails(n: int, equal_values: bool) -> None:
    seeds, values = table(n)
    seeds[0] = seeds[-1]
    if equal_values:
        values[0] = values[-1]
    with pytest.raises(StoreFailure, match="a seed is repeated") as failed:
        build(seeds, values, shape(n))
    assert isinstance(failed.value, InternalError)


def test_seeds_that_are_not_random_fail_at_once() -> None:
    seeds, values = table(100_000)
    with pytest.raises(StoreFailure, match="all but 8192 of 200000 keys, got 200000 left"):
        build(np.concatenate([seeds, seeds]), np.concatenate([values, values]), shape(200_000))
    with pytest.raises(StoreFailure, match="seeds are repeated or not random"):
        build(np.zeros_like(seeds), values, shape(100_000))


# --- bad arguments ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, w: build(s, w, shape(4)), "expected at most 4 keys, got 5"),
        (lambda s, w: build(s, w[:4], shape(5)), r"of 5 rows .* got uint64 of shape \(4, 2\)"),
        (lambda s, w: build(s, w[:, 0], shape(5)), r"one column, got uint64 of shape \(5,\)"),
        (lambda s, w: build(s, w[:, :0], shape(5)), r"one column, got uint64 of shape \(5, 0\)"),
        (lambda s, w: build(s, w.view(np.int64), shape(5)), "expected uint64 .* got int64"),
        (lambda s, w: build(s[:, :2], w, shape(5)), r"uint32 of shape \(m, 3\), got .*\(5, 2\)"),
        (
            lambda s, w: build(s.astype(np.uint64), w, shape(5)),
            "expected seeds as uint32 .* uint64",
        ),
        (lambda s, w: build(s[0], w, shape(5)), r"got uint32 of shape \(3,\)"),
        (lambda s, w: decode(w, s, shape(5)), r"of 87 rows .* got uint64 of shape \(5, 2\)"),
        (lambda s, w: decode(counted(87, 2)[:, 0], s, shape(5)), r"got uint64 of shape \(87,\)"),
        (
            lambda s, w: decode(counted(87, 2), w, shape(5)),
            "expected seeds as uint32 .* got uint64",
        ),
    ],
)
def test_wrong_shapes_and_types_are_refused(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(*table(5))
