"""Linear key-value store: a matrix of which a few rows, chosen by the key, add up to the key's values.

A key's rows are three sparse ones, one in each of three equal segments, and some of 48 dense ones at the end.
Keys come as seeds of 96 pseudorandom bits that the caller has drawn; two of n keys have one seed with a chance
of n^2 2^-97. Decoding is linear: decode(C + D) = decode(C) + decode(D), so a store may be masked and shared.
Sources: Garimella, Pinkas, Rosulek, Trieu, Yanai, "Oblivious key-value stores and amplification for private
set intersection", CRYPTO 2021 (the store); Genuzio, Ottaviano, Vigna, "Fast scalable construction of (minimal
perfect hash) functions", SEA 2016 (lazy elimination of what cannot be peeled; here equations are put off).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.algebra.ring import RingVec
from mpcstats.errors import InternalError, UsageError

Seeds = NDArray[np.uint32]
Indices = NDArray[np.intp]
Numbers = NDArray[np.int32]  # kept long: half the memory of indices
Round = tuple[Numbers, Numbers]  # keys, and for each the slot that no key left has

SEGMENTS = 3
DENSE = 48
# A seed part of 32 bits becomes a slot by a fixed-point multiplication. Of 2^32 parts either floor or ceil of
# 2^32 / segment go to a slot: up to 2^27 slots, no slot has more than 33/32 of another's chance, and every slot
# is reached. (Bits cut out of the seed would reach powers of two only.)
LARGEST_SEGMENT = 1 << 27

_TABLE_BITS = 8
_BLOCK = 4096  # keys: their indices and sums stay in the L2 cache, with the tables of dense sums
# Peeling n keys leaves a core of more than a few with the chance of a normal variable beyond about
# 0.08 sqrt(n) deviations (fitted to trials; the law: Dembo, Montanari, Ann. Appl. Probab. 18, 2008), and such
# a core holds 0.4 n keys: more than 8192 are left with a chance below 2^-80.
_LARGEST_CORE = 8192
_PUT_OFF = 64  # where peeling stops, one in so many of the keys left is put off

_ONE = np.uint64(1)
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_OCTET = np.uint64(0xFF)


class StoreFailure(InternalError):
    """No store holds these keys: a seed is repeated, or luck is bad, with a chance below 2^-51.

    A store exists if no set of keys has every row an even number of times. For random slots the expected number
    of sets with that property in the sparse rows is below 0.05 whatever n is (tests/unit/test_keyvalue.py
    computes it), and each has it in all 48 dense rows with a chance of 2^-48, taking the mix for random.
    """


@dataclass(frozen=True, slots=True)
class Shape:
    """Public size of a store for at most `keys` keys: three segments of sparse rows, then `dense` rows."""

    keys: int
    segment: int
    dense: int = DENSE

    def __post_init__(self) -> None:
        if self.keys < 0:
            raise UsageError(f"expected a bound on the number of keys, got {self.keys}")
        if not 1 <= self.segment <= LARGEST_SEGMENT:
            raise UsageError(
                f"expected a segment of 1 to {LARGEST_SEGMENT} rows, got {self.segment} for {self.keys} keys"
            )
        if not 0 <= self.dense <= DENSE:
            raise UsageError(f"expected at most {DENSE} dense rows, got {self.dense}")

    @property
    def sparse(self) -> int:
        """Sparse rows."""
        return SEGMENTS * self.segment

    @property
    def rows(self) -> int:
        """All rows."""
        return self.sparse + self.dense


def shape(n: int) -> Shape:
    """Shape of a store for at most n keys: 1.3 n + 30 sparse rows, rounded up to a multiple of 3, and 48 dense.

    Raises UsageError if n is negative or needs segments of more than 2^27 rows (n above 309 million).
    """
    # ceil((1.3 n + 30) / 3) in integers
    return Shape(n, -(-(13 * n + 300) // (10 * SEGMENTS)))


def build(seeds: Seeds, values: RingVec, shape: Shape) -> RingVec:
    """A store, shape (rows, v), from which `decode` gives `values`, shape (m, v), at `seeds`, shape (m, 3).

    Rows that no key needs are zero: what it hides, the caller must mask.
    Raises StoreFailure if there is none (a repeated seed, or bad luck), UsageError if there are more keys than
    the shape is for, or shapes or types are wrong.
    """
    _expect_seeds(seeds)
    _expect_words(values, (len(seeds), *values.shape[1:2]))
    if len(seeds) > shape.keys:
        raise UsageError(f"expected at most {shape.keys} keys, got {len(seeds)}")
    values = np.ascontiguousarray(values)
    slots = _slots(seeds, shape)
    peeled = _peel(slots, shape)
    store = np.zeros((shape.rows, values.shape[1]), dtype=np.uint64)
    if peeled.core.size:
        dense, free, settled = _solve_core(seeds, slots, values, shape, peeled)
        store[shape.sparse :] = dense
        # The sparse rows, zero until here, have to give what the dense rows leave.
        given = decode(store, seeds, shape)
        values = np.subtract(values, given, out=given)
        store[free] = settled
    _fill(store, slots, values, peeled.rounds)
    return store


def decode(store: RingVec, seeds: Seeds, shape: Shape) -> RingVec:
    """The sum of each key's rows, shape (m, v): its values if the store was built with it, junk otherwise.

    Junk may be zero or the values of another key: whoever decodes a store without a mask must not see it.
    store: (rows, v); seeds: (m, 3). Raises UsageError if shapes or types are wrong.
    """
    _expect_seeds(seeds)
    _expect_words(store, (shape.rows, *store.shape[1:2]))
    store = np.ascontiguousarray(store)
    tables = _tables(store[shape.sparse :])
    sums = np.zeros((len(seeds), store.shape[1]), dtype=np.uint64)
    scratch = np.empty((min(_BLOCK, len(seeds)), store.shape[1]), dtype=np.uint64)
    for part in _blocks(len(seeds)):
        target, term = sums[part], scratch[: part.stop - part.start]
        for slot in _slots(seeds[part], shape):
            _add_rows(target, store, slot, term)
        chosen = _dense_bits(seeds[part], shape)
        for table in tables:
            _add_rows(target, table, (chosen & _OCTET).view(np.intp), term)
            chosen >>= np.uint64(_TABLE_BITS)
    return sums


def _add_rows(sums: RingVec, store: RingVec, rows: Indices, term: RingVec) -> None:
    # No index is out of bounds; mode="clip" writes straight into `term`, "raise" would use a buffer.
    np.take(store, rows, axis=0, out=term, mode="clip")
    np.add(sums, term, out=sums)


def _tables(dense: RingVec) -> RingVec:
    """Sums of all subsets of each 8 dense rows, shape (6, 256, v): row 5 of a table adds its rows 0 and 2."""
    rows = np.zeros((DENSE, dense.shape[1]), dtype=np.uint64)
    rows[: len(dense)] = dense
    groups = rows.reshape(-1, _TABLE_BITS, 1, dense.shape[1])
    tables = np.zeros((len(groups), 1 << _TABLE_BITS, dense.shape[1]), dtype=np.uint64)
    for bit in range(_TABLE_BITS):
        half = 1 << bit
        np.add(tables[:, :half], groups[:, bit], out=tables[:, half : 2 * half])
    return tables


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, _BLOCK):
        yield slice(start, min(start + _BLOCK, n))


def _slots(seeds: Seeds, shape: Shape) -> Indices:
    """The sparse rows of each key, shape (3, m): distinct, because each segment has one."""
    slots = np.empty((SEGMENTS, len(seeds)), dtype=np.uint64)
    np.multiply(seeds.T, np.uint64(shape.segment), out=slots, dtype=np.uint64)
    np.right_shift(slots, _HALF, out=slots)
    np.add(slots, np.arange(SEGMENTS, dtype=np.uint64)[:, None] * shape.segment, out=slots)
    return slots.view(np.intp)


def _dense_bits(seeds: Seeds, shape: Shape) -> RingVec:
    """For each key, bit b says whether dense row b is one of its rows.

    The finaliser of splitmix64 (Stafford's variant 13; Steele, Lea, Flood, OOPSLA 2014) spreads the seed's 96
    bits, folded into 64; its top bits are taken.
    """
    word = seeds[:, 1].astype(np.uint64) << _HALF
    word |= seeds[:, 0]
    word += seeds[:, 2] * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        word ^= word >> np.uint64(shift)
        word *= np.uint64(factor)
    word ^= word >> np.uint64(31)
    return word >> np.uint64(64 - DENSE) & np.uint64((1 << shape.dense) - 1)


@dataclass(frozen=True, slots=True)
class _Peeling:
    """The order in which keys came off, and what was in the way.

    core: keys left when no slot had a single key for the first time, ascending, empty if that never happened.
    rounds: all keys but those put off; `rounds[start:]` are of the core. put_off: the rest of the core.
    """

    rounds: list[Round]
    start: int
    core: Indices
    put_off: Indices


def _peel(slots: Indices, shape: Shape) -> _Peeling:
    """Take off, round by round, all keys that are alone in one of their slots; put keys off where none is.

    Raises StoreFailure if more keys are left than bad luck explains.
    """
    held = _held(slots, shape)
    left = np.ones(slots.shape[1], dtype=np.bool_)
    writer = np.empty(left.size, dtype=np.int32)
    rounds: list[Round] = []
    put_off: list[Indices] = []
    start, core = 0, np.empty(0, dtype=np.intp)
    single = np.flatnonzero(held & _LOW_HALF == _ONE)
    while single.size or left.any():
        if single.size:
            keys, pivots = _distinct((np.take(held, single) >> _HALF).view(np.intp), single, writer)
            rounds.append((keys.astype(np.int32), pivots.astype(np.int32)))
        else:
            rest = np.flatnonzero(left)
            if not put_off:
                start, core = len(rounds), rest
                _expect_luck(core, left.size)
            # Where two keys share a slot, putting one off leaves the other alone.
            fewest = (held[slots[:, rest]] & _LOW_HALF).min(axis=0)
            keys = rest[np.argsort(fewest, kind="stable")[: 1 + rest.size // _PUT_OFF]]
            put_off.append(keys)
        left[keys] = False
        touched = np.take(slots, keys, axis=1)
        own = _marks(keys)
        for slot in touched:
            np.subtract.at(held, slot, own)
        touched = touched.reshape(-1)
        single = touched[np.take(held, touched) & _LOW_HALF == _ONE]
    return _Peeling(rounds, start, core, np.concatenate([core[:0], *put_off]))


def _held(slots: Indices, shape: Shape) -> RingVec:
    """For each slot the sum of its keys' marks: their number in the low half, and that of one alone above it."""
    held = np.zeros(shape.sparse, dtype=np.uint64)
    for part in _blocks(slots.shape[1]):
        own = _marks(np.arange(part.start, part.stop))
        for slot in slots[:, part]:
            np.add.at(held, slot, own)
    return held


def _marks(keys: Indices) -> RingVec:
    # Above the 1 that counts, the key's number; sums of numbers are mod 2^32.
    marks = keys.astype(np.uint64)
    marks <<= _HALF
    marks |= _ONE
    return marks


def _distinct(keys: Indices, pivots: Indices, writer: Numbers) -> tuple[Indices, Indices]:
    """Each key once: it may be alone in two slots, and a slot may be named twice. `writer` is scratch."""
    # Of all that write to one place, the one that is read back stays: cheaper than sorting.
    order = np.arange(keys.size, dtype=np.int32)
    writer[keys] = order
    kept = np.take(writer, keys) == order
    return keys[kept], pivots[kept]


def _fill(store: RingVec, slots: Indices, values: RingVec, rounds: Sequence[Round]) -> None:
    """Set the rows of `store` that `rounds` name so that each key's sparse rows add up to its row of `values`.

    Backwards: no key taken off later has the slot, so its row is still zero, and all others are settled.
    """
    width = values.shape[1]
    row = np.dtype((np.void, store.itemsize * width))  # a row moved whole takes a third of the time
    rows = store.view(row)[:, 0]
    wanted, found = np.empty((2, _BLOCK, width), dtype=np.uint64)
    for keys, pivots in reversed(rounds):
        for part in _blocks(keys.size):
            target, term = wanted[: part.stop - part.start], found[: part.stop - part.start]
            np.take(values, keys[part], axis=0, out=target, mode="clip")
            for slot in np.take(slots, keys[part], axis=1):
                np.take(store, slot, axis=0, out=term, mode="clip")
                np.subtract(target, term, out=target)
            rows[pivots[part]] = target.view(row)[:, 0]


def _solve_core(
    seeds: Seeds, slots: Indices, values: RingVec, shape: Shape, peeled: _Peeling
) -> tuple[RingVec, Indices, RingVec]:
    """The dense rows; the sparse rows of the core that no round names, and what these must hold.

    Every row of the core is a form in the unknowns x, which are the dense rows and the unnamed ones: values +
    coefficients . x, side by side. Each key put off is then one equation in x.
    Raises StoreFailure if these are dependent modulo 2.
    """
    core, v, known = peeled.core, values.shape[1], values.shape[1] + shape.dense
    names, local = np.unique(slots[:, core], return_inverse=True)
    local = local.reshape(SEGMENTS, -1)
    rounds = [
        (
            np.searchsorted(core, keys).astype(np.int32),
            np.searchsorted(names, pivots).astype(np.int32),
        )
        for keys, pivots in peeled.rounds[peeled.start :]
    ]
    free = np.setdiff1d(np.arange(names.size), np.concatenate([core[:0], *(r[1] for r in rounds)]))
    forms = np.zeros((names.size, known + free.size), dtype=np.uint64)
    forms[free, known + np.arange(free.size)] = 1
    wanted = np.zeros((core.size, known + free.size), dtype=np.uint64)
    wanted[:, :v] = values[core]
    bits = _dense_bits(seeds[core], shape)[:, None] >> np.arange(shape.dense, dtype=np.uint64)
    wanted[:, v:known] -= bits & _ONE
    _fill(forms, local, wanted, rounds)
    off = np.searchsorted(core, peeled.put_off)
    # What these keys want beyond their sparse rows must vanish: values + coefficients . x = 0.
    missing = wanted[off]
    for slot in local[:, off]:
        missing -= forms[slot]
    x = _solve(np.uint64(0) - missing[:, v:], missing[:, :v])
    return x[: shape.dense], names[free], x[shape.dense :]


def _solve(a: RingVec, b: RingVec) -> RingVec:
    """Some x with a x = b modulo 2^64, shape (columns of a, columns of b), zero where nothing is determined.

    Only odd numbers have an inverse; rows of `a` that are independent modulo 2 always leave one to pivot on.
    Raises StoreFailure if they are not.
    """
    columns = a.shape[1]
    system = np.concatenate([a, b], axis=1)
    pivots = np.empty(len(system), dtype=np.intp)
    for row, equation in enumerate(system):
        odd = np.flatnonzero(equation[:columns] & _ONE)
        if not odd.size:
            raise StoreFailure(
                "expected equations that do not depend on one another, got one that does: "
                "a seed is repeated, or luck is bad (chance below 2^-51)"
            )
        pivot = pivots[row] = odd[0]
        equation *= _inverse(equation[pivot : pivot + 1])
        factors = system[:, pivot, None].copy()
        factors[row] = 0
        system -= factors * equation
    x = np.zeros((columns, b.shape[1]), dtype=np.uint64)
    x[pivots] = system[:, columns:]
    return x


def _inverse(odd: RingVec) -> RingVec:
    """1 / odd modulo 2^64. Newton: y odd = 1 mod 2^k gives y (2 - y odd) odd = 1 mod 2^2k; y = odd has k = 3."""
    y = odd.copy()
    for _ in range(5):
        y *= np.uint64(2) - y * odd
    return y


def _expect_luck(core: Indices, keys: int) -> None:
    if core.size > _LARGEST_CORE:
        raise StoreFailure(
            f"expected to peel all but {_LARGEST_CORE} of {keys} keys, got {core.size} left: "
            "seeds are repeated or not random"
        )


def _expect_seeds(seeds: Seeds) -> None:
    if seeds.dtype != np.uint32 or seeds.ndim != 2 or seeds.shape[1] != SEGMENTS:
        raise UsageError(
            f"expected seeds as uint32 of shape (m, {SEGMENTS}), got {seeds.dtype} of shape {seeds.shape}"
        )


def _expect_words(array: RingVec, expected: tuple[int, ...]) -> None:
    if array.dtype != np.uint64 or array.shape != expected or array.ndim != 2 or not array.shape[1]:
        raise UsageError(
            f"expected uint64 of {expected[0]} rows and at least one column, "
            f"got {array.dtype} of shape {array.shape}"
        )
