"""What the engine's operations cost on columns of equally many rows: what every party sends a row, and rounds.

Closed forms, or bounds on them, of engines.rep3; tests hold protocols that are made of them below these figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpcstats.cards.arithmetic import carry_ands, carry_rounds, log2_ceil

RING = 64
FEW_BITS = 2  # of which each is made a number by itself


@dataclass(frozen=True, slots=True)
class Work:
    """Sums over operations, and the rounds that they take one after another.

    ands: rows of bits that every compute party sends. words: numbers that it sends for each row. put_in: rows of
    bits that seat 0 sends beside, halves: how often seat 0 sends a number for each row, and seat 2 64 rows of bits.
    """

    ands: int = 0
    words: int = 0
    put_in: int = 0
    halves: int = 0
    rounds: int = 0

    def then(self, other: Work) -> Work:
        """Both, one after the other."""
        return self._with(other, self.rounds + other.rounds)

    def beside(self, other: Work) -> Work:
        """Both at the same time."""
        return self._with(other, max(self.rounds, other.rounds))

    def _with(self, other: Work, rounds: int) -> Work:
        return Work(
            self.ands + other.ands,
            self.words + other.words,
            self.put_in + other.put_in,
            self.halves + other.halves,
            rounds,
        )

    @property
    def nothing(self) -> bool:
        """Whether nobody sends anything."""
        return not (self.ands or self.words or self.put_in or self.halves)


NONE = Work()
PRODUCT = Work(words=1, rounds=1)


def anded(rows: int, levels: int = 1) -> Work:
    """Ands of `rows` rows of bits, in `levels` rounds."""
    return Work(ands=rows, rounds=levels if rows else 0)


def to_bits(width: int, elements: int) -> Work:
    """The bits of a number."""
    rounds = 1 + carry_rounds(width, elements)
    return Work(ands=carry_ands(width, elements), put_in=width, rounds=rounds)


def from_bits(width: int, elements: int) -> Work:
    """The number of which bits are given."""
    if width <= FEW_BITS:
        return Work(words=width, rounds=2)
    leaves = min(width + 1, RING)
    ands = carry_ands(leaves, elements) + max(0, RING - 1 - width)
    return Work(ands=ands, halves=1, rounds=carry_rounds(leaves, elements) + 3)


def negative(width: int) -> Work:
    """The sign of a number of `width` bits, its sign with them."""
    return Work(ands=2 * width, put_in=width, rounds=2 + log2_ceil(width))


def less_than(width: int) -> Work:
    """Whether bits are less than others, or than public ones."""
    return Work(ands=2 * width + 2, rounds=1 + log2_ceil(width))


def compared(width: int) -> Work:
    """Whether one is less than another, by the sign of a difference or by bits: either is not more."""
    sign, tree = negative(min(RING, width + 1)), less_than(width)
    return Work(max(sign.ands, tree.ands), 0, sign.put_in, 0, max(sign.rounds, tree.rounds))


def equal(width: int) -> Work:
    """Whether bits are equal."""
    return anded(width - 1, log2_ceil(width))


def added(width: int, elements: int) -> Work:
    """The bits of a sum."""
    return Work(ands=carry_ands(width, elements), rounds=carry_rounds(width, elements))
