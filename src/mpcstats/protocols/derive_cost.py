"""What an expression on shared columns costs on rep3: a function of nodes, bounds and forms, and the number of rows.

The counting rule: protocols/derive/spec.md, section "Cost".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mpcstats.engines.rep3 import price
from mpcstats.errors import InternalError
from mpcstats.protocols import histogram
from mpcstats.protocols.expression import Node
from mpcstats.protocols.forms import Given
from mpcstats.protocols.lowering import program
from mpcstats.protocols.steps import MESSAGES, Step, Steps


@dataclass(frozen=True, slots=True)
class Division:
    """A division of all rows: bits of dividend, divisor and quotient without their signs, as on the card of divide."""

    dividend: int
    divisor: int
    quotient: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Sizes on the card of derive, but for divisions, which cost what the card of divide says.

    ands: rows of bits that each compute party sends; numbers: words a row; upper, halves: rows of bits and words a
    row that seat 0 sends besides; opened: rows of bits of seat 2. rounds: those of the levels, at most.
    """

    ands: int = 0
    numbers: int = 0
    upper: int = 0
    halves: int = 0
    opened: int = 0
    rounds: int = 0
    divisions: tuple[Division, ...] = field(default=())

    def __add__(self, other: Cost) -> Cost:
        """The cost of both side by side."""
        return Cost(
            self.ands + other.ands,
            self.numbers + other.numbers,
            self.upper + other.upper,
            self.halves + other.halves,
            self.opened + other.opened,
            max(self.rounds, other.rounds),
            self.divisions + other.divisions,
        )


def cost(nodes: Sequence[Node], columns: Mapping[str, Given], *, rows: int) -> Cost:
    """What `derive` of these nodes costs. Raises UsageError as it does."""
    steps = program(nodes, columns).steps
    total = Cost()
    rounds = 0
    for level in range(1, max(steps.levels, default=0) + 1):
        here = Cost()
        for place, at in enumerate(steps.levels):
            if at == level and steps[place].kind in MESSAGES:
                here += _step(steps, steps[place], rows)
        rounds += here.rounds
        total += here
    return replace(total, rounds=rounds)


def _step(steps: Steps, step: Step, rows: int) -> Cost:
    width = steps.width(step.args[0])
    numbers = [int(part) for part in step.of]
    match step.kind:
        case "and":
            return Cost(ands=width, rounds=1)
        case "less":
            return _anded(price.less_than(width))
        case "equal":
            return _anded(price.equal(width))
        case "less_public":
            ands = histogram.ands(numbers, width, valid=False)
            return Cost(ands=ands, rounds=(width > 1) + (-(-width // 2) - 1).bit_length())
        case "negative":
            ands, rounds = price.less_than(numbers[0] - 1)
            return Cost(ands=ands, upper=numbers[0], rounds=rounds + 1)
        case "to_bits":
            ands, rounds = price.carries(step.width, rows)
            return Cost(ands=ands, upper=step.width, rounds=rounds + 1)
        case "from_bits":
            found = price.from_bits(width, rows)
            if found is None:
                return Cost(numbers=width, rounds=2)
            return Cost(ands=found[0], halves=1, opened=price.RING, rounds=found[1])
        case "multiply":
            return Cost(numbers=1, rounds=1)
        case "add_bits":
            return _anded(price.carries(width, rows))
        case "divide":
            return Cost(divisions=(Division(*numbers),))
    raise InternalError(f"expected a step that sends, got {step.kind}")


def _anded(found: tuple[int, int]) -> Cost:
    return Cost(ands=found[0], rounds=found[1])
