"""Bits of secret elements: signs, leading bits, and all of many bits at once; whole lists a step.

A number is masked, opened, and what the mask did is taken back on the mask's own bits: after Damgard, Fitzi, Kiltz,
Nielsen, Toft, Unconditionally secure constant-rounds multi-party computation, TCC 2006, with masks that hide
statistically (Catrina, de Hoogh, Improved primitives for secure multiparty integer computation, SCN 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import gmpy2

from mpcstats.engines.shamir.field.circuit import SECURITY, Circuit, Element
from mpcstats.errors import InternalError


async def products(circuit: Circuit, pairs: Sequence[tuple[Element, Element]]) -> list[Element]:
    """The product of each pair."""
    return await circuit.reshared([x * y for x, y in pairs]) if pairs else []


async def conjunction(circuit: Circuit, bits: Sequence[Element]) -> Element:
    """The and of `bits`, of which there is at least one."""
    row = list(bits)
    while len(row) > 1:
        pairs = list(zip(row[0::2], row[1::2], strict=False))
        row = await products(circuit, pairs) + row[2 * len(pairs) :]
    return row[0]


async def random_bits(circuit: Circuit, n: int) -> list[Element]:
    """n secret bits that nobody knows: (1 + r / sqrt(r^2)) / 2, of which r^2 alone is opened.

    Damgard, Fitzi, Kiltz, Nielsen, Toft 2006, section 4. Raises InternalError if some r is 0: probability 1/p.
    """
    p = circuit.p
    drawn = circuit.uniform(n)
    squares = await circuit.opened(await circuit.reshared([r * r for r in drawn]))
    if 0 in squares:
        raise InternalError("expected random elements above 0, got 0: run it again")
    half = (p + 1) // 2
    # p is 3 mod 4, so s^((p+1)/4) is a root of the square s, and s^((3p-5)/4) the inverse of that root.
    inverses = (int(gmpy2.powmod(s, (3 * p - 5) // 4, p)) for s in squares)
    return [(r * inverse + 1) * half for r, inverse in zip(drawn, inverses, strict=True)]


async def rounded(
    circuit: Circuit, xs: Sequence[Element], *, drop: int, bits: int
) -> list[Element]:
    """x / 2^drop, rounded down or up at random; each x in [-2^(bits-1), 2^(bits-1)).

    Catrina, Saxena, Secure computation with fixed-point numbers, FC 2010, section 3.3 (PRTrunc).
    """
    drawn = await random_bits(circuit, drop * len(xs))
    low = [_number(drawn[i * drop : (i + 1) * drop]) for i in range(len(xs))]
    high = circuit.masks(len(xs), SECURITY + bits - drop)
    masked = await circuit.opened(
        [
            x + (1 << bits - 1) + r + above * (1 << drop)
            for x, r, above in zip(xs, low, high, strict=True)
        ]
    )
    inverse = pow(1 << drop, -1, circuit.p)
    # x + r and what was opened agree mod 2^drop; their difference by 2^drop is x / 2^drop, up by one if r carried.
    return [(x + r - c % (1 << drop)) * inverse for x, r, c in zip(xs, low, masked, strict=True)]


def _number(bits: Sequence[Element]) -> Element:
    return sum(bit * (1 << i) for i, bit in enumerate(bits))


async def negative(circuit: Circuit, xs: Sequence[Element], bits: int) -> list[Element]:
    """For each x a bit: 1 if x < 0. Each x must lie in [-2^(bits-1), 2^(bits-1)), bits > 1."""
    if not xs:
        return []
    masks, masked = await _masked(circuit, [x + (1 << bits - 1) for x in xs], bits, subtract=False)
    # x + 2^(bits-1) = c - r mod 2^bits: its highest bit, 0 if x < 0, is that of c, of r and the borrow, added.
    rows = [
        [_not_equal(c >> i & 1, r[i]) for i in range(bits - 1)]
        for c, r in zip(masked, masks, strict=True)
    ]
    less = [
        [r[i] * (1 - (c >> i & 1)) for i in range(bits - 1)]
        for c, r in zip(masked, masks, strict=True)
    ]
    borrows = await _compared(circuit, less, [[1 - d for d in row] for row in rows])
    tops = [_not_equal(c >> bits - 1 & 1, r[bits - 1]) for c, r in zip(masked, masks, strict=True)]
    both = await products(circuit, list(zip(tops, borrows, strict=True)))
    return [1 - (a + w - 2 * z) for a, w, z in zip(tops, borrows, both, strict=True)]


async def _compared(
    circuit: Circuit, less: list[list[Element]], same: list[list[Element]]
) -> list[Element]:
    """Whether c < r, from whether it is so, and whether both are equal, in each bit, the lowest first."""
    while len(less[0]) > 1:
        count = len(less[0]) // 2
        pairs = []
        for lt, eq in zip(less, same, strict=True):
            pairs += [(eq[2 * i + 1], lt[2 * i]) for i in range(count)]
            # Whether the lowest blocks are equal is never asked.
            pairs += [(eq[2 * i + 1], eq[2 * i]) for i in range(1, count)]
        found = iter(await products(circuit, pairs))
        for lt, eq in zip(less, same, strict=True):
            rest_lt, rest_eq = lt[2 * count :], eq[2 * count :]
            lt[:] = [lt[2 * i + 1] + next(found) for i in range(count)] + rest_lt
            eq[:] = [eq[0]] + [next(found) for _ in range(1, count)] + rest_eq
    return [row[0] for row in less]


async def leading(
    circuit: Circuit, xs: Sequence[Element], bits: int
) -> tuple[list[list[Element]], list[Element]]:
    """For each x a row of bits, 1 at the place of its highest 1 (none for x = 0), and whether x > 0.

    Each x must lie in [0, 2^bits).
    """
    digits = await _digits(circuit, xs, bits)
    rows = [list(reversed(row)) for row in digits]  # the highest first
    for pairs in _prefix_steps(bits):
        found = iter(await products(circuit, [(row[i], row[j]) for row in rows for i, j in pairs]))
        for row in rows:
            for i, j in pairs:  # row[j], of the level before, is in no pair's first place
                row[i] = row[i] + row[j] - next(found)
    tops = [
        list(reversed([row[0]] + [row[i] - row[i - 1] for i in range(1, bits)])) for row in rows
    ]
    return tops, [row[-1] for row in rows]


async def _digits(circuit: Circuit, xs: Sequence[Element], bits: int) -> list[list[Element]]:
    """The bits of each x in [0, 2^bits), the lowest first."""
    masks, masked = await _masked(circuit, xs, bits, subtract=True)
    # x = c + r mod 2^bits: generate and propagate of each bit, and of whole prefixes.
    generate = [[r[i] * (c >> i & 1) for i in range(bits)] for c, r in _both(masked, masks)]
    single = [[_not_equal(c >> i & 1, r[i]) for i in range(bits)] for c, r in _both(masked, masks)]
    propagate = [list(row) for row in single]
    for level, pairs in enumerate(_prefix_steps(bits)):
        # A prefix that begins at the lowest bit needs no propagate.
        onward = [(i, j) for i, j in pairs if i >= 2 << level]
        asked = []
        for g, p in zip(generate, propagate, strict=True):
            asked += [(p[i], g[j]) for i, j in pairs] + [(p[i], p[j]) for i, j in onward]
        found = iter(await products(circuit, asked))
        for g, p in zip(generate, propagate, strict=True):
            for i, _ in pairs:
                g[i] = g[i] + next(found)
            for i, _ in onward:
                p[i] = next(found)
    carried = await products(
        circuit,
        list(
            chain.from_iterable(
                zip(row[1:], g[:-1], strict=True) for row, g in zip(single, generate, strict=True)
            )
        ),
    )
    found = iter(carried)
    return [
        [row[0]] + [row[i] + g[i - 1] - 2 * next(found) for i in range(1, bits)]
        for row, g in zip(single, generate, strict=True)
    ]


async def _masked(
    circuit: Circuit, xs: Sequence[Element], bits: int, *, subtract: bool
) -> tuple[list[list[Element]], list[int]]:
    """For each x in [0, 2^bits) the bits of a mask r, and x + r, or x - r, mod 2^bits."""
    drawn = await random_bits(circuit, bits * len(xs))
    masks = [drawn[i * bits : (i + 1) * bits] for i in range(len(xs))]
    beyond = circuit.masks(len(xs), SECURITY)
    sign = -1 if subtract else 1
    hidden = [
        x + sign * _number(r) + (above + 1) * (1 << bits)
        for x, r, above in zip(xs, masks, beyond, strict=True)
    ]
    return masks, [c % (1 << bits) for c in await circuit.opened(hidden)]


def _prefix_steps(n: int) -> list[list[tuple[int, int]]]:
    """Level by level, pairs (i, j): place i takes in place j, so that in the end i holds places 0 to i.

    Sklansky, Conditional-sum addition logic, 1960.
    """
    return [
        [(i, (i >> level << level) - 1) for i in range(n) if i >> level & 1]
        for level in range((n - 1).bit_length())
    ]


def _not_equal(public: int, bit: Element) -> Element:
    return 1 - bit if public else bit


def _both(masked: Sequence[int], masks: Sequence[list[Element]]) -> list[tuple[int, list[Element]]]:
    return list(zip(masked, masks, strict=True))
