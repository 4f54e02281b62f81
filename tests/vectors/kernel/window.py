"""Vectors of window: neighbours at a distance, differences and numbers of rows, in sorted order and back again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, missing
from tests.vectors.good import drawn, head
from tests.vectors.kernel._rows import (
    bits_found,
    columns_of,
    compact_faults,
    given,
    number_found,
    plain_rows,
    sort_faults,
)
from tests.vectors.plays import engine_of, shares
from tests.vectors.world import Setting

from mpcstats.engines.share import Arith
from mpcstats.protocols.sort import Key
from mpcstats.protocols.window import window
from mpcstats.session import Session

PROTOCOL = "window"
COLUMN = [10, 40, 90, 160, 250, 360]


def settings() -> dict[str, Setting]:
    """Title -> setting. The last column of bits is the order, those before it the partition."""

    def setting(
        title: str,
        about: str,
        keys: Sequence[tuple[Sequence[int], int]],
        present: Sequence[int] | None = None,
        *,
        by: int = 1,
        numbered: bool = False,
        restored: bool = False,
    ) -> Setting:
        n = len(keys[0][0])
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": n, "by": by, "numbered": numbered, "restored": restored},
            "inputs": given(drawn(f"{PROTOCOL} {title}"), keys, [COLUMN[:n]], present),
        }

    parts, order = (3, 1, 3, 1, 3), (5, 2, 4, 7, 5)
    return {
        "two_partitions": setting(
            "two_partitions", "three rows and two; a tie of the order", [(parts, 2), (order, 3)]
        ),
        "absent_rows": setting(
            "absent_rows", "an absent row is nobody's neighbour", [(parts, 2), ((1, 0, 1, 1, 0), 2)],
            (1, 1, 0, 1, 1),
        ),
        "two_before": setting(
            "two_before", "a distance of two rows", [(parts, 2), (order, 3)], by=2
        ),
        "one_partition": setting("one_partition", "an order alone", [((3, 1, 2), 2)]),
        "numbered": setting("numbered", "numbers of rows", [(parts, 2), (order, 3)], numbered=True),
        "back_again": setting(
            "back_again", "the lag in the old order of rows", [((1, 0, 1), 1), ((3, 1, 2), 2)],
            restored=True,
        ),
        "one_row": setting("one_row", "a table of one row", [((1,), 1), ((1,), 1)], (1,)),
    }  # fmt: skip


async def body(setting: Setting, session: Session) -> Any:
    """What a party does: lag, lead, difference, and what `sizes` asks for."""
    sizes = setting["sizes"]
    bits, numbers, present = columns_of(setting, session)
    engine = engine_of(setting)
    order = [Key(rows) for rows in bits[-1:]]
    found = await window(session, engine, bits[:-1], order, numbers, present=present)
    (column,) = found.columns
    if not isinstance(column, Arith):
        raise AssertionError("expected numbers")
    lag = await found.lag(session.narrow("lag"), engine, column, sizes["by"])
    lead = await found.lead(session.narrow("lead"), engine, column, sizes["by"])
    less = await found.difference(session.narrow("less"), engine, column, sizes["by"])
    columns = [lag.column, lag.exists, lead.column, lead.exists, less.column]
    if sizes["restored"]:
        columns = await found.restore(session.narrow("back"), engine, columns[:2])
    numbered = (
        await found.row_number(session.narrow("number"), engine) if sizes["numbered"] else None
    )
    return {
        "column": shares(column),
        "neighbours": [shares(c) for c in columns],
        "number": None if numbered is None else shares(numbered),
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, absent, numbered = "two_partitions", "absent_rows", "numbered"
    return {
        **sort_faults(base, "run/sort"),
        **compact_faults(numbered, "run/number/first/apart"),
        "equality_share_changed": changed(
            base, "an and of the equality: a partition begins or does not", "run/runs/level0#0", "b", "a",
            flip(0, 2), "undetected",
        ),
        "presence_changed": changed(
            absent, "an and of a lag's row with its presence", "run/lag/level0#0", "c", "b",
            flip(0, 3), "undetected",
        ),
        "row_number_changed": changed(
            numbered, "a share of a row's number", "run/number/counted#0", "c", "b", flip(2), "undetected"
        ),
        "pass_back_missing": changed(
            "back_again", "a summand of a row on its way back does not arrive", "run/back/pass0/pass2#0", "c", "b",
            missing, "silence",
        ),
        "pass_back_changed": changed(
            "back_again", "a summand of a row on its way back", "run/back/pass0/pass0#0", "b", "c", flip(1),
            "undetected",
        ),
        "no_key": Bad(
            "neither a partition nor an order", base, "fault", setting=[([], ["inputs", "bits"], [])]
        ),
        "distance_of_zero": Bad(
            "a row as its own neighbour", base, "fault", setting=[([], ["sizes", "by"], 0)]
        ),
        "unequal_distances": Bad(
            "a party looks two rows back: it waits for an and", base, "silence",
            setting=[(["b"], ["sizes", "by"], 2)],
        ),
        "presence_missing_at_one_party": Bad(
            "a party takes all rows for present, and waits for other messages", absent, "silence",
            setting=[(["c"], ["inputs", "present"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", "one_partition", "undetected",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """A stable sort of the present rows, and steps within its partitions."""
    keys, (numbers,), there = plain_rows(vector)
    sizes = vector["sizes"]
    n, by = sizes["rows"], sizes["by"]
    order = sorted(there, key=lambda i: [key[i] for key in keys])
    parts = [[key[i] for key in keys[:-1]] for i in order]
    assert number_found(vector, "column")[: len(order)] == [numbers[i] for i in order]
    found: dict[int, tuple[int, int]] = {}  # place -> value and difference of the row by before
    for place in range(by, len(order)):
        if parts[place] == parts[place - by]:
            before = numbers[order[place - by]]
            found[place] = (before, numbers[order[place]] - before)
    lag = number_found(vector, "neighbours", 0)
    exists = bits_found(vector, n, 1, "neighbours", 1)
    if sizes["restored"]:
        found = {order[place]: pair for place, pair in found.items()}
    assert {i for i in range(n) if exists[i]} == set(found)
    assert [lag[i] for i in sorted(found)] == [found[i][0] for i in sorted(found)]
    if not sizes["restored"]:
        lead = number_found(vector, "neighbours", 2)
        behind = bits_found(vector, n, 1, "neighbours", 3)
        less = number_found(vector, "neighbours", 4)
        assert {i for i in range(n) if behind[i]} == {place - by for place in found}
        assert all(lead[place - by] == numbers[order[place]] for place in found)
        assert all(less[place] == pair[1] % 2**64 for place, pair in found.items())
    if sizes["numbered"]:
        counted = number_found(vector, "number")
        assert counted[: len(order)] == [parts[: i + 1].count(part) for i, part in enumerate(parts)]
    leaks = {o["leak"] for o in vector["openings"]}
    assert leaks <= {"shuffled-order", *(["shuffled-destination"] if sizes["numbered"] else [])}
