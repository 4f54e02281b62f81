"""Division of secret integers, truncated toward zero, with remainder; ratios in fixed point; averages.

Specification and argument: protocols/divide/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.long_division import Digits, Magnitudes, long_division, zeros
from mpcstats.session import Session, parallel

Number = Arith | Wide
LIFTED = 62  # bits of what the engine's lift takes
NARROW = 63  # bits of a magnitude in Z_2^64
BROAD = 127  # and in Z_2^128
DECIMALS = 38  # 10^38 < 2^127


@dataclass(frozen=True, slots=True)
class Divided:
    """Quotient and remainder, in Z_2^64 if their bounds have 63 bits or fewer. `undefined`: the divisor is 0."""

    quotient: Number
    remainder: Number
    undefined: Bits


@dataclass(frozen=True, slots=True)
class Ratio:
    """The quotient times 10^decimals, and one row of bits: 1 where it is 0 because the divisor is 0 (SQL's NULL)."""

    value: Number
    undefined: Bits


@dataclass(frozen=True, slots=True)
class _Signed:
    """Signs (two rows: dividend, divisor) and magnitudes."""

    signs: Bits
    magnitudes: Magnitudes


@dataclass(frozen=True, slots=True)
class _Factors:
    """For each result 1, -1, or 0 where the divisor is 0."""

    narrow: tuple[Arith, ...]
    broad: tuple[Wide | None, ...]
    undefined: Bits


async def divide(
    session: Session,
    engine: Engine,
    numerator: Number,
    denominator: Number,
    *,
    numerator_bits: int,
    denominator_bits: int,
    quotient_bits: int | None = None,
    digit: int | None = None,
) -> Divided:
    """numerator // denominator truncated toward zero, and the remainder with the numerator's sign, element by element.

    Vectors with |numerator| < 2^numerator_bits and |denominator| < 2^denominator_bits: public bounds of at most 63
    bits for Arith and 127 for Wide. Where the denominator is 0: quotient and remainder 0, `undefined` 1.
    `quotient_bits`: a bound of the quotient if one is known that is lower than the numerator's: it saves steps.
    `digit`: how many bits of the quotient are found at a time, 1 to 4; None: by the number of elements.
    Raises UsageError for other bounds or digits.
    """
    _check(numerator, denominator, numerator_bits, denominator_bits)
    bits = _quotient_bits(quotient_bits, numerator_bits)
    signed = await _split(session, engine, numerator, denominator, numerator_bits, denominator_bits)
    rest_bits = min(numerator_bits, denominator_bits)
    wide = [bits > NARROW, rest_bits > NARROW]
    found: list[Any] = await parallel(
        _factors(session.narrow("factors"), engine, signed, wide),
        long_division(
            session.narrow("digits"),
            engine,
            signed.magnitudes,
            quotient_bits=bits,
            remainder=True,
            digit=digit,
        ),
    )
    factors: _Factors = found[0]
    digits: Digits = found[1]
    results = await parallel(
        _result(session.narrow("quotient"), engine, digits.quotient, factors, 0),
        _result(
            session.narrow("remainder"),
            engine,
            digits.remainder.rows(slice(0, rest_bits)),
            factors,
            1,
        ),
    )
    return Divided(results[0], results[1], factors.undefined)


async def ratio(
    session: Session,
    engine: Engine,
    numerator: Number,
    denominator: Number,
    *,
    decimals: int,
    numerator_bits: int,
    denominator_bits: int,
    rounded: bool = False,
    quotient_bits: int | None = None,
    digit: int | None = None,
) -> Ratio:
    """numerator * 10^decimals / denominator as an integer: truncated toward zero, or rounded half away from zero.

    As divide otherwise; `quotient_bits` bounds the value, rounded if it is. The value is in Z_2^64 if
    quotient_bits (or else numerator_bits and those of 10^decimals together) are 63 or fewer.
    Raises UsageError if they make more than 127, or more than 63 for an Arith of 63 bits alone, and for decimals
    that are not in 0 to 38.
    """
    if not 0 <= decimals <= DECIMALS:
        raise UsageError(f"expected 0 to {DECIMALS} decimals, got {decimals}")
    _check(numerator, denominator, numerator_bits, denominator_bits)
    bits = numerator_bits + (10**decimals - 1).bit_length()
    if bits > BROAD:
        raise UsageError(
            f"expected at most {BROAD} bits with the decimals, got {bits}: take fewer decimals"
        )
    value_bits = _quotient_bits(quotient_bits, bits)
    scaled = await _scaled(
        session.narrow("scale"), engine, numerator, decimals, numerator_bits, bits
    )
    signed = await _split(session, engine, scaled, denominator, bits, denominator_bits)
    magnitudes = signed.magnitudes
    if rounded:
        # floor(2 x / d) has the half in its lowest bit: floor((floor(2 x / d) + 1) / 2) = floor(x / d + 1 / 2).
        doubled = Bits.stack([zeros(magnitudes.dividend, 1), magnitudes.dividend])
        magnitudes = Magnitudes(doubled, magnitudes.divisor)
    found: list[Any] = await parallel(
        _factors(session.narrow("factors"), engine, signed, [value_bits > NARROW]),
        long_division(
            session.narrow("digits"),
            engine,
            magnitudes,
            quotient_bits=value_bits + rounded,
            remainder=False,
            digit=digit,
        ),
    )
    factors: _Factors = found[0]
    quotient: Bits = found[1].quotient
    half = quotient.rows(0) if rounded else None
    if rounded:
        quotient = quotient.rows(slice(1, None))
    value = await _result(session.narrow("quotient"), engine, quotient, factors, 0, half)
    return Ratio(value, factors.undefined)


async def average(
    session: Session,
    engine: Engine,
    total: Number,
    count: Arith,
    *,
    decimals: int,
    total_bits: int,
    count_bits: int,
    rounded: bool = False,
    quotient_bits: int | None = None,
    digit: int | None = None,
) -> Ratio:
    """The ratio of sums and counts: as ratio. `undefined` where the count is 0."""
    return await ratio(
        session,
        engine,
        total,
        count,
        decimals=decimals,
        numerator_bits=total_bits,
        denominator_bits=count_bits,
        rounded=rounded,
        quotient_bits=quotient_bits,
        digit=digit,
    )


def _quotient_bits(given: int | None, most: int) -> int:
    if given is None:
        return most
    if not 1 <= given <= most:
        raise UsageError(f"expected a quotient of 1 to {most} bits, got {given}")
    return given


def _check(numerator: Number, denominator: Number, *bits: int) -> None:
    for name, x, width in zip(
        ("numerator", "denominator"), (numerator, denominator), bits, strict=True
    ):
        most = NARROW if isinstance(x, Arith) else BROAD
        if not 1 <= width <= most:
            raise UsageError(f"expected a {name} of 1 to {most} bits without its sign, got {width}")
    if len(numerator.shape) != 1 or numerator.shape != denominator.shape:
        raise InternalError(
            f"expected two vectors of one shape, got {numerator!r} and {denominator!r}"
        )


async def _scaled(
    session: Session, engine: Engine, x: Number, decimals: int, width: int, bits: int
) -> Number:
    """x times 10^decimals, in the ring that holds `bits` bits."""
    if isinstance(x, Arith) and bits <= NARROW:
        return x.scaled(10**decimals)
    if isinstance(x, Wide):
        return x.scaled(10**decimals)
    if width > LIFTED:
        raise UsageError(
            f"expected a numerator of at most {LIFTED} bits where decimals need 128, got {width}"
        )
    return (await engine.lift(session, x)).scaled(10**decimals)


async def _split(
    session: Session,
    engine: Engine,
    numerator: Number,
    denominator: Number,
    numerator_bits: int,
    denominator_bits: int,
) -> _Signed:
    """Two's complement of one bit more than the magnitude, then |x| = (x xor s) + s with s the sign."""
    dividend, divisor = await parallel(
        _magnitude(session.narrow("dividend"), engine, numerator, numerator_bits),
        _magnitude(session.narrow("divisor"), engine, denominator, denominator_bits),
    )
    signs = Bits.stack([dividend[0], divisor[0]])
    return _Signed(signs, Magnitudes(dividend[1], divisor[1]))


async def _magnitude(session: Session, engine: Engine, x: Number, width: int) -> tuple[Bits, Bits]:
    rows = await engine.to_bits(session.narrow("bits"), x, width=width + 1)
    sign = rows.rows(width)
    flipped = rows.rows(slice(0, width)) ^ sign.repeat(width)
    return sign, await engine.increment(session.narrow("negate"), flipped, sign)


async def _factors(
    session: Session, engine: Engine, signed: _Signed, wide: Sequence[bool]
) -> _Factors:
    """The factors of quotient and remainder, as many as `wide` has entries; in 128 bits where it says so."""
    divisor = signed.magnitudes.divisor
    undefined = await engine.equal(session.narrow("zero"), divisor, zeros(divisor, divisor.width))
    minus = [signed.signs.rows(0) ^ signed.signs.rows(1), signed.signs.rows(0)][: len(wide)]
    negative = await engine.conj(session.narrow("and"), [(~undefined, sign) for sign in minus])
    numbers = await engine.to_arith(session.narrow("numbers"), Bits.stack([~undefined, *negative]))
    narrow = [numbers[0] - numbers[i + 1].scaled(2) for i in range(len(wide))]
    chosen = [f for f, w in zip(narrow, wide, strict=True) if w]
    broad: list[Wide | None] = [None] * len(wide)
    if chosen:
        n = divisor.length
        together = await engine.lift(session.narrow("lift"), Arith.concatenate(chosen))
        parts = iter([together[i * n : (i + 1) * n] for i in range(len(chosen))])
        broad = [next(parts) if w else None for w in wide]
    return _Factors(tuple(narrow), tuple(broad), undefined)


async def _result(
    session: Session,
    engine: Engine,
    rows: Bits,
    factors: _Factors,
    which: int,
    half: Bits | None = None,
) -> Number:
    """The number of the rows (plus the row `half`) times its factor."""
    broad = factors.broad[which]
    if broad is None:
        number = await _narrow(session, engine, rows, half)
        return await engine.multiply(session.narrow("sign"), number, factors.narrow[which])
    wider = await _broad(session, engine, rows, half)
    return await engine.multiply_wide(session.narrow("sign"), wider, broad)


async def _narrow(session: Session, engine: Engine, rows: Bits, half: Bits | None) -> Arith:
    if half is None:
        return await engine.from_bits(session.narrow("number"), rows)
    number, up = await parallel(
        engine.from_bits(session.narrow("number"), rows),
        engine.from_bits(session.narrow("half"), half),
    )
    return number + up


async def _broad(session: Session, engine: Engine, rows: Bits, half: Bits | None) -> Wide:
    if half is None:
        return await engine.from_bits_wide(session.narrow("number"), rows)
    number, up = await parallel(
        engine.from_bits_wide(session.narrow("number"), rows),
        engine.from_bits_wide(session.narrow("half"), half),
    )
    return number + up
