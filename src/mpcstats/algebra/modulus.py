"""Modulus: a proof that n has no common factor with its order, so that every ciphertext encrypts one number alone.

The prover shows n-th roots modulo n of numbers that a hash names. If a prime r divided both n and its order, at
most one in r units would have a root; no prime below 2^16 divides n, which is tested, so a false n passes each of 8
challenges with a chance below 2^-16. Source: Goldberg, Reyzin, Sagga and Baldimtsi 2019 (eprint 2018/057), sections 3
and 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from gmpy2 import gcd, mpz, powmod, primorial

from mpcstats.algebra.paillier import MODULUS_BITS, SMALL, Public, Secret

CHALLENGES = 8  # (2^16)^8 = 2^128
_SPARE = 16  # bytes beyond the modulus: its remainders are uniform but for 2^-128
_DOMAIN = b"mpcstats modulus 1"


def prove(secret: Secret, context: bytes) -> list[mpz]:
    """The roots that show it; `context` binds the proof to one run."""
    return [secret.root(x) for x in _challenges(secret.public, context)]


def fault(public: Public, roots: Sequence[mpz], context: bytes) -> str | None:
    """Why `public` is not what a peer's key must be, in words; None if its proof holds."""
    n = public.n
    if n.bit_length() != MODULUS_BITS:
        return f"expected a modulus of {MODULUS_BITS} bits, got {n.bit_length()}"
    if gcd(n, _small_primes()) != 1:
        return f"expected a modulus without a factor below {SMALL}, got one with such a factor"
    challenges = _challenges(public, context)
    if len(roots) != len(challenges):
        return f"expected {len(challenges)} roots, got {len(roots)}"
    for x, y in zip(challenges, roots, strict=True):
        if not 0 < y < n or powmod(y, n, n) != x:
            return "expected roots of the challenges as a proof of the modulus, got other numbers"
    return None


def _challenges(public: Public, context: bytes) -> list[mpz]:
    size = MODULUS_BITS // 8
    n = int(public.n)
    given = hashlib.shake_256(_DOMAIN + n.to_bytes(2 * size, "little") + context)
    length = size + _SPARE
    spread = given.digest(CHALLENGES * length)
    parts = (spread[at : at + length] for at in range(0, len(spread), length))
    return [mpz(int.from_bytes(part, "little") % n) for part in parts]


@lru_cache(maxsize=1)
def _small_primes() -> mpz:
    return primorial(SMALL)
