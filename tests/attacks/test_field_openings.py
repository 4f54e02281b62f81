"""What is opened inside a computation over the field says nothing of the numbers: masked values are uniform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from mpcstats.engines.shamir.field import sharing
from mpcstats.engines.shamir.field.circuit import SECURITY, Element, Shares
from mpcstats.engines.shamir.field.digits import leading, negative, rounded
from mpcstats.engines.shamir.field.prime import prime_of
from mpcstats.engines.shamir.field.run import run
from mpcstats.engines.shamir.field.runtime import FieldRuntime
from mpcstats.session import Session, private_stream
from mpcstats.testing import run_together

NAMES = ("a", "b", "c")
P = prime_of(120)
BITS = 4
NUMBERS = 400
LIMIT = 60.0  # of chi squared with 15 degrees of freedom: reached with probability 2e-7


class Seen(Shares):
    """The circuit of a party that writes down what is opened."""

    def __init__(self, rt: Any, p: int) -> None:
        super().__init__(rt, p)
        self.seen: list[list[int]] = []

    async def opened(self, xs: Sequence[Element]) -> list[int]:
        found = await super().opened(xs)
        self.seen.append(found)
        return found


class Unmasked(Seen):
    """The fault: what should be random is not."""

    def uniform(self, n: int) -> list[Element]:
        return [self._field(1)] * n


def openings(kind: type[Seen], what: str, number: int) -> list[list[int]]:
    """What a sees opened, list by list, for so many times the same number."""
    shares = sharing.split([number % P] * NUMBERS, t=1, n=3, p=P, stream=private_stream())

    async def party(session: Session) -> list[list[int]]:
        async def body(rt: FieldRuntime) -> list[list[int]]:
            circuit = kind(rt, P)
            x = circuit.of(shares[NAMES.index(session.me)])
            if what == "sign":
                await negative(circuit, x, BITS)
            elif what == "leading bit":
                await leading(circuit, x, BITS)
            else:
                await rounded(circuit, x, drop=BITS, bits=2 * BITS)
            return circuit.seen

        return await run(session, NAMES, 1, body)

    return run_together(NAMES, party).results["a"]


def distance(values: Sequence[int]) -> float:
    """Chi squared of the lowest bits against uniform ones."""
    counts = Counter(value % (1 << BITS) for value in values)
    mean = len(values) / (1 << BITS)
    return sum((counts[i] - mean) ** 2 / mean for i in range(1 << BITS))


@pytest.mark.parametrize("what", ["sign", "leading bit", "rounding"])
@pytest.mark.parametrize("number", [0, 7])
def test_masked_numbers_are_uniform_below_and_long_above(what: str, number: int) -> None:
    squares, masked = openings(Seen, what, number)
    assert distance(masked) < LIMIT
    # The mask above is so long that the number's own high bits do not show.
    assert max(masked).bit_length() > BITS + SECURITY - 8
    assert len(set(squares)) == len(squares)
    assert all(pow(square, (P - 1) // 2, P) == 1 for square in squares)


@pytest.mark.parametrize("what", ["sign", "leading bit", "rounding"])
def test_numbers_without_a_mask_would_be_seen(what: str) -> None:
    _, masked = openings(Unmasked, what, 7)
    assert distance(masked) > LIMIT
