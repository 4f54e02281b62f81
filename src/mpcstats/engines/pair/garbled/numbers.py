"""Whole numbers in circuits: lists of wires, lowest bit first, that add, subtract, multiply and divide exactly."""

from __future__ import annotations

from collections.abc import Sequence

from mpcstats.engines.pair.garbled.circuit import ONE, ZERO, Builder, Wire

Number = list[Wire]


def constant(value: int, width: int) -> Number:
    """A number that everybody knows."""
    return [ONE if value >> i & 1 else ZERO for i in range(width)]


def _padded(x: Sequence[Wire], width: int) -> Number:
    return [*x, *[ZERO] * (width - len(x))]


def _with_carry(
    builder: Builder, x: Sequence[Wire], y: Sequence[Wire], carry: Wire
) -> tuple[Number, Wire]:
    """x + y + carry at the longer one's width, and the carry out; one AND gate a bit (Kolesnikov et al. 2009)."""
    width = max(len(x), len(y))
    total = []
    for a, b in zip(_padded(x, width), _padded(y, width), strict=True):
        with_a, with_b = builder.differ(a, carry), builder.differ(b, carry)
        total.append(builder.differ(a, with_b))
        carry = builder.differ(carry, builder.both(with_a, with_b))
    return total, carry


def add(builder: Builder, x: Sequence[Wire], y: Sequence[Wire]) -> Number:
    """x + y, one bit wider than the wider of them."""
    total, carry = _with_carry(builder, x, y, ZERO)
    return [*total, carry]


def add_all(builder: Builder, numbers: Sequence[Number]) -> Number:
    """The sum of all, wide enough for it: in a tree, so that few levels are needed. At least one number."""
    numbers = list(numbers)
    while len(numbers) > 1:
        pairs = [add(builder, a, b) for a, b in zip(numbers[0::2], numbers[1::2], strict=False)]
        numbers = [*pairs, *numbers[2 * len(pairs) :]]
    return numbers[0]


def subtract(builder: Builder, x: Sequence[Wire], y: Sequence[Wire]) -> tuple[Number, Wire]:
    """x - y modulo 2 to the power of the longer one's width, and whether x < y."""
    width = max(len(x), len(y))
    opposite = [~bit for bit in _padded(y, width)]
    difference, carry = _with_carry(builder, _padded(x, width), opposite, ONE)
    return difference, ~carry


def masked(builder: Builder, x: Sequence[Wire], keep: Wire) -> Number:
    """x where `keep` is 1, else 0."""
    return [builder.both(bit, keep) for bit in x]


def least(builder: Builder, x: Sequence[Wire], y: Sequence[Wire]) -> Number:
    """The smaller one, at the shorter one's width."""
    _, below = subtract(builder, x, y)
    width = max(len(x), len(y))
    pairs = zip(_padded(x, width), _padded(y, width), strict=True)
    return [builder.choose(below, a, b) for a, b in pairs][: min(len(x), len(y))]


def multiply(builder: Builder, x: Sequence[Wire], y: Sequence[Wire]) -> Number:
    """x * y, as wide as both together."""
    rows = [[*[ZERO] * place, *masked(builder, x, bit)] for place, bit in enumerate(y)]
    return add_all(builder, rows)[: len(x) + len(y)]


def divide(builder: Builder, x: Sequence[Wire], divisor: int) -> Number:
    """The whole part of x / divisor, a known number above 0: long division, bit by bit from the top."""
    twos = (divisor & -divisor).bit_length() - 1
    odd = divisor >> twos  # the whole part of x / 2^twos is x without its last bits
    kept = list(x[twos:])
    if odd == 1:
        return kept
    width = odd.bit_length()
    known = constant(odd, width)
    rest: Number = []
    quotient: Number = []
    for bit in reversed(kept):
        rest = [bit, *rest]
        if len(rest) < width:  # too short to hold the divisor once
            quotient.append(ZERO)
            continue
        less, below = subtract(builder, rest, known)
        quotient.append(~below)
        rest = [builder.choose(below, a, b) for a, b in zip(rest, less, strict=True)][:width]
    return _trimmed(quotient[::-1])


def _trimmed(x: Number) -> Number:
    """Without leading zeros that everybody knows."""
    width = len(x)
    while width > 1 and x[width - 1] == ZERO:
        width -= 1
    return x[:width]
