"""Every message of a gate with all its tests flipped in turn or cut short: a fault, or a wrong result at recipients.

The card says on_cheating = "undetected". Nothing may be opened to anybody else, and nothing may hang.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.property.test_gate import EVERYTHING, PARTIES, TRIO, cells_of, check
from tests.tamper.test_flips import Tamperer, check_fault, last_bit, shorter

from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import PeerFault
from mpcstats.protocols.cells import Opened
from mpcstats.protocols.gate import gate
from mpcstats.session import Message, Session
from mpcstats.testing import Outcome, flipped, run_together


def gated(tamper: Tamperer | None = None) -> Outcome[Opened | None]:
    case = EVERYTHING

    async def body(session: Session) -> Opened | None:
        cells = cells_of(case, session, TRIO)
        step, engine = session.narrow("gate"), Rep3(TRIO)
        return await gate(step, engine, cells, case.rules, to=case.to)

    return run_together(PARTIES, body, tamper=tamper)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(flipped, id="first-bit"),
        pytest.param(last_bit, id="last-bit", marks=pytest.mark.long),
    ],
)
def test_a_flip_is_a_fault_or_a_wrong_result(change: Callable[[Message], Message]) -> None:
    honest = gated()
    check(EVERYTHING, honest)
    faults = wrong = 0
    for target in range(honest.traffic.messages):
        tamper = Tamperer(target, change)
        try:
            outcome = gated(tamper)
        except PeerFault as fault:
            check_fault(fault, tamper, TRIO)
            faults += 1
            continue
        for party, found in outcome.results.items():
            assert (found is not None) == (party in EVERYTHING.to)
        try:
            check(EVERYTHING, outcome)
        except AssertionError:
            wrong += 1
    assert faults >= 5
    assert wrong >= 1


def test_a_message_cut_short_is_its_senders_fault() -> None:
    for target in range(gated().traffic.messages):
        tamper = Tamperer(target, shorter)
        with pytest.raises(PeerFault, match=r"expected \d+ words, got \d+") as caught:
            gated(tamper)
        check_fault(caught.value, tamper, TRIO)
