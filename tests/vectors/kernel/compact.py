"""Vectors of compact: flagged rows first, opened destinations, and columns put back into the old order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.vectors.bad import (
    OTHER_SEED,
    Bad,
    at_step,
    changed,
    empty,
    flip,
    from_party,
    lengths,
    longer,
    missing,
    shorter,
    twice,
)
from tests.vectors.good import drawn, shared_bits
from tests.vectors.kernel.shuffle import (
    columns_of,
    component_sum,
    permutation,
    plain,
    table,
    values,
)
from tests.vectors.plays import bits_of, engine_of, shares
from tests.vectors.world import Setting

from mpcstats.protocols.compact import compact
from mpcstats.session import Session

PROTOCOL = "compact"
Vector = dict[str, Any]


def compacted(
    title: str,
    about: str,
    flags: Sequence[int],
    numbers: Sequence[Sequence[int]] = (),
    rows: Sequence[tuple[int, Sequence[int]]] = (),
    *,
    outside: Sequence[str] = (),
) -> Setting:
    n = len(flags)
    made = table(title, about, numbers, rows, n=n, outside=outside, protocol=PROTOCOL)
    made["inputs"]["flags"] = shared_bits(flags, drawn(f"compact flags {title}"))
    made["inputs"]["plain"]["flags"] = list(flags)
    return made


def settings() -> dict[str, Setting]:
    """Title -> setting."""
    found: dict[str, tuple[str, Sequence[int], dict[str, Any]]] = {
        "some_flagged": (
            "two of five rows; a column of numbers and rows of two bits",
            (0, 1, 0, 1, 0),
            {"numbers": [(1, -2, 3, -4, 5)], "rows": [(2, (0, 1, 2, 3, 0))]},
        ),
        "all_flagged": ("every row stays", (1, 1, 1), {"numbers": [(7, 8, 9)]}),
        "none_flagged": ("no row is flagged: every row stays", (0, 0, 0), {"numbers": [(7, 8, 9)]}),
        "one_row": ("one row: its destination is 0", (1,), {"numbers": [(-1,)]}),
        "no_rows": (
            "no row: messages without words, and digests of nothing",
            (),
            {"numbers": [()]},
        ),
        "no_columns": ("nothing but the flags: how many there are", (1, 0, 1, 1), {}),
        "outside_party": (
            "a party that does not compute takes no part",
            (0, 1),
            {"numbers": [(5, 6)], "outside": "d"},
        ),
        "many_rows": ("66 rows: flags cross a word", [i % 5 == 1 for i in range(66)], {}),
    }
    return {
        title: compacted(title, about, [int(f) for f in flags], **more)
        for title, (about, flags, more) in found.items()
    }


async def body(setting: Setting, session: Session) -> Any:
    """Compact, then put the columns back."""
    engine = engine_of(setting)
    flags = bits_of(setting, session, setting["inputs"]["flags"], setting["sizes"]["rows"])
    found = await compact(session.narrow("compact"), engine, flags, columns_of(setting, session))
    back = found.columns
    if back:
        back = tuple(await found.arrangement.restore(session.narrow("back"), engine, back))
    ((_, order),) = found.arrangement.passes
    return {
        "count": [shares(found.count)],
        "moved": [shares(c) for c in found.columns],
        "back": [shares(c) for c in back],
        "order": None if order is None else order.tolist(),
    }


def check(vector: Vector) -> None:
    """Rows as Python's stable sort puts them; the opened order is that of the shuffle's permutations."""
    flags, n = vector["inputs"]["plain"]["flags"], vector["sizes"]["rows"]
    order = sorted(range(n), key=lambda i: -flags[i])
    before = plain(vector)
    assert values(vector, "moved") == [[column[i] for i in order] for column in before]
    assert values(vector, "back") == before
    one = {**vector, "sizes": {**vector["sizes"], "rows": 1}}
    assert component_sum(one, "count", 0, None) == [sum(flags)]
    mixed = list(range(n))
    for j in range(3):
        found = permutation(vector, j, n, step="run/compact/shuffle")
        mixed = [mixed[i] for i in found]
    for party, result in vector["results"].items():
        if party in vector["compute"]:
            assert [mixed[i] for i in result["order"]] == order
        else:
            assert result["order"] is None


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, bits, moved = "some_flagged", "run/compact/flags", "run/compact/shuffle/pass"
    shown = "run/compact/open/to-a#0"
    return {
        **lengths(base, "split", f"{bits}/split#0", "b", "a", told="half of a flag"),
        **lengths(base, "product", "run/compact/destinations#0", "c", "b", told="a share of a product"),
        **lengths(base, "destination", shown, "c", "a", told="the component that a lacks"),
        **lengths("none_flagged", "back", "run/back/pass0/pass2#0", "a", "b", told="a component on its way back"),
        "flag_joined_one_word_short": changed(
            base, "a flag as a number lacks a word", f"{bits}/join#0", "a", "c", shorter
        ),
        "moved_one_word_long": changed(
            base, "a pass of the shuffle has a word more", f"{moved}1/move#0", "b", "a", longer
        ),
        "digest_empty": changed(
            base, "a digest without words", "run/compact/open/to-b#0", "c", "b", empty
        ),
        "digest_of_nothing_missing": changed(
            "no_rows", "no digest of no destinations", "run/compact/open/to-c#0", "a", "c", missing,
            "silence",
        ),
        "destination_of_another_sender": changed(
            base, "destinations come in the name of who sends the digest", shown, "c", "a",
            from_party("b"),
        ),
        "destination_at_another_step": changed(
            base, "destinations for a come at b's step", shown, "c", "a",
            at_step("run/compact/open/to-b#0"), "silence",
        ),
        "flag_joined_twice": changed(
            base, "half of a flag arrives twice", f"{bits}/join#0", "c", "a", twice
        ),
        "unequal_copies_of_destinations": changed(
            base, "one bit of an opened component", "run/compact/open/to-c#0", "b", "c", flip(1, 1)
        ),
        "digest_of_other_destinations": changed(
            base, "one bit of the digest", shown, "b", "a", flip(3, 63)
        ),
        "flag_split_changed": changed(
            base, "half of a flag is one more: the flag is no bit, and destinations are no permutation",
            f"{bits}/split#0", "b", "a", flip(),
        ),
        "product_changed": changed(
            base, "a destination has unequal copies", "run/compact/destinations#0", "c", "b", flip(1),
        ),
        "column_changed": changed(
            base, "one bit of a column in the last pass of the shuffle", f"{moved}2/move#0", "c", "b",
            flip(-1), "undetected",
        ),
        "back_changed": changed(
            base, "one bit of a column on its way back", "run/back/pass0/pass0#0", "a", "c", flip(),
            "undetected",
        ),
        "unequal_pair_seeds": Bad(
            "P_0 and P_1 have two seeds: what is opened is no permutation", base, "fault",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
        "unequal_run_ids": Bad(
            "a party has another run id: its digests differ too", base, "fault",
            setting=[(["c"], ["run_id"], OTHER_SEED)],
        ),
        "column_of_other_rows": Bad(
            "a party was told of a row more", "no_columns", "fault",
            setting=[(["b"], ["sizes", "rows"], 5)],
        ),
        "two_compute_parties": Bad(
            "one party has two of the three seats", base, "fault",
            setting=[([], ["compute"], ["a", "b", "a"])],
        ),
    }  # fmt: skip
