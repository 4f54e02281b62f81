"""Sorting equals numpy's stable sort, for every kind of keys, with all that rows carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Elements, Positions
from mpcstats.errors import PeerFault
from mpcstats.protocols.sort import Key, Sorted, sort
from mpcstats.session import Opening, Session, Words
from mpcstats.testing import Outcome, opened, run_together

TRIO = ("a", "b", "c")
EXTREMES = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]
Columns = tuple[Words, Words, Words]


def run(
    engine: Engine,
    keys: Words,
    width: int,
    *,
    descending: bool = False,
    parties: Sequence[str] = TRIO,
) -> Outcome[Columns]:
    n = keys.size
    numbers = np.arange(n, dtype=np.uint64)
    parities = slicing.slice_bits(numbers, 2)

    async def body(session: Session) -> Columns:
        at_home = session.me == "a"
        key_rows = await engine.share_bits(
            session.narrow("keys"),
            slicing.slice_bits(keys, width) if at_home else None,
            owner="a",
            length=n,
            width=width,
        )
        column = await engine.share(
            session.narrow("column"), numbers if at_home else None, owner="a", shape=(n,)
        )
        rows = await engine.share_bits(
            session.narrow("rows"), parities if at_home else None, owner="a", length=n, width=2
        )
        found: Sorted = await sort(
            session.narrow("sort"), engine, [Key(key_rows, descending)], [column, rows]
        )
        carried, carried_rows = found.columns
        return (
            slicing.join_bits(
                slicing.pack(await opened(session.narrow("k"), engine, found.keys[0])), n
            ),
            await opened(session.narrow("c"), engine, carried),
            slicing.join_bits(
                slicing.pack(await opened(session.narrow("r"), engine, carried_rows)), n
            ),
        )

    return run_together(tuple(parties), body)


def check(found: Columns, keys: Words, order: NDArray[np.intp]) -> None:
    assert np.array_equal(found[0], keys[order])
    assert np.array_equal(found[1], order.astype(np.uint64))
    assert np.array_equal(found[2], order.astype(np.uint64) & np.uint64(3))


def stable(keys: Words, width: int, *, descending: bool) -> NDArray[np.intp]:
    mask = np.uint64(2**width - 1)
    return np.argsort((~keys if descending else keys) & mask, kind="stable")


@settings(max_examples=60)
@given(
    keys=st.lists(st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1), max_size=40)
    | st.lists(st.integers(0, 2), max_size=40),
    width=st.sampled_from([1, 2, 31, 64]),
    descending=st.booleans(),
)
def test_any_keys(keys: list[int], width: int, descending: bool) -> None:
    values = np.array(keys, dtype=np.uint64) & np.uint64(2**width - 1)
    order = stable(values, width, descending=descending)
    for engine, parties in ((Clear(("a",)), ("a",)), (Rep3(TRIO), TRIO)):
        outcome = run(engine, values, width, descending=descending, parties=parties)
        check(outcome.results["a"], values, order)


@pytest.mark.parametrize("kind", ["random", "few", "equal", "sorted", "reversed"])
@pytest.mark.parametrize("n", [130, 1000, 3000])
def test_many_rows_in_several_phases(kind: str, n: int) -> None:
    drawn = np.random.default_rng(n).integers(0, 2**62, n, dtype=np.uint64)
    keys = {
        "random": drawn,
        "few": drawn % np.uint64(3),
        "equal": drawn * np.uint64(0),
        "sorted": np.sort(drawn),
        "reversed": np.sort(drawn)[::-1].copy(),
    }[kind]
    outcome = run(Rep3(TRIO), keys, 62)
    check(outcome.results["b"], keys, stable(keys, 62, descending=False))


def test_a_party_outside_the_three_takes_part_without_shares() -> None:
    keys = np.array([3, 1, 2, 1], dtype=np.uint64)
    outcome = run(Rep3(TRIO), keys, 4, parties=(*TRIO, "d"))
    check(outcome.results["d"], keys, stable(keys, 4, descending=False))


class Circle(Clear):
    """An engine that opens what no order has: each row below the next, and the last below the first."""

    async def open_order(
        self, session: Session, x: Elements, y: Elements, at: Positions | None, *, leak: str
    ) -> NDArray[np.bool_] | None:
        return np.array([True, False, True])


def test_outcomes_of_no_order_are_a_fault() -> None:
    """Places are written by rank: rows of equal rank would leave some of them as memory happens to be."""
    with pytest.raises(PeerFault, match="expected outcomes of an order, got a circle of rows"):
        run(Circle(("a",)), np.arange(3, dtype=np.uint64), 2, parties=("a",))


@settings(max_examples=25)
@given(n=st.integers(2, 700), seed=st.integers(0, 2**32))
def test_rounds_and_bytes_stay_within_the_card(n: int, seed: int) -> None:
    keys = np.random.default_rng(seed).integers(0, 2**32, n, dtype=np.uint64)
    outcome = run(Rep3(TRIO), keys, 32)
    card = load_cards()["sort"]
    width = 32 + (n - 1).bit_length()
    sizes = {"rows": n, "width": width, "moved": 1 + 1 + 1}
    assert outcome.traffic.span("run/sort") <= card.cost.rounds.evaluate(sizes)
    bound = card.cost.bytes["compute"].evaluate(sizes)
    for party in TRIO:
        steps = outcome.traffic.bytes_by_step.items()
        sent = sum(b for (who, s), b in steps if who == party and s.startswith("run/sort"))
        assert sent <= bound
        assert n < 300 or 2 * sent > bound


def test_what_it_opens_and_to_whom_is_on_the_card() -> None:
    engine = Rep3(TRIO)
    rows = slicing.slice_bits(np.array([3, 1, 2, 1, 0], dtype=np.uint64), 3)

    async def body(session: Session) -> list[Opening]:
        own = rows if session.me == "a" else None
        keys = await engine.share_bits(session.narrow("keys"), own, owner="a", length=5, width=3)
        await sort(session.narrow("sort"), engine, [Key(keys)])
        return session.openings

    card = load_cards()["sort"]
    for openings in run_together(TRIO, body).results.values():
        assert openings
        assert {o.leak for o in openings} == {o.id for o in card.leakage.opened}
        assert {o.to for o in openings} == {TRIO}
