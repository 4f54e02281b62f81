"""Pearson's test of counts against probabilities, for samples whose law is known exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import sqrt
from statistics import NormalDist

# How often a right sampler would be called wrong. Seeds are fixed, so a test that passes once passes always: this is
# the chance that its seed was an unlucky one.
FALSE_ALARM = 1e-6
LEAST = 10  # expected in a class; what is expected less often is put together


def statistic(
    sample: Iterable[int], chance: Callable[[int], float], support: range
) -> tuple[float, int]:
    """Pearson's statistic of the sample, and its degrees of freedom; outside `support` is one class more."""
    counts = Counter(sample)
    n = counts.total()
    found, classes, rest, rest_count = 0.0, 0, 1.0, n
    for value in support:
        expected = n * chance(value)
        if expected >= LEAST:
            found += (counts[value] - expected) ** 2 / expected
            classes += 1
            rest -= chance(value)
            rest_count -= counts[value]
    if n * rest >= 1:
        found += (rest_count - n * rest) ** 2 / (n * rest)
        classes += 1
    return found, classes - 1


def limit(freedom: int, alarm: float = FALSE_ALARM) -> float:
    """What the statistic passes with probability `alarm`, by the cubes of Wilson and Hilferty 1931."""
    z = NormalDist().inv_cdf(1 - alarm)
    spread = 2 / (9 * freedom)
    return float(freedom * (1 - spread + z * sqrt(spread)) ** 3)


def agrees(sample: Iterable[int], chance: Callable[[int], float], support: range) -> bool:
    """Whether the sample may be of that law, at the false-alarm rate of this file."""
    found, freedom = statistic(sample, chance, support)
    return found < limit(freedom)
