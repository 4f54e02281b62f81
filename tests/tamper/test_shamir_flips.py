"""Every message of a gate on engine shamir flipped in turn, cut short or lost: a fault, or a wrong result.

The cards say on_cheating = "undetected", but a share that is opened is compared with n - t - 1 others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.tamper.test_flips import Tamperer, shorter

from mpcstats.engines.shamir import Shamir
from mpcstats.errors import PeerFault, TransportFault
from mpcstats.protocols.cells import Behind, Cells, Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Message, Session
from mpcstats.testing import Outcome, flipped, run_together

PARTIES = ("a", "b", "c", "y")
TO = ("b", "y")
SHOWN = [False, True]


def gated(tamper: Tamperer | None = None) -> Outcome[Opened | None]:
    """Two cells of an outside provider, of which one has enough persons."""
    engine = Shamir(PARTIES[:3])

    async def body(session: Session) -> Opened | None:
        own = np.array([[1, 9], [77, 88]], dtype=np.uint64) if session.me == "y" else None
        both = await engine.share(session.narrow("in"), own, owner="y", shape=(2, 2))
        cells = Cells(2, (both[0].flat(),), both[1].flat(), (Behind(),))
        return await gate(session.narrow("gate"), engine, cells, Rules(5), to=TO)

    return run_together(PARTIES, body, tamper=tamper)


def second(message: Message) -> Message:
    """That of the second cell, where words hold bits of cells."""
    return flipped(message, bit=1)


@pytest.mark.parametrize("change", [flipped, second])
def test_a_flip_is_a_fault_or_a_wrong_result(change: Callable[[Message], Message]) -> None:
    honest = gated()
    faults = wrong = 0
    for target in range(honest.traffic.messages):
        tamper = Tamperer(target, change)
        try:
            outcome = gated(tamper)
        except PeerFault:
            faults += 1
            continue
        assert tamper.hit is not None
        # Whoever opens compares: a wrong share never goes unnoticed there.
        assert "/open/" not in tamper.hit.step
        for party, found in outcome.results.items():
            assert (found is not None) == (party in TO)
            wrong += found is not None and found.shown.tolist() != SHOWN
    assert faults >= honest.traffic.messages // 3
    assert wrong >= 1


@pytest.mark.parametrize(
    ("change", "error"), [(shorter, PeerFault), (lambda _: None, TransportFault)]
)
def test_a_message_cut_short_or_lost_is_its_senders_fault(
    change: Callable[[Message], Message | None], error: type[PeerFault | TransportFault]
) -> None:
    for target in range(gated().traffic.messages):
        tamper = Tamperer(target, change)
        with pytest.raises(error) as caught:
            gated(tamper)
        assert tamper.hit is not None
        if isinstance(caught.value, PeerFault):
            assert caught.value.party == tamper.hit.sender
