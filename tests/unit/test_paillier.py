"""Paillier: known answers, the owner's short cuts against the plain formulas, packing, proofs of a modulus."""

from __future__ import annotations

import hashlib
from math import gcd, lcm
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pairing import P, Q, known_key

from mpcstats.algebra import modulus, paillier
from mpcstats.algebra.packing import Packing
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Stream
from mpcstats.session.draws import StreamDraw, SystemDraw

N = P * Q


def draw(name: str) -> StreamDraw:
    return StreamDraw(stream(name))


def stream(name: str) -> Stream:
    return Stream(hashlib.sha256(name.encode()).digest()[:16])


def slow_decrypt(c: int, p: int, q: int) -> int:
    """Paillier 1999, section 4: L(c^lambda) / L(g^lambda), g = 1 + n."""
    n, order = p * q, lcm(p - 1, q - 1)

    def part(x: int) -> int:
        return (pow(x, order, n * n) - 1) // n

    return part(c) * pow(part(1 + n), -1, n) % n


def test_the_textbook_example() -> None:
    """p = 7, q = 11, g = 5652: 42 with r = 23 is 4624. The logarithm to the base 1 + n takes 42 times that of g."""
    key = paillier.Secret.of(7, 11)
    c = pow(5652, 42, 77**2) * pow(23, 77, 77**2) % 77**2
    assert c == 4624
    assert key.decrypt(c) == 42 * key.decrypt(5652) % 77
    assert key.decrypt(5652) == slow_decrypt(5652, 7, 11)


