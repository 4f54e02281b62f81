"""Vectors of distinct: repeated keys, two keys, absent rows, a bound, the count alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.vectors.bad import OTHER_SEED, Bad, changed, flip
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

from mpcstats.protocols.distinct import count_distinct, distinct
from mpcstats.session import Session

PROTOCOL = "distinct"


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        keys: Sequence[tuple[Sequence[int], int]],
        present: Sequence[int] | None = None,
        *,
        bound: int | None = None,
        kept: bool = True,
    ) -> Setting:
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(keys[0][0]), "bound": bound, "kept": kept},
            "inputs": given(drawn(f"{PROTOCOL} {title}"), keys, present=present),
        }

    five = (9, 3, 9, 31, 3)
    return {
        "repeated_keys": setting("repeated_keys", "five rows of three keys", [(five, 5)]),
        "absent_rows": setting(
            "absent_rows",
            "a key that only an absent row has",
            [((9, 3, 9, 15, 3), 4)],
            (1, 0, 1, 0, 1),
        ),
        "two_keys": setting(
            "two_keys",
            "two columns make a key; the first tells more",
            [((1, 1, 0), 1), ((2, 2, 5), 3)],
        ),
        "fewer_kept": setting(
            "fewer_kept", "a bound of two: the count is that of all three", [(five, 5)], bound=2
        ),
        "counted_only": setting(
            "counted_only",
            "the number of keys alone",
            [((9, 3, 9, 15, 3), 4)],
            (1, 0, 1, 0, 1),
            kept=False,
        ),
        "one_absent_row": setting("one_absent_row", "no key at all", [((7,), 3)], (0,)),
        "no_row": setting("no_row", "a table without rows", [((), 2)]),
    }


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes = setting["sizes"]
    keys, _, present = columns_of(setting, session)
    engine = engine_of(setting)
    if not sizes["kept"]:
        return {"count": shares(await count_distinct(session, engine, keys, present=present))}
    found = await distinct(session, engine, keys, present=present, rows=sizes["bound"])
    return {
        "keys": [shares(key) for key in found.keys],
        "valid": shares(found.valid),
        "count": shares(found.count),
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, absent, alone = "repeated_keys", "absent_rows", "counted_only"
    return {
        **sort_faults(base, "run/sort"),
        **compact_faults(base, "run/compact"),
        "equality_share_changed": changed(
            base, "the last and of the equality: a run begins or does not", "run/runs/level2#0", "b", "a",
            flip(0, 2), "undetected",
        ),
        "presence_changed": changed(
            absent, "an and of a run's start with its row's presence", "run/present#0", "c", "b",
            flip(0, 1), "undetected",
        ),
        "count_changed": changed(
            alone, "a summand of the count", "run/count/reshare#0", "c", "b", flip(), "undetected"
        ),
        "no_key": Bad(
            "rows without a key", base, "fault", setting=[([], ["inputs", "bits"], [])]
        ),
        "bound_below_zero": Bad(
            "a bound of -1", base, "fault", setting=[([], ["sizes", "bound"], -1)]
        ),
        "unequal_kinds": Bad(
            "one party only counts", base, "silence", setting=[(["b"], ["sizes", "kept"], False)]
        ),
        "presence_missing_at_one_party": Bad(
            "a party takes all rows for present, and waits for other messages", absent, "silence",
            setting=[(["c"], ["inputs", "present"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: destinations are junk", base, "fault",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """A set of the present rows' keys."""
    columns, _, there = plain_rows(vector)
    sizes, inputs = vector["sizes"], vector["inputs"]
    keys = sorted({tuple(column[i] for column in columns) for i in there})
    assert number_found(vector, "count") == [len(keys)]
    leaks = {o["leak"] for o in vector["openings"]}
    if not sizes["kept"]:
        assert leaks == {"shuffled-order"}
        return
    assert leaks <= {"shuffled-order", "shuffled-destination"}
    m = sizes["rows"] if sizes["bound"] is None else sizes["bound"]
    valid = bits_found(vector, m, 1, "valid")
    assert valid == [1] * len(keys[:m]) + [0] * (m - len(keys[:m]))
    for number, column in enumerate(inputs["bits"]):
        found = bits_found(vector, m, column["width"], "keys", number)
        assert found[: sum(valid)] == [key[number] for key in keys[:m]]
