"""What one party sees in a run is independent of the others' inputs: words that it receives look uniform.

A protocol that forgot a mask would send the same words for the same inputs, or words near the inputs. The tests
run one question many times with fixed inputs and look at single received words; each has a negative control.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mpcstats.engines.rep3 import Rep3
from mpcstats.protocols.criterion import Bit
from mpcstats.session import Message, PairSeeds, Session
from mpcstats.testing import run_together

RUNS = 64
Received = dict[tuple[str, str, str], list[np.ndarray[Any, np.dtype[np.uint64]]]]


def received(parties: tuple[str, ...], body: Callable[[Session], Any]) -> Received:
    """Every message by (sender, receiver, step), over RUNS runs of the same inputs."""
    seen: Received = defaultdict(list)

    def listen(message: Message) -> Message:
        seen[message.sender, message.receiver, message.step].append(message.payload.copy())
        return message

    for _ in range(RUNS):
        run_together(parties, body, tamper=listen)
    return seen


def suspicious(seen: Received) -> list[tuple[str, str, str]]:
    """Messages in which a word repeats over runs, or of whose bits too many or too few are ones.

    64 runs of a word: the ones among its 4,096 bits have standard deviation 32; ten of them never happen.
    """
    found = []
    for name, payloads in seen.items():
        for column in np.stack(payloads).T:
            ones = int(np.bitwise_count(column).sum())
            if len(set(column.tolist())) < RUNS or abs(ones - 32 * RUNS) > 10 * 4 * np.sqrt(RUNS):
                found.append(name)
                break
    return found


@pytest.fixture
def question(worlds: ModuleType) -> Any:
    spine = worlds.Table("a", 70, tuple(range(66)), (7,) * 66, (0, 1) * 33)
    inside = worlds.Table("b", 68, tuple(range(0, 66, 2)), (3,) * 33, (1,) * 33)
    outside = worlds.Table("d", 68, tuple(range(0, 66, 3)), (5,) * 22, (0,) * 22)
    totals = ((((0,), ()),), (((-1, 1), (1,)),))
    return worlds.Question(spine, (inside, outside), ("c", "b"), Bit(0), (-1,), totals, 2, ("e",))


def test_every_message_of_a_question_looks_uniform_whoever_gets_it(
    worlds: ModuleType, question: Any
) -> None:
    seen = received(worlds.PARTIES, worlds.body(question))
    assert len(seen) > 50
    assert suspicious(seen) == []


def test_a_share_without_its_mask_is_caught(worlds: ModuleType) -> None:
    class Forgetful(Rep3):
        async def share(self, session: Session, values: Any, *, owner: str, shape: Any) -> Any:
            if session.me == owner:
                await session.narrow("plain").exchange(send={"b": values})
            elif session.me == "b":
                await session.narrow("plain").exchange(receive={owner: shape})
            return await super().share(session, values, owner=owner, shape=shape)

    async def body(session: Session) -> None:
        own = np.array([41, 42], dtype=np.uint64) if session.me == "a" else None
        await Forgetful(worlds.COMPUTE).share(session.narrow("x"), own, owner="a", shape=(2,))

    names = suspicious(received(worlds.COMPUTE, body))
    assert [name[2] for name in names] == ["run/x/plain#0"]


def test_masks_that_repeat_over_runs_are_caught() -> None:
    """Two runs with one run id and the same seeds would send the same words: the nonces rule it out."""
    first = PairSeeds(b"one run", {"b": bytes(32)}).stream("b", "step").words(4)
    again = PairSeeds(b"one run", {"b": bytes(32)}).stream("b", "step").words(4)
    other = PairSeeds(b"another", {"b": bytes(32)}).stream("b", "step").words(4)
    assert first.tolist() == again.tolist()
    assert not set(first.tolist()) & set(other.tolist())
