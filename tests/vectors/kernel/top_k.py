"""Vectors of top k: both directions, ties, absent rows, no row and all rows wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, payload
from tests.vectors.good import drawn, head
from tests.vectors.kernel._rows import (
    bits_found,
    columns_of,
    given,
    number_found,
    plain_rows,
    sort_faults,
)
from tests.vectors.plays import engine_of, shares
from tests.vectors.world import Setting

from mpcstats.protocols.sort import Key
from mpcstats.protocols.top_k import top_k
from mpcstats.session import Session, Words

PROTOCOL = "top_k"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        first: int,
        keys: Sequence[tuple[Sequence[int], int]],
        descending: Sequence[bool] = (False,),
        present: Sequence[int] | None = None,
    ) -> Setting:
        n = len(keys[0][0])
        numbers = [[100 - i for i in range(n)]]
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": n, "first": first, "descending": list(descending)},
            "inputs": given(drawn(f"{PROTOCOL} {title}"), keys, numbers, present),
        }

    five = (9, 3, 9, 31, 3)
    return {
        "two_smallest": setting("two_smallest", "a tie, in the old order", 2, [(five, 5)]),
        "two_largest": setting("two_largest", "descending, the second is a tie", 2, [(five, 5)], (True,)),
        "absent_rows": setting(
            "absent_rows", "three are wanted, two are present", 3, [((9, 3, 9, 15, 3), 4)],
            present=(0, 1, 0, 1, 0),
        ),
        "two_keys": setting(
            "two_keys", "by one key upwards, then by another downwards", 3,
            [((1, 0, 1, 0), 1), ((2, 4, 6, 5), 3)], (False, True),
        ),
        "all_rows": setting("all_rows", "as many as there are", 3, [((2, 1, 2), 2)]),
        "none_wanted": setting("none_wanted", "no row: nothing is compared", 0, [((2, 1, 2), 2)]),
        "one_row": setting("one_row", "a table of one row", 1, [((1,), 1)], present=(1,)),
    }  # fmt: skip


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes = setting["sizes"]
    bits, numbers, present = columns_of(setting, session)
    keys = [Key(rows, down) for rows, down in zip(bits, sizes["descending"], strict=False)]
    engine = engine_of(setting)
    found = await top_k(session, engine, keys, numbers, sizes["first"], present=present)
    return {
        "keys": [shares(key) for key in found.keys],
        "columns": [shares(column) for column in found.columns],
        "present": shares(found.present),
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, absent = "two_smallest", "absent_rows"
    first = ["sizes", "first"]
    return {
        **sort_faults(base, "run/sort"),
        "tree_share_changed": changed(
            base, "a share of a tree's ands: a row is found above another",
            "run/sort/rank/batch0/tree/level0#0", "b", "a", flip(0, 3), "undetected",
        ),
        "column_changed": changed(
            base, "a share of every row's number in the last pass", "run/sort/shuffle/pass2/move#0",
            "c", "b", payload(_numbers_raised), "undetected",
        ),
        "k_beyond_the_rows": Bad(
            "six first rows of five", base, "fault", setting=[([], first, 6)]
        ),
        "k_below_zero": Bad("k is -1", base, "fault", setting=[([], first, -1)]),
        "no_key": Bad("rows without a key", base, "fault", setting=[([], ["inputs", "bits"], [])]),
        "unequal_k": Bad(
            "a party wants four rows: it compares other rows", base, "fault", setting=[(["b"], first, 4)]
        ),
        "unequal_directions": Bad(
            "a party inverts its share of the key: P_0, who adds constants", base, "undetected",
            setting=[(["a"], ["sizes", "descending"], [True])],
        ),
        "presence_missing_at_one_party": Bad(
            "a party takes all rows for present: its part of the keys is another", absent, "undetected",
            setting=[(["c"], ["inputs", "present"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def _numbers_raised(words: Words) -> Words:
    words[-5:] += np.uint64(1)  # the column of numbers comes after the keys
    return words


def check(vector: dict[str, Any]) -> None:
    """A stable sort of the present rows."""
    columns, (numbers,), there = plain_rows(vector)
    sizes, k = vector["sizes"], vector["sizes"]["first"]

    def by(i: int) -> list[int]:
        directions = zip(columns, sizes["descending"], strict=True)
        return [-column[i] if down else column[i] for column, down in directions]

    order = sorted(there, key=by)[:k]
    assert bits_found(vector, k, 1, "present") == [1] * len(order) + [0] * (k - len(order))
    assert number_found(vector, "columns", 0)[: len(order)] == [numbers[i] for i in order]
    for number, column in enumerate(vector["inputs"]["bits"]):
        found = bits_found(vector, k, column["width"], "keys", number)
        assert found[: len(order)] == [columns[number][i] for i in order]
    assert {o["leak"] for o in vector["openings"]} <= {"shuffled-order"}
