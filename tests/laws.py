"""The laws of algebra.discrete as probabilities, by their definitions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import comb, exp, sqrt

Chance = Callable[[int], float]


def laplace(scale: float) -> Chance:
    p = exp(-1 / scale)
    return lambda z: float((1 - p) / (1 + p) * p ** abs(z))


def geometric(scale: float) -> Chance:
    p = exp(-1 / scale)
    return lambda k: float((1 - p) * p**k) if k >= 0 else 0.0


def half_geometric(scale: float) -> Chance:
    p = exp(-1 / scale)
    return lambda k: comb(2 * k, k) / 4**k * sqrt(1 - p) * p**k if k >= 0 else 0.0


def gaussian(variance: float) -> Chance:
    reach = int(12 * sqrt(variance)) + 3

    def weight(z: int) -> float:
        return exp(-z * z / (2 * variance))

    total = sum(weight(z) for z in range(-reach, reach + 1))
    return lambda z: weight(z) / total


def sum_of_two(chance: Chance, reach: int) -> Chance:
    """The law of the sum of two independent draws, both within `reach` of 0."""

    @cache
    def found(z: int) -> float:
        return sum(chance(k) * chance(z - k) for k in range(-reach, reach + 1))

    return found
