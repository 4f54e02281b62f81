"""Vectors of sort: several keys, ascending and descending, with columns; all ranks or some."""

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
    shorter,
    twice,
)
from tests.vectors.good import drawn, shared_rows
from tests.vectors.kernel.shuffle import columns_of, component_sum, permutation, table
from tests.vectors.plays import bits_of, engine_of, shares
from tests.vectors.world import Setting

from mpcstats.protocols.sort import Key, sort
from mpcstats.session import Session

PROTOCOL = "sort"
Vector = dict[str, Any]
Keys = Sequence[
    tuple[int, bool, Sequence[int]]
]  # width, descending, values; the most significant first


def ordered(
    title: str,
    about: str,
    keys: Keys,
    numbers: Sequence[Sequence[int]] = (),
    *,
    ranks: Sequence[int] | None = None,
) -> Setting:
    n = len(keys[0][2])
    stream = drawn(f"sort keys {title}")
    made = table(title, about, numbers, n=n, protocol=PROTOCOL)
    made["version"] = 2
    made["sizes"] |= {
        "keys": [{"width": width, "descending": down} for width, down, _ in keys],
        "ranks": None if ranks is None else list(ranks),
    }
    made["inputs"]["keys"] = [shared_rows(values, width, stream) for width, _, values in keys]
    made["inputs"]["plain"]["keys"] = [list(values) for _, _, values in keys]
    return made


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    found: dict[str, tuple[str, Keys, dict[str, Any]]] = {
        "three_rows": (
            "distinct keys of two bits and a column: one batch of three pairs",
            [(2, False, (2, 3, 1))],
            {"numbers": [(20, -30, 10)]},
        ),
        "equal_keys": ("equal keys: rows stay as they were", [(1, False, (1, 1, 1))], {}),
        "two_keys": (
            "a descending key before an ascending one",
            [(1, True, (0, 1, 1, 0)), (2, False, (3, 2, 1, 3))],
            {"numbers": [(1, 2, 3, 4)]},
        ),
        "three_pieces": (
            "an element of 13 bits with its index: pieces of 8, 4 and 2 bits, the last half empty",
            [(12, False, (4000, 31))],
            {},
        ),
        "two_words": (
            "a key of 64 bits: with the index two words",
            [(64, False, ((1 << 64) - 1, 0))],
            {},
        ),
        "pivots": (
            "nine rows: three pivots, two levels of a search tree, then the rows between them",
            [(2, False, (3, 1, 0, 2, 1, 3, 0, 2, 1))],
            {},
        ),
        "one_rank": ("only the middle row is found", [(2, False, (2, 3, 1))], {"ranks": [1]}),
        "one_row": ("one row: shuffled, nothing compared", [(3, False, (5,))], {}),
    }
    return {
        title: ordered(title, about, keys, **more) for title, (about, keys, more) in found.items()
    }


async def body(setting: Setting, session: Session) -> Any:
    sizes, inputs = setting["sizes"], setting["inputs"]
    n = sizes["rows"]
    keys = [
        Key(bits_of(setting, session, shared, n, key["width"]), key["descending"])
        for key, shared in zip(sizes["keys"], inputs["keys"], strict=True)
    ]
    ranks = sizes["ranks"]
    found = await sort(
        session,
        engine_of(setting),
        keys,
        columns_of(setting, session),
        ranks=None if ranks is None else np.array(ranks, dtype=np.intp),
    )
    ((_, order),) = found.arrangement.passes
    return {
        "keys": [shares(k) for k in found.keys],
        "columns": [shares(c) for c in found.columns],
        "order": None if order is None else order.tolist(),
    }


