"""Tables of secrets for property tests: their owners share columns, and results are opened to everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.column import Column, united
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.session import Opening, Session, Words
from mpcstats.testing import Outcome, opened, run_together

TRIO = ("a", "b", "c")
OUTSIDE = (*TRIO, "d")
ENGINES: tuple[tuple[Engine, tuple[str, ...]], ...] = (
    (Rep3(TRIO), OUTSIDE),
    (Clear(("a",)), ("a", "d")),
)
EXTREMES = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]

T = TypeVar("T")


def words(numbers: Sequence[int]) -> Words:
    """Numbers mod 2^64."""
    return np.array([n % (1 << 64) for n in numbers], dtype=np.uint64)


class Sharing:
    """A party's view of columns that owners put in. Rows are dealt to two owners, who share their part each."""

    def __init__(self, session: Session, engine: Engine, owners: Sequence[str]) -> None:
        self.session = session
        self.engine = engine
        self.owners = owners

    async def bits(self, name: str, numbers: Sequence[int], width: int) -> Bits:
        """A column of bit rows."""
        pieces = []
        for i, (owner, part) in enumerate(self._parts(numbers)):
            mine = slicing.slice_bits(part, width) if self.session.me == owner else None
            pieces.append(
                await self.engine.share_bits(
                    self.session.narrow(f"{name}{i}"),
                    mine,
                    owner=owner,
                    length=part.size,
                    width=width,
                )
            )
        column = united(pieces)
        assert isinstance(column, Bits)
        return column

    async def flags(self, name: str, flags: Sequence[int] | None) -> Bits | None:
        """One row of bits; None of None."""
        return None if flags is None else await self.bits(name, flags, 1)

    async def numbers(self, name: str, numbers: Sequence[int]) -> Arith:
        """A column of numbers."""
        pieces = []
        for i, (owner, part) in enumerate(self._parts(numbers)):
            mine = part if self.session.me == owner else None
            step = self.session.narrow(f"{name}{i}")
            pieces.append(await self.engine.share(step, mine, owner=owner, shape=part.shape))
        column = united(pieces)
        assert isinstance(column, Arith)
        return column

    def _parts(self, numbers: Sequence[int]) -> list[tuple[str, Words]]:
        half = len(numbers) // 2
        whole = words(numbers)
        return [(self.owners[0], whole[:half]), (self.owners[-1], whole[half:])]


async def values(session: Session, engine: Engine, secret: Column) -> list[int]:
    """The numbers of a secret vector or of bit rows, opened to everybody."""
    found = await opened(session, engine, secret)
    if isinstance(secret, Bits):
        found = slicing.join_bits(slicing.pack(found), secret.length)
    return [int(n) for n in found]


def play(
    body: Callable[[Sharing, Session, Engine], Awaitable[T]],
    engine: Engine,
    parties: Sequence[str],
) -> Outcome[tuple[T, list[Opening]]]:
    """`body` at every party, with the sharing of its inputs and a session for what it tests."""

    async def party(session: Session) -> tuple[T, list[Opening]]:
        sharing = Sharing(session.narrow("in"), engine, (parties[0], parties[-1]))
        result = await body(sharing, session, engine)
        return result, session.openings

    return run_together(tuple(parties), party)


def everywhere(body: Callable[[Sharing, Session, Engine], Awaitable[T]]) -> T:
    """What `body` gives: the same at every party, and with every engine."""
    found = []
    for engine, parties in ENGINES:
        results = play(body, engine, parties).results
        found += [result for result, _ in results.values()]
    assert all(result == found[0] for result in found)
    return found[0]


def sent_below(outcome: Outcome[T], step: str) -> dict[str, int]:
    """Bytes that each party has sent in `step`."""
    sent: dict[str, int] = dict.fromkeys(TRIO, 0)
    for (party, path), size in outcome.traffic.bytes_by_step.items():
        if path.startswith((f"run/{step}/", f"run/{step}#")):
            sent[party] = sent.get(party, 0) + size
    return sent


def check_cost(outcome: Outcome[T], step: str, card_id: str, sizes: dict[str, int]) -> float:
    """Rounds and bytes within the card's bounds; how many times as large the bound of bytes is as what was sent."""
    cost = load_cards()[card_id].cost
    rounds = outcome.traffic.span(f"run/{step}")
    assert rounds <= cost.rounds.evaluate(sizes), (rounds, sizes)
    sent = sent_below(outcome, step)
    looseness = 0.0
    for seat, party in enumerate(TRIO):
        bound = sum(
            formula.evaluate(sizes)
            for role, formula in cost.bytes.items()
            if role in ("compute", f"seat{seat}")
        )
        assert sent[party] <= bound, (party, sent[party], bound, sizes)
        looseness = max(looseness, bound / max(1, sent[party]))
    return looseness


def check_openings(openings: Sequence[Opening], card_id: str, *, ours: str = "run/it") -> None:
    """Everything that was opened in step `ours` is on the card, and went to the compute parties."""
    own = [o for o in openings if o.step.startswith(ours)]
    assert own
    assert {o.leak for o in own} == {o.id for o in load_cards()[card_id].leakage.opened}
    assert {o.to for o in own} == {TRIO}
