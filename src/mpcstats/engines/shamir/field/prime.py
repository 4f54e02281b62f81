"""The primes of fields: found from a number of bits alone, so that every party finds the same one."""

from __future__ import annotations

from functools import lru_cache

import gmpy2


@lru_cache(maxsize=256)
def prime_of(bits: int) -> int:
    """The largest prime below 2^bits that is 3 modulo 4, for which square roots are one power."""
    found = gmpy2.prev_prime(1 << bits)
    while found % 4 != 3:
        found = gmpy2.prev_prime(found)
    return int(found)