def check(vector: Vector) -> None:
    """Rows as Python sorts them, and the opened order that of the permutations of the shuffle."""
    given, sizes = vector["inputs"]["plain"], vector["sizes"]
    n = sizes["rows"]

    def rank(i: int) -> list[int]:
        return [
            -values[i] if key["descending"] else values[i]
            for key, values in zip(sizes["keys"], given["keys"], strict=True)
        ]

    order = sorted(range(n), key=rank)
    wanted = order if sizes["ranks"] is None else [order[r] for r in sizes["ranks"]]
    of_wanted = {**vector, "sizes": {**sizes, "rows": len(wanted)}}
    for i, (key, values) in enumerate(zip(sizes["keys"], given["keys"], strict=True)):
        found = component_sum(of_wanted, "keys", i, key["width"])
        assert found == [values[row] for row in wanted]
    for i, values in enumerate(given["numbers"]):
        assert component_sum(of_wanted, "columns", i, None) == [values[row] for row in wanted]
    mixed = list(range(n))
    for j in range(3):
        mixed = [mixed[i] for i in permutation(vector, j, n)]
    for party, result in vector["results"].items():
        if party in vector["compute"] and sizes["ranks"] is None:
            assert [mixed[i] for i in result["order"]] == order
        else:
            assert result["order"] is None


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    rank = "run/rank/batch0"
    base, wide = "three_rows", "three_pieces"
    return {
        **lengths(base, "shuffled", "run/shuffle/pass0/move#0", "b", "c", told="what P_1 moved"),
        **lengths(base, "level", f"{rank}/tree/level0#0", "b", "a", told="a share of the first level"),
        **lengths(base, "outcome", f"{rank}/to-a#0", "c", "a", told="the component that a lacks"),
        **lengths(wide, "join", f"{rank}/tree/high/join#0", "a", "c", told="a share of two pieces joined"),
        "digest_of_outcomes_one_word_short": changed(
            base, "a digest lacks its last word", f"{rank}/to-b#0", "c", "b", shorter
        ),
        "second_batch_missing": changed(
            "pivots", "a share of the second batch does not arrive", "run/rank/batch1/tree/high/level0#0",
            "c", "b", missing, "silence",
        ),
        "outcome_at_another_step": changed(
            base, "outcomes come at the step of a batch that is not there", f"{rank}/to-a#0", "c", "a",
            at_step("run/rank/batch1/to-a#0"), "silence",
        ),
        "outcome_of_another_sender": changed(
            base, "outcomes come in the name of who sends the digest", f"{rank}/to-a#0", "c", "a",
            from_party("b"),
        ),
        "low_piece_one_word_long": changed(
            wide, "a share of the lowest piece has a word more", f"{rank}/tree/low/level1#0", "b", "a",
            longer,
        ),
        "level_twice_at_a_later_level": changed(
            base, "a share of the second level arrives twice", f"{rank}/tree/level1#0", "c", "b", twice
        ),
        "unequal_copies_of_outcomes": changed(
            base, "one bit of the opened component", f"{rank}/to-c#0", "b", "c", flip()
        ),
        "digest_of_other_outcomes": changed(
            base, "one bit of the digest", f"{rank}/to-a#0", "b", "a", flip(3, 63)
        ),
        "outcome_of_no_pair_changed": changed(
            base, "an opened bit beyond the pairs that were asked for: it is in the digest too",
            f"{rank}/to-a#0", "c", "a", flip(-1, 60),
        ),
        "share_of_the_last_level_changed": changed(
            base, "one bit of the last level at one holder: its copies differ when they are opened",
            f"{rank}/tree/level1#0", "b", "a", flip(0, 1),
        ),
        "shuffled_column_changed": changed(
            base, "one bit of a carried column", "run/shuffle/pass2/move#0", "c", "b", flip(-1),
            "undetected",
        ),
        "order_of_a_circle": changed(
            base, "copies of a shuffled key differ in one bit, so that no order has the outcomes",
            "run/shuffle/pass2/move#0", "a", "b", flip(0, 3),
        ),
        "unequal_pair_seeds": Bad(
            "P_0 and P_1 have two seeds, so they move rows by two permutations", "equal_keys",
            "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_directions": Bad(
            "a party that holds constants sorts the other way", base,
            "undetected", setting=[(["a"], ["sizes", "keys", 0, "descending"], True)],
        ),
        "unequal_widths": Bad(
            "a party was told of wider keys: its trees have two pieces", base, "silence",
            setting=[
                (["b"], ["sizes", "keys", 0, "width"], 3),
                (["b"], ["inputs", "keys", 0], ["00" * 24] * 3),
            ],
        ),
        "unequal_ranks": Bad(
            "a party wants one rank only: its batches are of fewer pairs", "pivots", "fault",
            setting=[(["b"], ["sizes", "ranks"], [0])],
        ),
        "rank_out_of_range": Bad(
            "a rank that no row has", "one_rank", "fault",
            setting=[([], ["sizes", "ranks"], [3])],
        ),
        "ranks_that_descend": Bad(
            "ranks are not ascending", "one_rank", "fault",
            setting=[([], ["sizes", "ranks"], [2, 0])],
        ),
        "no_key": Bad(
            "nothing to sort by", base, "fault",
            setting=[([], ["sizes", "keys"], []), ([], ["inputs", "keys"], [])],
        ),
    }  # fmt: skip
