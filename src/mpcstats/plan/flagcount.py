"""How flags are counted on bits, and where that sends less: closed forms of protocols.flag_count, for its card's sizes.

Tests hold them equal.
"""

from __future__ import annotations

from mpcstats.cards.arithmetic import words

MOST_LEFT = 2
WORD = 64


def flag_sizes(rows: int, flags: int) -> dict[str, int]:
    """The sizes of the card of flag_count."""
    here, ands, levels = [words(rows)], 0, 0
    while max(here) > MOST_LEFT:
        more = [0, *(count // 3 for count in here)]
        ands, levels = ands + sum(more), levels + 1
        kept = [*(count - 2 * (count // 3) for count in here), 0]
        here = [a + b for a, b in zip(kept, more, strict=True)]
        here = here if here[-1] else here[:-1]
    return {"flags": flags, "ands": ands, "left": sum(here), "levels": levels}


def counted_as_bits(rows: int, cells: int) -> bool:
    """Whether flags are counted on bits, cell by cell: where that sends less than a word for each row."""
    sizes = flag_sizes(rows, 1)
    return cells * (words(rows) + sizes["ands"] + WORD * sizes["left"]) < rows
