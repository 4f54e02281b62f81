"""Sets of codes (texts) as ranges, to see whether a predicate can pick a code of a catalogue's special ranges.

A range (low, high) holds the texts t with low <= t < high; high None is no end. Texts compare by code point, as
in the owner's database.
"""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[str, str | None]
Ranges = tuple[Range, ...]  # disjoint, in order

EVERYTHING: Ranges = (("", None),)
NOTHING: Ranges = ()
LOWEST, HIGHEST = "\0", "\U0010ffff"


def exactly(text: str) -> Ranges:
    """The set of `text` alone."""
    return ((text, text + LOWEST),)


def prefixed(text: str) -> Ranges:
    """All texts that begin with `text`."""
    return between(text, text + HIGHEST) if text else EVERYTHING


def below(text: str) -> Ranges:
    """All texts before `text`."""
    return between("", text)


def between(low: str, high: str) -> Ranges:
    """All texts from `low` on, before `high`."""
    return ((low, high),) if low < high else NOTHING


def complement(ranges: Ranges) -> Ranges:
    """All texts that are not in `ranges`."""
    gaps: list[Range] = []
    start: str | None = ""
    for low, high in ranges:
        if start is not None and start < low:
            gaps.append((start, low))
        start = high
    if start is not None:
        gaps.append((start, None))
    return tuple(gaps)


def union(parts: Iterable[Ranges]) -> Ranges:
    """The texts in at least one of `parts`."""
    merged: list[Range] = []
    for low, high in sorted((r for part in parts for r in part), key=lambda r: r[0]):
        if merged and (merged[-1][1] is None or low <= merged[-1][1]):
            last_low, last_high = merged[-1]
            ends = None if last_high is None or high is None else max(last_high, high)
            merged[-1] = (last_low, ends)
        else:
            merged.append((low, high))
    return tuple(merged)


def intersection(first: Ranges, second: Ranges) -> Ranges:
    """The texts in both."""
    return complement(union([complement(first), complement(second)]))


def meet(first: Ranges, second: Ranges) -> bool:
    """Whether a text is in both."""
    return bool(intersection(first, second))


def compared(operator: str, text: str) -> Ranges:
    """The texts t of which `t operator text` is true, for < <= > >= =."""
    match operator:
        case "<":
            return below(text)
        case "<=":
            return below(text + LOWEST)
        case ">":
            return complement(below(text + LOWEST))
        case ">=":
            return complement(below(text))
        case _:
            return exactly(text)
