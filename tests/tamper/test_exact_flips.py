"""Every message of a small variance, ratio and opening flipped in turn: a fault or a wrong result, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpcstats.algebra import wide
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith
from mpcstats.errors import PeerFault
from mpcstats.protocols.divide import ratio
from mpcstats.protocols.moments import Bounds, deviation, moments
from mpcstats.session import Message, Session
from mpcstats.testing import flipped, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
VALUES = np.array([1, 5], dtype=np.uint64)


async def play(session: Session) -> Any:
    """The variance of two numbers, opened to a compute party and to one outside in 128 bits; what was opened where."""
    engine = Rep3(TRIO)
    own = VALUES if session.me == "a" else None
    x = await engine.share(session.narrow("x"), own, owner="a", shape=(2,))
    bounds = Bounds(2, 2**31, 2**31)  # squares in 128 bits
    found = await moments(session.narrow("moments"), engine, x, bounds=bounds)
    terms = await deviation(
        session.narrow("terms"), engine, found.count, found.x, found.x, found.xx, bounds=bounds
    )
    variance = await ratio(
        session.narrow("ratio"), engine, terms.numerator, terms.denominator,
        decimals=0, numerator_bits=6, denominator_bits=2, quotient_bits=4,
    )  # fmt: skip
    assert isinstance(variance.value, Arith)
    value = await engine.reveal(session.narrow("open"), variance.value, leak="test", to=("a",))
    again = await engine.reveal_wide(
        session.narrow("wide"), terms.numerator, leak="test", to=("b", "d")
    )
    assert [(o.step, o.to) for o in session.openings] == [
        ("run/open", ("a",)),
        ("run/wide", ("b", "d")),
    ]
    return (
        None if value is None else value.tolist(),
        None if again is None else wide.ints(again),
    )


RIGHT = {"a": ([8], None), "b": (None, [16]), "c": (None, None), "d": (None, [16])}


def test_a_flip_is_a_fault_or_a_wrong_result() -> None:
    """Every third message, and all of the openings."""
    faults: dict[str, str] = {}
    wrong = 0
    honest = run_together(PARTIES, play)
    assert honest.results == RIGHT
    total = honest.traffic.messages
    for target in sorted({*range(0, total, 3), *range(total - 12, total)}):
        seen: list[Message] = []

        def tamper(message: Message, target: int = target, seen: list[Message] = seen) -> Message:
            seen.append(message)
            return flipped(message) if len(seen) == target + 1 else message

        try:
            results = run_together(PARTIES, play, tamper=tamper).results
        except PeerFault as fault:
            faults[fault.step] = f"{fault.party}: {seen[target].sender}"
            continue
        for party, (value, again) in results.items():
            assert (value is None, again is None) == tuple(r is None for r in RIGHT[party])
        wrong += results != RIGHT
    assert set(faults) == {"run/open/to-a", "run/wide/to-b", "run/wide/to-d"}
    for said in faults.values():
        suspects, sender = said.split(": ")
        assert sender in suspects.split(" or ")
    assert wrong >= 5
