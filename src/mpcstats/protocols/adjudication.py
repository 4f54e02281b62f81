"""One claim adjudicated by two parties: the holder's settlement under the insurer's secret rule gives what is payable.

payable = 0 if a reason of the event is excluded, else
          min(cap, whole part of ratio * max(0, sum of the amounts not excluded - deductible) / 10000).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from mpcstats.engines.pair.garbled.circuit import ZERO, Builder, Circuit, Wire
from mpcstats.engines.pair.garbled.numbers import (
    Number,
    add,
    divide,
    least,
    masked,
    multiply,
    subtract,
)
from mpcstats.engines.pair.garbled.play import compute
from mpcstats.errors import UsageError
from mpcstats.session import Session, Words

LEAK = "payable-amount"
RATIO_BITS = 14
WHOLE = 10_000  # basis points of a ratio of 1
MOST_AMOUNTS, MOST_REASONS, MOST_BITS = 64, 256, 48


@dataclass(frozen=True, slots=True)
class Form:
    """What both know of a claim: how many amounts it has, how many reasons may hold, bits of a sum of amounts."""

    amounts: int
    reasons: int
    money_bits: int = 36  # fen: below 687 million yuan

    def __post_init__(self) -> None:
        if not (1 <= self.amounts <= MOST_AMOUNTS and 0 <= self.reasons <= MOST_REASONS):
            raise UsageError(
                f"expected 1 to {MOST_AMOUNTS} amounts and at most {MOST_REASONS} reasons, got "
                f"{self.amounts} and {self.reasons}"
            )
        if not 2 <= self.money_bits <= MOST_BITS:
            raise UsageError(f"expected 2 to {MOST_BITS} bits of money, got {self.money_bits}")

    @property
    def largest(self) -> int:
        """The largest sum of amounts."""
        return (1 << self.money_bits) - 1


@dataclass(frozen=True, slots=True)
class Settled:
    """The holder's: amounts in fen, and for each reason whether it holds of the event."""

    amounts: tuple[int, ...] = field(repr=False)
    reasons: tuple[bool, ...] = field(repr=False)

    def bits(self, form: Form) -> Words:
        """The holder's inputs to the circuit. Raises UsageError for what the circuit cannot take."""
        if (len(self.amounts), len(self.reasons)) != (form.amounts, form.reasons):
            raise UsageError(
                f"expected {form.amounts} amounts and {form.reasons} reasons, got "
                f"{len(self.amounts)} and {len(self.reasons)}"
            )
        # The sum is checked too: sums in the circuit have no more bits than an amount.
        if min(self.amounts) < 0 or sum(self.amounts) > form.largest:
            raise UsageError(
                f"expected amounts of at least 0 and below 2^{form.money_bits} fen in all, got others"
            )
        amounts = ((amount, form.money_bits) for amount in self.amounts)
        return _bits([*amounts, *((int(holds), 1) for holds in self.reasons)])


@dataclass(frozen=True, slots=True)
class Rule:
    """The insurer's: deductible and cap in fen, the ratio in basis points, what it does not pay, by position."""

    deductible: int = field(repr=False)
    ratio: int = field(repr=False)
    cap: int = field(repr=False)
    excluded_amounts: frozenset[int] = field(default=frozenset(), repr=False)
    excluded_reasons: frozenset[int] = field(default=frozenset(), repr=False)

    def bits(self, form: Form) -> Words:
        """The insurer's inputs to the circuit. Raises UsageError for what the circuit cannot take."""
        if min(self.deductible, self.cap) < 0:
            raise UsageError("expected a deductible and a cap of at least 0 fen, got less")
        if self.ratio not in range(WHOLE + 1):
            raise UsageError(f"expected a ratio of 0 to {WHOLE} basis points, got another")
        if not (
            self.excluded_amounts <= frozenset(range(form.amounts))
            and self.excluded_reasons <= frozenset(range(form.reasons))
        ):
            raise UsageError("expected exclusions of amounts and reasons of the claim, got others")
        return _bits(
            [
                # No sum is larger: what is above it has the same effect.
                (min(self.deductible, form.largest), form.money_bits),
                (self.ratio, RATIO_BITS),
                (min(self.cap, form.largest), form.money_bits),
                *((int(i in self.excluded_amounts), 1) for i in range(form.amounts)),
                *((int(i in self.excluded_reasons), 1) for i in range(form.reasons)),
            ]
        )


async def adjudicate(
    session: Session,
    form: Form,
    *,
    holder: str,
    insurer: str,
    settled: Settled | None = None,
    rule: Rule | None = None,
) -> int | None:
    """The payable amount in fen at the insurer, None at the holder, who learns nothing; each gives what is its own.

    Raises UsageError for a missing input or one out of range, and PeerFault as engines.pair.garbled.play does.
    """
    given = settled if session.me == holder else rule
    if given is None:
        raise UsageError("expected a settlement at its holder and a rule at the insurer, got none")
    opened = await compute(
        session.narrow("circuit"),
        circuit(form),
        given.bits(form),
        garbler=holder,
        evaluator=insurer,
        leak=LEAK,
    )
    if opened is None:
        return None
    return sum(int(bit) << place for place, bit in enumerate(opened))


@lru_cache(maxsize=16)
def circuit(form: Form) -> Circuit:
    """The circuit of claims of this form: it is public, and made of these sizes alone."""
    money = form.money_bits
    widths = [money] * form.amounts + [1] * form.reasons
    rules = [money, RATIO_BITS, money, *[1] * (form.amounts + form.reasons)]
    builder = Builder(sum(widths), sum(rules))
    claim, terms = (
        _split(wires, each) for wires, each in zip(builder.inputs, (widths, rules), strict=True)
    )
    deductible, ratio, cap, *flags = terms
    out = [flag[0] for flag in flags]
    amounts = [
        masked(builder, amount, ~flag)
        for amount, flag in zip(claim[: form.amounts], out, strict=False)
    ]
    excess, below = subtract(builder, _total(builder, amounts), deductible)
    excluded = ZERO
    for (reason,), flag in zip(claim[form.amounts :], out[form.amounts :], strict=True):
        excluded = builder.either(excluded, builder.both(reason, flag))
    pays = builder.both(~below, ~excluded)
    share = multiply(builder, masked(builder, excess, pays), ratio)
    return builder.circuit(least(builder, divide(builder, share, WHOLE), cap))


def _total(builder: Builder, amounts: list[Number]) -> Number:
    total = amounts[0]
    for amount in amounts[1:]:
        total = add(builder, total, amount)[: len(total)]  # the holder has checked the sum of all
    return total


def _split(wires: list[Wire], widths: Iterable[int]) -> list[Number]:
    left = iter(wires)
    return [[next(left) for _ in range(width)] for width in widths]


def _bits(numbers: Iterable[tuple[int, int]]) -> Words:
    """Numbers with their widths as bits, the lowest first."""
    return np.array(
        [value >> place & 1 for value, width in numbers for place in range(width)], dtype=np.uint64
    )
