"""Quantiles equal the order statistics of plain numbers and of SQL, however many rows are present."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

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
from mpcstats.protocols.quantile import SELECTIONS, ordered, quantile
from mpcstats.session import Session

Flags = Sequence[int] | None
At = Sequence[tuple[int, int]]
DECILES = [(i, 10) for i in range(1, 11)]


async def found(
    sharing: Sharing,
    session: Session,
    engine: Engine,
    numbers: Sequence[int],
    at: At,
    present: Flags,
    width: int = 64,
    *,
    signed: bool = False,
) -> tuple[list[int], list[int], int, int]:
    """Numbers, bit rows as numbers, whether they exist, and of how many values."""
    column = await sharing.bits("values", numbers, width)
    there = await sharing.flags("present", present)
    got = await quantile(session.narrow("it"), engine, column, at, present=there, signed=signed)
    opened = session.narrow("opened")
    return (
        await values(opened.narrow("numbers"), engine, got.numbers),
        await values(opened.narrow("rows"), engine, got.rows),
        (await values(opened.narrow("exists"), engine, got.exists))[0],
        (await values(opened.narrow("count"), engine, got.count))[0],
    )


def plain(numbers: Sequence[int], at: At, present: Flags) -> list[int]:
    there = sorted(x for x, p in zip(numbers, present or [1] * len(numbers), strict=True) if p)
    return [there[ceil(Fraction(a, b) * len(there)) - 1] if there else 0 for a, b in at]


@st.composite
def quantiles(draw: st.DrawFn) -> list[tuple[int, int]]:
    fraction = st.integers(1, 12).flatmap(lambda b: st.tuples(st.integers(1, b), st.just(b)))
    return draw(st.lists(fraction, min_size=1, max_size=SELECTIONS + 2))


@settings(max_examples=20)
@given(data=st.data(), at=quantiles())
def test_any_values(data: st.DataObject, at: list[tuple[int, int]]) -> None:
    number = st.sampled_from(EXTREMES) | st.integers(0, 3)
    numbers = data.draw(st.lists(number, max_size=10))
    flags = st.lists(st.integers(0, 1), min_size=len(numbers), max_size=len(numbers))
    present = data.draw(st.none() | flags)
    got = everywhere(lambda sh, s, e: found(sh, s, e, numbers, at, present))
    expected = plain(numbers, at, present)
    assert got[0] == got[1] == expected
    assert got[3] == (len(numbers) if present is None else sum(present))
    assert got[2] == int(got[3] > 0)


@pytest.mark.parametrize("at", [[(1, 2), (9, 10)], DECILES])
@pytest.mark.parametrize("count", range(7))
def test_every_number_of_present_rows(count: int, at: At) -> None:
    """Of six rows, for both ways to find a quantile."""
    numbers = [50, 30, 10, 60, 20, 40]
    present = [0, 1, 1, 0, 1, 1] if count == 4 else [1] * count + [0] * (6 - count)
    got = everywhere(lambda sh, s, e: found(sh, s, e, numbers, at, present, 6))
    assert got[0] == plain(numbers, at, present)


@pytest.mark.parametrize("at", [[(1, 2), (1, 4)], [*DECILES[:5], (1, 4)]])
@pytest.mark.parametrize("width", [7, 64])
def test_signed_values(width: int, at: At) -> None:
    low = -(1 << (width - 1))
    numbers = [low, -1, 0, 5, -low - 1, -7, 3]
    for present in (None, [1, 1, 0, 1, 1, 1, 0], [0] * 7):
        got = everywhere(
            lambda sh, s, e: found(sh, s, e, numbers, at, present, width, signed=True)  # noqa: B023
        )
        expected = plain(numbers, at, present)
        assert got[0] == [x % 2**64 for x in expected]
        assert got[1] == [x % 2**width for x in expected]


def test_ordered_is_its_own_inverse() -> None:
    async def body(sharing: Sharing, session: Session, engine: Engine) -> list[list[int]]:
        column = await sharing.bits("x", [-2, 1, 0], 3)
        both = [ordered(column), ordered(ordered(column))]
        return [await values(session.narrow(str(i)), engine, c) for i, c in enumerate(both)]

    assert everywhere(body) == [[2, 5, 4], [6, 1, 0]]


@pytest.mark.parametrize("at", [[(1, 2)], [(1, 4), (1, 2), (3, 4)], DECILES])
def test_sql(at: At) -> None:
    rng = np.random.default_rng(len(at))
    numbers = [int(x) for x in rng.integers(0, 1000, 400)]
    present = [int(x) for x in rng.integers(0, 3, 400) > 0]
    sql = duckdb.connect()
    sql.execute("CREATE TABLE t (x INTEGER)")
    sql.executemany(
        "INSERT INTO t VALUES (?)",
        [[x if p else None] for x, p in zip(numbers, present, strict=True)],
    )
    columns = ", ".join(f"quantile_disc(x, {a / b})" for a, b in at)
    expected = list(sql.execute(f"SELECT {columns} FROM t").fetchall()[0])

    async def body(sharing: Sharing, session: Session, engine: Engine) -> list[int]:
        return (await found(sharing, session, engine, numbers, at, present, 10))[0]

    got = play(body, Rep3(TRIO), OUTSIDE).results["d"][0]
    assert got == plain(numbers, at, present)
    # SQL multiplies in floating point: where q c is whole, it may take the neighbour.
    c = sum(present)
    assert [g for g, (a, b) in zip(got, at, strict=True) if a * c % b] == [
        x for x, (a, b) in zip(expected, at, strict=True) if a * c % b
    ]


def test_bad_questions_are_refused() -> None:
    for at, width, present, message in (
        ([], 4, None, "got none"),
        ([(0, 2)], 4, None, "0 < a <= b"),
        ([(3, 2)], 4, None, "0 < a <= b"),
        ([(1, 1 << 32)], 4, None, "0 < a <= b"),
        ([(1, 2)], 4, [1], "2 bits of presence"),
    ):
        with pytest.raises(UsageError, match=message):
            play(
                lambda sh, s, e: found(sh, s, e, [1, 2], at, present, width),  # noqa: B023
                Clear(("a",)),
                "a",
            )

    async def wide(sharing: Sharing, session: Session, engine: Engine) -> None:
        column = await sharing.bits("x", [1], 64)
        both = column.stack([column, column])
        await quantile(session, engine, both, [(1, 2)])

    with pytest.raises(UsageError, match="1 to 64 bits, got 128"):
        play(wide, Clear(("a",)), "a")


def sizes(n: int, width: int, at: At, *, absence: bool) -> dict[str, int]:
    several = absence and len(set(at)) > SELECTIONS
    ranks = {ceil(Fraction(a, b) * n) - 1 for a, b in at}
    index = max(1, (n - 1).bit_length())
    return {
        "rows": n,
        "value": width,
        "at": len(at),
        "absence": int(absence),
        "sorts": len(set(at)) if absence and not several else 1,
        "parts": 0 if several else 1 if absence else len(ranks),
        "first": max(ranks) + 1 if several else 0,
        "width": width + index + (0 if not absence else 1 if several else 2),
        "front": 1 if several else 1 + width // 64,
        "several": len(set(at)) if several else 0,
    }


@pytest.mark.parametrize("at", [[(1, 2)], [(1, 4), (1, 2), (3, 4)], DECILES])
@pytest.mark.parametrize("absence", [True, False])
@pytest.mark.parametrize("n", [1, 2, 9, 70, 300, 5000])
def test_cost_stays_within_the_card(n: int, at: At, *, absence: bool) -> None:
    numbers = [int(x) for x in np.random.default_rng(n).integers(0, 2**40, n)]
    present = [i % 3 & 1 for i in range(n)] if absence else None

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        await found(sharing, session, engine, numbers, at, present, 40)

    outcome = play(body, Rep3(TRIO), TRIO)
    looseness = check_cost(outcome, "it", "quantile", sizes(n, 40, at, absence=absence))
    assert n < 1000 or looseness < 1.75
    if n > 1 and absence:
        check_openings(outcome.results["b"][1], "quantile")


def test_what_is_sent_depends_on_sizes_only() -> None:
    """With two rows there is one comparison."""

    def traffic(numbers: Sequence[int], present: Flags, at: At) -> dict[tuple[str, str], int]:
        outcome = play(lambda sh, s, e: found(sh, s, e, numbers, at, present, 8), Rep3(TRIO), TRIO)
        return dict(outcome.traffic.bytes_by_step)

    for at in ([(1, 2)], DECILES):
        first = traffic([1, 2], [0, 0], at)
        assert first == traffic([7, 7], [1, 1], at) == traffic([255, 0], [0, 1], at)


def test_a_median_takes_a_few_comparisons_a_row() -> None:
    """And the negative control: all deciles of an unknown number of rows take many more."""

    async def body(sharing: Sharing, session: Session, engine: Engine) -> None:
        column = await sharing.bits("x", range(2000), 11)
        there = await sharing.flags("p", [1] * 2000)
        for i, at in enumerate([[(1, 2)], DECILES]):
            await quantile(session.narrow(f"q{i}"), engine, column, at, present=there)

    openings = play(body, Clear(("a",)), "a").results["a"][1]
    compared = [
        sum(
            o.shape[0]
            for o in openings
            if o.leak == "shuffled-order" and o.step.startswith(f"run/q{i}/")
        )
        for i in range(2)
    ]
    assert compared[0] < 5 * 2000
    assert compared[1] > 10 * 2000
