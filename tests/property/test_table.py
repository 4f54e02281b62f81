"""Columns that an owner puts in: what comes of them, what it costs, and what is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tests import dealt

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.clear import Clear
from mpcstats.engines.column import Column
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import UsageError
from mpcstats.protocols.table import Own, give, give_rows
from mpcstats.session import Session, Words
from mpcstats.testing import Outcome, opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
ENGINES = (Clear(("c",)), Rep3(TRIO))


def words(n: int, seed: int) -> Words:
    return (np.arange(n, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)


def run(
    engine: Rep3 | Clear, owner: str, own: Own, rows: int, widths: Sequence[int]
) -> Outcome[None]:
    async def body(session: Session) -> None:
        await give(
            session.narrow("give"),
            engine,
            own if session.me == owner else None,
            owner=owner,
            rows=rows,
            numbers=len(own.numbers),
            widths=widths,
        )

    return run_together(PARTIES, body)


@pytest.mark.parametrize("owner", ["a", "c", "d"])
@pytest.mark.parametrize(("m", "rows"), [(0, 3), (3, 3), (5, 70), (66, 130)])
def test_rows_come_back_and_others_are_not_there(owner: str, m: int, rows: int) -> None:
    own = Own(m, (words(m, 1), words(m, 2)), (words(m, 3), words(m, 4)))

    for engine in ENGINES:

        async def body(session: Session, engine: Rep3 | Clear = engine) -> list[Words]:
            present, given = await give_rows(
                session.narrow("give"),
                engine,
                own if session.me == owner else None,
                owner=owner,
                rows=rows,
                numbers=2,
                widths=[64, 1],
            )
            secrets: list[Column] = [present, *given.numbers, *given.fields]
            return [await opened(session.narrow(str(i)), engine, s) for i, s in enumerate(secrets)]

        for there, x, y, text, flag in run_together(PARTIES, body).results.values():
            assert there.tolist() == [[1] * m + [0] * (rows - m)]
            for found, column in ((x, own.numbers[0]), (y, own.numbers[1])):
                assert np.array_equal(found[:m], column)
                assert not found[m:].any()
            joined = slicing.join_bits(slicing.pack(text), rows)
            assert np.array_equal(joined[:m], own.fields[0])
            assert np.array_equal(flag[0][:m], own.fields[1] & np.uint64(1))


@pytest.mark.parametrize("owner", ["a", "d"])
@pytest.mark.parametrize("numbers", [0, 1, 3])
@pytest.mark.parametrize("widths", [(), (1,), (1, 64, 1)])
@pytest.mark.parametrize("rows", [1, 64, 130])
def test_it_costs_what_its_card_says(
    owner: str, numbers: int, widths: tuple[int, ...], rows: int
) -> None:
    own = Own(1, (words(1, 0),) * numbers, (words(1, 1),) * len(widths))
    outcome = run(Rep3(TRIO), owner, own, rows, widths)
    cost = load_cards()["table"].cost
    sizes = {
        "rows": rows,
        "numbers": numbers,
        "bits": sum(widths),
        "outside": int(owner not in TRIO),
    }
    expected = {party: cost.bytes["compute"].evaluate(sizes) for party in TRIO}
    role = "inside" if owner in TRIO else "outside"
    expected[owner] = expected.get(owner, 0) + cost.bytes[role].evaluate(sizes)
    assert dealt.bytes_below(outcome, "run/give") == {p: b for p, b in expected.items() if b}
    assert outcome.traffic.span("run/give") == cost.rounds.evaluate(sizes)


def test_traffic_tells_nothing_of_the_rows() -> None:
    shapes = {
        (o.traffic.shape, o.traffic.rounds)
        for m in (0, 1, 7)
        for o in [run(Rep3(TRIO), "d", Own(m, (words(m, 1),), (words(m, 2),)), 7, [1])]
    }
    assert len(shapes) == 1


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (Own(4, (words(4, 0),), (words(4, 0),)), "at most 3 rows by the public bound, got 4"),
        (Own(2, (words(2, 0),), ()), "1 columns of numbers and 1 of bits, got 1 and 0"),
        (Own(2, (words(2, 0),), (words(3, 0),)), r"columns of 2 rows, got \[\(2,\), \(3,\)\]"),
    ],
)
def test_other_rows_are_refused_at_their_owner(own: Own, message: str) -> None:
    async def body(session: Session) -> None:
        given = own if session.me == "a" else None
        await give(session, Rep3(TRIO), given, owner="a", rows=3, numbers=1, widths=[1])

    with pytest.raises(UsageError, match=message):
        run_together(TRIO, body)
