"""Vectors of shuffle: columns in a secret order and back again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, empty, flip, from_party, lengths, missing
from tests.vectors.good import drawn, head, shared, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, shares, signed
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.engines.column import Column
from mpcstats.session import PairSeeds, Session

PROTOCOL = "shuffle"
Vector = dict[str, Any]


def table(
    title: str,
    about: str,
    numbers: Sequence[Sequence[int]],
    rows: Sequence[tuple[int, Sequence[int]]] = (),
    *,
    n: int,
    outside: Sequence[str] = (),
    protocol: str = PROTOCOL,
) -> Setting:
    """Columns of numbers, then bit rows as (width, values); the setting of a protocol on a table of n rows."""
    stream = drawn(f"{protocol} {title}")
    return {
        **head(protocol, title, about, outside),
        "roles": {},
        "sizes": {"rows": n, "numbers": len(numbers), "widths": [width for width, _ in rows]},
        "inputs": {
            "numbers": [shared(column, stream) for column in numbers],
            "bits": [shared_rows(values, width, stream) for width, values in rows],
            "plain": {
                "numbers": [list(column) for column in numbers],
                "bits": [list(values) for _, values in rows],
            },
        },
    }


def columns_of(setting: Setting, session: Session) -> list[Column]:
    """This party's columns of the table."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n = sizes["rows"]
    numbers = [arith_of(setting, session, c, n) for c in inputs["numbers"]]
    widths = zip(inputs["bits"], sizes["widths"], strict=True)
    return [*numbers, *(bits_of(setting, session, c, n, width) for c, width in widths)]


def values(vector: Vector, name: str) -> list[list[int]]:
    """The columns of the result `name`, numbers first, put together from the three components."""
    sizes = vector["sizes"]
    kinds: list[int | None] = [None] * sizes["numbers"] + list(sizes["widths"])
    return [component_sum(vector, name, i, width) for i, width in enumerate(kinds)]


def component_sum(vector: Vector, name: str, column: int, width: int | None) -> list[int]:
    """Column number `column` of result `name`: numbers (width None) or bit rows; held equally by both holders."""
    parts = [vector["results"][party][name][column] for party in vector["compute"]]
    for i, (_, following) in enumerate(parts):
        assert following == parts[(i + 1) % 3][0]
    one, two, three = (from_hex(own) for own, _ in parts)
    if width is None:
        return signed(one + two + three)
    n = vector["sizes"]["rows"]
    rows = (one ^ two ^ three).reshape(width, slicing.words(n))
    return [int(v) for v in slicing.join_bits(rows, n)]


def plain(vector: Vector) -> list[list[int]]:
    """The columns as they went in."""
    given = vector["inputs"]["plain"]
    return [*given["numbers"], *given["bits"]]


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    found = [
        table("one_column", "four numbers", [(5, -6, 7, 8)], n=4),
        table("equal_rows", "equal numbers: what is sent tells nothing", [(3, 3, 3)], n=3),
        table(
            "numbers_and_bits",
            "two columns of numbers, rows of 3 and of 65 bits: the last takes two words a row",
            [(1, 2, 3, 4, 5), (-1, -2, -3, -4, -5)],
            [(3, (7, 0, 5, 2, 1)), (64, (0, 1, (1 << 64) - 1, 1 << 63, 9))],
            n=5,
        ),
        table("one_row", "one row: there is one order", [(9,)], [(1, (1,))], n=1),
        table("no_rows", "no row: messages without words are sent", [()], n=0),
        table(
            "outside_party", "a party that does not compute takes no part", [(1, 2)], n=2, outside="d"
        ),
        table(
            "many_rows", "65 rows of one bit: rows cross a word", [],
            [(1, [i % 3 == 0 for i in range(65)])], n=65,
        ),
    ]  # fmt: skip
    return dict(zip(TITLES, found, strict=True))


TITLES = (
    *("one_column", "equal_rows", "numbers_and_bits", "one_row", "no_rows", "outside_party"),
    "many_rows",
)


