"""Every message of small runs on sorted rows is changed once: a fault of its sender or a wrong result, never more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from tests.property.tables import TRIO, Sharing, values

from mpcstats.engines.api import Engine
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import PeerFault
from mpcstats.protocols.distinct import distinct
from mpcstats.protocols.quantile import quantile
from mpcstats.protocols.sort import Key
from mpcstats.protocols.top_k import top_k
from mpcstats.protocols.window import window
from mpcstats.session import Message, Opening, Session
from mpcstats.testing import run_together

Body = Callable[[Sharing, Session, Engine], Awaitable[list[int]]]
KEYS, FLAGS = [2, 1, 3, 2], [1, 1, 0, 1]


async def _distinct(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
    key, there = await sharing.bits("k", KEYS, 2), await sharing.flags("p", FLAGS)
    found = await distinct(session.narrow("it"), engine, [key], present=there, rows=3)
    own = await values(session.narrow("out"), engine, found.keys[0])
    return own + await values(session.narrow("valid"), engine, found.valid)


async def _top_k(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
    key, there = await sharing.bits("k", KEYS, 2), await sharing.flags("p", FLAGS)
    column = await sharing.numbers("n", KEYS)
    found = await top_k(session.narrow("it"), engine, [Key(key)], [column], 2, present=there)
    return await values(session.narrow("out"), engine, found.columns[0])


async def _window(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
    key = await sharing.bits("k", KEYS, 2)
    found = await window(session.narrow("it"), engine, [key], [])
    number = await found.row_number(session.narrow("it2"), engine)
    (back,) = await found.restore(session.narrow("it3"), engine, [number])
    return await values(session.narrow("out"), engine, back)


async def _quantile(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
    value, there = await sharing.bits("v", KEYS, 2), await sharing.flags("p", FLAGS)
    found = await quantile(session.narrow("it"), engine, value, [(1, 2)], present=there)
    return await values(session.narrow("out"), engine, found.numbers)


class Flip:
    """Inverts all bits of message number `target` of the protocol itself."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.seen = 0
        self.hit: Message | None = None

    def __call__(self, message: Message) -> Message:
        if not message.step.startswith("run/it"):
            return message
        self.seen += 1
        if self.seen - 1 != self.target:
            return message
        self.hit = message
        return Message(message.sender, message.receiver, message.step, ~message.payload)


def run(body: Body, tamper: Flip) -> tuple[list[int], list[Opening]]:
    async def party(session: Session) -> tuple[list[int], list[Opening]]:
        sharing = Sharing(session.narrow("in"), Rep3(TRIO), TRIO)
        return await body(sharing, session, Rep3(TRIO)), session.openings

    return run_together(TRIO, party, tamper=tamper).results["a"]


@pytest.mark.parametrize("body", [_distinct, _top_k, _window, _quantile])
def test_a_changed_message_is_a_fault_or_a_wrong_result(body: Body) -> None:
    honest = Flip(-1)
    right, openings = run(body, honest)
    allowed = {o.leak for o in openings}
    faults: list[PeerFault] = []
    wrong = 0
    for target in range(honest.seen):
        tamper = Flip(target)
        try:
            got, opened = run(body, tamper)
        except PeerFault as fault:
            faults.append(fault)
            continue
        if tamper.hit is None:  # the number of batches is random
            continue
        wrong += got != right
        assert {o.leak for o in opened} <= allowed
    assert len(faults) >= 5
    assert all(fault.step.startswith("run/") for fault in faults)
    # How many depends on the order that was drawn; that there are any is what "undetected" means.
    assert wrong >= 1
