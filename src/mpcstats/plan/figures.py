"""Figures for a person to read: bytes with a unit, seconds by network, bounds that say so, numbers with a noun."""

from __future__ import annotations

from collections.abc import Mapping


def size(count: int) -> str:
    """Bytes with a unit."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def times(seconds: Mapping[str, float]) -> str:
    """Estimated seconds by network."""
    return ", ".join(f"{network} {number:.2f} s" for network, number in seconds.items())


def most(number: str, *, exact: bool) -> str:
    """A figure that is exact, or a bound that says so."""
    return number if exact else f"at most {number}"


def counted(number: int, noun: str) -> str:
    """The number with its noun, in the plural but for one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
