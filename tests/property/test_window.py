"""Neighbours within partitions equal those of plain Python and of SQL's window functions; readmissions too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.tables import (
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
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.sort import Key
from mpcstats.protocols.window import Windowed, window
from mpcstats.session import Session

Row = tuple[int, int, int]  # partition, order, value
Flags = Sequence[int] | None


@dataclass(frozen=True)
class Seen:
    """In the original order, None where there is nothing: lags, leads, differences, row numbers."""

    lag: list[int | None]
    lead: list[int | None]
    difference: list[int | None]
    number: list[int | None]


def plain(rows: Sequence[Row], by: int, present: Flags) -> Seen:
    n = len(rows)
    seen = Seen([None] * n, [None] * n, [None] * n, [None] * n)
    for part in {r[0] for r in rows}:
        own = [i for i in range(n) if rows[i][0] == part and (present is None or present[i])]
        own.sort(key=lambda i: rows[i][1])
        for place, i in enumerate(own):
            seen.number[i] = place + 1
            if place >= by:
                before = rows[own[place - by]][2]
                seen.lag[i] = before
                seen.difference[i] = (rows[i][2] - before) % 2**64
            if place + by < len(own):
                seen.lead[i] = rows[own[place + by]][2]
    return seen


async def shared(
    sharing: Sharing, session: Session, engine: Engine, rows: Sequence[Row], present: Flags
) -> Windowed:
    part = await sharing.bits("part", [r[0] for r in rows], 3)
    order = await sharing.bits("order", [r[1] for r in rows], 8)
    value = await sharing.numbers("value", [r[2] for r in rows])
    there = await sharing.flags("present", present)
    return await window(session, engine, [part], [Key(order)], [value, order], present=there)


async def see(
    sharing: Sharing,
    session: Session,
    engine: Engine,
    rows: Sequence[Row],
    by: int,
    present: Flags,
) -> Seen:
    found = await shared(sharing, session.narrow("it"), engine, rows, present)
    value, order = found.columns
    assert isinstance(value, Arith)
    assert isinstance(order, Bits)
    step = session.narrow("own")
    near = [
        await found.lag(step.narrow("lag"), engine, value, by),
        await found.lead(step.narrow("lead"), engine, value, by),
        await found.difference(step.narrow("difference"), engine, value, by),
    ]
    number = await found.row_number(step.narrow("number"), engine)
    there = [] if found.present is None else [found.present]
    columns = [c for n in near for c in (n.column, n.exists)]
    back = await found.restore(step.narrow("back"), engine, [*columns, number, order, *there])
    opened = session.narrow("opened")
    got = [await values(opened.narrow(str(i)), engine, c) for i, c in enumerate(back)]
    assert got[7] == [r[1] for r in rows]
    flags = got[8] if there else [1] * len(rows)

    def where(column: list[int], bits: list[int]) -> list[int | None]:
        return [c if b else None for c, b in zip(column, bits, strict=True)]

    lag, lead, difference = (where(got[i], got[i + 1]) for i in (0, 2, 4))
    return Seen(lag, lead, difference, where(got[6], flags))


@settings(max_examples=12)
@given(data=st.data(), by=st.integers(1, 3))
def test_any_rows(data: st.DataObject, by: int) -> None:
    row = st.tuples(st.integers(0, 7), st.integers(0, 255), st.integers(0, 2**64 - 1))
    rows = data.draw(st.lists(row, max_size=12))
    flags = st.lists(st.integers(0, 1), min_size=len(rows), max_size=len(rows))
    present = data.draw(st.none() | flags)
    assert everywhere(lambda sh, s, e: see(sh, s, e, rows, by, present)) == plain(rows, by, present)


def test_one_partition_without_absence() -> None:
    rows = [(5, i * 37 % 256, i) for i in range(70)]
    assert everywhere(lambda sh, s, e: see(sh, s, e, rows, 2, None)) == plain(rows, 2, None)


@settings(max_examples=10)
@given(flags=st.none() | st.lists(st.integers(0, 1), min_size=5, max_size=5))
def test_without_partition_all_present_rows_are_one(flags: Flags) -> None:
    keys = [3, 1, 4, 1, 5]

    async def body(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
        key, there = await sharing.bits("k", keys, 3), await sharing.flags("p", flags)
        found = await window(session.narrow("it"), engine, [], [Key(key)], present=there)
        lag = await found.lag(session.narrow("lag"), engine, found.keys[0])
        return await values(session.narrow("open"), engine, lag.exists)

    n = 5 if flags is None else sum(flags)
    assert everywhere(body) == [int(0 < i < n) for i in range(5)]


# readmissions: persons with a next admission no later than 30 days after discharge

READMITTED = """
    SELECT count(DISTINCT person) FROM (
        SELECT person, discharged,
               lead(admitted) OVER (PARTITION BY person ORDER BY admitted, place) AS again
        FROM stays)
    WHERE again - discharged <= 30"""


async def readmissions(
    sharing: Sharing, session: Session, engine: Engine, stays: Sequence[Row], present: Flags
) -> int:
    person = await sharing.bits("person", [s[0] for s in stays], 4)
    admitted = await sharing.bits("admitted", [s[1] for s in stays], 9)
    days = [await sharing.numbers(f"day{i}", [s[i] for s in stays]) for i in (1, 2)]
    there = await sharing.flags("there", present)
    found = await window(
        session.narrow("it"), engine, [person], [Key(admitted)], days, present=there
    )
    came, went = found.columns
    assert isinstance(went, Arith)
    again = await found.lead(session.narrow("again"), engine, came)
    assert isinstance(again.column, Arith)
    soon = await engine.negative(session.narrow("soon"), (again.column - went).plus(-31))
    (counted,) = await engine.conj(session.narrow("counted"), [(soon, again.exists)])
    # Persons, not stays: one window of the readmitted stays, whose first rows are counted.
    readmitted = await window(
        session.narrow("persons"), engine, [found.keys[0]], [], present=counted
    )
    (first,) = await engine.conj(
        session.narrow("first"), [(readmitted.starting, _given(readmitted.present))]
    )
    numbers = await engine.to_arith(session.narrow("bits"), first)
    return (await values(session.narrow("open"), engine, numbers[0].total()))[0]


def _given(bits: Bits | None) -> Bits:
    assert bits is not None
    return bits


@pytest.mark.parametrize("seed", range(4))
def test_readmissions_equal_those_of_sql(seed: int) -> None:
    rng = np.random.default_rng(seed)
    admitted = rng.integers(0, 400, 50)
    stays = [
        (int(p), int(a), int(a + d))
        for p, a, d in zip(rng.integers(0, 14, 50), admitted, rng.integers(0, 20, 50), strict=True)
    ]
    flags = [int(f) for f in rng.integers(0, 4, 50) > 0] if seed % 2 else None
    sql = duckdb.connect()
    sql.execute("CREATE TABLE stays (place INT, person INT, admitted INT, discharged INT)")
    there = [(i, *s) for i, s in enumerate(stays) if flags is None or flags[i]]
    sql.executemany("INSERT INTO stays VALUES (?, ?, ?, ?)", there)
    (expected,) = sql.execute(READMITTED).fetchall()[0]
    assert expected > 0

    async def body(sharing: Sharing, session: Session, engine: Engine) -> int:
        return await readmissions(sharing, session, engine, stays, flags)

    assert play(body, Rep3(TRIO), OUTSIDE).results["d"][0] == expected


def test_bad_tables_are_refused() -> None:
    async def neither(sharing: Sharing, session: Session, engine: Engine) -> None:
        await window(session, engine, [], [])

    async def flags(sharing: Sharing, session: Session, engine: Engine) -> None:
        await shared(sharing, session, engine, [(1, 1, 1), (1, 2, 2)], [1])

    async def distance(sharing: Sharing, session: Session, engine: Engine) -> None:
        found = await shared(sharing, session.narrow("it"), engine, [(1, 1, 1)], None)
        await found.lag(session.narrow("lag"), engine, found.columns[0], 0)

    for body, message in (
        (neither, "keys of a partition or of an order"),
        (flags, "2 bits of presence"),
        (distance, "at least 1 row, got 0"),
    ):
        with pytest.raises(UsageError, match=message):
            play(body, Clear(("a",)), "a")


def test_columns_of_another_number_of_rows_do_not_go_back() -> None:
    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        found = await shared(sharing, session.narrow("it"), engine, [(1, 1, 1), (1, 2, 2)], None)
        await found.restore(session.narrow("back"), engine, [found.columns[0].between(0, 1)])

    with pytest.raises(InternalError, match="columns of 2 rows, got 1"):
        play(body, Rep3(TRIO), TRIO)


def test_the_last_present_row_has_no_absent_neighbour() -> None:
    """Negative control of the key of absence: without flags the same rows are neighbours."""
    rows = [(1, 1, 10), (1, 2, 20)]
    assert everywhere(lambda sh, s, e: see(sh, s, e, rows, 1, [1, 0])).lead == [None, None]
    assert everywhere(lambda sh, s, e: see(sh, s, e, rows, 1, None)).lead == [20, None]


SIZES = [
    (1, 1, False),
    (2, 1, True),
    (9, 2, False),
    (70, 4, True),
    (300, 3, False),
    (1100, 1, True),
]


@pytest.mark.parametrize(("n", "by", "absence"), SIZES)
def test_cost_stays_within_the_card(n: int, by: int, *, absence: bool) -> None:
    rng = np.random.default_rng(n)
    rows = [(int(a), int(b), 1) for a, b in rng.integers(0, 8, (n, 2))]

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        step = session.narrow("it")
        found = await shared(
            sharing, step.narrow("sorted"), engine, rows, [1] * n if absence else None
        )
        await found.lag(step.narrow("lag"), engine, found.columns[0], by)
        await found.row_number(step.narrow("number"), engine)
        await found.restore(step.narrow("back"), engine, found.columns)

    outcome = play(body, Rep3(TRIO), TRIO)
    width = 11 + int(absence) + max(1, (n - 1).bit_length())
    sizes = {"rows": n, "partition": 3, "absence": int(absence), "width": width, "moved": 3}
    sizes |= {"distances": 1, "furthest": by, "numbered": 1, "restored": 2, "restores": 1}
    looseness = check_cost(outcome, "it", "window", sizes)
    assert n < 1000 or looseness < 1.6
    if n > 1:
        check_openings(outcome.results["b"][1], "window")


def test_what_is_sent_depends_on_sizes_only() -> None:
    """With three rows every ranking takes the same batches."""
    first = play(lambda sh, s, e: see(sh, s, e, [(1, 1, 1)] * 3, 1, [1] * 3), Rep3(TRIO), TRIO)
    rows = [(1, 9, 5), (2, 8, 6), (0, 7, 7)]
    second = play(lambda sh, s, e: see(sh, s, e, rows, 1, [0, 1, 0]), Rep3(TRIO), TRIO)
    assert first.traffic.bytes_by_step == second.traffic.bytes_by_step
