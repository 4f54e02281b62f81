"""Both messages of an adjudication changed in many places, cut short, lost, or taken from another run.

A change on the way must be a PeerFault, or make no difference because the evaluator does not use what was changed. A
malicious holder can garble another circuit, which nobody sees: the card says on_cheating = "undetected".
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.adjudicated import payable, run

from mpcstats.errors import PeerFault, TransportFault
from mpcstats.protocols.adjudication import Form, Rule, Settled
from mpcstats.session import Message
from mpcstats.testing import flipped

FORM = Form(2, 1, 12)
SETTLED, RULE = Settled((3000, 800), (True,)), Rule(500, 8000, 2500, frozenset({1}))
EXPECTED = payable(SETTLED, RULE)
CHOICES = FORM.amounts + FORM.reasons + 2 * FORM.money_bits + 14


def amount(tamper: Callable[[Message], Message | None]) -> int | None:
    found, _ = run(FORM, SETTLED, RULE, tamper=tamper).results["insurer"]
    return found


def outcome(tamper: Callable[[Message], Message | None]) -> str | None:
    """Whom a fault names, or None if the amount is right. A point that was changed to another is found at its sender:

    the chooser cannot open the offer, and names who made it.
    """
    try:
        found = amount(tamper)
    except PeerFault as fault:
        return fault.party
    assert found == EXPECTED
    return None


def messages() -> dict[str, Message]:
    """One message of each party, of a run of its own."""
    seen: dict[str, Message] = {}

    def keep(message: Message) -> Message:
        seen[message.sender] = message
        return message

    assert amount(keep) == EXPECTED
    return seen


def test_the_run_has_two_messages() -> None:
    found = messages()
    assert found["insurer"].payload.size == 8 * CHOICES
    assert set(found) == {"bureau", "insurer"}


@pytest.mark.parametrize("sender", ["bureau", "insurer"])
def test_a_flip_is_a_fault_or_makes_no_difference(sender: str) -> None:
    size = messages()[sender].payload.size
    outcomes = []
    for word in range(0, size, max(1, size // 40)):
        for bit in (0, 62):

            def change(message: Message, word: int = word, bit: int = bit) -> Message:
                return flipped(message, word=word, bit=bit) if message.sender == sender else message

            outcomes.append(outcome(change))
    assert set(outcomes) <= {None, "bureau", "insurer"}
    assert outcomes.count(None) <= len(outcomes) - 20
    if sender == "bureau":
        assert None in outcomes  # ciphertexts that the evaluator has no use for


@pytest.mark.parametrize("sender", ["bureau", "insurer"])
@pytest.mark.parametrize("words", [0, 1, -1])
def test_another_length_is_its_senders_fault(sender: str, words: int) -> None:
    def change(message: Message) -> Message:
        if message.sender != sender:
            return message
        payload = message.payload[: words or None] if words < 1 else message.payload[:words]
        payload = payload if words else message.payload[:0]
        return Message(message.sender, message.receiver, message.step, payload)

    with pytest.raises(PeerFault, match=r"expected \d+ words, got \d+") as caught:
        amount(change)
    assert caught.value.party == sender


@pytest.mark.parametrize("sender", ["bureau", "insurer"])
def test_a_lost_message_names_who_is_silent(sender: str) -> None:
    with pytest.raises(TransportFault) as caught:
        amount(lambda message: None if message.sender == sender else message)
    assert caught.value.party == sender


@pytest.mark.parametrize("sender", ["bureau", "insurer"])
def test_a_message_of_another_run_opens_nothing(sender: str) -> None:
    old = messages()[sender]
    with pytest.raises(PeerFault, match="expected labels of the outputs, got others") as caught:
        amount(lambda message: old if message.sender == sender else message)
    assert caught.value.party == "bureau"
