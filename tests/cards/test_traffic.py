"""Traffic depends on public sizes only, and nothing is opened but by the gate, to the recipients."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.engines.rep3 import Rep3
from mpcstats.protocols.criterion import All, Bit, Not
from mpcstats.session import Opening, Session
from mpcstats.testing import run_together

KEYS = st.lists(st.integers(0, 20), unique=True, max_size=6)
TOTALS = ((((-1,), ()),), (((0,), (0,)), ((1,), (1,))), (((-1, 0), ()),))


def question(worlds: ModuleType, keys: list[list[int]], seed: int) -> Any:
    """A question whose public sizes are fixed; the keys, values and codes are the arguments'."""
    rng = np.random.default_rng(seed)

    def table(owner: str, own: list[int]) -> Any:
        values = rng.integers(-(2**30), 2**30, len(own)).tolist()
        codes = rng.integers(0, 2, len(own)).tolist()
        return worlds.Table(owner, 6, tuple(own), tuple(values), tuple(codes))

    spine, first, second = (table(o, k) for o, k in zip("ade", keys, strict=True))
    formula = All((Bit(0), Not(Bit(1))))
    return worlds.Question(
        spine, (first, second), ("b", "c"), formula, (-1, 0), TOTALS, 2, ("a", "d")
    )


@settings(max_examples=25)
@given(keys=st.lists(KEYS, min_size=3, max_size=3), seed=st.integers(0, 2**32))
def test_traffic_is_the_same_for_all_inputs_of_these_sizes(
    worlds: ModuleType, keys: list[list[int]], seed: int
) -> None:
    shapes = []
    for drawn in (question(worlds, keys, seed), question(worlds, [[1], [2], []], 0)):
        traffic = run_together(worlds.PARTIES, worlds.body(drawn)).traffic
        shapes.append((traffic.shape, traffic.rounds))
    assert shapes[0] == shapes[1]


def test_traffic_that_follows_the_data_is_seen(worlds: ModuleType) -> None:
    """Negative control: a party that sends as many words as it has keys."""

    def leaky(keys: int) -> Callable[[Session], Any]:
        async def body(session: Session) -> None:
            if session.me == "a":
                await session.exchange(send={"b": np.zeros(keys, dtype=np.uint64)})
            elif session.me == "b":
                await session.exchange(receive={"a": keys})

        return body

    shapes = {run_together(worlds.COMPUTE, leaky(keys)).traffic.shape for keys in (1, 2)}
    assert len(shapes) == 2


def openings_of(worlds: ModuleType, drawn: Any) -> dict[str, list[Opening]]:
    logs: dict[str, list[Opening]] = {}

    async def body(session: Session) -> None:
        logs[session.me] = session.openings
        await worlds.play(session, Rep3(worlds.COMPUTE), drawn)

    run_together(worlds.PARTIES, body)
    return logs


def test_the_gate_opens_once_to_the_recipients_and_nothing_else_opens(worlds: ModuleType) -> None:
    drawn = question(worlds, [[1, 2, 3], [1, 2], [3]], 1)
    logs = openings_of(worlds, drawn)
    assert set(logs) == set(worlds.PARTIES)
    for log in logs.values():
        assert [(o.leak, o.to, o.shape) for o in log] == [("gated-cell", ("a", "d"), (4 * 4,))]
        assert log[0].step.startswith("run/gate/")


def test_an_opening_beside_the_gate_is_seen(worlds: ModuleType) -> None:
    """Negative control: whoever opens a value is on the list of every party."""
    logs: list[list[Opening]] = []

    async def body(session: Session) -> None:
        engine = Rep3(worlds.COMPUTE)
        own = np.ones(1, dtype=np.uint64) if session.me == "a" else None
        share = await engine.share(session.narrow("x"), own, owner="a", shape=(1,))
        await engine.reveal(session.narrow("peek"), share, leak="undeclared", to=("b",))
        logs.append(session.openings)

    run_together(worlds.COMPUTE, body)
    assert [[o.leak for o in log] for log in logs] == [["undeclared"]] * 3


@pytest.mark.parametrize("party", ["b", "c", "e"])
def test_nobody_but_a_recipient_gets_a_result(worlds: ModuleType, party: str) -> None:
    drawn = question(worlds, [[1, 2, 3], [1, 2], [3]], 1)
    assert run_together(worlds.PARTIES, worlds.body(drawn)).results[party] is None
