"""Vectors of histogram: open and closed ends, edges of one and of many bits, valid rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, missing, payload, shorter
from tests.vectors.good import drawn, head, shared_bits, shared_rows
from tests.vectors.plays import bits_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.protocols.histogram import histogram
from mpcstats.session import Session, Words

PROTOCOL = "histogram"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        width: int,
        values: Sequence[int],
        edges: Sequence[int],
        below: bool = False,
        above: bool = False,
        valid: Sequence[int] | None = None,
    ) -> Setting:
        stream = drawn(f"{PROTOCOL} {title}")
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {
                "rows": len(values),
                "width": width,
                "edges": list(edges),
                "below": below,
                "above": above,
            },
            "inputs": {
                "values": shared_rows(values, width, stream),
                "valid": None if valid is None else shared_bits(valid, stream),
                "plain": {"values": list(values), "valid": valid and list(valid)},
            },
        }

    most = (1 << 64) - 1
    made: dict[str, tuple[Any, ...]] = {
        "ages": (
            "three edges, both ends open",
            7,
            [17, 18, 64, 65, 120, 0],
            [18, 35, 65],
            True,
            True,
        ),
        "closed_ends": ("numbers outside of all bins", 4, [0, 3, 4, 9, 15], [3, 4, 9]),
        "valid_rows": ("two rows do not count", 5, [1, 30, 1, 30], [2], True, True, [1, 0, 1, 1]),
        "one_bit": ("the edges 0 and 1 and what is above", 1, [0, 1, 1], [0, 1], False, True),
        "whole_words": (
            "numbers of 64 bits at both extremes",
            *(64, [0, most, most - 1, 1 << 63], [1 << 63, most], True, True),
        ),
        "edge_beyond": ("an edge that no number reaches", 3, [7, 0, 5], [5, 100], False, True),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    found = await histogram(
        session,
        engine_of(setting),
        bits_of(setting, session, inputs["values"], sizes["rows"], sizes["width"]),
        sizes["edges"],
        below=sizes["below"],
        above=sizes["above"],
        valid=None
        if inputs["valid"] is None
        else bits_of(setting, session, inputs["valid"], sizes["rows"]),
    )
    return {"counts": shares(found)}


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base = "ages"
    block = "run/blocks/block0"
    pairs, level, counts = f"{block}/less/pairs#0", f"{block}/less/level0#0", f"{block}/counts"
    edges = ["sizes", "edges"]

    def refused(about: str, value: Sequence[int], which: str = base) -> Bad:
        return Bad(about, which, "fault", setting=[([], edges, list(value))])

    return {
        **lengths(base, "pairs", pairs, "b", "a", told="a share of the ands of neighbouring bits"),
        **lengths(base, "level", level, "c", "b", told="a share of the ands of a level"),
        **lengths(base, "masked", f"{counts}/inputs#0", "a", "c", told="the masked ones of a count"),
        **lengths(base, "count", f"{counts}/reshare#0", "a", "c", told="a summand of the counts"),
        "valid_one_word_short": changed(
            "valid_rows", "an and with the valid row lacks a word", f"{block}/valid#0", "b", "a",
            shorter,
        ),
        "valid_missing": changed(
            "valid_rows", "an and with the valid row does not arrive", f"{block}/valid#0", "c", "b",
            missing, "silence",
        ),
        "pair_changed": changed(
            base, "a share of neighbouring bits: numbers fall into other bins", pairs, "b", "a",
            payload(np.invert), "undetected",
        ),
        "last_level_changed": changed(
            base, "a share of the last comparison", f"{block}/less/level1#0", "c", "b", flip(0, 1),
            "undetected",
        ),
        "valid_share_changed": changed(
            "valid_rows", "a share of a row's and with its valid bit", f"{block}/valid#0", "b", "a",
            flip(), "undetected",
        ),
        "count_changed": changed(
            base, "the masked ones are one more each", f"{counts}/inputs#0", "a", "c",
            payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "padding_bit_changed": changed(
            base, "a bit beyond the rows: it has no meaning", f"{block}/less/level1#0", "c", "b",
            flip(0, 6), "no difference",
        ),
        "edges_that_do_not_ascend": refused("two edges are equal", [18, 18, 65]),
        "edge_below_zero": refused("an edge below 0", [-1, 35, 65]),
        "one_edge_with_closed_ends": refused("one edge and no open end", [4], "closed_ends"),
        "no_edge": refused("no edge, though both ends are open", []),
        "unequal_edges": Bad(
            "a party was told of other edges: it needs other ands", base, "fault",
            setting=[(["b"], edges, [18, 35])],
        ),
        "unequal_ends": Bad(
            "a party takes the upper end for closed", "closed_ends", "silence",
            setting=[(["b"], ["sizes", "above"], True)],
        ),
        "unequal_copies_of_the_numbers": Bad(
            "two holders have two components of the numbers", "closed_ends", "undetected",
            setting=[(["a"], ["inputs", "values", 0], to_hex(np.arange(4, dtype=np.uint64)))],
        ),
        "valid_row_missing_at_one_party": Bad(
            "a party takes all rows for valid", "valid_rows", "silence",
            setting=[(["c"], ["inputs", "valid"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Counts by a loop over numbers and bins."""
    sizes, plain = vector["sizes"], vector["inputs"]["plain"]
    bounds = [-1] * sizes["below"] + sizes["edges"] + [1 << 64] * sizes["above"]
    kept = [v for i, v in enumerate(plain["values"]) if plain["valid"] is None or plain["valid"][i]]
    expected = [sum(a <= v < b for v in kept) for a, b in pairwise(bounds)]
    parts = [vector["results"][party]["counts"] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    one, two, three = (from_hex(own) for own, _ in parts)
    total: Words = one + two + three
    assert np.array_equal(total, residues(expected))
    assert vector["openings"] == []
