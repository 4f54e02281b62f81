"""Selection: how the segments of a sort are cut where only some ranks are wanted.

A sample of a large segment is ranked by all pairs; of the sample, those rows become pivots between which the wanted
ranks are likely to lie: then most rows are found to be of no interest after one or two comparisons.
Source: Floyd and Rivest 1975 (CACM 18/3); protocols/top_k/spec.md, section "Schedule".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcstats.engines.share import Positions

LEAST_ROWS = 200  # of a segment of which a sample is taken
MOST_SEGMENTS = 100  # if there are more, ranks are wanted all over
SAMPLE_PAIRS = 1 / 2  # comparisons that rank a sample, for each row of the segment
DEVIATIONS = 2.0  # standard deviations of a rank in the sample between it and a pivot beside it
DEEPEST = 5
MOST_LEFT, MOST_LEFT_OF_RUNS = 1 / 2, 3 / 4


@dataclass(frozen=True, slots=True)
class Sample:
    """So many rows are ranked, and those of the ranks `picks`, 2^levels - 1 ascending ones, are pivots."""

    size: int
    levels: int
    picks: Positions


def samples(start: Positions, size: Positions, wanted: Positions) -> dict[int, Sample]:
    """Samples of large segments, by number. `wanted`: how many ranks below each number are wanted, shape (n + 1,)."""
    (large,) = np.nonzero(size >= LEAST_ROWS)
    if large.size > MOST_SEGMENTS:
        return {}
    found = {}
    for number in large.tolist():
        first, rows = int(start[number]), int(size[number])
        (ranks,) = np.nonzero(np.diff(wanted[first : first + rows + 1]))
        sample = _sample(ranks, rows)
        if sample is not None:
            found[number] = sample
    return found


def _sample(ranks: Positions, rows: int) -> Sample | None:
    """The sample of a segment of so many rows; None if too many rows would be left, or too few pivots are.

    Of a sample of s rows, about q s are smaller than the row of rank q m, with a variance of q (1 - q) s.
    """
    s = 1
    while (2 * s + 1) * 2 * s / 2 <= SAMPLE_PAIRS * rows:
        s = 2 * s + 1
    middle = (ranks + 0.5) / rows * s
    spread = DEVIATIONS * np.sqrt(middle * (1 - middle / s))
    low = np.floor(middle - spread).astype(np.intp) - 1
    high = np.ceil(middle + spread).astype(np.intp)
    (gaps,) = np.nonzero(low[1:] > high[:-1])
    lows = low[np.concatenate([[0], gaps + 1])].clip(-1, s)
    highs = high[np.concatenate([gaps, [ranks.size - 1]])].clip(-1, s)
    picks = np.unique(np.concatenate([lows, highs]))
    picks = picks[(picks >= 0) & (picks < s)]
    levels = int(picks.size).bit_length()
    left = int((highs - lows).sum()) / (s + 1)
    # What is left of a run of ranks that are all wanted costs much whatever is done: there any less will do.
    most = MOST_LEFT_OF_RUNS if 2 * ranks.size > left * rows else MOST_LEFT
    if left > most or not 0 < levels <= DEEPEST or 2 << levels > s:
        return None
    inside = np.zeros(s + 1, dtype=np.bool_)  # gap g, below pivot g, may hold a wanted rank
    for a, b in zip(lows, highs, strict=True):
        inside[a + 1 : b + 1] = True
    return Sample(s, levels, _filled(picks, (1 << levels) - 1, inside))


def _filled(picks: Positions, count: int, inside: NDArray[np.bool_]) -> Positions:
    """`picks` and as many more ranks as are needed, each in the middle of the widest run that matters most."""
    s = inside.size - 1
    while picks.size < count:
        bounds = np.concatenate([[-1], picks, [s]])
        width = np.diff(bounds)
        within = inside[bounds[1:]]  # a run of gaps ends at its upper pivot
        widest = int(np.argmax(np.where(width > 1, width + within * 2 * s, 0)))
        picks = np.sort(np.append(picks, (bounds[widest] + bounds[widest + 1]) // 2))
    return picks


def fewer(levels: Positions, start: Positions, size: Positions, wanted: Positions) -> Positions:
    """At most `levels`: fewer where few parts of a segment hold a wanted rank, so that the others are left soon.

    If d of the 2^p equal parts of a segment hold one, about (d + 1) / 2^p of its rows are left after p levels. Were
    that so in each phase, there would be p / (1 - (d + 1) / 2^p) comparisons a row. No such p if half or more is left.
    """
    fewest = levels.copy()
    least = np.full(levels.shape, np.inf)
    for depth in range(1, int(levels.max()) + 1):
        (deep,) = np.nonzero(levels >= depth)
        cuts = np.arange((1 << depth) + 1)
        ends = start[deep, None] + (size[deep, None] * cuts >> depth)
        parts = np.count_nonzero(np.diff(wanted[ends], axis=1), axis=1)
        left = (parts + 1) / (1 << depth)
        cost = np.where(left <= 1 / 2, depth / np.maximum(1 - left, 1 / 2), np.inf)
        better = (cost < np.inf) & (cost <= least[deep])  # of equal ones the deeper: fewer batches
        fewest[deep[better]] = depth
        least[deep[better]] = cost[better]
    return fewest
