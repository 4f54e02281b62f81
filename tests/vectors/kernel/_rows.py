"""What vectors of protocols on rows share: secrets given and found, faults of a sort and of a compaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import Bad, changed, flip, lengths, missing, payload
from tests.vectors.good import shared, shared_bits, shared_rows
from tests.vectors.plays import arith_of, bits_of
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.engines.share import Arith, Bits
from mpcstats.session import Session, Stream, Words

Vector = dict[str, Any]


def given(
    stream: Stream,
    bits: Sequence[tuple[Sequence[int], int]],
    numbers: Sequence[Sequence[int]] = (),
    present: Sequence[int] | None = None,
) -> Setting:
    """Inputs of a vector: columns of bit rows with their widths, columns of numbers, and one row of presence."""
    return {
        "bits": [{"width": w, "shares": shared_rows(column, w, stream)} for column, w in bits],
        "numbers": [shared(column, stream) for column in numbers],
        "present": None if present is None else shared_bits(present, stream),
        "plain": {
            "bits": [list(column) for column, _ in bits],
            "numbers": [list(column) for column in numbers],
            "present": None if present is None else list(present),
        },
    }


def columns_of(setting: Setting, session: Session) -> tuple[list[Bits], list[Arith], Bits | None]:
    """The same as secrets of a party."""
    n, inputs = setting["sizes"]["rows"], setting["inputs"]
    bits = [bits_of(setting, session, c["shares"], n, c["width"]) for c in inputs["bits"]]
    numbers = [arith_of(setting, session, c, n) for c in inputs["numbers"]]
    present = inputs["present"]
    return bits, numbers, None if present is None else bits_of(setting, session, present, n)


def plain_rows(vector: Vector) -> tuple[list[list[int]], list[list[int]], list[int]]:
    """Columns of bits, columns of numbers, and the places of present rows, in the clear."""
    plain = vector["inputs"]["plain"]
    present = plain["present"] or [1] * vector["sizes"]["rows"]
    there = [i for i, p in enumerate(present) if p]
    return plain["bits"], plain["numbers"], there


def _components(vector: Vector, path: Sequence[str | int]) -> list[Words]:
    found = []
    for party in vector["compute"]:
        place: Any = vector["results"][party]
        for name in path:
            place = place[name]
        found.append(place)
    for i, (_, following) in enumerate(found):
        assert following == found[(i + 1) % 3][0]
    return [from_hex(own) for own, _ in found]


def number_found(vector: Vector, *path: str | int) -> list[int]:
    """The numbers of a result, mod 2^64."""
    one, two, three = _components(vector, path)
    total: Words = one + two + three
    return [int(w) for w in total]


def bits_found(vector: Vector, n: int, width: int, *path: str | int) -> list[int]:
    """The numbers of which a result is the bit rows."""
    one, two, three = _components(vector, path)
    rows = (one ^ two ^ three).reshape(width, -1)
    return [int(w) for w in slicing.join_bits(rows, n)]


def sort_faults(base: str, step: str) -> dict[str, Bad]:
    """Faults of the shuffle, the trees and the openings of the sort at `step`, whose rows are 8 bits wide."""
    shuffle, first = f"{step}/shuffle/pass0/move#0", f"{step}/rank/batch0"
    opening = f"{first}/to-a#0"
    return {
        **lengths(base, "pass", shuffle, "a", "c", told="the first summand of a shuffled row"),
        **lengths(base, "tree", f"{first}/tree/level0#0", "b", "a", told="a share of a tree's ands"),
        **lengths(base, "outcome", opening, "c", "a", told="the component of outcomes that a lacks"),
        "unequal_copies_of_outcomes": changed(
            base, "one bit of the opened component", opening, "c", "a", flip()
        ),
        "digest_of_other_outcomes": changed(
            base, "one bit of the digest", opening, "b", "a", flip(3, 63)
        ),
        "second_summand_of_a_pass_missing": changed(
            base, "what P_1 sends in the last but one pass does not arrive",
            f"{step}/shuffle/pass1/move#0", "c", "a", missing, "silence",
        ),
    }  # fmt: skip


def compact_faults(base: str, step: str) -> dict[str, Bad]:
    """Faults of the flags made numbers, the destinations and their opening in the compaction at `step`."""
    opening = f"{step}/open/to-b#0"
    return {
        **lengths(base, "destination", opening, "a", "b", told="the component that b lacks"),
        "unequal_copies_of_destinations": changed(
            base, "one bit of the opened component", opening, "a", "b", flip(1)
        ),
        "digest_of_other_destinations": changed(
            base, "one bit of the digest", opening, "c", "b", flip(0)
        ),
        "destinations_are_no_permutation": changed(
            base, "a share of the destinations: one is outside the rows", f"{step}/destinations#0",
            "b", "a", payload(lambda words: words + np.uint64(1)),
        ),
        "flag_split_missing": changed(
            base, "half of the flags does not arrive", f"{step}/flags/split#0", "b", "a",
            missing, "silence",
        ),
    }  # fmt: skip
