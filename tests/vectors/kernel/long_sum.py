"""Vectors of long_sum: providers that are openers and others, inside and outside, groups of three, four and five."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.vectors.bad import (
    OTHER_SEED,
    Bad,
    at_step,
    changed,
    empty,
    flip,
    from_party,
    lengths,
    payload,
)
from tests.vectors.kernel._group import Given, engine_of, summands, summed
from tests.vectors.plays import residues
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.protocols.long_sum import long_sum
from mpcstats.session import Session

PROTOCOL = "long_sum"
MOST = (1 << 63) - 1


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    made: dict[str, tuple[str, tuple[int, int], Given]] = {
        "three_inside": (
            "every compute party provides: one of them is no opener",
            (3, 1),
            [("a", (1, -2, 3)), ("b", (10, 20, -30)), ("c", (5, 6, MOST))],
        ),
        "one_opener": ("the only provider is an opener: nothing is sent", (3, 1), [("b", (7, -8))]),
        "outside": (
            "three providers outside: their rests go to the openers in turn",
            (4, 1),
            [("x", (1, 2)), ("y", (30, -40)), ("z", (500, 600))],
        ),
        "twice": (
            "a provider that has two vectors, one outside, among five with threshold 2",
            (5, 2),
            [("d", (1, 2, 3, 4)), ("x", (-9, -9, -9, -9)), ("d", (MOST, -MOST, 5, 6))],
        ),
        "no_numbers": ("vectors without numbers", (3, 1), [("a", ()), ("x", ())]),
    }
    return {title: summed(PROTOCOL, title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    length = setting["sizes"]["length"]
    found = await long_sum(session, engine_of(setting), summands(setting, session), length=length)
    return [to_hex(part) for part in found.parts]


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, rest = "three_inside", "run/2-c#0"
    vectors = ["inputs", "vectors"]

    def told(about: str, outcome: str, at: list[str], path: list[Any], value: Any) -> Bad:
        return Bad(about, base, outcome, setting=[(at, path, value)])

    return {
        **lengths(base, "rest", rest, "c", "a", told="what c's vector leaves"),
        **lengths("outside", "first", "run/0-x#0", "x", "a", told="what x's vector leaves"),
        **lengths("outside", "second", "run/1-y#0", "y", "b", told="what y's vector leaves"),
        **lengths("twice", "third", "run/2-d#0", "d", "c", told="what d's second vector leaves"),
        "rest_empty": changed(base, "no words", rest, "c", "a", empty),
        "rest_of_another_sender": changed(
            base, "a message comes in another party's name", rest, "c", "a", from_party("b"),
            "silence",
        ),
        "rest_at_another_step": changed(
            base, "a message is that of another provider", rest, "c", "a", at_step("run/1-c#0"),
            "silence",
        ),
        "rest_changed": changed(base, "one bit", rest, "c", "a", flip(1, 7), "undetected"),
        "rest_more": changed(
            base, "one more each", rest, "c", "a", payload(lambda w: w + np.uint64(1)), "undetected",
        ),
        "unequal_pair_seeds": told(
            "two parties have two seeds: summands do not cancel", "undetected", ["a"],
            ["pair_seeds", "a-b"], OTHER_SEED,
        ),
        "unequal_run_ids": told("a party is in another run", "undetected", ["b"], ["run_id"], OTHER_SEED),
        "unequal_lengths": told("c was told of two numbers", "fault", ["c"], ["sizes", "length"], 2),
        "values_absent_at_their_owner": told(
            "b has no vector", "fault", ["b"], [*vectors, 1, "values"], None
        ),
        "values_of_another_length": told(
            "b has two numbers", "fault", ["b"], [*vectors, 1, "values"], [1, 2]
        ),
        "no_providers": told("nobody provides", "fault", [], vectors, []),
        "threshold_too_large": told(
            "two of three may be corrupted", "fault", [], ["sizes", "threshold"], 2
        ),
        "two_compute_parties": told("two compute", "fault", [], ["compute"], ["a", "b"]),
        "unknown_owner": told("q is not of the run", "fault", [], [*vectors, 0, "owner"], "q"),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Summands at the openers alone, that add up."""
    length = vector["sizes"]["length"]
    total = np.zeros(length, dtype=np.uint64)
    openers = vector["compute"][: vector["sizes"]["threshold"] + 1]
    for party, parts in vector["results"].items():
        assert len(parts) == (party in openers)
        for part in parts:
            total += from_hex(part)
    expected = np.zeros(length, dtype=np.uint64)
    for each in vector["inputs"]["vectors"]:
        expected += residues(each["values"])
    assert np.array_equal(total, expected)
    assert vector["openings"] == []
