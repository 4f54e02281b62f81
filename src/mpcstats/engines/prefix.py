"""In which order neighbouring blocks of leaves are joined, so that every block begins at the first leaf in few rounds.

Source: Sklansky 1960; Ladner and Fischer, "Parallel prefix computation", J. ACM 27 (1980).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Node = tuple[int, int]  # the leaf whose block grows, and the last leaf of the block below it

# Up to so many elements a round costs more than the bytes it saves (spec of divide, section "Adder").
FEW_ELEMENTS = 4096


@dataclass(frozen=True, slots=True)
class Level:
    """One round: nodes whose block then begins at leaf 0 (one and each), and the others (two ands each)."""

    final: tuple[Node, ...]
    inner: tuple[Node, ...]


def schedule(leaves: int, elements: int) -> list[Level]:
    """The levels of the prefix over `leaves` leaves of `elements` elements.

    Few elements: Sklansky's, log2 levels. Otherwise the same over pairs of leaves, with a level before that joins
    them and one after it for the leaves between: one round more, a third of the ands less.
    """
    if elements <= FEW_ELEMENTS or leaves < 4:
        return _sklansky(range(leaves))
    odd = range(1, leaves, 2)
    pairs = [(i, i - 1) for i in odd]
    between = [(i, i - 1) for i in range(2, leaves, 2)]
    return [
        Level(tuple(pairs[:1]), tuple(pairs[1:])),
        *_sklansky(odd),
        Level(tuple(between), ()),
    ]


def _sklansky(leaves: Sequence[int]) -> list[Level]:
    levels = []
    half = 1
    while half < len(leaves):
        nodes = [(i, (i // half) * half - 1) for i in range(len(leaves)) if i // half % 2]
        final = tuple((leaves[i], leaves[low]) for i, low in nodes if i < 2 * half)
        inner = tuple((leaves[i], leaves[low]) for i, low in nodes if i >= 2 * half)
        levels.append(Level(final, inner))
        half *= 2
    return levels
