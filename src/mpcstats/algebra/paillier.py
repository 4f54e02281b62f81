"""Paillier: numbers modulo n that are added under encryption. Keys, encryption by the owner, sums by anybody else.

Notation and arguments: protocols/private_join/spec.md. Randomness is handed in: as uniform words for what is done
for every row, as a Draw for the rest. gmpy2 does not take the same time for all numbers; operands have the same
length whatever they hide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from gmpy2 import gcd, invert, is_prime, mpz, powmod, primorial
from numpy.typing import NDArray

from mpcstats.algebra.discrete import Draw
from mpcstats.errors import InternalError

Words = NDArray[np.uint64]

MODULUS_BITS = 3072  # 128 bits of security: NIST SP 800-57 part 1, table 2
EXPONENT_BITS = 256  # of short exponents at least: twice 128, for Pollard's kangaroos
WIDEST_WINDOW = 12  # bits: the tables of both primes take 70 MB
SMALL = 1 << 16  # no prime factor of a modulus is below
_ROUNDS = 40  # of Miller and Rabin, beside the test of Baillie and others: error below 2^-80
_SPARE = (
    128  # bits that are drawn beyond a modulus, so that the remainder is uniform but for 2^-128
)


@dataclass(frozen=True, slots=True)
class Public:
    """The modulus n; a ciphertext is a unit modulo `square`, n^2."""

    n: mpz
    square: mpz

    @classmethod
    def of(cls, n: int) -> Public:
        """The public key of the modulus n, which nothing is known about yet (see algebra.modulus)."""
        return cls(mpz(n), mpz(n) ** 2)

    def is_ciphertext(self, c: mpz) -> bool:
        """Whether 0 < c < n^2 and c is a unit: then it is the encryption of one number."""
        return bool(0 < c < self.square and gcd(c, self.n) == 1)

    def fresh(self, plain: int, draw: Draw) -> mpz:
        """An encryption of `plain` mod n, uniform among all: (1 + n plain) r^n with r uniform.

        A sum times such a fresh encryption is uniform among all encryptions of what they add up to.
        """
        r = mpz(0)
        while gcd(r, self.n) != 1:  # else n has been factored
            r = uniform(draw, self.n)
        return (1 + plain % self.n * self.n) * powmod(r, self.n, self.square) % self.square


def uniform(draw: Draw, modulus: int) -> mpz:
    """A number below `modulus`, uniform but for 2^-128."""
    return mpz(draw.bits(int(modulus).bit_length() + _SPARE)) % modulus


@dataclass(frozen=True, slots=True)
class Secret:
    """The primes p and q of a key, and what follows from them."""

    p: mpz = field(repr=False)
    q: mpz = field(repr=False)
    public: Public
    _p_square: mpz = field(repr=False)
    _q_square: mpz = field(repr=False)
    _p_factor: mpz = field(repr=False)  # 1 / -q mod p: takes L_p to the plain number
    _q_factor: mpz = field(repr=False)
    _p_inverse: mpz = field(repr=False)  # 1 / p mod q
    _square_inverse: mpz = field(repr=False)  # 1 / p^2 mod q^2

    @classmethod
    def of(cls, p: int, q: int) -> Secret:
        """The key of two primes. Raises InternalError unless n = p q has an inverse modulo (p - 1)(q - 1)."""
        p, q = mpz(p), mpz(q)
        if p == q or gcd(p * q, (p - 1) * (q - 1)) != 1:
            raise InternalError("expected two primes that do not divide one another's order")
        return cls(
            *(p, q, Public.of(p * q), p * p, q * q, invert(-q, p), invert(-p, q)),
            *(invert(p, q), invert(p * p, q * q)),
        )

    def decrypt(self, c: mpz) -> mpz:
        """The number in [0, n) whose encryption c is. c must be a ciphertext.

        Source: Paillier 1999, section 7: modulo p^2 and q^2 apart.
        """
        p, q = self.p, self.q
        at_p = (powmod(c, p - 1, self._p_square) - 1) // p * self._p_factor % p
        at_q = (powmod(c, q - 1, self._q_square) - 1) // q * self._q_factor % q
        return at_p + p * ((at_q - at_p) * self._p_inverse % q)

    def root(self, x: mpz) -> mpz:
        """The n-th root of the unit x modulo n."""
        p, q, n = self.p, self.q, self.public.n
        at_p, at_q = powmod(x, invert(n, p - 1), p), powmod(x, invert(n, q - 1), q)
        return at_p + p * ((at_q - at_p) * self._p_inverse % q)


def generate(draw: Draw) -> Secret:
    """A fresh key of 3072 bits: p = q = 3 mod 4, and (p - 1)/2 and (q - 1)/2 have no common factor."""
    while True:
        p, q = _prime(draw), _prime(draw)
        if p != q and gcd(p - 1, q - 1) == 2 and gcd(p * q, (p - 1) * (q - 1)) == 1:
            return Secret.of(p, q)


def _prime(draw: Draw) -> mpz:
    """A uniform prime of 1536 bits that is 3 mod 4 and whose two highest bits are set, so that n has 3072."""
    half = MODULUS_BITS // 2
    while True:
        found = mpz(draw.bits(half)) | (mpz(3) << (half - 2)) | 3
        if gcd(found, _small_primes()) == 1 and is_prime(found, _ROUNDS):
            return found


@lru_cache(maxsize=1)
def _small_primes() -> mpz:
    return primorial(1 << 12)


class Encryption:
    """Encryptions by the key's owner: the blinding h^(n a) is a product of table entries, for short exponents a.

    h = -x^2 generates the residues that matter (Damgard, Jurik and Nielsen 2010, section 4.2), x being uniform. An
    exponent is `digits` digits of `window` bits, each of which is one more than drawn, so that no factor is 1.
    """

    __slots__ = ("_columns", "_secret", "digits", "window")

    def __init__(self, secret: Secret, draw: Draw, rows: int) -> None:
        """Tables for about so many rows: wide windows for many."""
        self._secret = secret
        self.window = _window(rows)
        self.digits = -(-EXPONENT_BITS // self.window)
        n = secret.public.n
        x = uniform(draw, n)
        base = powmod(-x * x % n, n, secret.public.square)
        self._columns = [
            list(_powers(base % square, square, self.window, self.digits))
            for square in (secret._p_square, secret._q_square)
        ]

    def __repr__(self) -> str:
        return "<encryption>"

    @property
    def words(self) -> int:
        """Uniform words that a row takes."""
        return -(-self.digits // 4)

    def encrypt(self, plain: Sequence[int], drawn: Words) -> list[mpz]:
        """Encryptions of the numbers mod n, with `drawn`, as many rows of `words` uniform words."""
        secret, n = self._secret, self._secret.public.n
        at_p, at_q = self._columns
        p_square, q_square, inverse = secret._p_square, secret._q_square, secret._square_inverse
        found = []
        for number, digits in zip(plain, self._digits(drawn), strict=True):
            x = _product(at_p, digits, p_square)
            y = _product(at_q, digits, q_square)
            blind = x + p_square * ((y - x) * inverse % q_square)
            # (1 + n m) blind = blind + n (m blind mod n); m is taken above n, so that all are as long.
            found.append((blind + n * (blind * (number % n + n) % n)) % secret.public.square)
        return found

    def _digits(self, drawn: Words) -> list[list[int]]:
        shifts = np.arange(0, 64, 16, dtype=np.uint64)
        mask = np.uint64((1 << self.window) - 1)
        parts = (drawn[:, :, None] >> shifts) & mask
        found: list[list[int]] = parts.reshape(len(drawn), -1)[:, : self.digits].tolist()
        return found


def _window(rows: int) -> int:
    """The width with the fewest products, of tables and of rows."""

    def products(window: int) -> int:
        return -(-EXPONENT_BITS // window) * (rows + (1 << window))

    return min(range(2, WIDEST_WINDOW + 1), key=products)


def _powers(base: mpz, modulus: mpz, window: int, digits: int) -> Iterator[list[mpz]]:
    """For each digit of an exponent, from the lowest, the powers of that digit's base 1 to 2^window."""
    for _ in range(digits):
        column = [base]
        for _ in range((1 << window) - 1):
            column.append(column[-1] * base % modulus)
        yield column
        base = column[-1]


def _product(columns: Sequence[Sequence[mpz]], digits: Sequence[int], modulus: mpz) -> mpz:
    found = mpz(1)
    for column, digit in zip(columns, digits, strict=True):
        found = found * column[digit] % modulus
    return found
