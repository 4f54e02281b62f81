"""Vectors of radix sort: digits of one, two and three bits, two digits, equal keys, columns of both kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, missing, shorter
from tests.vectors.good import drawn, head, shared, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.radix_sort import radix_sort
from mpcstats.session import Session, Words

PROTOCOL = "radix_sort"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str, about: str, width: int, keys: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> Setting:
        stream = drawn(f"{PROTOCOL} {title}")
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(keys), "width": width},
            "inputs": {
                "keys": shared_rows(keys, width, stream),
                "columns": [shared(column, stream) for column in columns],
                "plain": {"keys": list(keys), "columns": [list(c) for c in columns]},
            },
        }

    made: dict[str, tuple[Any, ...]] = {
        "one_bit": ("a digit of one bit", 1, [1, 0, 1, 0], [[1, 2, 3, 4]]),
        "two_bits": ("a digit of two bits, all values", 2, [3, 1, 0, 2, 1], [[1, 2, 3, 4, 5]]),
        "three_bits": (
            "a digit of three bits; equal keys keep their order",
            *(3, [5, 0, 7, 5, 1, 5], [[10, 20, 30, -40, 50, 60], [1, 2, 3, 4, 5, 6]]),
        ),
        "two_digits": ("a key of four bits", 4, [9, 1, 15, 8, 1], [[1, 2, 3, 4, 5]]),
        "all_equal": ("nothing moves", 3, [4, 4, 4], [[7, 8, 9]]),
        "no_columns": ("the key alone", 2, [2, 1, 0], []),
        "no_rows": ("nothing to sort", 3, [], [[]]),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n = sizes["rows"]
    placed = await radix_sort(
        session,
        engine_of(setting),
        bits_of(setting, session, inputs["keys"], n, sizes["width"]),
        [arith_of(setting, session, column, n) for column in inputs["columns"]],
    )
    return {"columns": [shares(column) for column in placed.columns]}


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base = "three_bits"
    hot, split = "run/digit0/one-hot/bit1#0", "run/digit0/numbers/split#0"
    moved, opened = "run/digit0/moved#0", "run/digit0/open/to-c#0"
    first, last = "run/digit0/shuffle/pass0/move#0", "run/digit0/shuffle/pass2/move#0"
    return {
        **lengths(base, "one_hot", hot, "b", "a", told="a share of an and"),
        **lengths(base, "bit_split", split, "b", "a", told="half of a one-hot bit"),
        **lengths(base, "destination", moved, "c", "b", told="a summand of the destinations"),
        **lengths(base, "shuffled", last, "a", "b", told="what a pass of the shuffle sends"),
        **lengths(base, "opening", opened, "b", "c", told="the component of destinations that c lacks"),
        "first_pass_one_word_short": changed(
            base, "the first pass lacks a word", first, "b", "c", shorter
        ),
        "second_digit_missing": changed(
            "two_digits", "the destinations of the second digit do not arrive",
            "run/digit3/open/to-a#0", "c", "a", missing, "silence",
        ),
        "destination_changed": changed(
            base, "a destination is far outside: no permutation is opened", moved, "c", "b",
            flip(0, 40),
        ),
        "opening_changed": changed(
            base, "one bit of an opened component: its copy's digest differs", opened, "b", "c", flip()
        ),
        "column_changed_in_a_pass": changed(
            base, "one bit of a column on its way: another value", last, "a", "b", flip(-1, 5),
            "undetected",
        ),
        "one_hot_changed": changed(
            base, "a share of an and: a row is of another digit, or of none", hot, "c", "b", flip(),
        ),
        "unequal_rows": Bad(
            "a party was told of fewer rows", "no_columns", "fault",
            setting=[(["a"], ["sizes", "rows"], 2)],
        ),
        "one_column_missing": Bad(
            "a party carries one column less", base, "fault",
            setting=[(["c"], ["inputs", "columns"], [])],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "fault",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_run_ids": Bad(
            "a party has another run id: digests and masks differ", "one_bit", "fault",
            setting=[(["b"], ["run_id"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Keys and columns as numpy sorts them."""
    plain = vector["inputs"]["plain"]
    order = np.argsort(np.array(plain["keys"], dtype=np.int64), kind="stable")
    keys, *columns = _columns(vector)
    n, width = vector["sizes"]["rows"], vector["sizes"]["width"]
    rows = slicing.join_bits(keys.reshape(width, slicing.words(n)), n)
    assert rows.tolist() == [plain["keys"][i] for i in order]
    for column, values in zip(columns, plain["columns"], strict=True):
        assert np.array_equal(column, residues([values[i] for i in order]))
    assert {o["leak"] for o in vector["openings"]} == {"shuffled-destination"}


def _columns(vector: dict[str, Any]) -> list[Words]:
    """Keys by exclusive or, columns by addition, of the own components of all three."""
    own = [vector["results"][party]["columns"] for party in vector["compute"]]
    found = []
    for i, (one, two, three) in enumerate(zip(*own, strict=True)):
        a, b, c = (from_hex(parts[0]) for parts in (one, two, three))
        found.append(a ^ b ^ c if i == 0 else a + b + c)
    return found
