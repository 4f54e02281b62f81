"""Vectors of firsts: the first flag of each run, within a word and across words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import (
    OTHER_SEED,
    Bad,
    changed,
    flip,
    from_party,
    lengths,
    missing,
    payload,
    shorter,
)
from tests.vectors.good import drawn, head, shared_bits, shared_rows
from tests.vectors.plays import bits_of, engine_of, shares
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.firsts import firsts
from mpcstats.session import Session

PROTOCOL = "firsts"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str, about: str, starts: Sequence[int], flags: Sequence[int], width: int = 1
    ) -> Setting:
        stream = drawn(f"{PROTOCOL} {title}")
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(flags), "flags": width},
            "inputs": {
                "starts": shared_bits(starts, stream),
                "flags": shared_rows(flags, width, stream),
                "plain": {"starts": list(starts), "flags": list(flags)},
            },
        }

    made: dict[str, tuple[Any, ...]] = {
        "runs": (
            "a run without a flag, one with several, one with the last row alone",
            [1, 0, 1, 0, 0, 0, 1, 0],
            [0, 0, 0, 1, 0, 1, 0, 1],
        ),
        "two_flags": ("each is taken by itself", [1, 0, 0, 1, 0], [2, 1, 3, 3, 1], 2),
        "one_row": ("it begins a run, whatever is said", [0], [1]),
        "one_run": ("no run begins but in the first row", [0] * 66, [0] * 3 + [1] * 63),
        "many_words": (
            "a run of two hundred rows whose flag is far above",
            [int(i in (0, 7, 207)) for i in range(270)],
            [int(i in (9, 100, 206, 207, 269)) for i in range(270)],
        ),
        "end_of_a_word": (
            "runs and flags on both sides of a word's end",
            [int(i in (0, 64, 129)) for i in range(130)],
            [int(i in (63, 64, 127, 128, 129)) for i in range(130)],
        ),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    found = await firsts(
        session,
        engine_of(setting),
        bits_of(setting, session, inputs["starts"], sizes["rows"]),
        bits_of(setting, session, inputs["flags"], sizes["rows"], sizes["flags"]),
    )
    return {"firsts": shares(found)}


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, far = "runs", "many_words"
    return {
        **lengths(base, "above", "run/above#0", "b", "a", told="a share of an and with the row above"),
        **lengths(base, "near", "run/near/0#0", "c", "b", told="a share of the ands of a level"),
        **lengths(far, "far", "run/far/words/1#0", "a", "c", told="a share of the ands over words"),
        **lengths(far, "through", "run/far/through#0", "b", "a", told="a share of what comes through"),
        "later_one_word_short": changed(
            base, "a share of the last and lacks a word", "run/later#0", "b", "a", shorter
        ),
        "later_missing": changed(
            base, "a share of the last and does not arrive", "run/later#0", "c", "b", missing,
            "silence",
        ),
        "level_of_another_sender": changed(
            base, "a message comes in another party's name", "run/near/1#0", "a", "c",
            from_party("b"), "silence",
        ),
        "above_changed": changed(
            base, "a share of an and with the row above", "run/above#0", "b", "a",
            payload(np.invert), "undetected",
        ),
        "later_changed": changed(
            base, "a share of the last and", "run/later#0", "b", "a", flip(0, 3), "undetected"
        ),
        "unequal_copies_of_the_flags": Bad(
            "two holders have two components of the flags", base, "undetected",
            setting=[(["a"], ["inputs", "flags", 0], to_hex(np.arange(1, dtype=np.uint64)))],
        ),
        "two_compute_parties": Bad(
            "one party has two of the three seats", base, "fault",
            setting=[([], ["compute"], ["a", "b", "a"])],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def plainly(starts: Sequence[int], flags: Sequence[int], width: int) -> list[int]:
    """Row by row, the flags that no row above in the run has."""
    found, seen = [], 0
    for begins, own in zip(starts, flags, strict=True):
        seen = 0 if begins else seen
        found.append(own & ~seen & ((1 << width) - 1))
        seen |= own
    return found


def check(vector: dict[str, Any]) -> None:
    """First ones by a loop over the rows."""
    sizes, plain = vector["sizes"], vector["inputs"]["plain"]
    parts = [vector["results"][party]["firsts"] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    one, two, three = (from_hex(own) for own, _ in parts)
    words = slicing.words(sizes["rows"])
    rows = (one ^ two ^ three).reshape(sizes["flags"], words)
    expected = plainly(plain["starts"], plain["flags"], sizes["flags"])
    assert [int(x) for x in slicing.join_bits(rows, sizes["rows"])] == expected
    assert vector["openings"] == []
