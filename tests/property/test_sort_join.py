"""Sort joins equal plain ones: every kind, repeated keys, absent rows, NULL keys, several providers a side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import UsageError
from mpcstats.protocols.sort_join import Kind, Side, sort_join
from mpcstats.session import Session, Words
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
WIDTH = 3
Row = tuple[int, bool, bool, int]  # key, present, matchable, value
Rows = Sequence[tuple[int, int, int]]  # there, hit, value by match and left row


@dataclass(frozen=True)
class Table:
    """One provider's rows; `flags` says whether it has rows of bits for absence and NULL."""

    owner: str
    rows: tuple[Row, ...]
    flags: bool


def rows_of(table: Table) -> list[Row]:
    return [(k, p, m, v) if table.flags else (k, True, True, v) for k, p, m, v in table.rows]


def plain(left: Sequence[Table], right: Sequence[Table], kind: Kind, most: int) -> list[Rows]:
    theirs = [row for table in right for row in rows_of(table)]
    result: list[Rows] = []
    for m in range(most if kind in (Kind.INNER, Kind.LEFT) else 1):
        found = []
        for table in left:
            for key, present, matchable, _ in rows_of(table):
                values = [v for k, p, q, v in theirs if k == key and p and q]
                takes_part = present and matchable
                hit = takes_part and m < len(values)
                there = {
                    Kind.INNER: hit,
                    Kind.SEMI: hit,
                    Kind.LEFT: present if m == 0 else hit,
                    Kind.ANTI: present and not hit,
                }[kind]
                brought = hit and kind in (Kind.INNER, Kind.LEFT)
                found.append((int(there), int(hit), values[m] if brought else 0))
        result.append(found)
    return result


async def share(session: Session, engine: Engine, table: Table) -> Side:
    mine = session.me == table.owner
    n = len(table.rows)
    keys, present, matchable, values = (
        np.array([row[i] for row in table.rows], dtype=np.uint64) for i in range(4)
    )

    async def bits(name: str, numbers: Words, width: int) -> Bits:
        rows = slicing.slice_bits(numbers, width) if mine else None
        return await engine.share_bits(
            session.narrow(name), rows, owner=table.owner, length=n, width=width
        )

    column = await engine.share(
        session.narrow("values"), values if mine else None, owner=table.owner, shape=(n,)
    )
    flags = [None, None]
    if table.flags:
        flags = [await bits("present", present, 1), await bits("matchable", matchable, 1)]  # type: ignore[list-item]
    parity = await bits("parity", values & np.uint64(1), 1)
    return Side(await bits("keys", keys, WIDTH), (column, parity), *flags)


def play(
    engine: Engine,
    left: Sequence[Table],
    right: Sequence[Table],
    kind: Kind,
    most: int,
    parties: Sequence[str],
) -> list[Rows]:
    async def body(session: Session) -> list[Rows]:
        sides = [
            [await share(session.narrow(f"{name}{i}"), engine, t) for i, t in enumerate(tables)]
            for name, tables in (("left", left), ("right", right))
        ]
        found = await sort_join(session.narrow("join"), engine, *sides, kind=kind, most=most)
        result: list[Rows] = []
        for m, match in enumerate(found):
            step = session.narrow(f"match{m}")
            there = (await opened(step.narrow("there"), engine, match.present))[0]
            hit = (await opened(step.narrow("hit"), engine, match.hit))[0]
            values = np.zeros_like(hit)
            if match.columns:
                column, parity = match.columns
                assert isinstance(column, Arith)
                numbers = (await engine.to_arith(step.narrow("bits"), match.hit))[0]
                kept = await engine.multiply(step.narrow("mask"), column, numbers)
                values = await opened(step.narrow("value"), engine, kept)
                odd = (await opened(step.narrow("parity"), engine, parity))[0]
                assert np.array_equal(odd * hit, values & np.uint64(1))
            result.append(list(zip(there.tolist(), hit.tolist(), values.tolist(), strict=True)))
        return result

    outcome = run_together(tuple(parties), body)
    return outcome.results[parties[0]]


ROW = st.tuples(st.integers(0, 7), st.booleans(), st.booleans(), st.integers(0, 2**64 - 1))


def tables(owners: Sequence[str], most: int | None) -> st.SearchStrategy[list[Table]]:
    table = st.builds(
        Table,
        owner=st.sampled_from(list(owners)),
        rows=st.lists(ROW, max_size=6).map(tuple),
        flags=st.booleans(),
    )
    found = st.lists(table, min_size=1, max_size=2)
    return found if most is None else found.filter(lambda ts: repeats(ts) <= most)


def repeats(found: Sequence[Table]) -> int:
    keys = [k for t in found for k, p, m, _ in rows_of(t) if p and m]
    return max((keys.count(k) for k in keys), default=0)


@settings(max_examples=60)
@given(data=st.data(), kind=st.sampled_from(list(Kind)), most=st.integers(1, 3))
def test_any_two_unions(data: st.DataObject, kind: Kind, most: int) -> None:
    left = data.draw(tables("abd", None))
    right = data.draw(tables("bcd", most if kind in (Kind.INNER, Kind.LEFT) else None))
    expected = plain(left, right, kind, most)
    assert play(Rep3(TRIO), left, right, kind, most, (*TRIO, "d")) == expected
    assert play(Clear(("a",)), left, right, kind, most, "abcd") == expected


def test_a_row_without_a_key_matches_no_other_without_one() -> None:
    left = [Table("a", ((0, True, False, 1), (1, True, True, 2)), flags=True)]
    right = [Table("b", ((0, True, False, 5), (1, True, True, 6)), flags=True)]
    assert play(Rep3(TRIO), left, right, Kind.LEFT, 1, TRIO) == [[(1, 0, 0), (1, 1, 6)]]
    assert play(Rep3(TRIO), left, right, Kind.ANTI, 1, TRIO) == [[(1, 0, 0), (0, 1, 0)]]


def test_bad_tables_are_refused() -> None:
    engine = Clear(("a",))
    table = [Table("a", ((0, True, True, 1),), flags=False)]
    with pytest.raises(UsageError, match="at least 1 row"):
        play(engine, table, table, Kind.INNER, 0, "a")
    with pytest.raises(UsageError, match="at least one table on each side"):
        play(engine, table, [], Kind.INNER, 1, "a")


def test_a_bit_too_many_is_refused_even_where_another_table_lacks_one() -> None:
    engine = Clear(("a",))

    async def body(session: Session) -> None:
        async def bits(name: str, n: int) -> Bits:
            rows = np.zeros((1, 1), dtype=np.uint64)
            return await engine.share_bits(session.narrow(name), rows, owner="a", length=n, width=1)

        long = Side(await bits("k1", 1), present=await bits("p1", 2))
        short = Side(await bits("k2", 2), present=await bits("p2", 1))
        left = Side(await bits("k3", 1))
        await sort_join(session.narrow("join"), engine, [left], [long, short])

    with pytest.raises(UsageError, match="one bit for each of 1 rows"):
        run_together(("a",), body)