@pytest.mark.parametrize(("p", "q"), [(7, 11), (101, 103), (P, Q)])
def test_decryption_by_parts_is_the_plain_formula(p: int, q: int) -> None:
    key, n = paillier.Secret.of(p, q), p * q
    for m, r in [(0, 1), (1, 2), (n - 1, n - 2), (n // 2, 5), (42 % n, 3)]:
        c = (1 + m * n) * pow(r, n, n * n) % (n * n)
        assert key.decrypt(c) == m == slow_decrypt(c, p, q)


@pytest.mark.parametrize("rows", [1, 100, 10**6])
def test_the_owner_encrypts_for_everybody(rows: int) -> None:
    key = known_key()
    made = paillier.Encryption(key, draw("table"), rows if rows < 1000 else 1000)
    plain = [0, 1, -1, N - 1, -(N // 2), 1 << 3000, 12345]
    drawn = stream("exponents").words(len(plain), made.words)
    found = made.encrypt(plain, drawn)
    assert made.digits * made.window >= paillier.EXPONENT_BITS
    assert [slow_decrypt(int(c), P, Q) for c in found[:3]] == [0, 1, N - 1]
    assert [key.decrypt(c) for c in found] == [x % N for x in plain]
    assert all(key.public.is_ciphertext(c) for c in found)
    assert len(set(found)) == len(found)
    again = made.encrypt([0, 0], drawn[[0, 0]])
    assert again[0] == again[1] == found[0]  # nothing but what was drawn


def test_the_blinding_is_the_power_that_the_digits_say() -> None:
    """Negative control of the table: against powers modulo n^2, from the same base."""
    key = known_key()
    made = paillier.Encryption(key, draw("table"), 50)
    x = paillier.uniform(draw("table"), N)
    base = pow(int(-x * x % N), N, N * N)
    drawn = stream("exponents").words(1, made.words)
    parts = [
        (int(word) >> shift) & ((1 << made.window) - 1)
        for word in drawn[0]
        for shift in (0, 16, 32, 48)
    ]
    exponent = sum((d + 1) << (made.window * i) for i, d in enumerate(parts[: made.digits]))
    (c,) = made.encrypt([7], drawn)
    assert c == (1 + 7 * N) * pow(base, exponent, N * N) % (N * N)
    assert c != (1 + 7 * N) * pow(base, exponent + 1, N * N) % (N * N)


def test_sums_under_encryption() -> None:
    key, made = known_key(), paillier.Encryption(known_key(), draw("t"), 10)
    c = made.encrypt([5, -9, 100], stream("e").words(3, made.words))
    fresh = key.public.fresh(-1, draw("f"))
    total = c[0] * c[1] * c[2] * fresh % key.public.square
    assert key.decrypt(total) == 95
    assert key.public.fresh(-1, draw("g")) != fresh


@pytest.mark.parametrize("c", [0, N, P, -1, N * N, N * N + 1, Q * 5])
def test_what_is_no_ciphertext(c: int) -> None:
    assert not known_key().public.is_ciphertext(c)
    assert known_key().public.is_ciphertext(N * N - 1)


def test_a_fresh_key_is_as_it_must_be() -> None:
    key = paillier.generate(SystemDraw())
    p, q = int(key.p), int(key.q)
    assert key.public.n.bit_length() == 2 * p.bit_length() == 3072
    assert p % 4 == q % 4 == 3
    assert gcd(p - 1, q - 1) == 2
    assert gcd(p * q, (p - 1) * (q - 1)) == 1
    assert str(p) not in repr(key)
    assert paillier.generate(draw("same")).p == paillier.generate(draw("same")).p


@pytest.mark.parametrize(("p", "q"), [(7, 7), (3, 7), (11, 23)])
def test_primes_that_divide_an_order_are_refused(p: int, q: int) -> None:
    with pytest.raises(InternalError, match="do not divide"):
        paillier.Secret.of(p, q)


# the modulus of a peer


def test_a_good_modulus_is_proved_for_one_run() -> None:
    key = known_key()
    roots = modulus.prove(key, b"run")
    assert modulus.fault(key.public, roots, b"run") is None
    assert "roots" in (modulus.fault(key.public, roots, b"other run") or "")
    assert "8 roots" in (modulus.fault(key.public, roots[:7], b"run") or "")
    for at in (0, 7):
        for wrong in (roots[at] + 1, roots[at] + N, 0):
            changed = [*roots[:at], wrong, *roots[at + 1 :]]
            assert modulus.fault(key.public, changed, b"run") is not None


@pytest.mark.parametrize("n", [0, 1, N >> 1, N << 1, 1 << 3071])
def test_a_modulus_of_another_form(n: int) -> None:
    public = paillier.Public.of(n)
    assert modulus.fault(public, [1] * 8, b"run") is not None


def test_a_modulus_whose_powers_hide_less_cannot_be_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """p divides q - 1: of the units one in p is an n-th power, and no challenge is one. On a short modulus."""
    p = 65537
    q = next(q for q in range(2 * p + 1, 10**9, 2 * p) if _prime(q))
    good = paillier.Secret.of(p, 65539)
    for n, is_good in ((p * q, False), (p * 65539, True)):
        monkeypatch.setattr(modulus, "MODULUS_BITS", n.bit_length() // 8 * 8)
        public = paillier.Public.of(n)
        found = [x for i in range(20) for x in modulus._challenges(public, bytes([i]))]
        other, index = n // p, (q - 1) // p
        if is_good:
            assert all(pow(good.root(x), n, n) == x for x in found)
        else:  # x is an n-th power modulo q if and only if this is 1
            assert not any(pow(int(x), index, other) == 1 for x in found)
            assert pow(pow(5, n, n), index, other) == 1


def _prime(q: int) -> bool:
    return q > 1 and all(q % d for d in range(2, int(q**0.5) + 1))


# packing


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_columns_are_packed_and_their_sums_come_apart(data: Any) -> None:
    bits = tuple(data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=8)))
    rows = data.draw(st.integers(1, 9))
    columns = [st.integers(-(2**b) + 1, 2**b - 1) for b in bits]
    values = data.draw(st.lists(st.tuples(*columns), min_size=1, max_size=rows))
    packing = Packing(bits, rows, 3070)
    packed = packing.pack(np.array(values, dtype=np.int64).view(np.uint64))
    expected = tuple(sum(row[j] for row in values) for j in range(len(bits)))
    assert packing.unpack(sum(packed) % N, N) == expected


def test_extremes_fill_a_slot() -> None:
    packing = Packing((3, 3), 4, 100)
    for low, high in ((7, -7), (-7, 7), (-7, -7)):
        values = np.array([[low, high]] * 4, dtype=np.int64).view(np.uint64)
        assert packing.unpack(sum(packing.pack(values)) % N, N) == (4 * low, 4 * high)


@pytest.mark.parametrize("total", [33, -33, 1 << 20, N // 2, 32 + (33 << 7)])
def test_a_sum_out_of_bounds_is_none(total: int) -> None:
    packing = Packing((3, 3), 4, 100)
    assert packing.unpack(total, N) is None
    assert packing.unpack(32 - (32 << packing.widths[0]), N) == (32, -32)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"sums below 2\^63"):
        Packing((60,), 8, 3070)
    with pytest.raises(UsageError, match="fewer sums"):
        Packing((40,) * 61, 1000, 3070)
    with pytest.raises(UsageError, match="within their columns' bits"):
        Packing((3,), 4, 100).pack(np.array([[8]], dtype=np.uint64))
    with pytest.raises(UsageError, match="within their columns' bits"):
        Packing((3,), 4, 100).pack(np.array([[-8]], dtype=np.int64).view(np.uint64))
