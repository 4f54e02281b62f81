"""Sessions, streams and programs: the machine under every protocol."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from mpcstats.errors import InternalError, PeerFault, TransportFault, UsageError
from mpcstats.session import Message, PairSeeds, Program, Session, Stream, Words, parallel
from mpcstats.testing import flipped, lockstep, run_together

SEED = bytes(range(32))


def words(*values: int) -> Words:
    return np.array(values, dtype=np.uint64)


def session_of(me: str, peer: str, run_id: bytes = b"run") -> Session:
    return Session(me, (me, peer), PairSeeds(run_id, {peer: SEED}))


def test_both_ends_of_a_pair_draw_the_same_masks_and_another_step_or_run_draws_others() -> None:
    a, b = session_of("a", "b"), session_of("b", "a")
    mask = a.narrow("x").stream("b").words(5)
    assert np.array_equal(mask, b.narrow("x").stream("a").words(5))
    assert not np.array_equal(mask, a.narrow("y").stream("b").words(5))
    later = session_of("a", "b", b"another run").narrow("x").stream("b").words(5)
    assert not np.array_equal(mask, later)


def test_a_stream_goes_on_and_never_repeats_a_draw() -> None:
    stream, whole = Stream(bytes(16)), Stream(bytes(16)).words(7)
    assert np.array_equal(np.concatenate([stream.words(3), stream.words(4)]), whole)


def test_a_stream_longer_than_a_block_is_the_same_in_one_draw_or_two() -> None:
    n = (1 << 15) + 3
    stream = Stream(bytes(16))
    halves = np.concatenate([stream.words(n), stream.words(n)])
    assert np.array_equal(halves, Stream(bytes(16)).words(2 * n))


def test_permutations_are_permutations_and_differ() -> None:
    stream = Stream(bytes(16))
    first, second = stream.permutation(100), stream.permutation(100)
    assert sorted(first.tolist()) == list(range(100))
    assert not np.array_equal(first, second)


def test_below_stays_below_its_bound_and_reaches_all_of_it() -> None:
    drawn = Stream(bytes(16)).below(5, 1000)
    assert drawn.size == 1000
    assert set(drawn.tolist()) == set(range(5))
    with pytest.raises(UsageError, match="expected a bound"):
        Stream(bytes(16)).below(0, 1)


def test_a_step_is_narrowed_once() -> None:
    session = session_of("a", "b")
    session.narrow("x")
    with pytest.raises(InternalError, match="'x' again"):
        session.narrow("x")


def test_a_session_does_not_show_its_seeds() -> None:
    session = session_of("a", "b")
    assert "seed" not in repr(session)
    assert SEED.hex() not in repr(PairSeeds(b"run", {"b": SEED}))


def test_a_missing_seed_is_our_own_fault() -> None:
    with pytest.raises(InternalError, match="seed shared with c"):
        session_of("a", "b").stream("c")


async def _swap(session: Session, name: str) -> int:
    (peer,) = (p for p in session.parties if p != session.me)
    step = session.narrow(name)
    reply = await step.exchange(send={peer: words(1, 2)}, receive={peer: 2})
    reply = await step.exchange(send={peer: reply[peer]}, receive={peer: 2})
    return int(reply[peer].sum())


def test_parallel_branches_share_their_rounds() -> None:
    async def one_by_one(session: Session) -> list[int]:
        return [await _swap(session, "x"), await _swap(session, "y")]

    async def side_by_side(session: Session) -> list[int]:
        return await parallel(_swap(session, "x"), _swap(session, "y"))

    assert run_together(("a", "b"), one_by_one).traffic.rounds == 4
    outcome = run_together(("a", "b"), side_by_side)
    assert outcome.traffic.rounds == 2
    assert outcome.results == {"a": [3, 3], "b": [3, 3]}


def test_parallel_branches_that_wait_for_one_another_crosswise_do_not_block() -> None:
    async def chain(session: Session, first: str, second: str) -> int:
        """c tells `first`, which then tells `second`: the latter's branch waits for the former's."""
        if session.me == "c":
            await session.narrow("one").exchange(send={first: words(1)})
        elif session.me == first:
            await session.narrow("one").exchange(receive={"c": 1})
            await session.narrow("two").exchange(send={second: words(1)})
        else:
            await session.narrow("two").exchange(receive={first: 1})
        return 1

    async def body(session: Session) -> list[int]:
        return await parallel(
            chain(session.narrow("left"), "a", "b"), chain(session.narrow("right"), "b", "a")
        )

    assert run_together(("a", "b", "c"), body).results["a"] == [1, 1]


def test_two_branches_at_one_step_are_refused() -> None:
    async def wait(session: Session) -> None:
        await session.exchange(receive={"b": 1})

    async def body(session: Session) -> None:
        if session.me == "a":
            await parallel(
                wait(Session("a", session.parties, PairSeeds(b"", {}), "same")),
                wait(Session("a", session.parties, PairSeeds(b"", {}), "same")),
            )

    with pytest.raises(InternalError, match="two branches at once"):
        run_together(("a", "b"), body)


async def _receive_two(session: Session) -> None:
    if session.me == "a":
        await session.exchange(receive={"b": 2})
    else:
        await session.exchange(send={"a": words(1, 2)})


def test_another_length_than_expected_is_the_senders_fault() -> None:
    def shorten(message: Message) -> Message:
        return Message(message.sender, message.receiver, message.step, message.payload[:1])

    with pytest.raises(PeerFault, match=r"b at run#0: expected 2 words, got 1") as caught:
        run_together(("a", "b"), _receive_two, tamper=shorten)
    assert caught.value.party == "b"


def test_a_message_that_never_comes_names_its_sender() -> None:
    with pytest.raises(TransportFault, match="expected a message for a at run#0") as caught:
        run_together(("a", "b"), _receive_two, tamper=lambda _: None)
    assert caught.value.party == "b"


def test_a_second_message_at_one_step_is_a_fault() -> None:
    program = Program("a", _receive_two(session_of("a", "b")))
    program.advance()
    program.deliver("b", "run#0", words(1, 2))
    with pytest.raises(PeerFault, match="got a second one"):
        program.deliver("b", "run#0", words(1, 2))
    program.close()


def test_early_messages_wait_for_their_exchange() -> None:
    async def body(session: Session) -> Words:
        first = await session.exchange(receive={"b": 1})
        second = await session.exchange(receive={"b": 1})
        return np.concatenate([first["b"], second["b"]])

    program = Program("a", body(session_of("a", "b")))
    program.advance()
    program.deliver("b", "run#1", words(8))
    program.deliver("b", "run#0", words(7))
    program.advance()
    assert program.result.tolist() == [7, 8]


def test_a_program_without_a_result_says_so() -> None:
    program = Program("a", _receive_two(session_of("a", "b")))
    program.advance()
    assert program.awaited == {("b", "run#0"): 2}
    assert program.expects("b", "run#0") == 2
    assert program.expects("b", "elsewhere") is None
    with pytest.raises(InternalError, match="still waits"):
        _ = program.result
    program.close()


def test_a_party_does_not_send_to_itself() -> None:
    async def body(session: Session) -> None:
        await session.exchange(send={session.me: words(1)})

    with pytest.raises(InternalError, match="does not send to itself"):
        run_together(("a", "b"), body)


def test_awaiting_anything_else_is_refused() -> None:
    class Other:
        def __await__(self) -> Any:
            yield "a socket"

    async def body(session: Session) -> None:
        await Other()

    with pytest.raises(InternalError, match="await nothing else"):
        run_together(("a",), body)


def test_lockstep_counts_payload_bytes_and_rounds() -> None:
    bodies: dict[str, Callable[[Session], Coroutine[Any, Any, None]]] = dict.fromkeys(
        ("a", "b"), _receive_two
    )
    traffic = lockstep(bodies).traffic
    assert (traffic.rounds, traffic.messages, traffic.bytes_sent["b"]) == (1, 1, 16)
    assert traffic.shape == (("b", "run#0", 16),)


def test_flipped_changes_one_bit() -> None:
    message = Message("a", "b", "s", words(0, 0))
    assert flipped(message, word=1, bit=3).payload.tolist() == [0, 8]
    assert "words" in repr(message)
