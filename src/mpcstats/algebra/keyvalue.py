"""Linear key-value stores: the value of a key is a sum of rows of the store, at positions that its seed names.

A store D of `rows` x `width` words mod 2^64 has three sparse segments and 48 dense rows. A key's value is the sum
of one row in each segment and of the dense rows that 48 bits of its seed choose. As decoding is linear,
decode(D + mask) = decode(D) + decode(mask). The sparse part is solved by peeling in whole rounds, and what
peeling leaves over, by elimination together with the dense rows.

Seeds are pseudorandom, 96 bits a key: two of n keys share one with probability below n^2 2^-97.
Source: oblivious key-value stores, Garimella, Pinkas, Rosulek, Trieu, Yanai 2021 (eprint 2021/883), with sums
mod 2^64 in place of exclusive or; the sizes and the chance of failure are ours: protocols/lookup_join/spec.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.errors import InternalError

Words = NDArray[np.uint64]
Seeds = NDArray[np.uint32]
Slots = NDArray[np.intp]

SEGMENTS = 3
DENSE = 48
SEED_PARTS = 3
MAX_CORE = 2048  # keys that elimination takes over at most: more are a failure, not a wait
_TABLE_BITS = (
    12  # four tables of 2^12 rows give the dense sums; at three words a row they fit the L2 cache
)
_BLOCK = 1 << 13  # keys decoded at a time


class StoreFailure(InternalError):
    """No store has these keys and values: two keys share a seed, or the keys are one unlucky set in 2^43."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a store; they depend on the public bound on its keys alone."""

    segment: int
    dense: int = DENSE

    @property
    def sparse(self) -> int:
        """Rows of the three segments."""
        return SEGMENTS * self.segment

    @property
    def rows(self) -> int:
        """All rows."""
        return self.sparse + self.dense


