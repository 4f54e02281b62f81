"""Radix sorting equals numpy's stable sort for narrow keys, costs what its card says, and can be undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import PeerFault
from mpcstats.protocols.order_by import order_by
from mpcstats.protocols.radix_sort import radix_sort
from mpcstats.protocols.sort import Key
from mpcstats.session import Message, Opening, Session, Words
from mpcstats.testing import Outcome, Tamper, flipped, opened, run_together

TRIO = ("a", "b", "c")


def play(
    engine: Engine,
    keys: Words,
    width: int,
    *,
    parties: tuple[str, ...],
    tamper: Tamper | None = None,
) -> Outcome[Any]:
    n = keys.size
    numbers = np.arange(n, dtype=np.uint64)

    async def body(session: Session) -> list[Words]:
        mine = session.me == parties[-1]
        rows = await engine.share_bits(
            session.narrow("keys"),
            slicing.slice_bits(keys, width) if mine else None,
            owner=parties[-1],
            length=n,
            width=width,
        )
        column = await engine.share(
            session.narrow("column"), numbers if mine else None, owner=parties[-1], shape=(n,)
        )
        placed = await radix_sort(session.narrow("sort"), engine, rows, [column])
        back = await placed.arrangement.restore(session.narrow("back"), engine, placed.columns)
        found = await opened(session.narrow("k"), engine, placed.columns[0])
        return [
            slicing.join_bits(slicing.pack(found), n),
            await opened(session.narrow("c"), engine, placed.columns[1]),
            await opened(session.narrow("b"), engine, back[1]),
        ]

    return run_together(parties, body, tamper=tamper)


@settings(max_examples=40)
@given(keys=st.lists(st.integers(0, 127), max_size=150), width=st.integers(1, 7))
def test_any_narrow_keys(keys: list[int], width: int) -> None:
    values = np.array(keys, dtype=np.uint64) & np.uint64(2**width - 1)
    order = np.argsort(values, kind="stable").astype(np.uint64)
    for engine, parties in ((Clear(("a",)), ("a", "b")), (Rep3(TRIO), (*TRIO, "d"))):
        for found in play(engine, values, width, parties=parties).results.values():
            assert np.array_equal(found[0], values[order])
            assert np.array_equal(found[1], order)
            assert np.array_equal(found[2], np.arange(values.size, dtype=np.uint64))


def test_a_destination_that_is_none_is_a_fault() -> None:
    def tamper(message: Message) -> Message:
        share = message.step == "run/sort/digit0/moved#0" and message.sender == "c"
        return flipped(message, bit=40) if share else message

    with pytest.raises(PeerFault, match="every place of 5 rows once"):
        play(Rep3(TRIO), np.arange(5, dtype=np.uint64), 3, parties=TRIO, tamper=tamper)


@pytest.mark.parametrize(("width", "leak"), [(6, "shuffled-destination"), (7, "shuffled-order")])
def test_wider_keys_are_sorted_by_comparisons(width: int, leak: str) -> None:
    engine = Rep3(TRIO)
    keys = np.array([5, 3, 63, 0, 3], dtype=np.uint64)

    async def body(session: Session) -> tuple[set[str], Words]:
        rows = slicing.slice_bits(keys, width) if session.me == "a" else None
        shared = await engine.share_bits(
            session.narrow("keys"), rows, owner="a", length=5, width=width
        )
        found = await order_by(session.narrow("order"), engine, [Key(shared, descending=True)])
        leaks = {o.leak for o in session.openings}
        bits = await opened(session.narrow("open"), engine, found.keys[0])
        return leaks, slicing.join_bits(slicing.pack(bits), 5)

    for leaks, ordered in run_together(TRIO, body).results.values():
        assert leaks == {leak}
        assert ordered.tolist() == [63, 5, 3, 3, 0]


@pytest.mark.parametrize(("n", "width"), [(0, 1), (1, 2), (130, 3), (130, 4), (64, 5), (130, 7)])
def test_rounds_bytes_and_openings_are_those_of_the_card(n: int, width: int) -> None:
    engine = Rep3(TRIO)

    async def body(session: Session) -> list[Opening]:
        mine = session.me == "a"
        zeros = np.zeros((width, -(-n // 64)), dtype=np.uint64)
        keys = await engine.share_bits(
            session.narrow("keys"), zeros if mine else None, owner="a", length=n, width=width
        )
        column = await engine.share(
            session.narrow("column"),
            np.zeros(n, dtype=np.uint64) if mine else None,
            owner="a",
            shape=(n,),
        )
        # All begin at once: after the first exchange one may be a round ahead, after the second nobody is.
        others = [p for p in TRIO if p != session.me]
        word = np.zeros(1, dtype=np.uint64)
        for i in range(2):
            await session.narrow(f"all{i}").exchange(
                send=dict.fromkeys(others, word), receive=dict.fromkeys(others, 1)
            )
        await radix_sort(session.narrow("sort"), engine, keys, [column])
        return session.openings

    outcome = run_together(TRIO, body)
    card = load_cards()["radix_sort"]
    sizes = {"rows": n, "width": width, "moved": 2}
    # A digit's first message may go out while others still wait for the last one's: at most a round for each.
    most = card.cost.rounds.evaluate(sizes)
    assert most - (width - 1) // 3 <= outcome.traffic.span("run/sort/") <= most
    expected = sum(formula.evaluate(sizes) for formula in card.cost.bytes.values())
    for party in TRIO:
        steps = outcome.traffic.bytes_by_step.items()
        assert expected == sum(
            b for (who, step), b in steps if who == party and step.startswith("run/sort/")
        )
    for openings in outcome.results.values():
        assert {o.leak for o in openings} == {o.id for o in card.leakage.opened}
        assert {o.to for o in openings} == {TRIO}
