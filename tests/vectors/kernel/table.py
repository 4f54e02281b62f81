"""Vectors of columns that an owner puts in: numbers and bits, rows filled up, owners inside and outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths
from tests.vectors.good import head
from tests.vectors.plays import engine_of, residues, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.table import Own, give
from mpcstats.session import Session, Words

PROTOCOL = "table"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        owner: str,
        rows: int,
        numbers: Sequence[Sequence[int]],
        fields: Sequence[tuple[int, Sequence[int]]],
    ) -> Setting:
        columns = [*numbers, *(column for _, column in fields)]
        return {
            **head(PROTOCOL, title, about, ["d"] if owner == "d" else []),
            "roles": {"owner": owner},
            "sizes": {
                "rows": rows,
                "numbers": len(numbers),
                "widths": [width for width, _ in fields],
            },
            "inputs": {
                "own": {
                    "rows": len(columns[0]),
                    "numbers": [list(column) for column in numbers],
                    "fields": [list(column) for _, column in fields],
                }
            },
        }

    three = [7, -1, (1 << 63) - 1]
    there = (1, [1, 1, 1])
    text = (64, [1 << 63, 3, (1 << 64) - 1])
    made: dict[str, tuple[Any, ...]] = {
        "rows_filled_up": ("three rows of five, and which are there", "a", 5, [three], [there]),
        "as_many_rows_as_the_bound": ("nothing to fill up", "b", 3, [three, three], [there]),
        "text_and_flag": ("bits of a digest, and a flag", "c", 4, [], [there, text, (1, [0, 1, 1])]),
        "numbers_only": ("no field of bits", "c", 4, [three], []),
        "owner_outside": ("an owner that does not compute", "d", 4, [three], [there, text]),
        "no_rows_of_two": ("an owner without rows", "a", 2, [[]], [(1, [])]),
        "bound_of_no_rows": ("a table without rows: messages without words", "d", 0, [[]], [(1, [])]),
        "rows_beyond_a_word": ("65 rows of 70", "b", 70, [list(range(65))], [(1, [1] * 65)]),
    }  # fmt: skip
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs, owner = setting["sizes"], setting["inputs"], setting["roles"]["owner"]
    own = None
    if session.me == owner and inputs["own"] is not None:
        given = inputs["own"]
        columns = ([residues(c) for c in given[kind]] for kind in ("numbers", "fields"))
        own = Own(given["rows"], *(tuple(each) for each in columns))
    found = await give(
        session,
        engine_of(setting),
        own,
        owner=owner,
        rows=sizes["rows"],
        numbers=sizes["numbers"],
        widths=sizes["widths"],
    )
    return {
        "numbers": [shares(column) for column in found.numbers],
        "fields": [shares(column) for column in found.fields],
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, outside = "rows_filled_up", "owner_outside"
    own = ["inputs", "own"]
    return {
        **lengths(base, "numbers", "run/numbers#0", "a", "c", told="the component of numbers"),
        **lengths(base, "bits", "run/bits#0", "a", "c", told="the component of bits"),
        **lengths(outside, "copy", "run/numbers#0", "d", "a", told="an outside owner's copy"),
        **lengths(outside, "digest", "run/bits#1", "a", "b", told="a digest of a component"),
        "number_changed": changed(
            base, "one bit of a component: nobody can tell", "run/numbers#0", "a", "c", flip(),
            "undetected",
        ),
        "absent_row_there": changed(
            base, "a row that is not there is: nobody can tell", "run/bits#0", "a", "c", flip(0, 4),
            "undetected",
        ),
        "unequal_copies": changed(
            outside, "a component differs at its two holders", "run/bits#0", "d", "a", flip()
        ),
        "more_rows_than_the_bound": Bad(
            "the owner has a row too many", base, "fault", setting=[([], ["sizes", "rows"], 2)]
        ),
        "column_too_short": Bad(
            "a column has a row less than the others", base, "fault",
            setting=[([], [*own, "numbers", 0], [7, -1])],
        ),
        "column_missing": Bad(
            "the owner has a column less than announced", base, "fault",
            setting=[([], ["sizes", "numbers"], 2)],
        ),
        "rows_absent_at_their_owner": Bad(
            "the owner has nothing to put in", base, "fault", setting=[([], own, None)]
        ),
        "unequal_bounds": Bad(
            "the receiver was told of fewer rows", base, "fault",
            setting=[(["c"], ["sizes", "rows"], 4)],
        ),
        "unequal_pair_seeds": Bad(
            "the stream that the owner subtracts is not the one that its holder draws", base,
            "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """The results are the owner's columns, with zeros behind them."""
    sizes, own = vector["sizes"], vector["inputs"]["own"]
    rows = sizes["rows"]
    for i, column in enumerate(own["numbers"]):
        found = sum(_components(vector, "numbers", i), start=np.zeros(rows, dtype=np.uint64))
        assert np.array_equal(found, _filled(column, rows))
    for i, (column, width) in enumerate(zip(own["fields"], sizes["widths"], strict=True)):
        zero, one, two = (
            part.reshape(width, slicing.words(rows)) for part in _components(vector, "fields", i)
        )
        assert np.array_equal(slicing.join_bits(zero ^ one ^ two, rows), _filled(column, rows))
    assert vector["openings"] == []


def _components(vector: dict[str, Any], kind: str, column: int) -> list[Words]:
    """x_0, x_1, x_2: each compute party's own component."""
    return [from_hex(vector["results"][p][kind][column][0]) for p in vector["compute"]]


def _filled(column: Sequence[int], rows: int) -> Words:
    found = np.zeros(rows, dtype=np.uint64)
    found[: len(column)] = residues(column)
    return found