def shape(bound: int) -> Shape:
    """The sizes for at most `bound` keys: 1.3 bound + 30 sparse rows, rounded up to three equal segments."""
    return Shape(-(-(13 * bound + 300) // (10 * SEGMENTS)))


def build(seeds: Seeds, values: Words, size: Shape) -> Words:
    """The store that decodes each seed to its row of `values`: shapes (m, 3), (m, width) -> (rows, width).

    Raises StoreFailure if there is none.
    """
    slots = _slots(seeds, size)
    rounds, core = _peel(slots, size.sparse)
    store = np.zeros((size.rows, values.shape[1]), dtype=np.uint64)
    if core.size:
        _solve_core(store, slots[core], _dense_bits(seeds[core]), values[core], size)
    tables = _tables(store[size.sparse :]) if core.size else None
    for keys, own in reversed(rounds):
        # A key's own slot is still zero: it takes what the two others and the dense rows leave over.
        rest = values[keys]
        for j in range(SEGMENTS):
            rest -= store[slots[keys, j]]
        if tables is not None:
            rest -= _dense_sums(tables, seeds[keys])
        store[own] = rest
    return store


def decode(store: Words, seeds: Seeds, size: Shape) -> Words:
    """The value of each seed: shapes (rows, width), (m, 3) -> (m, width); junk for seeds that are not in it."""
    if store.shape[0] != size.rows:
        raise InternalError(f"expected a store of {size.rows} rows, got {store.shape[0]}")
    out = np.empty((seeds.shape[0], store.shape[1]), dtype=np.uint64)
    tables = _tables(store[size.sparse :])
    for start in range(0, seeds.shape[0], _BLOCK):
        part = seeds[start : start + _BLOCK]
        slots = _slots(part, size)
        target = out[start : start + _BLOCK]
        np.take(store, slots[:, 0], axis=0, out=target, mode="clip")
        for j in range(1, SEGMENTS):
            target += np.take(store, slots[:, j], axis=0, mode="clip")
        target += _dense_sums(tables, part)
    return out


def _slots(seeds: Seeds, size: Shape) -> Slots:
    # A fixed-point product scales 32 bits to a segment: exact to one part in 2^32 / segment.
    scaled = (seeds.astype(np.uint64) * np.uint64(size.segment)) >> np.uint64(32)
    scaled += np.arange(SEGMENTS, dtype=np.uint64) * np.uint64(size.segment)
    return scaled.astype(np.intp)


def _dense_bits(seeds: Seeds) -> Words:
    """48 bits a key: a fixed public mix of the seed (finaliser of splitmix64), so that all 96 bits count."""
    x = seeds[:, 0].astype(np.uint64) << np.uint64(32) | seeds[:, 1]
    x += seeds[:, 2].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return (x ^ (x >> np.uint64(31))) >> np.uint64(64 - DENSE)


def _tables(dense: Words) -> list[Words]:
    """For each group of dense rows, the sum of every subset of it."""
    tables = []
    for start in range(0, dense.shape[0], _TABLE_BITS):
        table = np.zeros((1, dense.shape[1]), dtype=np.uint64)
        for row in dense[start : start + _TABLE_BITS]:
            table = np.concatenate([table, table + row])
        tables.append(table)
    return tables


def _dense_sums(tables: list[Words], seeds: Seeds) -> Words:
    bits = _dense_bits(seeds)
    out = np.zeros(
        (seeds.shape[0], tables[0].shape[1]) if tables else (seeds.shape[0], 1), dtype=np.uint64
    )
    for i, table in enumerate(tables):
        chosen = (bits >> np.uint64(i * _TABLE_BITS)) & np.uint64((1 << _TABLE_BITS) - 1)
        out += np.take(table, chosen.astype(np.intp), axis=0, mode="clip")
    return out


def _peel(slots: Slots, sparse: int) -> tuple[list[tuple[Slots, Slots]], Slots]:
    """Rounds of (keys, the slot that each takes), in the order of peeling, and the keys that are left over.

    In each round every slot that only one remaining key uses is given to that key, and the key is removed.
    """
    m = slots.shape[0]
    index = np.arange(m, dtype=np.intp)
    count = np.bincount(slots.reshape(-1), minlength=sparse).astype(np.int32)
    joined = np.zeros(sparse, dtype=np.intp)  # exclusive or of the remaining keys of each slot
    for j in range(SEGMENTS):
        np.bitwise_xor.at(joined, slots[:, j], index)
    left = np.ones(m, dtype=np.bool_)
    stamp = np.empty(max(m, sparse), dtype=np.intp)
    rounds: list[tuple[Slots, Slots]] = []
    single = np.flatnonzero(count == 1)
    while single.size:
        own = single[_first(joined[single], stamp)]  # a key may have two such slots: it takes one
        keys = joined[own]
        rounds.append((keys, own))
        left[keys] = False
        touched = slots[keys]
        for j in range(SEGMENTS):
            np.subtract.at(count, touched[:, j], np.int32(1))
            np.bitwise_xor.at(joined, touched[:, j], keys)
        next_slots = touched.reshape(-1)
        next_slots = next_slots[count[next_slots] == 1]
        single = next_slots[_first(next_slots, stamp)]
    return rounds, np.flatnonzero(left)


def _first(names: Slots, stamp: Slots) -> NDArray[np.bool_]:
    """One True for each distinct name: everyone writes its place under its name, the last one reads it back."""
    places = np.arange(names.size, dtype=np.intp)
    stamp[names] = places
    distinct: NDArray[np.bool_] = stamp[names] == places
    return distinct


def _solve_core(store: Words, slots: Slots, dense_bits: Words, values: Words, size: Shape) -> None:
    """Set the dense rows, and the slots of the keys that peeling left over, by elimination mod 2^64."""
    keys = slots.shape[0]
    if keys > MAX_CORE:
        raise StoreFailure(f"no key-value store: {keys} keys are left over after peeling")
    used, column = np.unique(slots, return_inverse=True)
    column = column.reshape(slots.shape)
    unknowns = np.concatenate([used, size.sparse + np.arange(size.dense)])
    system = np.zeros((keys, unknowns.size + values.shape[1]), dtype=np.uint64)
    system[np.arange(keys)[:, None], column] = np.uint64(1)
    for b in range(size.dense):
        system[:, used.size + b] = (dense_bits >> np.uint64(b)) & np.uint64(1)
    system[:, unknowns.size :] = values
    pivots = _eliminate(system, unknowns.size)
    store[unknowns[pivots]] = system[:, unknowns.size :]


def _eliminate(system: Words, unknowns: int) -> Slots:
    """Gauss-Jordan elimination mod 2^64 in place: each row ends with 1 in its pivot column, where others have 0.

    A pivot must be odd to have an inverse. Unknowns without a pivot are set to zero by the caller.
    """
    pivots = np.empty(system.shape[0], dtype=np.intp)
    for i in range(system.shape[0]):
        odd = np.flatnonzero(system[i, :unknowns] & np.uint64(1))
        if not odd.size:
            raise StoreFailure("no key-value store: the keys' equations depend on one another")
        pivot = odd[0]
        pivots[i] = pivot
        system[i] *= _inverse(system[i, pivot : pivot + 1])
        factors = system[:, pivot].copy()
        factors[i] = np.uint64(0)
        rows = np.flatnonzero(factors)
        system[rows] -= factors[rows, None] * system[i]
    return pivots


def _inverse(odd: Words) -> Words:
    # Newton: each step doubles the number of right low bits, from three (a a = 1 mod 8) to 96.
    x = odd.copy()
    for _ in range(5):
        x *= np.uint64(2) - odd * x
    return x
