"""Vectors of group-by over a public domain: one part and two parts of a code, valid rows, rows of no group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, missing, payload, shorter
from tests.vectors.good import drawn, head, shared, shared_bits, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex, to_hex

from mpcstats.protocols.group_by_public import Grouped, code_width, group_by_public
from mpcstats.session import Session, Words

PROTOCOL = "group_by_public"


def table(
    protocol: str, title: str, values: Sequence[Sequence[int]], valid: Sequence[int] | None
) -> dict[str, Any]:
    """Shared columns and valid bits, and what they are."""
    stream = drawn(f"{protocol} {title}")
    return {
        "columns": [shared(column, stream) for column in values],
        "valid": None if valid is None else shared_bits(valid, stream),
        "plain": {"columns": [list(c) for c in values], "valid": valid and list(valid)},
    }


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        groups: int,
        codes: Sequence[int],
        values: Sequence[Sequence[int]] = (),
        valid: Sequence[int] | None = None,
    ) -> Setting:
        made = table(PROTOCOL, title, values, valid)
        made["plain"]["codes"] = list(codes)
        stream = drawn(f"{PROTOCOL} {title} codes")
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(codes), "groups": groups},
            "inputs": {"codes": shared_rows(codes, code_width(groups), stream), **made},
        }

    made: dict[str, tuple[Any, ...]] = {
        "counts": ("counts of three groups: the code is one part", 3, [2, 0, 2, 1, 2]),
        "sums": ("one column by four groups", 4, [3, 0, 0, 2], [[5, -1, 7, -(1 << 63)]]),
        "two_parts": (
            "twelve groups, cut into high and low, with valid rows",
            *(12, [11, 0, 7, 7, 3], [[1, 2, 3, 4, 5]], [1, 1, 0, 1, 1]),
        ),
        "codes_of_no_group": (
            "nine groups and codes up to 15: those from 9 on count nowhere",
            *(9, [8, 9, 15, 0, 8, 12], [[1, 10, 100, 1000, 10000, 100000]]),
        ),
        "one_group": ("the code has no bits", 1, [0, 0, 0], [[1, 2, 3], [4, 5, 6]], [0, 1, 1]),
        "no_rows": ("every group is empty", 5, [], [[]]),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


def grouped(found: Grouped) -> dict[str, Any]:
    """Shares of the counts and of each sum."""
    return {"counts": shares(found.counts), "sums": [shares(s) for s in found.sums]}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n = sizes["rows"]
    width = code_width(sizes["groups"])
    found = await group_by_public(
        session,
        engine_of(setting),
        bits_of(setting, session, inputs["codes"], n, width),
        [arith_of(setting, session, column, n) for column in inputs["columns"]],
        groups=sizes["groups"],
        valid=None if inputs["valid"] is None else bits_of(setting, session, inputs["valid"], n),
    )
    return grouped(found)


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base = "two_parts"
    split, join = "run/blocks/block0/numbers/split#0", "run/blocks/block0/numbers/join#0"
    products = "run/blocks/block0/values/0#0"
    return {
        **lengths(base, "one_hot", "run/codes/high/both#0", "b", "a", told="a share of an and"),
        **lengths(base, "bit_split", split, "b", "a", told="half of a one-hot bit"),
        **lengths(base, "product", products, "a", "c", told="a share of low row times value"),
        **lengths(base, "cells", "run/cells#0", "c", "b", told="a summand of the cells"),
        "valid_one_word_short": changed(
            base, "an and with the valid row lacks a word", "run/valid#0", "a", "c", shorter
        ),
        "bit_join_missing": changed(
            base, "half of a bit's new component does not arrive", join, "c", "a", missing, "silence"
        ),
        "code_share_changed": changed(
            base, "a share of an and: a row falls into another group or none",
            "run/codes/high/both#0", "b", "a", payload(np.invert), "undetected",
        ),
        "valid_share_changed": changed(
            base, "a share of an and with the valid row", "run/valid#0", "c", "b",
            payload(np.invert), "undetected",
        ),
        "bit_changed": changed(
            base, "half of a bit is one more: a row counts otherwise", split, "b", "a", flip(),
            "undetected",
        ),
        "product_changed": changed(
            base, "one bit of a product's share", products, "a", "c", flip(2, 62), "undetected"
        ),
        "count_changed": changed(
            base, "a summand of the cells is one more", "run/cells#0", "a", "c", flip(), "undetected"
        ),
        "group_missing": Bad(
            "no group at all", "counts", "fault", setting=[([], ["sizes", "groups"], 0)]
        ),
        "unequal_numbers_of_groups": Bad(
            "a party was told of more groups, and waits for more ands", base, "fault",
            setting=[(["b"], ["sizes", "groups"], 16)],
        ),
        "one_column_missing": Bad(
            "a party sums one column less", "one_group", "silence",
            setting=[(["c"], ["inputs", "columns"], [])],
        ),
        "valid_row_missing_at_one_party": Bad(
            "a party takes all rows for valid", base, "silence",
            setting=[(["a"], ["inputs", "valid"], None)],
        ),
        "unequal_copies_of_a_code": Bad(
            "two holders have two components of the codes", "sums", "undetected",
            setting=[(["a"], ["inputs", "codes", 0], to_hex(np.array([3, 3], dtype=np.uint64)))],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Counts and sums by plain arithmetic."""
    plain, sizes = vector["inputs"]["plain"], vector["sizes"]
    check_sums(vector, plain["codes"], sizes["groups"])


def check_sums(vector: dict[str, Any], codes: Sequence[int], groups: int) -> None:
    """What each group has to have, by a loop over the rows."""
    plain = vector["inputs"]["plain"]
    for components, column in zip(vector["inputs"]["columns"], plain["columns"], strict=True):
        assert np.array_equal(_sum([from_hex(x) for x in components]), residues(column))
    expected = [[0] * groups for _ in range(1 + len(plain["columns"]))]
    for i, code in enumerate(codes):
        if code < groups and (plain["valid"] is None or plain["valid"][i]):
            for target, value in zip(
                expected, [1, *(column[i] for column in plain["columns"])], strict=True
            ):
                target[code] += value
    results = [vector["results"][party] for party in vector["compute"]]
    found = [[r["counts"], *r["sums"]] for r in results]
    for which, numbers in enumerate(expected):
        parts = [shown[which] for shown in found]
        for i, (_, following) in enumerate(parts):
            assert following == parts[(i + 1) % 3][0]
        assert np.array_equal(_sum([from_hex(own) for own, _ in parts]), residues(numbers))
    assert vector["openings"] == []


def _sum(components: Sequence[Words]) -> Words:
    one, two, three = components
    return one + two + three
