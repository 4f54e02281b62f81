"""The pieces of a comparison: they cover an element, and their trees and joins take as few rounds as can be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mpcstats.cards.formula import Formula
from mpcstats.engines.rep3 import ranking

WIDTHS = range(1, 260)
PIECES = Formula("pieces(width)")


def rounds(sizes: Sequence[int]) -> int:
    """Levels of the deepest piece with the joins above it."""
    if len(sizes) == 1:
        return sizes[0].bit_length() - 1
    cut = ranking._cut(sizes)
    return 1 + max(rounds(sizes[:cut]), rounds(sizes[cut:]))


@pytest.mark.parametrize("width", WIDTHS)
def test_pieces_cover_an_element_from_its_lowest_bit_on(width: int) -> None:
    end = 0
    for piece in reversed(ranking._pieces(width)):
        assert ranking.WORD * piece.word + piece.offset == end
        assert piece.bits in {2, 4, 8, 16, 32, 64}
        end += piece.bits
    assert width <= end == PIECES.evaluate({"width": width})


@pytest.mark.parametrize("width", WIDTHS)
def test_a_tree_takes_the_logarithm_of_its_bits(width: int) -> None:
    sizes = [piece.bits for piece in ranking._pieces(width)]
    assert rounds(sizes) == (sum(sizes) - 1).bit_length()


def test_four_pieces_are_not_cut_in_the_middle() -> None:
    """A key of 64 bits and an index of 21: cut in the middle, its tree took 8 rounds."""
    sizes = [piece.bits for piece in ranking._pieces(85)]
    assert sizes == [2, 4, 16, 64]
    assert rounds(sizes) == 7


def test_few_bits_are_lost_to_rounding_up() -> None:
    for width in WIDTHS:
        assert PIECES.evaluate({"width": width}) <= width + max(1, width // 8)
