"""What a party receives in a join, which shuffles, opens and puts back, looks uniform, message by message."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from tests.attacks.test_views import received, suspicious

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3 import Rep3, shuffle
from mpcstats.engines.share import Bits
from mpcstats.protocols.sort_join import Kind, Side, sort_join
from mpcstats.session import Session, Stream, Words

TRIO = ("a", "b", "c")


async def bits(session: Session, engine: Rep3, owner: str, values: list[int]) -> Bits:
    rows = slicing.slice_bits(np.array(values, dtype=np.uint64), 1)
    own = rows if session.me == owner else None
    return await engine.share_bits(session, own, owner=owner, length=len(values), width=1)


def join() -> Callable[[Session], Coroutine[Any, Any, None]]:
    """Two rows with one: so few that every run has the same messages."""

    async def body(session: Session) -> None:
        engine = Rep3(TRIO)
        left = Side(
            await bits(session.narrow("l"), engine, "a", [1, 1]),
            (),
            await bits(session.narrow("p"), engine, "a", [0, 1]),
        )
        values = np.array([7], dtype=np.uint64) if session.me == "b" else None
        column = await engine.share(session.narrow("v"), values, owner="b", shape=(1,))
        right = Side(await bits(session.narrow("r"), engine, "b", [1]), (column,))
        await sort_join(session.narrow("join"), engine, [left], [right], kind=Kind.LEFT)

    return body


def test_every_message_of_a_join_looks_uniform_whoever_gets_it() -> None:
    seen = received(TRIO, join())
    assert len(seen) > 60
    assert suspicious(seen) == []


def test_a_pass_without_its_second_mask_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: components of an input are moved as they are, and some of them are 0."""

    def none(_: Stream, *shape: int) -> Words:
        return np.zeros(shape, dtype=np.uint64)

    monkeypatch.setattr(shuffle, "_second_mask", none)
    found = suspicious(received(TRIO, join()))
    assert any(step.startswith("run/join/sort/shuffle/") for _, _, step in found)
    assert any(step.startswith("run/join/restore/") for _, _, step in found)
