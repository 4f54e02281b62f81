"""Two parties without a helper: a key that anybody knows, keys of a table, and what a join of plain tables gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from mpcstats.algebra import paillier
from mpcstats.protocols.private_join import Table
from mpcstats.session import Words

# Drawn by algebra.paillier.generate; anybody knows them, so they are for tests alone.
P = int(
    "fa370e405b9996f19eb072aa7805ded50944635c56c582c4273c0ce3513bc9d60ab4a2a6d2e4c4152331b6765acc590c"
    "256b84a34052bdcb185e6e77ad6299c50e163e3e5b3399f09883416a4ff2e5e6953390770efec27058f3be963261c47e"
    "0e2a0e43ecd19b215aa316246d3f80fb103485a748ebf74b5aec6c0111018f20b2f8b1e522fba497bf40d6c612c72698"
    "2692f0d1b0f6e10121ce8545c846b0e8cd23218a179af07306aea61abe712c0bb888e4ea671585adc6dbd06bdf38edd3",
    16,
)
Q = int(
    "c63973b90f6d7dcf91e7b4c9ec11cbaaffcb73a5a92778350eed144670c20fddf6158ae9d906d2146a332213bad25e85"
    "13610c6e72bc717333b75ff085eef079456ccf1baa258247dbadcc632a9606ab5bb1db4fd277bac2b5fe2c50b8d6b5fd"
    "29ea77cfa0f9845bfdaffef6adb21b79bb4aaa3d8a1da0f9f214e5d4053f732b740e560fe9f9c28b6e6aa2ad149ce431"
    "e99748dc8785080f69e0b577e1bcfe06ee0218bbba58c39817708fb221057446a2e7cd8288d30047f3c505c67605ddcb",
    16,
)


@lru_cache(maxsize=1)
def known_key() -> paillier.Secret:
    return paillier.Secret.of(P, Q)


def keys_of(numbers: Sequence[int]) -> Words:
    """128-bit keys, shape (n, 2), that differ in one word or the other."""
    return np.array([[n % 7, n] for n in numbers], dtype=np.uint64).reshape(-1, 2)


def table_of(rows: Mapping[int, Sequence[int]] | Sequence[int], columns: int = 0) -> Table:
    """A table of keys alone, or of keys and signed values; `columns` of them if there are no rows."""
    if not isinstance(rows, Mapping):
        return Table(keys_of(rows))
    width = max((len(row) for row in rows.values()), default=columns)
    values = np.array(list(rows.values()), dtype=np.int64).reshape(len(rows), width)
    return Table(keys_of(list(rows)), values.view(np.uint64))


def plain_join(
    matcher: Sequence[int], holder: Mapping[int, Sequence[int]]
) -> tuple[int, tuple[int, ...]]:
    """The number of common keys and the sums of the holder's columns over them, row by row."""
    common = [key for key in holder if key in set(matcher)]
    width = max((len(row) for row in holder.values()), default=0)
    return len(common), tuple(sum(holder[key][j] for key in common) for j in range(width))
