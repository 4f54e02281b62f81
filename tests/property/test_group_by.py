"""Grouping by secret keys equals plain grouping: counts, sums, extremes, distinct values, NULLs, absent rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Bits
from mpcstats.errors import UsageError
from mpcstats.protocols.group_by import Grouped, Values, group_by
from mpcstats.session import Session, Words
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
WIDTHS = (2, 64)
Row = tuple[int, int, int, bool, bool]  # two keys, value, known, present
Group = tuple[int, int, int, int, int, int, int, int]


def plain(rows: Sequence[Row], groups: int, *, flags: bool) -> tuple[int, list[Group]]:
    """The number of groups, and each: keys, persons, sum, known, distinct, least, greatest; zeros beyond the last."""
    there = [r for r in rows if r[4] or not flags]
    keys = sorted({r[:2] for r in there})
    found = []
    for key in keys[:groups]:
        own = [r for r in there if r[:2] == key]
        known = [r[2] for r in own if r[3] or not flags]
        least, greatest = (min(known), max(known)) if known else (0, 0)
        total = sum(r[2] for r in own) % 2**64
        found.append((*key, len(own), total, len(known), len(set(known)), least, greatest))
    empty = [(0,) * 8] * (min(groups, len(rows)) - len(found))
    return len(keys), found + empty


def play(
    engine: Engine, rows: Sequence[Row], groups: int, *, flags: bool, parties: Sequence[str]
) -> tuple[int, list[Group]]:
    columns = [np.array([r[i] for r in rows], dtype=np.uint64) for i in range(5)]

    async def body(session: Session) -> tuple[int, list[Group]]:
        mine = session.me == parties[-1]

        async def bits(name: str, numbers: Words, width: int) -> Bits:
            sliced = slicing.slice_bits(numbers, width) if mine else None
            return await engine.share_bits(
                session.narrow(name), sliced, owner=parties[-1], length=len(rows), width=width
            )

        value = await engine.share(
            session.narrow("numbers"),
            columns[2] if mine else None,
            owner=parties[-1],
            shape=(len(rows),),
        )
        known = await bits("known", columns[3], 1) if flags else None
        found: Grouped = await group_by(
            session.narrow("group"),
            engine,
            [await bits(f"key{i}", columns[i], WIDTHS[i]) for i in range(2)],
            groups=groups,
            sums=[value],
            spreads=[Values(await bits("value", columns[2], 64), value, known)],
            present=await bits("present", columns[4], 1) if flags else None,
        )
        (spread,) = found.spreads
        wanted = [found.persons, *found.sums]
        wanted += [spread.known, spread.distinct, spread.least, spread.greatest]
        numbers = [
            await opened(session.narrow(f"n{i}"), engine, column) for i, column in enumerate(wanted)
        ]
        keys = []
        for i, key in enumerate(found.keys):
            row = await opened(session.narrow(f"k{i}"), engine, key)
            keys.append(slicing.join_bits(slicing.pack(row), key.length))
        (count,) = await opened(session.narrow("count"), engine, found.groups)
        (valid,) = await opened(session.narrow("valid"), engine, found.valid)
        assert valid.sum() == min(int(count), found.valid.length)
        lines: Any = [tuple(int(c[i]) for c in (*keys, *numbers)) for i in range(valid.size)]
        return int(count), lines

    return run_together(tuple(parties), body).results[parties[0]]


VALUES = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 5)
ROW = st.tuples(
    st.integers(0, 2), st.sampled_from([0, 7, 2**64 - 1]), VALUES, st.booleans(), st.booleans()
)


@settings(max_examples=50)
@given(rows=st.lists(ROW, max_size=14), groups=st.integers(1, 8), flags=st.booleans())
def test_any_rows(rows: list[Row], groups: int, flags: bool) -> None:
    expected = plain(rows, groups, flags=flags)
    assert play(Rep3(TRIO), rows, groups, flags=flags, parties=(*TRIO, "d")) == expected
    assert play(Clear(("a",)), rows, groups, flags=flags, parties=("a", "b")) == expected


def test_a_bound_or_key_that_is_missing_is_refused() -> None:
    with pytest.raises(UsageError, match="bound of at least 1 group"):
        play(Clear(("a",)), [(0, 0, 0, True, True)], 0, flags=False, parties=("a",))
