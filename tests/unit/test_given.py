"""What callers give to an engine is refused before any share is made, and a mask is never taken off a float."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.sort_join import Side, sort_join
from mpcstats.session import Session
from mpcstats.testing import run_together

ENGINES = [(Rep3(("a", "b", "c")), ("a", "b", "c", "d")), (Clear(("a",)), ("a", "d"))]
Body = Callable[[Session], Coroutine[Any, Any, Any]]


def refused(parties: tuple[str, ...], body: Body, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run_together(parties, body)


@pytest.mark.parametrize(("engine", "parties"), ENGINES, ids=["rep3", "clear"])
@pytest.mark.parametrize("owner", ["a", "d"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            np.arange(3),
            r"expected uint64 of shape \(3,\) at their owner ., got int64 of shape \(3,\)",
        ),
        (np.zeros(3), r"got float64 of shape \(3,\)"),
        (np.zeros(4, dtype=np.uint64), r"got uint64 of shape \(4,\)"),
        ([1, 2, 3], "got a list"),
        (None, "got None"),
    ],
)
def test_values_that_are_no_ring_elements(
    engine: Engine, parties: tuple[str, ...], owner: str, values: Any, words: str
) -> None:
    async def body(session: Session) -> None:
        own = values if session.me == owner else None
        await engine.share(session.narrow("x"), own, owner=owner, shape=(3,))

    refused(parties, body, words)


@pytest.mark.parametrize(("engine", "parties"), ENGINES, ids=["rep3", "clear"])
def test_parties_that_are_not_there(engine: Engine, parties: tuple[str, ...]) -> None:
    async def input_of_nobody(session: Session) -> None:
        await engine.share(session.narrow("x"), None, owner="z", shape=(3,))

    async def opened(session: Session, to: Any) -> None:
        x = engine.public(session, np.zeros(1, dtype=np.uint64))
        await engine.reveal(session.narrow("x"), x, leak="test", to=to)

    refused(parties, input_of_nobody, "expected an owner of a, .*, got 'z'")
    refused(parties, lambda s: opened(s, ["z"]), "expected a recipient of a, .*, got 'z'")
    refused(parties, lambda s: opened(s, "ad"), "expected a sequence of recipients, got the text")

    async def bits(session: Session, to: Any) -> None:
        x = engine.public(session, np.zeros(1, dtype=np.uint64))
        row = await engine.negative(session.narrow("n"), x)
        await engine.reveal_bits(session.narrow("x"), row, leak="test", to=to)

    refused(parties, lambda s: bits(s, "a"), "expected a sequence of recipients, got the text")
    refused(parties, lambda s: bits(s, ["z"]), "expected a recipient of a, .*, got 'z'")


@pytest.mark.parametrize("value", [0.5, np.zeros(3), "7", np.zeros((2, 3), dtype=np.uint64)])
def test_public_numbers_that_are_none(value: Any) -> None:
    x = Arith((3,), (np.zeros(3, dtype=np.uint64),), 0)
    for use in (x.plus, x.scaled):
        with pytest.raises(UsageError, match="expected"):
            use(value)


def test_signed_integers_are_ring_elements() -> None:
    x = Arith((2,), (np.array([5, 7], dtype=np.uint64),), 0)
    assert x.plus(np.array([-5, 1])).parts[0].tolist() == [0, 8]
    assert x.scaled(-1).parts[0].view(np.int64).tolist() == [-5, -7]


def test_a_session_sends_words_only() -> None:
    async def body(session: Session) -> None:
        other = "b" if session.me == "a" else "a"
        await session.exchange(send={other: np.zeros(1)}, receive={other: 1})  # type: ignore[dict-item]

    with pytest.raises(InternalError, match="expected words to send, got float64"):
        run_together(("a", "b"), body)


def test_a_kind_of_join_may_be_text_and_must_be_one() -> None:
    engine = Clear(("a",))

    async def body(session: Session) -> None:
        bits = await engine.share_bits(
            session.narrow("k"), np.zeros((1, 1), dtype=np.uint64), owner="a", length=1, width=1
        )
        await sort_join(session.narrow("anti"), engine, [Side(bits)], [Side(bits)], kind="anti")
        await sort_join(session.narrow("outer"), engine, [Side(bits)], [Side(bits)], kind="outer")

    refused(("a",), body, "expected a join of kind inner, left, semi, anti, got 'outer'")
