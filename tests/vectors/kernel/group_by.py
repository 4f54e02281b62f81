"""Vectors of group-by with secret keys: narrow and wide keys, absent rows, NULLs, fewer groups than there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tests.vectors.bad import OTHER_SEED, Bad, changed, flip, lengths, missing, shorter
from tests.vectors.good import drawn, head, shared, shared_bits, shared_rows
from tests.vectors.plays import arith_of, bits_of, engine_of, residues, shares
from tests.vectors.world import Setting, from_hex

from mpcstats.algebra import bits as slicing
from mpcstats.protocols.group_by import Values, group_by
from mpcstats.session import Session, Words

PROTOCOL = "group_by"
VALUE_BITS = 3


def settings() -> dict[str, Setting]:
    """Title -> setting."""

    def setting(
        title: str,
        about: str,
        widths: Sequence[int],
        groups: int,
        rows: Sequence[Sequence[int]],
        *,
        spread: bool = False,
        flags: bool = False,
    ) -> Setting:
        """Each of `rows`: keys, an amount, a value of three bits, whether that is known, whether the row is present."""
        stream = drawn(f"{PROTOCOL} {title}")
        columns = [list(c) for c in zip(*rows, strict=True)]
        *keys, amount, value, known, present = columns
        return {
            **head(PROTOCOL, title, about),
            "roles": {},
            "sizes": {"rows": len(rows), "widths": list(widths), "groups": groups},
            "inputs": {
                "keys": [shared_rows(k, w, stream) for k, w in zip(keys, widths, strict=True)],
                "amount": shared(amount, stream),
                "values": shared_rows(value, VALUE_BITS, stream) if spread else None,
                "numbers": shared(value, stream) if spread else None,
                "known": shared_bits(known, stream) if spread and flags else None,
                "present": shared_bits(present, stream) if flags else None,
                "plain": {"rows": [list(row) for row in rows], "flags": flags},
            },
        }

    made: dict[str, tuple[Any, ...]] = {
        "narrow_key": (
            "a key of two bits",
            [2],
            4,
            [[2, 5, 0, 1, 1], [0, -1, 0, 1, 1], [2, 7, 0, 1, 1]],
        ),
        "wide_key": (
            "a key of eight bits: rows are ordered by comparisons",
            *([8], 2, [[200, 5, 0, 1, 1], [7, 1, 0, 1, 1], [200, 7, 0, 1, 1]]),
        ),
        "two_keys": (
            "two keys; groups in the order of both",
            *([1, 2], 3, [[1, 0, 1, 0, 1, 1], [0, 3, 2, 0, 1, 1], [1, 0, 4, 0, 1, 1]]),
        ),
        "fewer_groups_than_there_are": (
            "a bound of one group and two groups: the second is left out",
            *([2], 1, [[3, 5, 0, 1, 1], [1, 6, 0, 1, 1]]),
        ),
        "one_row": ("a single row", [3], 5, [[4, 9, 0, 1, 1]]),
    }
    found = {title: setting(title, *rest) for title, rest in made.items()}
    rows = [[1, 5, 3, 1, 1], [1, 6, 7, 0, 1], [1, 7, 3, 1, 1], [0, 9, 0, 0, 1], [0, 8, 6, 1, 0]]
    found["spread"] = setting(
        "spread", "known, distinct, least, greatest value; one absent row", [1], 3, rows,
        spread=True, flags=True,
    )  # fmt: skip
    found["spread_of_all"] = setting(
        "spread_of_all", "all rows present, all values known", [1], 2, rows[:3], spread=True
    )
    return found


async def body(setting: Setting, session: Session) -> Any:
    """What a party does."""
    sizes, inputs = setting["sizes"], setting["inputs"]
    n = sizes["rows"]
    spreads = []
    if inputs["values"] is not None:
        known = inputs["known"]
        spreads = [
            Values(
                bits_of(setting, session, inputs["values"], n, VALUE_BITS),
                arith_of(setting, session, inputs["numbers"], n),
                None if known is None else bits_of(setting, session, known, n),
            )
        ]
    present = inputs["present"]
    found = await group_by(
        session,
        engine_of(setting),
        [
            bits_of(setting, session, key, n, sizes["widths"][i])
            for i, key in enumerate(inputs["keys"])
        ],
        groups=sizes["groups"],
        sums=[arith_of(setting, session, inputs["amount"], n)],
        spreads=spreads,
        present=None if present is None else bits_of(setting, session, present, n),
    )
    numbers = [found.groups, found.persons, *found.sums]
    for spread in found.spreads:
        numbers += [spread.known, spread.distinct, spread.least, spread.greatest]
    return {
        "keys": [shares(key) for key in found.keys],
        "numbers": [shares(column) for column in numbers],
    }


def cases() -> dict[str, Bad]:
    """Title -> fault."""
    base, table = "narrow_key", "run/table0"
    within, sums = f"{table}/valid/within/upper#0", f"{table}/valid/sums#0"
    ends, moved = f"{table}/ends/destinations#0", f"{table}/sort/digit0/moved#0"
    opened = f"{table}/ends/open/to-a#0"
    return {
        **lengths(base, "order", moved, "c", "b", told="a summand of the rows' destinations"),
        **lengths(base, "end", ends, "c", "b", told="a summand of where last rows go"),
        **lengths(base, "opening", opened, "c", "a", told="the component of destinations that a lacks"),
        **lengths(base, "within", within, "a", "c", told="the sliced bits of a group's number"),
        **lengths(base, "masked_sum", sums, "b", "a", told="a share of a group's sum"),
        "comparison_one_word_short": changed(
            "wide_key", "a share of a comparison lacks a word",
            f"{table}/sort/rank/batch0/tree/low/level0#0", "b", "a", shorter,
        ),
        "outcome_missing": changed(
            "wide_key", "an outcome's component does not arrive",
            f"{table}/sort/rank/batch0/to-c#0", "b", "c", missing, "silence",
        ),
        "outcome_changed": changed(
            "wide_key", "one bit of an opened outcome: its copy's digest differs",
            f"{table}/sort/rank/batch0/to-c#0", "b", "c", flip(),
        ),
        "destination_changed": changed(
            base, "a last row goes far outside: no permutation is opened", ends, "c", "b", flip(0, 40)
        ),
        "sum_changed": changed(
            base, "one bit of a share of a sum", sums, "b", "a", flip(-1, 5), "undetected"
        ),
        "no_group": Bad(
            "a bound of no group", base, "fault", setting=[([], ["sizes", "groups"], 0)]
        ),
        "no_key": Bad(
            "no key to group by", base, "fault", setting=[([], ["inputs", "keys"], [])]
        ),
        "unequal_bounds_on_groups": Bad(
            "a party was told of fewer groups", base, "fault",
            setting=[(["b"], ["sizes", "groups"], 1)],
        ),
        "present_row_missing_at_one_party": Bad(
            "a party takes all rows for present", "spread", "fault",
            setting=[(["a"], ["inputs", "present"], None)],
        ),
        "unequal_pair_seeds": Bad(
            "two compute parties have two seeds: masks do not come off", base, "fault",
            setting=[(["a"], ["pair_seeds", "a-b"], OTHER_SEED)],
        ),
    }  # fmt: skip


def check(vector: dict[str, Any]) -> None:
    """Groups by a loop over the rows."""
    sizes, plain = vector["sizes"], vector["inputs"]["plain"]
    width = len(sizes["widths"])
    rows = [r for r in plain["rows"] if r[-1] or not plain["flags"]]
    keys = sorted({tuple(r[:width]) for r in rows})
    bound = min(sizes["groups"], sizes["rows"])
    found = []
    for key in keys[:bound]:
        own = [r for r in rows if tuple(r[:width]) == key]
        known = [r[-3] for r in own if r[-2] or not plain["flags"]]
        spread = [len(known), len(set(known)), min(known, default=0), max(known, default=0)]
        found.append([len(own), sum(r[width] for r in own), *spread])
    found += [[0] * 6] * (bound - len(found))
    groups, *numbers = _opened(vector, "numbers", bits=False)
    assert groups.tolist() == [len(keys)]
    for i, column in enumerate(numbers):
        assert np.array_equal(column, residues([line[i] for line in found]))
    for i, rows_of_key in enumerate(_opened(vector, "keys", bits=True)):
        shape = (sizes["widths"][i], slicing.words(bound))
        values = slicing.join_bits(rows_of_key.reshape(shape), bound).tolist()
        assert values[: len(keys)] == [key[i] for key in keys[:bound]]


def _opened(vector: dict[str, Any], name: str, *, bits: bool) -> list[Words]:
    own = [vector["results"][party][name] for party in vector["compute"]]
    found = []
    for parts in zip(*own, strict=True):
        a, b, c = (from_hex(part[0]) for part in parts)
        found.append(a ^ b ^ c if bits else a + b + c)
    return found
