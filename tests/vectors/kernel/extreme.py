"""Vectors of extreme: one to five vectors, negative numbers, equal ones, both ends of the range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, from_party, lengths, missing, shorter
from tests.vectors.good import drawn, head, shared
from tests.vectors.plays import arith_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.protocols.extreme import extreme
from mpcstats.session import Session, Words

PROTOCOL = "extreme"
MOST = 1 << 62


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(title: str, about: str, largest: bool, vectors: Sequence[Sequence[int]]) -> Setting:
        stream = drawn(f"{PROTOCOL} {title}")
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"cells": len(vectors[0]), "largest": largest},
            "inputs": {
                "vectors": [shared(vector, stream) for vector in vectors],
                "plain": {"vectors": [list(vector) for vector in vectors]},
            },
        }

    made: dict[str, tuple[str, bool, Sequence[Sequence[int]]]] = {
        "smallest_of_two": ("some are equal", False, [[1, -5, 7], [2, -6, 7]]),
        "largest_of_five": (
            "the fifth has no neighbour twice",
            True,
            [[1, 9], [2, 8], [3, 7], [4, 6], [5, 5]],
        ),
        "both_ends": (
            "the least and the greatest number that may be",
            True,
            [[-MOST, MOST - 1, 0], [MOST - 1, -MOST, 0], [0, 0, -1]],
        ),
        "one_vector": ("nothing to compare: no message", False, [[4, 5]]),
        "no_cells": ("vectors without numbers", False, [[], []]),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    cells = setting["sizes"]["cells"]
    vectors = [arith_of(setting, session, v, cells) for v in setting["inputs"]["vectors"]]
    found = await extreme(session, engine_of(setting), vectors, largest=setting["sizes"]["largest"])
    return shares(found)


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, match = "smallest_of_two", "run/level0/0"
    upper, tree = f"{match}/below/upper#0", f"{match}/below/carry/level0#0"
    last = f"{match}/below/carry/level5#0"
    split, choice = f"{match}/bit/split#0", f"{match}/choice#0"

    return {
        **lengths(base, "upper", upper, "a", "c", told="the bits that P_0 puts in"),
        **lengths(base, "tree", tree, "b", "a", told="a share of the ands of a comparison"),
        **lengths(base, "split", split, "b", "a", told="half of a bit"),
        **lengths(base, "choice", choice, "c", "b", told="a share of the product"),
        "upper_changed": changed(base, "one bit that is put in, the highest", upper, "a", "c", flip(63), "undetected"),
        "tree_changed": changed(base, "one bit of the last and", last, "c", "b", flip(), "undetected"),
        "choice_changed": changed(base, "one bit of the product", choice, "c", "b", flip(), "undetected"),
        "choice_of_another_sender": changed(
            base, "the product comes in another's name", choice, "c", "b", from_party("a"), "silence"
        ),
        "join_missing": changed(
            base, "a number's half does not arrive", f"{match}/bit/join#0", "a", "c", missing, "silence"
        ),
        "second_level_short": changed(
            "largest_of_five", "a word less at level 1", "run/level1/0/choice#0", "a", "c", shorter
        ),
        "unequal_ends": Bad(
            "a party takes the larger", base, "undetected", setting=[(["b"], ["sizes", "largest"], True)]
        ),
        "unequal_pair_seeds": Bad(
            "two parties have two seeds", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "no_vectors": Bad(
            "nobody has a number", base, "fault", setting=[([], ["inputs", "vectors"], [])]
        ),
        "vector_missing_at_one_party": Bad(
            "a party knows of one vector alone", base, "silence",
            setting=[(["c"], ["inputs", "vectors"], [["00" * 24] * 3])],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """The extremes of columns of numbers."""
    plain = vector["inputs"]["plain"]["vectors"]
    best = max if vector["sizes"]["largest"] else min
    expected = [best(column) for column in zip(*plain, strict=True)]
    parts = [vector["results"][party] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    one, two, three = (from_hex(own) for own, _ in parts)
    total: Words = one + two + three
    assert np.array_equal(total, residues(expected))
    assert vector["openings"] == []
