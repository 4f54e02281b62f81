"""Vectors of group-by with an owner's codes: owners inside and outside, empty groups, valid rows, rows of no group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, payload, shorter
from tests.vectors.good import head
from tests.vectors.kernel.group_by_public import check_sums, grouped, table
from tests.vectors.plays import arith_of, bits_of, engine_of, residues
from tests.vectors.world import Setting

from mpcstats.protocols.group_by_owned import group_by_owned
from mpcstats.session import Session, Words

PROTOCOL = "group_by_owned"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        owner: str,
        groups: int,
        codes: Sequence[int],
        values: Sequence[Sequence[int]] = (),
        valid: Sequence[int] | None = None,
    ) -> Setting:
        made = table(PROTOCOL, title, values, valid)
        return {
            **head(PROTOCOL, title, about, ["d"] if owner == "d" else []),
            "roles": {"owner": owner},
            "sizes": {"rows": len(codes), "groups": groups},
            "inputs": {"codes": list(codes), **made},
        }

    made: dict[str, tuple[Any, ...]] = {
        "valid_rows": (
            "one column, valid rows, an empty group",
            *("a", 3, [2, 0, 2, 0], [[5, -1, 7, -(1 << 63)]], [1, 1, 0, 1]),
        ),
        "every_row": (
            "two columns, every row counts",
            "b",
            2,
            [1, 1, 0],
            [[1, 2, 3], [4, 5, 6]],
        ),
        "rows_of_no_group": (
            "codes from the number of groups on",
            *("c", 2, [2, 0, 1 << 40, 1, 0], [[1, 10, 100, 1000, 10000]]),
        ),
        "owner_outside": ("an owner that does not compute", "d", 2, [1, 0, 1], [[7, 8, 9]]),
        "counts_only": ("no column: the counts alone", "a", 4, [3, 3, 0]),
        "no_rows": ("every group is empty", "b", 3, [], [[]], []),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n, owner = sizes["rows"], setting["roles"]["owner"]
    own = session.me == owner and inputs["codes"] is not None
    found = await group_by_owned(
        session,
        engine_of(setting),
        [arith_of(setting, session, column, n) for column in inputs["columns"]],
        residues(inputs["codes"]) if own else None,
        owner=owner,
        rows=n,
        groups=sizes["groups"],
        valid=None if inputs["valid"] is None else bits_of(setting, session, inputs["valid"], n),
    )
    return grouped(found)


def _repeat(words: Words) -> Words:
    halves = words.view(np.uint32)
    halves[1] = halves[0]
    return words


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, outside = "valid_rows", "owner_outside"
    codes = ["inputs", "codes"]
    return {
        **lengths(base, "bit_split", "run/valid/split#0", "b", "a", told="half of a valid bit"),
        **lengths(base, "order", "run/order#0", "a", "c", told="the order of the rows"),
        **lengths(base, "masked_sums", "run/ends#0", "b", "c", told="the masked prefix sums"),
        **lengths(outside, "orders", "run/ends#0", "d", "a", told="an outside owner's orders"),
        "ends_one_word_short": changed(
            base, "the order of the groups' ends lacks a word", "run/ends#0", "a", "c", shorter
        ),
        "row_in_two_places": changed(
            base, "the order names a row twice", "run/order#0", "a", "c", payload(_repeat)
        ),
        "end_of_two_groups": changed(
            base, "two groups end at one row", "run/ends#0", "a", "c", payload(_repeat)
        ),
        "masked_sum_changed": changed(
            base, "one bit of a masked prefix sum: two groups have other sums or none", "run/order#0",
            "b", "c", payload(lambda words: words + np.uint64(1)), "undetected",
        ),
        "product_changed": changed(
            base, "a share of valid bit times value", "run/masked/0#0", "b", "a", flip(1, 5),
            "undetected",
        ),
        "unequal_copies_of_an_order": changed(
            outside, "an outside owner gives one holder another order", "run/order#0", "d", "c",
            payload(_repeat),
        ),
        "count_changed": changed(
            "every_row", "one bit of a masked prefix sum of the rows", "run/ends#0", "c", "a", flip(),
            "undetected",
        ),
        "codes_too_short": Bad(
            "the owner has a code less than there are rows", base, "fault",
            setting=[([], codes, [2, 0, 2])],
        ),
        "codes_absent_at_their_owner": Bad(
            "the owner has no codes", base, "fault", setting=[([], codes, None)]
        ),
        "group_missing": Bad(
            "no group at all", base, "fault", setting=[([], ["sizes", "groups"], 0)]
        ),
        "unequal_numbers_of_groups": Bad(
            "the receiver was told of fewer groups", base, "fault",
            setting=[(["c"], ["sizes", "groups"], 2)],
        ),
        "one_column_missing": Bad(
            "a party sums one column less", "every_row", "fault",
            setting=[(["c"], ["inputs", "columns"], [])],
        ),
        "unequal_pair_seeds": Bad(
            "the owner and its neighbour draw two permutations: rows are mixed up", base,
            "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Counts and sums by plain arithmetic."""
    check_sums(vector, vector["inputs"]["codes"], vector["sizes"]["groups"])
