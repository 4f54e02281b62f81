"""Radix sorting equals numpy's stable sort for narrow keys, costs what its card says, and can be undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import PeerFault
from mpcstats.protocols.order_by import order_by
from mpcstats.protocols.radix_sort import radix_sort
from mpcstats.protocols.sort import Key
from mpcstats.session import Message, Session, Words
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
