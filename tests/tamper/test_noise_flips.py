"""Every message of noise flipped or cut short: a flip changes what comes out and nothing else; a cut is a fault."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.dealt import numbers
from tests.property.test_noise import BASE, KEYS, PARTIES, TRIO
from tests.tamper.test_flips import Tamperer, check_fault, last_bit, shorter

from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import PeerFault
from mpcstats.protocols.held import Summand
from mpcstats.protocols.noise import Asked, noise
from mpcstats.session import Message, Session
from mpcstats.testing import Outcome, flipped, run_together

Parts = list[list[int]]


def noised(tamper: Tamperer | None = None) -> Outcome[Parts]:
    """Each party's components of the result; nothing is opened."""
    flat = np.array([v % (1 << 64) for c in BASE.values for v in c], dtype=np.uint64)

    async def body(session: Session) -> Parts:
        states = tuple(
            Summand(o, np.full(4, s, dtype=np.uint64) if o == session.me else None)
            for o, s in BASE.states
        )
        asked = Asked(BASE.matter, states, KEYS[session.me])
        engine, given = Rep3(TRIO), numbers(session, TRIO, flat)
        found = await noise(session.narrow("noise"), engine, given, BASE.laws, asked=asked)
        assert session.openings == []
        return [part.tolist() for part in found.values.parts]

    return run_together(PARTIES, body, tamper=tamper)


@pytest.mark.parametrize("change", [flipped, last_bit], ids=["first-bit", "last-bit"])
def test_a_flip_changes_the_noise_and_nothing_else(change: Callable[[Message], Message]) -> None:
    honest = noised()
    same = 0
    for target in range(honest.traffic.messages):
        outcome = noised(Tamperer(target, change))
        assert outcome.traffic.bytes_sent == honest.traffic.bytes_sent
        same += outcome.results == honest.results
    # A state that one receiver hears otherwise changes that party's part.
    assert same == 0


def test_a_message_cut_short_is_its_senders_fault() -> None:
    for target in range(noised().traffic.messages):
        tamper = Tamperer(target, shorter)
        with pytest.raises(PeerFault, match=r"expected \d+ words, got \d+") as caught:
            noised(tamper)
        check_fault(caught.value, tamper, TRIO)
