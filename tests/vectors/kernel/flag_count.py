"""Vectors of flag_count: few bits without an adder, and many with carries over several weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import (
    OTHER_SEED,
    Bad,
    at_step,
    changed,
    flip,
    from_party,
    lengths,
    longer,
    missing,
    payload,
    shorter,
    twice,
)
from tests.vectors.good import drawn, head, shared_rows
from tests.vectors.plays import bits_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.protocols.flag_count import flag_count
from mpcstats.session import Session, Words

PROTOCOL = "flag_count"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(title: str, about: str, flags: Sequence[int], width: int = 1) -> Setting:
        stream = drawn(f"{PROTOCOL} {title}")
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(flags), "flags": width},
            "inputs": {
                "flags": shared_rows(flags, width, stream),
                "plain": {"flags": list(flags)},
            },
        }

    made: dict[str, tuple[Any, ...]] = {
        "few": ("a word of bits, which become numbers at once", [1, 0, 1, 1, 0]),
        "one_bit": ("a single row", [1]),
        "two_rows": ("each row of flags by itself", [3, 1, 2, 0, 1, 1], 2),
        "all": ("three full words: one adder, and all carries are 1", [1] * 192),
        "none": ("nothing is counted", [0] * 200),
        "many": ("ten words, three rounds of adders", [int(i % 3 == 0) for i in range(601)]),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    flags = bits_of(setting, session, inputs["flags"], sizes["rows"], sizes["flags"])
    return {"counts": shares(await flag_count(session, engine_of(setting), flags))}


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, adder = "many", "run/level0#0"
    split, join = "run/numbers/split#0", "run/numbers/join#0"
    return {
        **lengths(base, "adder", adder, "b", "a", told="a share of an adder's and"),
        **lengths(base, "split", split, "b", "a", told="half of a bit that is left"),
        "later_adder_one_word_short": changed(
            base, "a share of the second round lacks a word", "run/level1#0", "c", "b", shorter
        ),
        "later_adder_missing": changed(
            base, "a share of the second round does not arrive", "run/level1#0", "a", "c", missing,
            "silence",
        ),
        "join_missing": changed(
            base, "half of a bit's new component does not arrive", join, "c", "a", missing, "silence"
        ),
        "join_one_word_short": changed(
            base, "half of a bit's new component lacks a word", join, "c", "a", shorter
        ),
        "adder_of_another_sender": changed(
            base, "a message comes in another party's name", adder, "a", "c", from_party("b"),
            "silence",
        ),
        "later_adder_one_word_long": changed(
            base, "a share of the second round has a word more", "run/level1#0", "c", "b", longer
        ),
        "later_adder_twice": changed(
            base, "a share of the second round arrives twice", "run/level1#0", "b", "a", twice
        ),
        "adder_at_another_step": changed(
            base, "a message for a round that does not exist", adder, "c", "b",
            at_step("run/level9#0"), "silence",
        ),
        "unequal_run_ids": Bad(
            "a party has another run id: its streams differ", base, "undetected",
            setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
        "adder_changed": changed(
            base, "a share of an adder's and", adder, "b", "a", flip(0, 5), "undetected"
        ),
        "split_changed": changed(
            base, "half of a bit that is left is one more", split, "b", "a",
            payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "unequal_copies_of_the_flags": Bad(
            "two holders have two components of the flags", "few", "undetected",
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


def check(vector: dict[str, Any]) -> None:
    """Counts by a loop over the rows."""
    width, plain = vector["sizes"]["flags"], vector["inputs"]["plain"]["flags"]
    parts = [vector["results"][party]["counts"] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    one, two, three = (from_hex(own) for own, _ in parts)
    total: Words = one + two + three
    expected = [sum(flags >> i & 1 for flags in plain) for i in range(width)]
    assert np.array_equal(total, residues(expected))
    assert vector["openings"] == []
