"""How a group-by with a public domain cuts its codes: closed forms of protocols.group_by_public, for its card's sizes.

Tests hold them equal.
"""

from __future__ import annotations

from mpcstats.cards.arithmetic import log2_ceil

BLOCK_ROWS = 1 << 15  # rows of a block; two lanes take blocks in turn
LANES = 2


def public_sizes(rows: int, groups: int, sums: int) -> dict[str, int]:
    """The sizes of the card of group_by_public, of rows of which some may not be there."""
    width = log2_ceil(groups)
    low_bits = min(
        range(width + 1),
        key=lambda bits: (-(-groups // (1 << bits)) + ((1 << bits) - 1) * (1 + sums), bits),
    )
    high, low = -(-groups // (1 << low_bits)), 1 << low_bits
    return {
        "rows": rows,
        "high": high,
        "low": low,
        "sums": sums,
        "valid": 1,
        "ands": one_hot(low_bits, low) + one_hot(width - low_bits, high),
        "levels": log2_ceil(max(low_bits, width - low_bits, 1)),
        "turns": max(1, -(-rows // (LANES * BLOCK_ROWS))),
    }


def one_hot(width: int, count: int) -> int:
    """Rows of ands that make `count` one-hot rows of a number of `width` bits."""
    if width < 2:
        return 0
    size = 1 << width // 2
    high = -(-count // size)
    return count - count // size + one_hot(width // 2, size) + one_hot(width - width // 2, high)
