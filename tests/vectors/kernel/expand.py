"""Vectors of expand: repeated and left-out rows, both promises kept and broken, owners inside and outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, payload, shorter
from tests.vectors.good import head
from tests.vectors.kernel.permute import (
    WIDTH,
    bits_in,
    check_inputs,
    columns,
    number_of,
)
from tests.vectors.plays import arith_of, bits_of, engine_of, residues, shares
from tests.vectors.world import Setting

from mpcstats.protocols.expand import expand
from mpcstats.session import Session, Words

PROTOCOL = "expand"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        owner: str,
        numbers: Sequence[int],
        sources: Sequence[int],
        compact: bool = False,
        grouped: bool = False,
    ) -> Setting:
        return {
            **head(PROTOCOL, title, about, ["d"] if owner == "d" else []),
            "roles": {"owner": owner},
            "sizes": {
                "rows": len(numbers),
                "rows_out": len(sources),
                "width": WIDTH,
                "compact": compact,
                "grouped": grouped,
            },
            "inputs": {**columns(title, numbers), "sources": list(sources)},
        }

    four = [5, -2, 0, (1 << 63) - 1]
    made: dict[str, tuple[Any, ...]] = {
        "any_map": ("rows repeated, left out, and a row of zeros", "a", four, [3, 1, -1, 1, 3, 3]),
        "fewer_rows": ("two rows of four", "b", four, [2, 0]),
        "grouped": (
            "sources ascend: no last permutation",
            "c",
            four,
            [-1, 0, 0, 2, 2],
            False,
            True,
        ),
        "compact": ("the first rows occur: no first permutation", "a", four, [1, 0, 1, 2], True),
        "compact_and_grouped": ("one permutation", "b", four, [0, 0, 1, 1], True, True),
        "owner_outside": ("an owner that does not compute", "d", four, [0, 1, 1, 3], False, True),
        "zeros_only": ("no row occurs", "c", four, [-1, -1, -1]),
    }
    return {title: setting(title, *rest) for title, rest in made.items()}


async def body(setting: Setting, session: Session) -> Any:
    """What a party does: both columns at once."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n, owner = sizes["rows"], setting["roles"]["owner"]
    own = session.me == owner and inputs["sources"] is not None
    found = await expand(
        session,
        engine_of(setting),
        [
            arith_of(setting, session, inputs["numbers"], n),
            bits_of(setting, session, inputs["bits"], n, sizes["width"]),
        ],
        np.array(inputs["sources"], dtype=np.intp) if own else None,
        owner=owner,
        rows_out=sizes["rows_out"],
        compact=sizes["compact"],
        grouped=sizes["grouped"],
    )
    return {"numbers": shares(found[0]), "bits": shares(found[1])}


def _repeat(words: Words) -> Words:
    halves = words.view(np.uint32)
    halves[1] = halves[0]
    return words


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base = "any_map"
    sources = ["inputs", "sources"]

    def refused(about: str, which: str, value: Sequence[int] | None) -> Bad:
        return Bad(about, which, "fault", setting=[([], sources, value)])

    return {
        **lengths(base, "pick", "run/pick#0", "b", "c", told="the masked component of the first move"),
        **lengths(base, "place", "run/place#0", "a", "c", told="the order of the second move"),
        **lengths(base, "back", "run/back#1", "c", "a", told="a part of the last move's result"),
        **lengths("owner_outside", "orders", "run/place#0", "d", "c", told="an outside owner's orders"),
        "pass_one_word_short": changed(
            "owner_outside", "a pass's message lacks a word", "run/pick/pass1#0", "b", "a", shorter
        ),
        "place_twice_taken": changed(
            base, "two differences come to one place", "run/place#0", "a", "c", payload(_repeat)
        ),
        "difference_changed": changed(
            base, "one bit of a masked difference: all rows from its run on are others",
            "run/place#0", "b", "c", flip(10), "undetected",
        ),
        "unequal_copies_of_an_order": changed(
            "owner_outside", "an outside owner gives one holder another order", "run/place#0", "d",
            "a", payload(_repeat),
        ),
        "unequal_digests_of_an_order": changed(
            "owner_outside", "one bit of a digest", "run/pick#1", "b", "c", flip(1, 7)
        ),
        "source_beyond_the_rows": refused("a source that is no row", base, [3, 1, -1, 1, 3, 4]),
        "source_below_none": refused("a source below -1", base, [3, 1, -2, 1, 3, 3]),
        "sources_missing": refused("the owner has one source less", base, [3, 1, -1, 1, 3]),
        "sources_absent_at_their_owner": refused("the owner has no sources", base, None),
        "sources_do_not_ascend": refused(
            "the promise `grouped` does not hold", "grouped", [0, -1, 0, 2, 2]
        ),
        "sources_with_a_gap": refused(
            "the promise `compact` does not hold", "compact", [1, 0, 1, 3]
        ),
        "sources_without_the_first_row": refused(
            "the promise `compact` does not hold", "compact", [1, 1, 2, 2]
        ),
        "unequal_numbers_of_rows": Bad(
            "the receiver was told of fewer rows", base, "fault",
            setting=[(["c"], ["sizes", "rows_out"], 5)],
        ),
        "unequal_promises": Bad(
            "a party takes the sources for compact", base, "silence",
            setting=[(["c"], ["sizes", "compact"], True)],
        ),
        "unequal_pair_seeds": Bad(
            "the owner and its neighbour draw two permutations: rows are mixed up", base,
            "undetected", setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """The results are the columns, indexed by the sources; -1 names a zero behind the rows."""
    inputs, sizes = vector["inputs"], vector["sizes"]
    check_inputs(inputs)
    rows = np.append(residues(inputs["plain"]), np.uint64(0))
    expected = rows[np.array(inputs["sources"], dtype=np.intp)]
    assert np.array_equal(number_of(vector, "numbers"), expected)
    low = expected & np.uint64((1 << sizes["width"]) - 1)
    assert np.array_equal(bits_in(vector, "bits", sizes["rows_out"], sizes["width"]), low)
    assert vector["openings"] == []
