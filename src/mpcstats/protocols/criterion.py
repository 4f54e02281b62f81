"""Boolean criteria over hit bits: all, any and not, evaluated in as few rounds as their depth allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcstats.engines.api import Engine
from mpcstats.engines.share import Bits
from mpcstats.errors import InternalError
from mpcstats.session import Session, parallel


@dataclass(frozen=True, slots=True)
class Bit:
    """The row of bits at `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class Not:
    """1 where `of` is 0."""

    of: Formula


@dataclass(frozen=True, slots=True)
class All:
    """1 where every one of `of` is 1."""

    of: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """1 where at least one of `of` is 1."""

    of: tuple[Formula, ...]


Formula = Bit | Not | All | Any


async def evaluate(
    session: Session, engine: Engine, formula: Formula, rows: Sequence[Bits]
) -> Bits:
    """One row: the formula's value. Branches run side by side; m operands take log2 m rounds."""
    if isinstance(formula, Bit):
        return rows[formula.position]
    if isinstance(formula, Not):
        return ~await evaluate(session, engine, formula.of, rows)
    operands = await parallel(
        *(evaluate(session.narrow(str(i)), engine, f, rows) for i, f in enumerate(formula.of))
    )
    if isinstance(formula, All):
        return await conjunction(session.narrow("all"), engine, operands)
    # a or b = not (not a and not b)
    return ~await conjunction(session.narrow("any"), engine, [~row for row in operands])


async def conjunction(session: Session, engine: Engine, rows: Sequence[Bits]) -> Bits:
    """The and of all operands (of equal width), pairwise, in log2 rounds. Raises InternalError without one."""
    if not rows:
        raise InternalError("expected at least one operand, got none")
    left = list(rows)
    level = 0
    while len(left) > 1:
        pairs = [(left[i], left[i + 1]) for i in range(0, len(left) - 1, 2)]
        rest = left[len(pairs) * 2 :]
        left = await engine.conj(session.narrow(f"level{level}"), pairs) + rest
        level += 1
    return left[0]
