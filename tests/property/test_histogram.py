"""Histograms equal numpy's for any numbers, edges and valid rows; they cost what the card says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import dealt

from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import InternalError, PeerFault, UsageError
from mpcstats.protocols import histogram as module
from mpcstats.protocols.histogram import histogram
from mpcstats.session import Message, Session, Words
from mpcstats.testing import Outcome, Tamper, flipped, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")


def run(
    engine: Engine,
    values: Words,
    width: int,
    edges: Sequence[int],
    *,
    below: bool = False,
    above: bool = False,
    valid: Words | None = None,
    tamper: Tamper | None = None,
) -> Outcome[list[int]]:
    async def body(session: Session) -> list[int]:
        found = await histogram(
            session.narrow("histogram"),
            engine,
            dealt.bits(session, engine.compute, values, width, 1),
            edges,
            below=below,
            above=above,
            valid=None if valid is None else dealt.bits(session, engine.compute, valid, 1, 2),
        )
        return [int(x) for x in await opened(session.narrow("open"), engine, found)]

    return run_together(PARTIES, body, tamper=tamper)


def plain(
    values: Words, edges: Sequence[int], below: bool, above: bool, valid: Words | None
) -> list[int]:
    kept = [int(v) for i, v in enumerate(values) if valid is None or valid[i]]
    bounds = [-1] * below + list(edges) + [1 << 64] * above
    return [sum(a <= v < b for v in kept) for a, b in pairwise(bounds)]


@settings(max_examples=35)
@given(data=st.data(), width=st.sampled_from([1, 2, 3, 7, 16, 63, 64]))
def test_any_edges(data: st.DataObject, width: int) -> None:
    most = (1 << width) - 1
    number = st.sampled_from([0, most, most // 2]) | st.integers(0, most)
    values = np.array(data.draw(st.lists(number, max_size=30)), dtype=np.uint64)
    edge = number | st.integers(0, min(2 * most, 2**64))
    edges = sorted(data.draw(st.sets(edge, min_size=1, max_size=6)))
    below = data.draw(st.booleans())
    above = data.draw(st.booleans()) or (len(edges) < 2 and not below)
    bit = st.integers(0, 1)
    drawn = st.none() | st.lists(bit, min_size=values.size, max_size=values.size)
    flags = data.draw(drawn)
    valid = None if flags is None else np.array(flags, dtype=np.uint64)
    expected = plain(values, edges, below, above, valid)
    for engine in (Clear(("b",)), Rep3(TRIO)):
        outcome = run(engine, values, width, edges, below=below, above=above, valid=valid)
        for result in outcome.results.values():
            assert result == expected


def test_many_blocks_in_two_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 128)
    values = np.random.default_rng(1).integers(0, 1000, 700, dtype=np.uint64)
    edges = [0, 18, 35, 65, 999]
    outcome = run(Rep3(TRIO), values, 10, edges, above=True)
    assert outcome.results["c"] == plain(values, edges, False, True, None)


@pytest.mark.parametrize("edges", [[3], [18, 35, 65], [1, 2, 3, 5, 100, 101, 127]])
@pytest.mark.parametrize("n", [1, 65, 300])
@pytest.mark.parametrize("checked", [False, True])
def test_it_costs_what_its_card_says(
    edges: list[int], n: int, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 128)
    width = 7
    zeros = np.zeros(n, dtype=np.uint64)
    valid = zeros if checked else None
    outcome = run(Rep3(TRIO), zeros, width, edges, below=True, above=True, valid=valid)
    bounds = module.bin_bounds(edges, width, below=True, above=True)
    bins = len(bounds) - 1
    cost = load_cards()["histogram"].cost
    sizes = {
        "rows": n,
        "width": width,
        "bins": bins,
        "ands": module.ands(bounds, width, valid=checked),
        "valid": int(checked),
        "blocks": -(-n // 128),
        "turns": -(-n // 256),
    }
    compute = cost.bytes["compute"].evaluate(sizes)
    expected = {
        party: compute + cost.bytes[f"seat{i}"].evaluate(sizes) for i, party in enumerate(TRIO)
    }
    assert dealt.bytes_below(outcome, "run/histogram") == expected
    most = cost.rounds.evaluate(sizes)
    found = outcome.traffic.span("run/histogram")
    assert found <= most <= 2 * found


def test_edges_that_agree_in_a_range_share_its_ands() -> None:
    """64 edges of one byte: with every and for itself they would take 64 times as many as one edge."""
    one = module.ands(module.bin_bounds([77], 8, below=True, above=True), 8, valid=False)
    every = module.bin_bounds(range(0, 256, 4), 8, below=True, above=True)
    assert module.ands(every, 8, valid=False) < 20 * one


def test_traffic_tells_nothing_of_the_numbers() -> None:
    shapes = set()
    for seed in range(3):
        values = np.random.default_rng(seed).integers(0, 4**seed, 40, dtype=np.uint64)
        traffic = run(Rep3(TRIO), values, 8, [3, 9], below=True).traffic
        shapes.add((traffic.shape, traffic.rounds))
    assert len(shapes) == 1


def test_nothing_is_opened() -> None:
    async def body(session: Session) -> int:
        x = dealt.bits(session, TRIO, np.arange(5, dtype=np.uint64), 3)
        await histogram(session, Rep3(TRIO), x, [1, 4])
        return len(session.openings)

    assert set(run_together(TRIO, body).results.values()) == {0}
    assert load_cards()["histogram"].leakage.opened == ()


@pytest.mark.parametrize(
    ("edges", "message"),
    [([2, 2], "ascending edges"), ([3, 1], "ascending"), ([-1, 4], "from 0 on"), ([], "one bin")],
)
def test_edges_that_make_no_bins_are_refused(edges: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(Rep3(TRIO), np.zeros(2, dtype=np.uint64), 3, edges)
    with pytest.raises(UsageError, match="one bin"):
        run(Rep3(TRIO), np.zeros(2, dtype=np.uint64), 3, [4])


def test_valid_bits_of_another_length_are_refused() -> None:
    zeros = np.zeros(3, dtype=np.uint64)
    with pytest.raises(InternalError, match="3 valid bits"):
        run(Rep3(TRIO), zeros, 3, [1, 2], valid=zeros[:2])


def test_a_flip_is_a_fault_or_a_wrong_result() -> None:
    values = np.array([0, 3, 9, 12], dtype=np.uint64)
    honest = run(Rep3(TRIO), values, 4, [3, 9], below=True, above=True)
    names = {name for name in honest.traffic.round_of if name[1].startswith("run/histogram")}
    changed = 0
    for sender, step in sorted(names):

        def change(message: Message, name: tuple[str, str] = (sender, step)) -> Message:
            return flipped(message) if (message.sender, message.step) == name else message

        try:
            found = run(Rep3(TRIO), values, 4, [3, 9], below=True, above=True, tamper=change)
        except PeerFault:
            changed += 1
            continue
        changed += found.results != honest.results
    assert changed >= len(names) // 2


def test_an_edge_that_is_not_compared_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the and of equal and less, an edge is rounded to its highest bits."""
    operands = module._operands

    def wrong(*args: object) -> object:
        upper, chosen = operands(*args)  # type: ignore[arg-type]
        return upper, chosen ^ chosen

    monkeypatch.setattr(module, "_operands", wrong)
    values = np.array([0, 1, 4, 5, 6], dtype=np.uint64)
    found = run(Rep3(TRIO), values, 4, [6], below=True, above=True).results["a"]
    assert found != plain(values, [6], True, True, None)
