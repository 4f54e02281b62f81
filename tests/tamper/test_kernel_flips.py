"""Every message of tiny sorts, compactions, joins and group-bys flipped in turn: a fault or a wrong result, no hang.

The cards say on_cheating = "undetected", so a flip may end in a wrong result. It must not end in another error, and
nothing may be opened that an honest run does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import PeerFault
from mpcstats.protocols.compact import compact
from mpcstats.protocols.group_by import group_by
from mpcstats.protocols.radix_sort import radix_sort
from mpcstats.protocols.sort import Key, sort
from mpcstats.protocols.sort_join import Kind, Side, sort_join
from mpcstats.session import Message, Opening, Session, Stream
from mpcstats.testing import flipped, opened, run_together

TRIO = ("a", "b", "c")
Play = Callable[[Session, Rep3], Coroutine[Any, Any, list[int]]]


async def bits(session: Session, engine: Rep3, owner: str, values: list[int], width: int) -> Bits:
    rows = slicing.slice_bits(np.array(values, dtype=np.uint64), width)
    return await engine.share_bits(
        session,
        rows if session.me == owner else None,
        owner=owner,
        length=len(values),
        width=width,
    )


async def numbers(session: Session, engine: Rep3, owner: str, values: list[int]) -> Arith:
    own = np.array(values, dtype=np.uint64) if session.me == owner else None
    return await engine.share(session, own, owner=owner, shape=(len(values),))


async def sorted_rows(session: Session, engine: Rep3) -> list[int]:
    keys = await bits(session.narrow("k"), engine, "a", [2, 0, 2, 1, 3], 2)
    found = await sort(session.narrow("sort"), engine, [Key(keys)])
    (back,) = await found.arrangement.restore(session.narrow("back"), engine, found.keys)
    assert isinstance(back, Bits)
    return [*(await opened(session.narrow("open"), engine, back)).reshape(-1).tolist()]


async def moved_rows(session: Session, engine: Rep3) -> list[int]:
    flags = await bits(session.narrow("f"), engine, "a", [0, 1, 1], 1)
    column = await numbers(session.narrow("c"), engine, "b", [7, 8, 9])
    found = await compact(session.narrow("compact"), engine, flags, [column])
    (back,) = await found.arrangement.restore(session.narrow("back"), engine, found.columns)
    shown = Arith.concatenate([c for c in (*found.columns, back) if isinstance(c, Arith)])
    return [*(await opened(session.narrow("open"), engine, shown)).tolist()]


async def joined_rows(session: Session, engine: Rep3) -> list[int]:
    left = Side(await bits(session.narrow("l"), engine, "a", [1, 0], 1))
    keys = await bits(session.narrow("r"), engine, "b", [1], 1)
    right = Side(keys, (await numbers(session.narrow("v"), engine, "b", [5]),))
    (match,) = await sort_join(session.narrow("join"), engine, [left], [right], kind=Kind.LEFT)
    (column,) = match.columns
    assert isinstance(column, Arith)
    hit = (await engine.to_arith(session.narrow("hit"), match.hit))[0]
    kept = await engine.multiply(session.narrow("mask"), column, hit)
    return [
        *(await opened(session.narrow("open"), engine, Arith.concatenate([kept, hit]))).tolist()
    ]


async def grouped_rows(session: Session, engine: Rep3) -> list[int]:
    keys = await bits(session.narrow("k"), engine, "a", [1, 0, 1], 1)
    column = await numbers(session.narrow("c"), engine, "b", [7, 8, 9])
    found = await group_by(session.narrow("group"), engine, [keys], groups=2, sums=[column])
    shown = Arith.concatenate([found.persons, *found.sums])
    return [*(await opened(session.narrow("open"), engine, shown)).tolist()]


async def ordered_rows(session: Session, engine: Rep3) -> list[int]:
    key = await bits(session.narrow("k"), engine, "a", [3, 1, 0], 2)
    column = await numbers(session.narrow("c"), engine, "b", [7, 8, 9])
    found = await radix_sort(session.narrow("sort"), engine, key, [column])
    back = await found.arrangement.restore(session.narrow("back"), engine, found.columns)
    shown = [
        await opened(session.narrow(f"open{i}"), engine, column)
        for i, column in enumerate((*found.columns, *back))
    ]
    return [number for values in shown for number in values.reshape(-1).tolist()]


def declared(card: str, openings: list[Opening]) -> None:
    """All that is opened is on the card, to the compute parties; the last opening is the test's."""
    ids = {o.id for o in load_cards()[card].leakage.opened}
    for opening in openings:
        if opening.leak != "test":
            assert opening.leak in ids
            assert opening.to == TRIO


def every_word(message: Message) -> Message:
    """Other words altogether, always the same ones: what is opened may then be of no order."""
    other = Stream(bytes(16)).words(message.payload.size)
    return Message(message.sender, message.receiver, message.step, message.payload ^ other)


@pytest.mark.parametrize(
    ("card", "play", "change"),
    [
        ("sort", sorted_rows, every_word),
        ("compact", moved_rows, flipped),
        ("sort_join", joined_rows, flipped),
        ("group_by", grouped_rows, flipped),
        ("radix_sort", ordered_rows, flipped),
    ],
    ids=["sort", "compact", "sort_join", "group_by", "radix_sort"],
)
def test_a_flip_is_a_fault_or_a_wrong_result(
    card: str, play: Play, change: Callable[[Message], Message]
) -> None:
    logs: list[list[Opening]] = []

    async def body(session: Session) -> list[int]:
        logs.append(session.openings)
        return await play(session, Rep3(TRIO))

    honest = run_together(TRIO, body)
    faults = wrong = 0
    for target in range(honest.traffic.messages):
        numbers = count()

        def tamper(
            message: Message, target: int = target, numbers: Iterator[int] = numbers
        ) -> Message:
            return change(message) if next(numbers) == target else message

        logs.clear()
        try:
            outcome = run_together(TRIO, body, tamper=tamper)
        except PeerFault as fault:
            faults += fault.step.startswith("run/")
        else:
            wrong += outcome.results != honest.results
        for openings in logs:
            declared(card, openings)
    # Both kinds occur: flips of opened copies are noticed, flips of shares are not.
    assert faults >= 10
    assert wrong >= 2


def test_an_undeclared_opening_is_seen() -> None:
    """Negative control."""
    with pytest.raises(AssertionError):
        declared("compact", [Opening("run", "shuffled-order", TRIO, (1,))])
