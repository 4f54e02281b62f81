"""Blocks in flight: in order, at steps of their own, never more than the window; what is ready is sent at once."""

from __future__ import annotations

import numpy as np
import pytest

from mpcstats.errors import InternalError, PeerFault
from mpcstats.session import Message, PairSeeds, Program, Session, Words, in_blocks, parallel
from mpcstats.testing import Outcome, Tamper, run_together

PARTIES = ("a", "b")
SEED = bytes(32)


def words(*values: int) -> Words:
    return np.array(values, dtype=np.uint64)


class Held:
    """How many blocks are in flight at one party, and the most that there were."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


async def swap(session: Session, rows: slice, rounds: int = 1) -> list[int]:
    """The rows that the other party has counted for this block, after some rounds."""
    (peer,) = (p for p in session.parties if p != session.me)
    held = np.arange(rows.start, rows.stop, dtype=np.uint64)
    for _ in range(rounds):
        held = (await session.exchange(send={peer: held}, receive={peer: held.size}))[peer]
    return [int(x) for x in held]


def run(
    n: int, block: int, window: int, *, uneven: bool = False, tamper: Tamper | None = None
) -> tuple[Outcome[list[list[int]]], dict[str, Held]]:
    held = {party: Held() for party in PARTIES}

    async def body(session: Session, rows: slice) -> list[int]:
        with held[session.me]:
            return await swap(session, rows, 1 + (rows.start // block % 3 if uneven else 0))

    async def whole(session: Session) -> list[list[int]]:
        return await in_blocks(session, n, block, body, window=window)

    return run_together(PARTIES, whole, tamper=tamper), held


@pytest.mark.parametrize(
    ("n", "block", "window"),
    [(0, 4, 2), (1, 4, 2), (4, 4, 2), (5, 4, 2), (23, 4, 2), (23, 4, 1), (23, 4, 50), (24, 1, 5)],
)
@pytest.mark.parametrize("uneven", [False, True])
def test_results_are_in_order_and_no_more_than_the_window_is_in_flight(
    n: int, block: int, window: int, uneven: bool
) -> None:
    outcome, held = run(n, block, window, uneven=uneven)
    expected = [list(range(s, min(s + block, n))) for s in range(0, n, block)]
    assert outcome.results == dict.fromkeys(PARTIES, expected)
    assert {h.most for h in held.values()} == {min(window, len(expected))}
    if not uneven:
        assert outcome.traffic.rounds == -(-len(expected) // window)


def test_every_block_has_a_step_of_its_own() -> None:
    outcome, _ = run(12, 4, 2)
    steps = {step for _, step, _ in outcome.traffic.shape}
    assert steps == {"run/block0#0", "run/block1#0", "run/block2#0"}


def test_a_block_that_fails_ends_the_run_with_its_step() -> None:
    def cut(message: Message) -> Message:
        payload = message.payload[: -1 if "block3" in message.step else None]
        return Message(message.sender, message.receiver, message.step, payload)

    with pytest.raises(PeerFault, match="run/block3#0: expected 4 words, got 3"):
        run(23, 4, 2, tamper=cut)


def test_what_a_block_raises_is_raised_and_all_others_are_closed() -> None:
    closed: list[int] = []

    async def body(session: Session, rows: slice) -> None:
        try:
            await swap(session, rows)
            if rows.start == 4:
                raise InternalError("block 1 does not like it")
            await swap(session, rows)
        finally:
            if session.me == "a":
                closed.append(rows.start)

    async def whole(session: Session) -> None:
        await in_blocks(session, 40, 4, body, window=3)

    with pytest.raises(InternalError, match="block 1 does not like it"):
        run_together(PARTIES, whole)
    assert sorted(closed) == [0, 4, 8]


@pytest.mark.parametrize(("n", "block", "window"), [(-1, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_wrong_sizes_are_our_own_fault(n: int, block: int, window: int) -> None:
    with pytest.raises(InternalError, match="expected n >= 0 rows"):
        run(n, block, window)


def test_a_party_that_is_far_ahead_in_one_lane_waits_for_no_other_lane() -> None:
    """b hears lane 1 late: a goes on in lane 0 to its end, with one block of lane 1 in flight."""
    begun: list[int] = []

    async def body(session: Session, rows: slice) -> None:
        begun.append(rows.start)
        await session.exchange(receive={"b": 1})

    seeds = PairSeeds(b"run", {"b": SEED})
    program = Program("a", in_blocks(Session("a", PARTIES, seeds), 6, 1, body, window=2))
    program.advance()
    for i in (0, 2, 4):
        program.deliver("b", f"run/block{i}#0", words(1))
        program.advance()
    assert begun == [0, 1, 2, 4]
    assert program.awaited == {("b", "run/block1#0"): 1}
    for i in (1, 3, 5):
        program.deliver("b", f"run/block{i}#0", words(1))
        program.advance()
    assert program.finished


def test_a_step_runs_one_branch_and_leaves_its_message_to_be_sent() -> None:
    async def body(session: Session) -> None:
        await parallel(*(session.narrow(n).exchange(send={"b": words(1)}) for n in ("x", "y")))

    program = Program("a", body(Session("a", PARTIES, PairSeeds(b"run", {"b": SEED}))))
    sent = []
    while program.step():
        sent.append([message.step for message in program.outbox])
        program.outbox.clear()
    assert [steps for steps in sent if steps] == [["run/x#0"], ["run/y#0"]]
    assert program.finished
    assert not program.step()
