"""Vectors of partial_sum: dealing by compute parties and others, opened inside and outside, some vectors or all."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, at_step, changed, flip, from_party, lengths
from tests.vectors.kernel._group import Given, engine_of, summands, summed
from tests.vectors.plays import residues
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.algebra.galois import NUMBERS, interpolation
from mpcstats.protocols.partial_sum import LEAK, keep, open_kept
from mpcstats.session import Session

PROTOCOL = "partial_sum"
MOST = (1 << 63) - 1


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    made: dict[str, tuple[str, tuple[int, int], Given, list[int], list[str]]] = {
        "two_of_three": (
            "one provider is not counted; a compute party and one outside are told",
            *((3, 1), [("a", (1, -2, 3, 4, 5)), ("x", (10, 20, -30, 40, 50)), ("c", (7,) * 5)]),
            *([0, 1], ["b", "x"]),
        ),
        "outside": (
            "the only provider is outside, four numbers fill an element",
            *((3, 1), [("x", (MOST, -MOST, 1, 0))], [0], ["a"]),
        ),
        "five": (
            "threshold 2 of five: two digests for the recipient",
            *((5, 2), [("e", (1, 2)), ("b", (3, 4))], [0, 1], ["e"]),
        ),
        "even": (
            "threshold 1 of four, of whom the last deals no product",
            *((4, 1), [("d", (9,)), ("x", (-9,))], [1, 0], ["x"]),
        ),
        "no_numbers": ("vectors without numbers", (3, 1), [("a", ())], [0], ["c"]),
    }
    found = {}
    for title, (about, group, vectors, counted, to) in made.items():
        setting = summed(PROTOCOL, title, about, group, vectors)
        setting["sizes"]["counted"] = counted
        setting["roles"]["recipients"] = to
        found[title] = setting
    return found


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    kept = await keep(
        session.narrow("keep"),
        engine_of(setting),
        summands(setting, session),
        length=setting["sizes"]["length"],
    )
    opened = await open_kept(
        session.narrow("open"),
        kept,
        counted=setting["sizes"]["counted"],
        to=setting["roles"]["recipients"],
    )
    return {
        "kept": [[to_hex(part) for part in share.parts] for share in kept.shares],
        "opened": None if opened is None else to_hex(opened),
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, dealt, opened = "two_of_three", "run/keep/0-a#0", "run/open/to-b#0"
    vectors = ["inputs", "vectors"]

    def told(about: str, outcome: str, at: list[str], path: list[Any], value: Any) -> Bad:
        return Bad(about, base, outcome, setting=[(at, path, value)])

    return {
        **lengths(base, "dealt", dealt, "a", "c", told="a share of a's vector"),
        **lengths("outside", "copy", "run/keep/0-x#0", "x", "b", told="a share of x's vector"),
        **lengths(base, "share", opened, "c", "b", told="a share of the sum"),
        **lengths(base, "digest", opened, "a", "b", told="a digest of a share"),
        "share_changed": changed(base, "one bit of a share", opened, "c", "b", flip(2, 9)),
        "digest_changed": changed(base, "one bit of a digest", opened, "a", "b", flip(0, 1)),
        "dealt_changed": changed(base, "one bit of a share that is dealt", dealt, "a", "c", flip()),
        "digest_of_five_changed": changed(
            "five", "one of two digests", "run/open/to-e#0", "d", "e", flip(3, 3)
        ),
        "share_of_another_sender": changed(
            base, "a share comes in another's name", opened, "c", "b", from_party("a"), "fault"
        ),
        "share_at_another_step": changed(
            base, "a share is for another recipient", opened, "c", "b", at_step("run/open/to-x#0"),
            "silence",
        ),
        "unequal_counted": told(
            "a party counts all vectors", "fault", ["c"], ["sizes", "counted"], [0, 1, 2]
        ),
        "unequal_pair_seeds": told(
            "two parties have two seeds", "fault", ["b"], ["pair_seeds", "a-b"], OTHER_SEED
        ),
        "counted_twice": told("a place twice", "fault", [], ["sizes", "counted"], [0, 0]),
        "counted_beyond": told("a place that is none", "fault", [], ["sizes", "counted"], [3]),
        "nobody_counted": told("no place", "fault", [], ["sizes", "counted"], []),
        "no_providers": told("nobody provides", "fault", [], vectors, []),
        "values_absent_at_their_owner": told(
            "a has no vector", "fault", ["a"], [*vectors, 0, "values"], None
        ),
        "unknown_recipient": told("q is not of the run", "fault", [], ["roles", "recipients"], ["q"]),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Any t + 1 parties' shares give each provider's vector, and what was opened is the sum of the counted."""
    sizes, compute = vector["sizes"], vector["compute"]
    length, t = sizes["length"], sizes["threshold"]
    expected = np.zeros(length, dtype=np.uint64)
    for i, given in enumerate(vector["inputs"]["vectors"]):
        for start in range(len(compute) - t):
            holders = compute[start : start + t + 1]
            shares = [
                np.stack([from_hex(part) for part in vector["results"][p]["kept"][i]])
                for p in holders
            ]
            points = tuple(compute.index(p) + 1 for p in holders)
            (value,) = NUMBERS.applied(interpolation(NUMBERS, points, (0,)), shares)
            assert np.array_equal(value.T.reshape(-1)[:length], residues(given["values"]))
        if i in sizes["counted"]:
            expected += residues(given["values"])
    to = vector["roles"]["recipients"]
    for party, result in vector["results"].items():
        assert result["opened"] == (to_hex(expected) if party in to else None)
    assert [(o["leak"], o["to"]) for o in vector["openings"]] == [(LEAK, to)]
