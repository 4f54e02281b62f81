"""Long division of bit rows: several bits of the quotient at a time by parallel subtractions, or one by one.

Specification and argument: protocols/divide/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcstats.engines import lanes
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError, UsageError
from mpcstats.session import Session

# Bits of the quotient that are found at a time, by the number of elements: rounds are dear for few elements,
# bytes for many (spec of divide, section "Digits").
DIGITS = ((1024, 4), (8192, 2))
LARGEST_DIGIT = 4


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """Two unsigned numbers an element, as bit rows of one length."""

    dividend: Bits
    divisor: Bits


@dataclass(frozen=True, slots=True)
class Digits:
    """The rows of quotient and remainder; what they hold where the divisor is 0 has no meaning."""

    quotient: Bits
    remainder: Bits


def digit_bits(elements: int) -> int:
    """How many bits of the quotient are found at a time."""
    return next((bits for most, bits in DIGITS if elements <= most), 1)


async def long_division(
    session: Session,
    engine: Engine,
    magnitudes: Magnitudes,
    *,
    quotient_bits: int,
    remainder: bool,
    digit: int | None = None,
) -> Digits:
    """`quotient_bits` rows of the quotient, which must lie below 2^quotient_bits, and the rows of the remainder.

    Without `remainder` that of the result may be the remainder less the divisor. `digit` as in digit_bits, which
    chooses it if None. Raises UsageError for digits of less than 1 or more than 4 bits.
    """
    if digit is None:
        digit = digit_bits(magnitudes.dividend.length)
    if not 1 <= digit <= LARGEST_DIGIT:
        raise UsageError(f"expected digits of 1 to {LARGEST_DIGIT} bits, got {digit}")
    if digit == 1:
        return await _bit_by_bit(session, engine, magnitudes, quotient_bits, remainder=remainder)
    return await _digit_by_digit(session, engine, magnitudes, quotient_bits, digit)


def extended(rows: Bits, width: int) -> Bits:
    """`rows` with rows of 0 on top, `width` in all."""
    if width < rows.width:
        raise InternalError(f"expected at most {width} rows, got {rows.width}")
    return Bits.stack([rows, zeros(rows, width - rows.width)])


def zeros(like: Bits, width: int) -> Bits:
    """Rows of 0, of the length of `like`."""
    return like.constant(np.zeros((width, like.array_shape[1]), dtype=np.uint64))


def _first_rest(dividend: Bits, bits: int, width: int) -> Bits:
    """The dividend's rows above the lowest `bits`, on `width` rows: the rest before the first bit that may be 1.

    It is below the divisor, as the quotient is below 2^bits, so rows beyond the divisor's are 0.
    """
    return extended(dividend.rows(slice(bits, bits + width)), width)


async def _bit_by_bit(
    session: Session, engine: Engine, magnitudes: Magnitudes, bits: int, *, remainder: bool
) -> Digits:
    """Without restoring: the divisor d is taken off while the rest is not negative, and added while it is.

    With q the last bit of the quotient (1 at first), rest' = 2 rest + bit + (q ? -d : d), and the next bit says that
    rest' is not negative. -d = not d + 1, so the rows of d are inverted where q is 1, and q is the carry that comes
    in. rest lies in [-d, d): its sign is in row b of b + 1, and what 2 rest loses on top is not needed.
    """
    dividend, divisor = magnitudes.dividend, magnitudes.divisor
    width = divisor.width + 1
    d = extended(divisor, width)
    rest = _first_rest(dividend, bits, width)
    bit = ~zeros(d, 1)
    quotient = []
    for i in reversed(range(bits)):
        shifted = Bits.stack([dividend.rows(i), rest.rows(slice(0, width - 1))])
        summand = d ^ bit.repeat(width)
        rest = await engine.add_bits(session.narrow(f"bit{i}"), shifted, summand, carry=bit)
        bit = ~rest.rows(width - 1)
        quotient.append(bit)
    found = rest.rows(slice(0, width - 1))
    if remainder:  # which is negative where the last bit is 0: the divisor is to be added once more
        back = await engine.select(session.narrow("back"), ~bit, [divisor])
        found = await engine.add_bits(session.narrow("restore"), found, back)
    return Digits(Bits.stack(quotient[::-1]), found)


async def _digit_by_digit(
    session: Session, engine: Engine, magnitudes: Magnitudes, bits: int, digit: int
) -> Digits:
    """Digits of `digit` bits: all multiples of the divisor are subtracted at once, and the last fitting one is kept.

    t_j says that j d fits: 1, ..., 1, 0, ..., 0 for rising j. So h_j = t_j xor t_(j+1) is 1 at the digit alone.
    """
    dividend, divisor = magnitudes.dividend, magnitudes.divisor
    b, length = divisor.width, dividend.length
    width = b + digit + 1  # the top row takes the borrow
    count = 1 << digit
    multiples = await _multiples(session.narrow("multiples"), engine, divisor, digit)
    inverted = ~lanes.beside([extended(m, width) for m in multiples])
    digits = -(-bits // digit)
    padded = extended(dividend, max(dividend.width, digits * digit))
    rest = _first_rest(padded, digits * digit, b)
    quotient = []
    for i in reversed(range(digits)):
        step = session.narrow(f"digit{i}")
        shifted = Bits.stack([padded.rows(slice(i * digit, (i + 1) * digit)), rest])
        left = lanes.beside([extended(shifted, width)] * (count - 1))
        differences = await engine.add_bits(step.narrow("subtract"), left, inverted, carry=1)
        options = lanes.apart(differences, count - 1, length)
        fits = Bits.stack([~option.rows(width - 1) for option in options])
        chosen = _one_hot(fits)
        low = slice(0, b)
        rest = await engine.select(
            step.narrow("choose"), chosen, [o.rows(low) for o in (shifted, *options)]
        )
        quotient.append(_number_of(chosen, digit))
    return Digits(Bits.stack(quotient[::-1]).rows(slice(0, bits)), rest)


async def _multiples(session: Session, engine: Engine, divisor: Bits, digit: int) -> list[Bits]:
    """1 to 2^digit - 1 times the divisor, digit more rows each.

    Even ones are shifted. An odd one is the sum of two of which each has half of its ones, so ones double each round.
    """
    width = divisor.width + digit
    known = {1: extended(divisor, width)}

    def multiple(j: int) -> Bits:
        shift = (j & -j).bit_length() - 1
        odd = known[j >> shift]
        low = odd.rows(slice(0, width - shift))
        return Bits.stack([zeros(odd, shift), low]) if shift else odd

    ones = 1
    while ones < digit:
        wanted = [j for j in range(3, 1 << digit, 2) if ones < j.bit_count() <= 2 * ones]
        halves = [_halves(j) for j in wanted]
        x, y = (lanes.beside([multiple(pair[side]) for pair in halves]) for side in range(2))
        sums = await engine.add_bits(session.narrow(f"ones{ones}"), x, y)
        known |= dict(zip(wanted, lanes.apart(sums, len(wanted), divisor.length), strict=True))
        ones *= 2
    return [multiple(j) for j in range(1, 1 << digit)]


def _halves(j: int) -> tuple[int, int]:
    """Two numbers that add up to j, with half of its ones each (the lower one has more)."""
    places = [1 << i for i in range(j.bit_length()) if j >> i & 1]
    middle = -(-len(places) // 2)
    return sum(places[:middle]), sum(places[middle:])


def _one_hot(fits: Bits) -> Bits:
    """Row j says that the digit is j: row j of `fits` says that it is greater than j."""
    above = Bits.stack([fits, zeros(fits, 1)])
    return Bits.stack([~zeros(fits, 1), fits]) ^ above


def _number_of(chosen: Bits, digit: int) -> Bits:
    """The digit's bits: each the exclusive or of the one-hot rows whose number has it."""
    return Bits.stack(
        [_joined(chosen, [j for j in range(chosen.width) if j >> i & 1]) for i in range(digit)]
    )


def _joined(rows: Bits, chosen: Sequence[int]) -> Bits:
    found = rows.rows(chosen[0])
    for j in chosen[1:]:
        found = found ^ rows.rows(j)
    return found
