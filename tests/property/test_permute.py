"""An owner's permutation equals numpy's indexing for every owner, costs what its card says, and refuses bad orders."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import dealt

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3, permute
from mpcstats.engines.rep3.bundle import Layout
from mpcstats.engines.share import Positions
from mpcstats.errors import InternalError, PeerFault
from mpcstats.session import Message, Session, Words
from mpcstats.testing import Outcome, flipped, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d", "e")
OWNERS = ["a", "b", "c", "d"]
EXTREMES = st.sampled_from([0, 1, 2**63, 2**64 - 1])


def run(
    engine: Engine,
    numbers: Words,
    flags: Words,
    order: Positions,
    owner: str,
    tamper: Any = None,
) -> Outcome[tuple[Words, Words, Words]]:
    async def body(session: Session) -> tuple[Words, Words, Words]:
        x = dealt.numbers(session, engine.compute, numbers)
        y = dealt.bits(session, engine.compute, flags, 3)
        own = order if session.me == owner else None
        first, second, third = await engine.permute(
            session.narrow("permute"), [x, y, y.rows(0)], own, owner=owner, keep=order.size
        )
        return (
            await opened(session.narrow("first"), engine, first),
            slicing.join_bits(
                slicing.pack(await opened(session.narrow("second"), engine, second)), order.size
            ),
            await opened(session.narrow("third"), engine, third),
        )

    return run_together(PARTIES, body, tamper=tamper)


@settings(max_examples=25)
@given(
    values=st.lists(EXTREMES | st.integers(0, 2**64 - 1), max_size=70),
    owner=st.sampled_from(OWNERS),
    data=st.data(),
)
def test_any_order_of_any_owner(values: list[int], owner: str, data: st.DataObject) -> None:
    numbers = np.array(values, dtype=np.uint64)
    order = np.array(data.draw(st.permutations(range(len(values)))), dtype=np.intp)
    order = order[: data.draw(st.integers(0, len(values)))]
    flags = numbers & np.uint64(7)
    for engine in (Clear(("b",)), Rep3(TRIO)):
        for first, second, third in run(engine, numbers, flags, order, owner).results.values():
            assert np.array_equal(first, numbers[order])
            assert np.array_equal(second, flags[order])
            assert np.array_equal(third, (flags[order] & np.uint64(1))[None, :])


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize(("n", "keep"), [(1, 1), (65, 65), (130, 7)])
def test_it_costs_what_its_card_says(owner: str, n: int, keep: int) -> None:
    numbers = np.arange(n, dtype=np.uint64)
    outcome = run(Rep3(TRIO), numbers, numbers & np.uint64(7), np.arange(n)[:keep], owner)
    cost = load_cards()["permute"].cost
    sizes = {"rows": n, "kept": keep, "moved": 2, "outside": int(owner not in TRIO)}
    if owner in TRIO:
        o = TRIO.index(owner)
        roles = {"owner": o, "after_owner": (o + 1) % 3, "before_owner": (o + 2) % 3}
        expected = {TRIO[seat]: cost.bytes[role].evaluate(sizes) for role, seat in roles.items()}
    else:
        expected = {p: cost.bytes[f"outside_seat{i}"].evaluate(sizes) for i, p in enumerate(TRIO)}
        expected["d"] = cost.bytes["outside_owner"].evaluate(sizes)
    assert dealt.bytes_below(outcome, "run/permute") == expected
    assert outcome.traffic.span("run/permute") == cost.rounds.evaluate(sizes)


@pytest.mark.parametrize("owner", OWNERS)
def test_traffic_is_independent_of_order_and_values(owner: str) -> None:
    shapes = set()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        numbers = rng.integers(0, 2**64, 20, dtype=np.uint64)
        order = rng.permutation(20)
        outcome = run(Rep3(TRIO), numbers, numbers & np.uint64(7), order, owner)
        shapes.add((outcome.traffic.shape, outcome.traffic.rounds))
    assert len(shapes) == 1


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1, 3], [-1, 0, 1], [0, 1]])
def test_an_owner_may_not_name_a_row_twice(order: list[int]) -> None:
    with pytest.raises(InternalError, match="distinct positions below 3"):
        permute.checked_order(np.array(order), 3, 3)
    with pytest.raises(InternalError, match="got None"):
        permute.checked_order(None, 3, 3)


@pytest.mark.parametrize("owner", OWNERS)
def test_what_is_no_permutation_is_the_owners_fault(owner: str) -> None:
    """A position that occurs twice, and one out of range, in what the owner sends: at both of a pair, if outside."""
    numbers = np.arange(4, dtype=np.uint64)

    for value in (0, 9):

        def repeat(message: Message, value: int = value) -> Message:
            first = message.step == "run/permute#0" and message.sender == owner
            if not first:
                return message
            payload = message.payload.copy()
            payload.view(np.uint32)[:] = value
            return Message(message.sender, message.receiver, message.step, payload)

        with pytest.raises(PeerFault, match="expected 4 distinct positions below 4") as caught:
            run(Rep3(TRIO), numbers, numbers, np.arange(4), owner, repeat)
        assert caught.value.party == owner


def test_unequal_copies_of_an_outside_owners_permutation_are_noticed() -> None:
    numbers = np.arange(4, dtype=np.uint64)
    for receiver in TRIO:

        def swap(message: Message, receiver: str = receiver) -> Message:
            if message.step != "run/permute#0" or message.receiver != receiver:
                return message
            payload = message.payload.copy()
            halves = payload.view(np.uint32)
            halves[:2] = halves[1::-1].copy()
            return Message(message.sender, message.receiver, message.step, payload)

        with pytest.raises(PeerFault, match="expected one input at both holders") as caught:
            run(Rep3(TRIO), numbers, numbers, np.arange(4), "d", swap)
        assert "d" in caught.value.party


def test_without_the_check_a_repeated_position_is_not_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control."""
    monkeypatch.setattr(permute, "distinct", lambda *_: True)
    numbers = np.arange(4, dtype=np.uint64)
    outcome = run(Rep3(TRIO), numbers, numbers, np.zeros(4, dtype=np.intp), "a")
    assert outcome.results["a"][0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("owner", OWNERS)
def test_a_flip_is_a_fault_or_a_wrong_result(owner: str) -> None:
    numbers = np.arange(6, dtype=np.uint64)
    order = np.array([3, 1, 5, 0, 2, 4])
    honest = run(Rep3(TRIO), numbers, numbers, order, owner)
    steps = {who + path for who, path in honest.traffic.round_of if path.startswith("run/permute")}
    faults = wrong = 0
    for target in range(len(steps)):
        seen = -1

        def change(message: Message, target: int = target) -> Message:
            nonlocal seen
            if not message.step.startswith("run/permute"):
                return message
            seen += 1
            return flipped(message) if seen == target else message

        try:
            outcome = run(Rep3(TRIO), numbers, numbers, order, owner, change)
        except PeerFault:
            faults += 1
            continue
        same = all(
            np.array_equal(x, y)
            for x, y in zip(outcome.results["a"], honest.results["a"], strict=True)
        )
        wrong += not same
    assert honest.results["a"][0].tolist() == order.tolist()
    assert wrong >= 1
    assert faults >= 1


def seen_by(party: str, order: Positions, sender: str = "") -> list[Words]:
    """What `party` receives in a permutation of a, of anybody or of `sender`."""
    received: list[Words] = []

    def watch(message: Message) -> Message:
        mine = message.receiver == party and sender in ("", message.sender)
        if message.step.startswith("run/permute") and mine:
            received.append(message.payload.copy())
        return message

    numbers = np.arange(order.size, dtype=np.uint64)
    with suppress(PeerFault):  # what a negative control breaks shows only in the opening
        run(Rep3(TRIO), numbers, numbers, order, "a", watch)
    return received


def test_the_receiver_sees_a_uniform_permutation() -> None:
    """Chi-square of sigma over the 6 permutations of three rows, whatever the order; 40 has probability 1.5e-7."""
    for order in ([0, 1, 2], [2, 1, 0]):
        counts: dict[tuple[int, ...], int] = {}
        for _ in range(90):
            sigma = tuple(seen_by("c", np.array(order))[0].view(np.uint32)[:3].tolist())
            counts[sigma] = counts.get(sigma, 0) + 1
        assert sum((c - 15) ** 2 / 15 for c in counts.values()) + 15 * (6 - len(counts)) < 40


def test_the_third_party_receives_nothing() -> None:
    assert seen_by("b", np.array([2, 0, 1])) == []


def component_2(n: int) -> set[int]:
    """The words of the numbers' component that P_1 and P_2 know."""
    found: list[Words] = []

    async def body(session: Session) -> None:
        column = dealt.numbers(session, TRIO, np.arange(n, dtype=np.uint64))
        if session.me == "c":
            found.append(column.parts[0])

    run_together(TRIO, body)
    return set(found[0].tolist())


def test_what_the_receiver_gets_is_no_rearrangement_of_what_it_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a negative control: without the mask m it could read rho off, and so the order."""
    order = np.random.default_rng(1).permutation(50)
    (masked,) = seen_by("c", order, "b")
    assert not set(masked.tolist()) & component_2(50)
    monkeypatch.setattr(Layout, "plus", lambda *_: None)
    (bare,) = seen_by("c", order, "b")
    assert component_2(50) <= set(bare.tolist())


def test_without_the_comparison_an_outside_owner_can_hand_out_two_orders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: the same swap as above is then a wrong result that nobody notices."""

    async def uncompared(*_: Any) -> None:
        return None

    def swap(message: Message) -> Message:
        if message.step != "run/permute#0" or message.receiver != "b":
            return message
        payload = message.payload.copy()
        halves = payload.view(np.uint32)
        halves[:2] = halves[1::-1].copy()
        return Message(message.sender, message.receiver, message.step, payload)

    monkeypatch.setattr(permute, "compare_copies", uncompared)
    numbers = np.arange(4, dtype=np.uint64)
    outcome = run(Rep3(TRIO), numbers, numbers, np.arange(4), "d", swap)
    assert outcome.results["a"][0].tolist() != [0, 1, 2, 3]
