"""What a group-by with secret keys sends, opens and takes in rounds is what its card says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Bits
from mpcstats.protocols.group_by import Values, group_by
from mpcstats.session import Opening, Session, Words
from mpcstats.testing import Outcome, run_together

TRIO = ("a", "b", "c")
KEY_BITS, VALUE_BITS = 30, 12


def play(rows: int, *, spread: bool, flags: bool, equal: bool) -> Outcome[list[Opening]]:
    engine = Rep3(TRIO)
    drawn = np.random.default_rng(rows).integers(0, 2**20, (4, rows), dtype=np.uint64)
    keys = drawn[0] * np.uint64(0 if equal else 1)

    async def body(session: Session) -> list[Opening]:
        mine = session.me == "a"

        async def bits(name: str, numbers: Words, width: int) -> Bits:
            sliced = slicing.slice_bits(numbers, width) if mine else None
            return await engine.share_bits(
                session.narrow(name), sliced, owner="a", length=rows, width=width
            )

        column = await engine.share(
            session.narrow("column"), drawn[1] if mine else None, owner="a", shape=(rows,)
        )
        known = await bits("known", drawn[3], 1) if flags else None
        values = Values(await bits("values", drawn[2], VALUE_BITS), column, known)
        await group_by(
            session.narrow("group"),
            engine,
            [await bits("keys", keys, KEY_BITS)],
            groups=50,
            sums=[column],
            spreads=[values] if spread else [],
            present=await bits("present", drawn[3], 1) if flags else None,
        )
        return session.openings

    return run_together(TRIO, body)


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize(("spread", "flags"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("rows", [10, 1500])
def test_bytes_rounds_and_openings_are_those_of_the_card(
    rows: int, spread: bool, flags: bool, equal: bool
) -> None:
    outcome = play(rows, spread=spread, flags=flags, equal=equal)
    card = load_cards()["group_by"]
    value = VALUE_BITS if spread else 0
    sizes = {
        "rows": rows,
        "width": KEY_BITS + flags + value + (flags and spread) + (rows - 1).bit_length(),
        "key": KEY_BITS,
        "value": value,
        "present": int(flags),
        "spread": int(spread),
        "sums": 1,
        "groups": min(50, rows),
    }
    found = SimpleNamespace(rounds=outcome.traffic.span("run/group/"), bytes=bytes_of(outcome))
    for seat, party in enumerate(TRIO):
        roles = [name for name in card.cost.bytes if name != "seat0" or seat == 0]
        most = sum(card.cost.bytes[name].evaluate(sizes) for name in roles)
        assert found.bytes[party] <= most
        assert rows < 1000 or most <= 1.5 * found.bytes[party]
    most = card.cost.rounds.evaluate(sizes)
    assert found.rounds <= most
    assert rows < 1000 or most <= 1.6 * found.rounds
    for openings in outcome.results.values():
        assert {o.leak for o in openings} == {o.id for o in card.leakage.opened}
        assert {o.to for o in openings} == {TRIO}


def bytes_of(outcome: Outcome[Any]) -> dict[str, int]:
    """Sent by each party within the group-by."""
    found = dict.fromkeys(TRIO, 0)
    for (who, step), size in outcome.traffic.bytes_by_step.items():
        if step.startswith("run/group/"):
            found[who] += size
    return found
