"""Every message of a private join flipped, cut short, lost or replayed: a named fault, or what the card says.

A flip may go unnoticed (`on_cheating` is "undetected"). It never crashes a party, never changes how much is sent, and
opens nothing to others than the recipients.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest
from tests.pairing import known_key, table_of
from tests.tamper.test_flips import Tamperer, check_fault, last_bit, shorter

from mpcstats.errors import PeerFault, TransportFault
from mpcstats.protocols.private_join import Join, Joined, private_join
from mpcstats.session import Message, Session
from mpcstats.testing import Outcome, flipped, run_together

Name = tuple[str, str, str]  # step, sender, receiver

PARTIES = ("a", "b", "c")
JOIN = Join("a", "b", 4, 4, ("a", "c"), 1, (6,), ("b", "c"))
KEY, FIRST, BACK, SECOND, TOTAL, OPEN = (
    "second/key",
    "first/out",
    "first/back",
    "second/block",
    "total",
    "open",
)


def joined(tamper: Tamperer | None = None) -> Outcome[Joined]:
    async def body(session: Session) -> Joined:
        tables = {"a": table_of([1, 2, 3]), "b": table_of({2: (5,), 3: (-7,), 9: (11,)})}
        return await private_join(session, JOIN, tables.get(session.me), key=known_key())

    return run_together(PARTIES, body, tamper=tamper)


@lru_cache(maxsize=1)
def honest() -> Outcome[Joined]:
    return joined()


def targets() -> range:
    return range(honest().traffic.messages)


def whole(message: Message) -> Name:
    return message.step, message.sender, message.receiver


@pytest.mark.parametrize("change", [flipped, last_bit], ids=["first-bit", "last-bit"])
def test_a_flip_is_a_fault_of_its_sender_or_a_wrong_result(
    change: Callable[[Message], Message],
) -> None:
    seen = set()
    for target in targets():
        tamper = Tamperer(target, change)
        try:
            outcome = joined(tamper)
        except PeerFault as fault:
            check_fault(fault, tamper, ("a", "b"))
            seen.add(name_of(tamper))
            continue
        assert outcome.traffic.bytes_sent == honest().traffic.bytes_sent
        assert (outcome.results["a"].sums, outcome.results["b"].size) == (None, None)
        # What is changed in what only the matcher compares costs it a match, or nothing.
        assert name_of(tamper) not in (KEY, TOTAL)
    assert {KEY, TOTAL} <= seen


def name_of(tamper: Tamperer) -> str:
    assert tamper.hit is not None
    found = [name for name in (KEY, FIRST, BACK, SECOND, TOTAL, OPEN) if name in tamper.hit.step]
    assert len(found) == 1
    return found[0]


def test_a_message_cut_short_is_its_senders_fault() -> None:
    for target in targets():
        tamper = Tamperer(target, shorter)
        with pytest.raises(PeerFault, match=r"expected \d+ words, got \d+") as caught:
            joined(tamper)
        check_fault(caught.value, tamper, ("a", "b"))


def test_a_lost_message_is_missed() -> None:
    for target in targets():
        tamper = Tamperer(target, lambda _: None)
        with pytest.raises(TransportFault, match="expected a message"):
            joined(tamper)


def test_a_message_of_another_run_is_no_message_of_this_one() -> None:
    """Replayed: keys are hashed for a run, so an earlier run's elements match nothing; its key has no proof here."""
    old: dict[Name, Message] = {}
    joined(Recorder(old))
    for target in targets():
        tamper = Tamperer(target, lambda message: old[whole(message)])
        try:
            outcome = joined(tamper)
        except PeerFault as fault:
            check_fault(fault, tamper, ("a", "b"))
            continue
        # c is told as many matches as before, or fewer: an old element is in no set of this run.
        assert name_of(tamper) != KEY
        if name_of(tamper) in (FIRST, BACK, SECOND):
            assert outcome.results["a"].size == 0
            assert outcome.results["c"] == Joined(False, None, None)


class Recorder(Tamperer):
    """Keeps every message, and changes none."""

    def __init__(self, kept: dict[Name, Message]) -> None:
        super().__init__(-1, lambda message: message)
        self.kept = kept

    def __call__(self, message: Message) -> Message:
        self.kept[whole(message)] = message
        return message


def test_the_honest_run_is_right() -> None:
    """Negative control."""
    assert honest().results["c"] == Joined(True, 2, (-2,))
    assert joined(Tamperer(len(targets()), flipped)).results == honest().results
