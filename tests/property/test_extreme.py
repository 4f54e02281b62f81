"""Smallest and largest on every engine against Python's min and max, and their cost on rep3."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.shamir import Shamir
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.extreme import extreme
from mpcstats.session import Session
from mpcstats.testing import Outcome, opened, run_together

PARTIES = ("a", "b", "c", "d", "e")
ENGINES: list[Engine] = [Clear(("a",)), Rep3(PARTIES[:3]), Shamir(PARTIES[:3]), Shamir(PARTIES)]
NUMBER = st.integers(-(1 << 62), (1 << 62) - 1)


def found(engine: Engine, vectors: list[list[int]], *, largest: bool) -> Outcome[list[int]]:
    async def body(session: Session) -> list[int]:
        secrets = []
        for i, vector in enumerate(vectors):
            owner = PARTIES[i % len(PARTIES)]
            own = np.array(vector, dtype=np.int64).view(np.uint64) if session.me == owner else None
            step = session.narrow(f"in{i}")
            secrets.append(await engine.share(step, own, owner=owner, shape=(len(vectors[0]),)))
        others = [p for p in session.parties if p != session.me]
        one = np.zeros(1, dtype=np.uint64)
        for _ in range(2):
            await session.exchange(
                send=dict.fromkeys(others, one), receive=dict.fromkeys(others, 1)
            )
        best = await extreme(session.narrow("it"), engine, secrets, largest=largest)
        return [int(v) for v in (await opened(session, engine, best)).view(np.int64)]

    return run_together(PARTIES, body)


@pytest.mark.parametrize("engine", ENGINES, ids=["clear", "rep3", "shamir3", "shamir5"])
@settings(max_examples=8)
@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(NUMBER, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    st.booleans(),
)
def test_extremes_are_those_of_numbers(
    engine: Engine, vectors: list[list[int]], largest: bool
) -> None:
    best = max if largest else min
    expected = [best(column) for column in zip(*vectors, strict=True)]
    for result in found(engine, vectors, largest=largest).results.values():
        assert result == expected


@pytest.mark.parametrize("providers", [1, 2, 5])
@pytest.mark.parametrize("cells", [1, 65])
def test_extremes_cost_what_the_card_says(providers: int, cells: int) -> None:
    outcome = found(ENGINES[1], [[7] * cells] * providers, largest=True)
    cost = load_cards()["extreme"].cost
    sizes = {"cells": cells, "providers": providers}
    for seat, party in enumerate(PARTIES[:3]):
        roles = ["compute", "seat0"] if seat == 0 else ["compute"]
        sent = sum(
            size
            for (who, step), size in outcome.traffic.bytes_by_step.items()
            if who == party and step.startswith("run/it")
        )
        assert sent == sum(cost.bytes[role].evaluate(sizes) for role in roles)
    rounds, most = outcome.traffic.span("run/it"), cost.rounds.evaluate(sizes)
    assert rounds <= most <= 2 * rounds


def test_nothing_and_vectors_of_two_shapes_are_refused() -> None:
    engine = ENGINES[0]

    async def nothing(session: Session) -> object:
        return await extreme(session, engine, [], largest=True)

    async def uneven(session: Session) -> object:
        given = [engine.public(session, np.zeros(n, dtype=np.uint64)) for n in (1, 2)]
        return await extreme(session, engine, given, largest=True)

    with pytest.raises(UsageError, match="at least one vector"):
        run_together(("a",), nothing)
    with pytest.raises(InternalError, match="one shape"):
        run_together(("a",), uneven)
