"""Noise that no party knows: each compute party puts in a part of its own, the same one whenever the same is asked.

Specification and argument: protocols/noise/spec.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np

from mpcstats.algebra.discrete import (
    Draw,
    discrete_gaussian,
    discrete_laplace,
    half_geometric,
)
from mpcstats.engines.api import Engine
from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.held import Summand
from mpcstats.protocols.sum import vector_sum
from mpcstats.session import Session, Words, parallel
from mpcstats.session.draws import keyed_draw

Kind = Literal["laplace", "gaussian"]
STATE_WORDS = 4  # a digest of 256 bits
# The largest scale at which the parts of a Laplace are halves: time grows with it.
DIVIDED = 1 << 10
HONEST = {1: 1, 3: 2}  # compute parties -> how many of them are surely honest
NAME = "mpcstats noise 1"


@dataclass(frozen=True, slots=True)
class Law:
    """What the parts of the honest parties add up to: discrete Laplace of a scale, Gaussian of a variance, above 0."""

    kind: Kind
    parameter: Fraction

    def __post_init__(self) -> None:
        if self.parameter <= 0:
            what = "scale" if self.kind == "laplace" else "variance"
            raise UsageError(f"expected a {what} of noise above 0, got {self.parameter}")

    def part(self, draw: Draw, honest: int) -> int:
        """One party's part, so that those of `honest` parties (1 or 2) give at least the law."""
        if self.kind == "gaussian":
            return discrete_gaussian(draw, self.parameter / honest)
        if honest == 1 or self.parameter > DIVIDED:
            return discrete_laplace(draw, self.parameter)
        return half_geometric(draw, self.parameter) - half_geometric(draw, self.parameter)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the noise is drawn for: the same noise for the same, other noise for anything else.

    `matter` is a public digest of what is asked. `states` has for each provider 4 words that change with its data,
    given there. `key` is this party's noise key of 32 bytes, at a compute party; elsewhere it is not used.
    """

    matter: bytes
    states: tuple[Summand, ...] = ()
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Noised:
    """`values` with noise, and every provider's state of 32 bytes, which the compute parties alone have heard."""

    values: Arith
    states: tuple[bytes, ...]


async def noise(
    session: Session, engine: Engine, values: Arith, laws: Sequence[Law | None], *, asked: Asked
) -> Noised:
    """`values`, shape (columns * count,), column by column, with noise of the column's law in each; None: as it was.

    Sums are mod 2^64. Raises InternalError without any law, for values that are not as many for each column, and
    at a compute party without its key; UsageError for a key or a state of another length.
    """
    (size,) = values.shape
    noisy = [column for column, law in enumerate(laws) if law is not None]
    if not noisy or size % len(laws):
        raise InternalError(
            f"expected values of {len(laws)} columns with a law for one, got {size}"
        )
    count = size // len(laws)
    states = await _stated(session.narrow("state"), engine.compute, asked.states)
    own = None
    if session.me in engine.compute:
        own = _parts(laws, count, HONEST[len(engine.compute)], asked, states)
    parts = [Summand(party, own if party == session.me else None) for party in engine.compute]
    added = await vector_sum(session.narrow("part"), engine, parts, shape=(len(noisy) * count,))
    columns = [values.between(c * count, (c + 1) * count) for c in range(len(laws))]
    for i, column in enumerate(noisy):
        columns[column] = columns[column] + added.total.between(i * count, (i + 1) * count)
    return Noised(Arith.concatenate(columns), states)


async def _stated(
    session: Session, compute: Sequence[str], states: Sequence[Summand]
) -> tuple[bytes, ...]:
    """Every provider's state, at the compute parties."""

    async def told(step: Session, state: Summand) -> Words | None:
        if session.me == state.owner:
            if state.values is None or state.values.shape != (STATE_WORDS,):
                raise UsageError(f"expected a state of {STATE_WORDS} words at {state.owner}")
            others = {p: state.values for p in compute if p != state.owner}
            await step.exchange(send=others)
            return state.values
        if session.me not in compute:
            return None
        return (await step.exchange(receive={state.owner: STATE_WORDS}))[state.owner]

    found = await parallel(
        *(told(session.narrow(f"{i}-{state.owner}"), state) for i, state in enumerate(states))
    )
    if session.me not in compute:
        return ()
    return tuple(words.astype("<u8").tobytes() for words in found if words is not None)


def _parts(
    laws: Sequence[Law | None], count: int, honest: int, asked: Asked, states: Sequence[bytes]
) -> Words:
    """This party's parts, for each column with a law and each cell."""
    if asked.key is None:
        raise InternalError("expected a noise key at a compute party, got none")
    parts = []
    for column, law in enumerate(laws):
        if law is None:
            continue
        # All that the values and the noise depend on is in the name: equal noise on two values would give their
        # difference away, and so would equal bits under two laws.
        about = (law.kind, law.parameter.numerator, law.parameter.denominator, honest, column)
        for cell in range(count):
            draw = keyed_draw(asked.key, NAME, asked.matter, len(states), *states, *about, cell)
            parts.append(law.part(draw, honest) % (1 << 64))
    return np.array(parts, dtype=np.uint64)
