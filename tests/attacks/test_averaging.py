"""Averaging over repeats: the mean of many noisy answers is the secret, unless the noise of a repeat is the same.

The attacker asks as often as it likes, also with one compute party on its side, and takes the mean of each cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from statistics import mean

from tests.property.test_noise import KEYS, Case, noised

from mpcstats.protocols.noise import Law

SECRETS = (4321, 17, 0, 250, 98, 1200, 33, 7, 60, 512, 81, 3000)
REPEATS = 400
CASE = Case((SECRETS,), (Law("laplace", Fraction(20)),))
CLOSE = 8  # of the mean of fresh noise the standard deviation is 34.6 / 20


def recovered(ask: Callable[[int], Case]) -> float:
    """The part of the secrets that the mean of all answers comes close to."""
    answers = [noised(ask(i)) for i in range(REPEATS)]
    means = [mean(column) for column in zip(*answers, strict=True)]
    close = [abs(m - secret) <= CLOSE for m, secret in zip(means, SECRETS, strict=True)]
    return float(mean(close))


def keyed(i: int, who: str) -> Case:
    """The parties `who` draw anew in run i, the others by the keys that they keep."""
    fresh = {p: KEYS[p][:24] + i.to_bytes(8, "little") for p in who}
    return replace(CASE, keys=tuple({**KEYS, **fresh}.items()))


def test_fresh_noise_is_averaged_away() -> None:
    """The attack works under an open policy."""
    assert recovered(lambda i: keyed(i, "abc")) == 1


def test_sticky_noise_is_not() -> None:
    """All answers are one answer: no more comes of them than of asking once, close to one secret in five."""
    assert len({tuple(noised(CASE)) for _ in range(3)}) == 1
    once = noised(CASE)
    assert mean(abs(a - s) <= CLOSE for a, s in zip(once, SECRETS, strict=True)) < 0.5


def test_nor_with_a_corrupted_party_that_draws_anew() -> None:
    """What is left is the parts of the two others, as if the question had been asked once."""
    assert recovered(lambda i: keyed(i, "a")) < 0.5
