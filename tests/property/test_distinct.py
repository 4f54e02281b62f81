"""Distinct keys equal those of a set and of SQL; absent rows have none."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.tables import (
    EXTREMES,
    OUTSIDE,
    TRIO,
    Sharing,
    check_cost,
    check_openings,
    everywhere,
    play,
    values,
)

from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import UsageError
from mpcstats.protocols.distinct import count_distinct, distinct
from mpcstats.session import Session

Found = tuple[list[tuple[int, int]], int, int]  # valid keys of two columns, counts of both variants
Flags = Sequence[int] | None


async def both(
    sharing: Sharing,
    session: Session,
    engine: Engine,
    keys: Sequence[tuple[int, int]],
    present: Flags,
    rows: int | None,
) -> Found:
    columns = [await sharing.bits(f"k{i}", [k[i] for k in keys], w) for i, w in ((0, 64), (1, 2))]
    there = await sharing.flags("present", present)
    found = await distinct(session.narrow("it"), engine, columns, present=there, rows=rows)
    alone = await count_distinct(session.narrow("alone"), engine, columns, present=there)
    opened = session.narrow("opened")
    secrets: list[Arith | Bits] = [*found.keys, found.valid, found.count, alone]
    first, second, valid, count, counted = [
        await values(opened.narrow(str(i)), engine, secret) for i, secret in enumerate(secrets)
    ]
    kept = [(a, b) for a, b, v in zip(first, second, valid, strict=True) if v]
    assert sorted(valid, reverse=True) == valid
    return kept, count[0], counted[0]


KEYS = st.tuples(st.sampled_from(EXTREMES) | st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=15)
@given(data=st.data(), keys=st.lists(KEYS, max_size=12), bound=st.none() | st.integers(0, 14))
def test_any_keys(data: st.DataObject, keys: list[tuple[int, int]], bound: int | None) -> None:
    flags = st.lists(st.integers(0, 1), min_size=len(keys), max_size=len(keys))
    present = data.draw(st.none() | flags)
    expected = sorted({k for k, p in zip(keys, present or [1] * len(keys), strict=True) if p})
    kept, count, counted = everywhere(lambda sh, s, e: both(sh, s, e, keys, present, bound))
    assert kept == expected[:bound]
    assert count == counted == len(expected)


def test_sql_with_a_key_that_may_be_null() -> None:
    drawn = np.random.default_rng(3).integers(0, 6, 150)
    keys = [(0, 1) if k == 5 else (int(k), 0) for k in drawn]  # NULL has a bit of its own
    sql = duckdb.connect()
    sql.execute("CREATE TABLE t (k INTEGER)")
    sql.executemany("INSERT INTO t VALUES (?)", [[None if n else k] for k, n in keys])
    expected = sql.execute("SELECT DISTINCT k FROM t").fetchall()

    async def body(sharing: Sharing, session: Session, engine: Engine) -> Found:
        return await both(sharing, session, engine, keys, None, 10)

    kept, count, _ = play(body, Rep3(TRIO), OUTSIDE).results["d"][0]
    assert {None if n else k for k, n in kept} == {k for (k,) in expected}
    assert count == len(expected)


def test_bad_tables_are_refused() -> None:
    async def none(sharing: Sharing, session: Session, engine: Engine) -> None:
        await distinct(session, engine, [])

    async def below(sharing: Sharing, session: Session, engine: Engine) -> None:
        await distinct(session, engine, [await sharing.bits("k", [1], 1)], rows=-1)

    async def other(sharing: Sharing, session: Session, engine: Engine) -> None:
        key, present = await sharing.bits("k", [1, 2], 2), await sharing.flags("p", [1])
        await count_distinct(session, engine, [key], present=present)

    for body, message in (
        (none, "at least one key"),
        (below, "at least 0 distinct"),
        (other, "2 bits of presence"),
    ):
        with pytest.raises(UsageError, match=message):
            play(body, Clear(("a",)), "a")


@pytest.mark.parametrize("absence", [True, False])
@pytest.mark.parametrize("n", [1, 2, 7, 65, 300, 1100])
def test_cost_stays_within_the_card(n: int, *, absence: bool) -> None:
    rng = np.random.default_rng(n)
    keys = [int(k) for k in rng.integers(0, 2**30, n)]
    flags = [int(f) for f in rng.integers(0, 2, n)] if absence else None

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        key, present = await sharing.bits("k", keys, 30), await sharing.flags("p", flags)
        await distinct(session.narrow("it"), engine, [key], present=present)
        await count_distinct(session.narrow("alone"), engine, [key], present=present)

    outcome = play(body, Rep3(TRIO), TRIO)
    width = 30 + int(absence) + max(1, (n - 1).bit_length())
    sizes = {"rows": n, "key": 30, "absence": int(absence), "width": width}
    for step, kept in (("it", 1), ("alone", 0)):
        looseness = check_cost(outcome, step, "distinct", {**sizes, "kept": kept})
        assert n < 1000 or looseness < 1.75
    if n > 1:
        check_openings(outcome.results["b"][1], "distinct")


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_sent_depends_on_sizes_only(*, kept: bool) -> None:
    """With three rows every ranking takes the same batches."""

    def traffic(keys: Sequence[int], flags: Sequence[int]) -> dict[tuple[str, str], int]:
        async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
            key, present = await sharing.bits("k", keys, 8), await sharing.flags("p", flags)
            step = session.narrow("it")
            await (distinct if kept else count_distinct)(step, engine, [key], present=present)

        return dict(play(body, Rep3(TRIO), TRIO).traffic.bytes_by_step)

    equal = traffic((1, 1, 1), (1, 1, 1))
    assert equal == traffic((3, 2, 1), (0, 0, 0)) == traffic((0, 255, 7), (1, 0, 1))


def test_without_presence_in_the_order_absent_keys_would_count() -> None:
    """Negative control: the same rows without their flags have another number of keys."""
    keys = [(1, 0), (2, 0), (2, 0)]
    assert everywhere(lambda sh, s, e: both(sh, s, e, keys, [1, 0, 0], None))[1:] == (1, 1)
    assert everywhere(lambda sh, s, e: both(sh, s, e, keys, None, None))[1:] == (2, 2)
