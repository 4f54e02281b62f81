"""Expressions on shares equal DuckDB's, NULLs and all, in every form of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import dealt
from tests.property.expressions import Table, columns, flags, numbers, plainly, shared

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.errors import UsageError
from mpcstats.protocols.derive import Value, derive
from mpcstats.protocols.derive_cost import cost
from mpcstats.protocols.expression import Node, bounds
from mpcstats.protocols.forms import Given
from mpcstats.session import Session
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
ENGINES: list[Engine] = [Clear(("b",)), Rep3(TRIO)]
ROWS = 5
CARDS = load_cards()


async def plain(session: Session, engine: Engine, value: Value) -> list[int | None]:
    """The values; both forms must say the same where there are both."""
    known = np.ones(ROWS, dtype=np.uint64)
    if value.known is not None:
        known = (await opened(session.narrow("known"), engine, value.known))[0]
    found = []
    if value.bits is not None:
        assert value.bits.width == value.bounds.width
        rows = await opened(session.narrow("bits"), engine, value.bits)
        joined = slicing.join_bits(np.stack([slicing.pack(row) for row in rows]), ROWS)
        found.append([int(v) + value.minimum for v in joined])
    if value.number is not None:
        number = await opened(session.narrow("number"), engine, value.number)
        found.append([int(v) for v in number.view(np.int64)])
    one, *others = [
        [v if k else None for v, k in zip(column, known, strict=True)] for column in found
    ]
    assert all(other == one for other in others)
    return one


def run(engine: Engine, nodes: Sequence[Node], table: Table) -> list[Any]:
    """Values and bounds of the nodes, the same at all parties."""

    async def body(session: Session) -> Any:
        given = shared(session, engine, table)
        values = await derive(session.narrow("derive"), engine, nodes, given, rows=ROWS)
        return [
            (await plain(session.narrow(f"open{i}"), engine, value), value.bounds)
            for i, value in enumerate(values)
        ]

    results: list[list[Any]] = list(run_together(PARTIES, body).results.values())
    assert all(other == results[0] for other in results)
    return results[0]


@settings(max_examples=150, deadline=None)
@given(
    table=columns(ROWS),
    nodes=st.lists(numbers(3) | flags(2), min_size=1, max_size=3),
)
def test_any_expression(table: Table, nodes: list[Node]) -> None:
    known = {name: column.bounds for name, column in table.items()}
    try:
        wanted = [bounds(node, known) for node in nodes]
    except UsageError:
        with pytest.raises(UsageError):
            run(ENGINES[0], nodes, table)
        assume(False)
    expected = plainly(nodes, table)
    for engine in ENGINES:
        found = run(engine, nodes, table)
        for (values, of), node_bounds, right in zip(found, wanted, expected, strict=True):
            assert values == right
            assert of.nullable == node_bounds.nullable
            if not node_bounds.empty:
                assert (of.minimum, of.maximum) == (node_bounds.minimum, node_bounds.maximum)
            assert all(v is None or of.minimum <= v <= of.maximum for v in right)
            assert of.nullable or None not in right


def sizes(nodes: Sequence[Node], table: Table) -> dict[str, int]:
    """The sizes of the card; divisions as the card of divide has them."""
    given = {n: Given(c.bounds, "n" in c.forms, "b" in c.forms) for n, c in table.items()}
    found = cost(nodes, given, rows=ROWS)
    divide = CARDS["divide"].cost
    public = [
        {"rows": ROWS, "rounded": 0, "limbs": 1, "rest": 1, "lifted": 0}
        | {"dividend": d.dividend, "divisor": d.divisor, "quotient": d.quotient}
        for d in found.divisions
    ]
    return {
        "rows": ROWS,
        "ands": found.ands,
        "numbers": found.numbers,
        "upper": found.upper,
        "halves": found.halves,
        "opened": found.opened,
        "level_rounds": found.rounds,
        "divide_rounds": sum(divide.rounds.evaluate(s) for s in public),
        "divide_bytes": sum(divide.bytes["compute"].evaluate(s) for s in public),
        "divide_bytes_seat0": sum(divide.bytes["seat0"].evaluate(s) for s in public),
        "divide_bytes_seat2": sum(divide.bytes["seat2"].evaluate(s) for s in public),
    }


def check_cost(nodes: Sequence[Node], table: Table, sizes: dict[str, int]) -> None:
    """A run sends what the card says, in no more rounds, and opens nothing."""
    engine = Rep3(TRIO)

    async def body(session: Session) -> int:
        given = shared(session, engine, table)
        await derive(session.narrow("derive"), engine, nodes, given, rows=ROWS)
        return len(session.openings)

    outcome = run_together(TRIO, body)
    card = CARDS["derive"].cost
    every = card.bytes["compute"].evaluate(sizes)
    extra = [card.bytes["seat0"].evaluate(sizes), 0, card.bytes["seat2"].evaluate(sizes)]
    expected = {p: every + e for p, e in zip(TRIO, extra, strict=True) if every + e}
    assert dealt.bytes_below(outcome, "run/derive") == expected
    assert outcome.traffic.span("run/derive") <= card.rounds.evaluate(sizes)
    assert set(outcome.results.values()) == {0}


@settings(max_examples=60, deadline=None)
@given(
    table=columns(ROWS),
    nodes=st.lists(numbers(3) | flags(2), min_size=1, max_size=3),
)
def test_it_costs_what_its_card_says(table: Table, nodes: list[Node]) -> None:
    known = {name: column.bounds for name, column in table.items()}
    try:
        [bounds(node, known) for node in nodes]
    except UsageError:
        assume(False)
    check_cost(nodes, table, sizes(nodes, table))
