"""Relational plans from fragments to opened cells: steps side by side, HAVING, NULL, supports, contributors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.relational import ENGINES, PARTIES, Part, digest, number, plan_of

from mpcstats.engines.api import Engine
from mpcstats.errors import InternalError
from mpcstats.party.tables.play import play_tables
from mpcstats.party.tables.stage import Stage
from mpcstats.plan.cells import GroupKey, Total
from mpcstats.plan.tables import (
    Aggregate,
    Amount,
    Backing,
    Call,
    Column,
    Computed,
    Derive,
    Find,
    Give,
    Institutions,
    Null,
    Number,
    Outcome,
    Reference,
    TableStep,
    Tally,
)
from mpcstats.protocols.cells import Opened
from mpcstats.protocols.gate import gate
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session
from mpcstats.testing import run_together

CELLS = 3
KEY, CELL = digest("key", nullable=False), number("cell", 0, CELLS - 1, nullable=False)
PAID = number("paid", 0, 1000)
OTHER = digest("other", nullable=False)
WANTED = "one", "two"


def count(name: str, bound: int = 99) -> Column:
    return number(name, 0, bound, nullable=False)


def steps(k: int, *, supports: bool = True) -> tuple[list[TableStep], Outcome]:
    """Of each person's cell: persons, how many the first and the second table know, and what both paid.

    Sums of nobody are NULL; cells of fewer than `k` persons in both tables together do not appear.
    """
    found = [
        Find(
            f"f{i}",
            "l",
            "spine",
            "key",
            name,
            f"key{i}",
            helper,
            None,
            (number(f"paid{i}", 0, 1000),),
            f"hit{i}",
        )
        for i, (name, helper) in enumerate(zip(WANTED, ("c", "b"), strict=True))
    ]
    both = Computed(
        number("both", 0, 2000),
        Call(
            "add",
            tuple(Call("coalesce", (Reference(f"paid{i}"), Number(0))) for i in range(2)),
        ),
    )
    aggregates = (
        Aggregate(count("persons"), "count"),
        Aggregate(count("in0"), "sum", "hit0"),
        Aggregate(count("in1"), "sum", "hit1"),
        Aggregate(number("sum0", 0, 8000, nullable=False), "sum", "paid0"),
        Aggregate(number("sum", 0, 16000, nullable=False), "sum", "both"),
    )
    null = Call("if", (Call("eq", (Reference("in0"), Number(0))), Null(), Reference("sum0")))
    some = Call("le", (Number(k), Call("add", (Reference("in0"), Reference("in1")))))
    made: list[TableStep] = [
        Give("l", ("spine",), (CELL,)),
        *found,
        Derive("d", ("f0", "f1"), (both,)),
        Tally("t", "d", "cell", CELLS, aggregates),
        Derive(
            "out",
            ("t",),
            (
                Computed(number("paid_or_null", 0, 8000), null),
                Computed(Column("some", "flag", 0, 1), some),
            ),
        ),
    ]
    outcome = Outcome(
        "o",
        "out",
        (GroupKey("", "cell", tuple(range(CELLS))),),
        tuple(Total(name, (), 16000) for name in ("persons", "paid_or_null", "sum")),
        ("persons",),
        (Backing(), Backing("in0" if supports else None), Backing(amounts=(0,))),
        (Institutions(("one", "two"), ("in0", "in1")),),
        (Amount(None, (), 0),),
        "some",
    )
    return made, outcome


Spine = Sequence[tuple[str, int]]
Known = Sequence[tuple[str, int | None]]


def opened(
    spine: Spine,
    one: Known,
    two: Known,
    *,
    k: int,
    having: int,
    contributors: int = 1,
    supports: bool = True,
) -> tuple[list[bool], list[list[int | str | None]], list[str]]:
    """Which cells are shown, and for each column and cell the number, None for NULL, "-" for what is not released."""
    parts = [
        Part("spine", "a", 8, {KEY: [s[0] for s in spine], CELL: [s[1] for s in spine]}),
        *(
            Part(
                name,
                owner,
                5,
                {
                    digest(f"key{i}"): [row[0] for row in rows],
                    number(f"paid{i}", 0, 1000): [row[1] for row in rows],
                },
            )
            for i, (name, owner, rows) in enumerate((("one", "b", one), ("two", "d", two)))
        ),
    ]
    plan = steps(having, supports=supports)
    results = [played(engine, parts, plan, k=k, contributors=contributors) for engine in ENGINES]
    assert results[0] == results[1]
    return results[0]


def played(
    engine: Engine,
    parts: Sequence[Part],
    plan: tuple[list[TableStep], Outcome],
    *,
    k: int,
    contributors: int,
) -> tuple[list[bool], list[list[int | str | None]], list[str]]:
    made, outcome = plan
    heard: dict[str, list[str]] = {party: [] for party in PARTIES}

    async def body(session: Session) -> Opened | None:
        own = {part.name: part.rows for part in parts if part.owner == session.me}
        stage = Stage(engine, plan_of(engine, parts, [*made, outcome], "o"), own)
        on_step = heard[session.me].append
        cells, _ = await play_tables(session, stage, made, outcome, on_step=on_step)
        step = session.narrow("gate")
        behind = tuple(replace(b, magnitude=bool(b.amounts)) for b in cells.behind)
        return await gate(
            step, engine, replace(cells, behind=behind), Rules(k, contributors), to=("a",)
        )

    found = run_together(PARTIES, body).results["a"]
    assert found is not None
    assert all(names == heard["a"] for names in heard.values())
    values: list[list[int | str | None]] = [
        [("-" if not r else int(v) if n else None) for r, n, v in zip(*column, strict=True)]
        for column in zip(found.released, found.known, found.values, strict=True)
    ]
    return [bool(s) for s in found.shown], values, heard["a"]


PEOPLE = ["p", "q", "r", "s", "t", "u"]
SPINE = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.integers(0, CELLS - 1)),
    max_size=6,
    unique_by=lambda r: r[0],
)
KNOWN = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.none() | st.integers(0, 1000)),
    max_size=5,
    unique_by=lambda r: r[0],
)


@settings(max_examples=5)
@given(spine=SPINE, one=KNOWN, two=KNOWN, k=st.integers(1, 2), having=st.integers(0, 2))
def test_cells_are_those_of_the_plain_tables(
    spine: Spine, one: Known, two: Known, k: int, having: int
) -> None:
    shown, values, _ = opened(spine, one, two, k=k, having=having)
    first, second = dict(one), dict(two)
    for cell in range(CELLS):
        people = [name for name, own in spine if own == cell]
        in_first = [p for p in people if p in first]
        hits = len(in_first) + sum(p in second for p in people)
        assert shown[cell] == (len(people) >= k and hits >= having)
        row = [column[cell] for column in values]
        if not shown[cell]:
            assert row == ["-", "-", "-"]
            continue
        sum0 = sum(first[p] or 0 for p in in_first)
        both = sum((first.get(p) or 0) + (second.get(p) or 0) for p in people)
        paid = sum0 if len(in_first) >= k else "-"
        assert row == [len(people), paid, both]


def test_null_is_told() -> None:
    spine, one = [("p", 0), ("q", 1)], [("p", 10)]
    _, values, _ = opened(spine, one, [], k=1, having=0, supports=False)
    assert values == [[1, 1, "-"], [10, None, "-"], [10, 0, "-"]]


def test_supports_and_contributors_count() -> None:
    spine = [("p", 0), ("q", 0), ("r", 1), ("s", 1), ("t", 2), ("u", 2)]
    one = [("p", 10), ("q", 20), ("r", 30)]
    shown, values, heard = opened(spine, one, [("p", 1)], k=1, having=0, contributors=2)
    assert shown == [True, True, True]
    # Both institutions have rows in cell 0 alone; of cell 2 nobody supports the second column.
    assert values == [[2, 2, 2], [30, 30, "-"], [31, "-", "-"]]
    assert heard[0] == "l"
    assert heard[1:3] == ["f0", "f1"]
    assert heard[3:] == ["d", "t", "out"]


def test_a_step_whose_tables_never_come_is_refused() -> None:
    made, outcome = steps(0)
    engine = ENGINES[1]
    part = Part("spine", "a", 1, {CELL: [0]})

    async def body(session: Session) -> None:
        own = {"spine": part.rows} if session.me == "a" else {}
        stage = Stage(engine, plan_of(engine, [part], [*made, outcome], "o"), own)
        await play_tables(session, stage, made[3:], outcome, on_step=lambda _: None)

    with pytest.raises(InternalError, match="expected tables that step d can be made of"):
        run_together(PARTIES, body)