async def body(setting: Setting, session: Session) -> Any:
    """Shuffle, then undo it on the same columns."""
    engine = engine_of(setting)
    shuffled = await engine.shuffle(session.narrow("shuffle"), columns_of(setting, session))
    back = await engine.unshuffle(session.narrow("back"), shuffled.order, shuffled.columns)
    return {"mixed": [shares(c) for c in shuffled.columns], "back": [shares(c) for c in back]}


def check(vector: Vector) -> None:
    """The order is that of the three permutations, one after the other; afterwards all is as it was."""
    n = vector["sizes"]["rows"]
    order = np.arange(n)
    for j in range(3):
        order = order[permutation(vector, j, n)]
    before = plain(vector)
    assert values(vector, "mixed") == [[column[i] for i in order] for column in before]
    assert values(vector, "back") == before


def permutation(vector: Vector, j: int, n: int, step: str = "run/shuffle") -> list[int]:
    """That of pass j of the shuffle at `step`, by ranks of words of the pair's stream: none are equal."""
    first, second = vector["compute"][j], vector["compute"][(j + 1) % 3]
    seeds = vector["pair_seeds"]
    seed = bytes.fromhex(seeds.get(f"{first}-{second}") or seeds[f"{second}-{first}"])
    stream = PairSeeds(bytes.fromhex(vector["run_id"]), {second: seed}).stream(
        second, f"{step}/pass{j}"
    )
    drawn_words = [int(w) for w in stream.words(n)]
    return sorted(range(n), key=drawn_words.__getitem__)


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    there, back = "run/shuffle/pass", "run/back/pass"
    base = "numbers_and_bits"
    return {
        **lengths(base, "moved", f"{there}0/move#0", "a", "c", told="what P_0 moved"),
        **lengths(base, "masked", f"{there}1/move#0", "c", "a", told="the masked component of P_2"),
        **lengths(base, "moved_back", f"{back}2#0", "c", "b", told="what P_2 moved back"),
        **lengths("outside_party", "last", f"{there}2/move#0", "a", "b", told="P_0's component"),
        "masked_back_empty": changed(
            base, "a component without words", f"{back}0#0", "b", "c", empty
        ),
        "masked_back_missing": changed(
            base, "a component does not arrive", f"{back}1#0", "c", "a", missing, "silence"
        ),
        "pass_of_another_sender": changed(
            base, "what P_1 sends comes in P_0's name", f"{there}0/move#0", "b", "c",
            from_party("a"), "fault",
        ),
        "word_for_no_rows": changed(
            "no_rows", "a word where none is awaited", f"{there}0/move#0", "a", "c",
            lambda m: [{**m, "payload": "00" * 8}],
        ),
        "moved_number_changed": changed(
            base, "one bit of what P_0 moved: nobody can tell", f"{there}0/move#0", "a", "c", flip(),
            "undetected",
        ),
        "moved_bit_changed": changed(
            base, "one bit of the last word of bit rows", f"{there}2/move#0", "c", "b", flip(-1),
            "undetected",
        ),
        "component_that_another_moves_changed": changed(
            base, "P_0's copy of a component that P_2 alone moves in the next pass", f"{there}1/move#0",
            "c", "a", flip(-1), "no difference",
        ),
        "number_changed_on_its_way_back": changed(
            base, "one bit of the last pass back", f"{back}0#0", "a", "c", flip(), "undetected"
        ),
        "unequal_pair_seeds": Bad(
            "P_0 and P_1 have two seeds, so two permutations and masks", base, "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_run_ids": Bad(
            "P_2 has another run id: its streams differ from both others'", base, "undetected",
            setting=[(["c"], ["run_id"], OTHER_SEED)],
        ),
        "unequal_rows": Bad(
            "a party was told of one row less", "one_column", "fault",
            setting=[
                (["b"], ["sizes", "rows"], 3),
                (["b"], ["inputs", "numbers", 0], ["00" * 24] * 3),
            ],
        ),
        "column_missing": Bad(
            "a party moves no bit rows", base, "fault",
            setting=[(["c"], ["sizes", "widths"], []), (["c"], ["inputs", "bits"], [])],
        ),
        "two_compute_parties": Bad(
            "one party has two of the three seats", base, "fault",
            setting=[([], ["compute"], ["a", "b", "a"])],
        ),
    }  # fmt: skip
