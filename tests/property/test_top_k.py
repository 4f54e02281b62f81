"""The first rows equal those of numpy's stable sort and of SQL with LIMIT; absent rows come last."""

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
from mpcstats.errors import UsageError
from mpcstats.protocols.sort import Key
from mpcstats.protocols.top_k import Top, top_k
from mpcstats.session import Session

Row = tuple[int, int]  # a key of 64 bits, ascending; one of 2 bits, descending
Flags = Sequence[int] | None


async def top(
    sharing: Sharing, session: Session, engine: Engine, rows: Sequence[Row], k: int, present: Flags
) -> tuple[list[int], list[int], list[int]]:
    """Places and first keys of present rows, and the flags of presence."""
    first = await sharing.bits("first", [r[0] for r in rows], 64)
    second = await sharing.bits("second", [r[1] for r in rows], 2)
    place = await sharing.numbers("place", range(len(rows)))
    there = await sharing.flags("present", present)
    keys = [Key(second, descending=True), Key(first)]
    found: Top = await top_k(session.narrow("it"), engine, keys, [place], k, present=there)
    places = await values(session.narrow("places"), engine, found.columns[0])
    own = await values(session.narrow("own"), engine, found.keys[1])
    flags = await values(session.narrow("flags"), engine, found.present)
    n = sum(flags)
    return places[:n], own[:n], flags


def expected(rows: Sequence[Row], k: int, present: Flags) -> list[int]:
    there = [i for i in range(len(rows)) if present is None or present[i]]
    return sorted(there, key=lambda i: (-rows[i][1], rows[i][0]))[:k]


@settings(max_examples=20)
@given(data=st.data())
def test_any_rows(data: st.DataObject) -> None:
    key = st.tuples(st.sampled_from(EXTREMES) | st.integers(0, 3), st.integers(0, 3))
    rows = data.draw(st.lists(key, max_size=14))
    n = len(rows)
    k = data.draw(st.integers(0, n))
    present = data.draw(st.none() | st.lists(st.integers(0, 1), min_size=n, max_size=n))
    places, own, flags = everywhere(lambda sh, s, e: top(sh, s, e, rows, k, present))
    order = expected(rows, k, present)
    assert places == order
    assert own == [rows[i][0] for i in order]
    assert flags == [1] * len(order) + [0] * (k - len(order))


@pytest.mark.parametrize("k", [1, 40, 500])
def test_sql_with_a_limit(k: int) -> None:
    rng = np.random.default_rng(k)
    rows = [
        (int(a), int(b))
        for a, b in zip(rng.integers(0, 50, 500), rng.integers(0, 4, 500), strict=True)
    ]
    sql = duckdb.connect()
    sql.execute("CREATE TABLE t (place INTEGER, a INTEGER, b INTEGER)")
    sql.executemany("INSERT INTO t VALUES (?, ?, ?)", [[i, a, b] for i, (a, b) in enumerate(rows)])
    query = f"SELECT place FROM t ORDER BY b DESC, a, place LIMIT {k}"
    order = [i for (i,) in sql.execute(query).fetchall()]

    async def body(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
        return (await top(sharing, session, engine, rows, k, None))[0]

    assert play(body, Rep3(TRIO), OUTSIDE).results["d"][0] == order


def test_more_rows_than_there_are_are_refused() -> None:
    async def body(sharing: Sharing, session: Session, engine: Engine, k: int, p: Flags) -> None:
        await top(sharing, session, engine, [(1, 1), (2, 1)], k, p)

    for k, flags, message in (
        (3, None, "from 0 to 2"),
        (-1, None, "from 0"),
        (1, [1], "2 bits of"),
    ):
        with pytest.raises(UsageError, match=message):
            play(lambda sh, s, e: body(sh, s, e, k, flags), Clear(("a",)), "a")  # noqa: B023
    with pytest.raises(UsageError, match="at least one key"):
        play(lambda _, s, e: top_k(s, e, [], [], 0), Clear(("a",)), "a")


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 2, 9, 70, 300, 6000])
def test_cost_stays_within_the_card(n: int, part: float) -> None:
    keys = [int(k) for k in np.random.default_rng(n).integers(0, 2**30, n)]
    k = max(1, int(part * n))

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        key, column = await sharing.bits("k", keys, 30), await sharing.numbers("n", keys)
        there = await sharing.flags("p", [1] * n)
        await top_k(session.narrow("it"), engine, [Key(key)], [column], k, present=there)

    outcome = play(body, Rep3(TRIO), TRIO)
    sizes = {"rows": n, "first": k, "width": 31 + max(1, (n - 1).bit_length()), "moved": 2}
    looseness = check_cost(outcome, "it", "top_k", sizes)
    assert n < 1000 or looseness < 2
    if n > 1:
        check_openings(outcome.results["b"][1], "top_k")


def test_what_is_sent_depends_on_sizes_only() -> None:
    """With two rows there is one comparison."""

    def traffic(rows: Sequence[Row], flags: Flags) -> dict[tuple[str, str], int]:
        outcome = play(lambda sh, s, e: top(sh, s, e, rows, 1, flags), Rep3(TRIO), TRIO)
        return dict(outcome.traffic.bytes_by_step)

    equal = traffic([(1, 1), (1, 1)], [1, 1])
    assert equal == traffic([(3, 0), (2, 1)], [0, 0]) == traffic([(0, 3), (5, 0)], [1, 0])


def test_few_first_rows_take_a_few_comparisons_a_row() -> None:
    """And the negative control: all rows in order take three times as much."""
    keys = [int(k) for k in np.random.default_rng(1).integers(0, 2**30, 3000)]

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        key = await sharing.bits("k", keys, 30)
        for k in (10, 3000):
            await top_k(session.narrow(f"first{k}"), engine, [Key(key)], [], k)

    openings = play(body, Clear(("a",)), "a").results["a"][1]
    compared = [
        sum(o.shape[0] for o in openings if o.step.startswith(f"run/first{k}/")) / 3000
        for k in (10, 3000)
    ]
    assert compared[0] < 4
    assert compared[1] > 10
