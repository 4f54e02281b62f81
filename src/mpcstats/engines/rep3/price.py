"""What the engine's operations on bit rows cost: ands (rows of bits that each party sends) and rounds."""

from __future__ import annotations

from mpcstats.engines.prefix import schedule
from mpcstats.engines.rep3.numbers import FEW_BITS

RING = 64


def less_than(width: int) -> tuple[int, int]:
    """Ands and rounds of compare.less_than on `width` rows."""
    high = len(range(2, width, 2))
    ands, rounds, blocks = 1 + 2 * high, 1, (width + 2) // 2
    while blocks > 1:
        pairs = blocks // 2
        ands, rounds, blocks = ands + 2 * pairs - 1, rounds + 1, pairs + blocks % 2
    return ands, rounds


def equal(width: int) -> tuple[int, int]:
    """Ands and rounds of compare.equal."""
    return width - 1, (width - 1).bit_length()


def carries(leaves: int, elements: int) -> tuple[int, int]:
    """Ands and rounds of adder.carries into `leaves` bits."""
    levels = schedule(leaves, elements)
    return sum(len(level.final) + 2 * len(level.inner) for level in levels), len(levels)


def from_bits(width: int, elements: int) -> tuple[int, int] | None:
    """Ands and rounds of numbers.from_bits; None where it makes a number of each bit and adds them up."""
    if width <= FEW_BITS:
        return None
    ands, rounds = carries(min(width + 1, RING), elements)
    return ands + max(0, RING - 1 - width), rounds + 3  # the rows above, the opening, the halves
