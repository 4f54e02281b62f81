"""Expressions on shares equal DuckDB's, NULLs and all, in every form of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import dealt
from tests.property.expressions import Plain, Table, columns, flags, numbers, plainly, shared

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import UsageError
from mpcstats.protocols.derive import Value, derive, masked, passing
from mpcstats.protocols.derive_cost import cost
from mpcstats.protocols.expression import Call, Column, Node, Number, bounds
from mpcstats.protocols.forms import Given
from mpcstats.session import Session
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
ENGINES: list[Engine] = [Clear(("b",)), Rep3(TRIO)]
ROWS = 5
CARDS = load_cards()


def rows_of(table: Table) -> int:
    return len(next(iter(table.values())).values)


async def plain(session: Session, engine: Engine, value: Value, n: int) -> list[int | None]:
    """The values; both forms must say the same where there are both."""
    known = np.ones(n, dtype=np.uint64)
    if value.known is not None:
        known = (await opened(session.narrow("known"), engine, value.known))[0]
    found = []
    if value.bits is not None:
        assert value.bits.width == value.bounds.width
        rows = await opened(session.narrow("bits"), engine, value.bits)
        joined = slicing.join_bits(np.stack([slicing.pack(row) for row in rows]), n)
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
    n = rows_of(table)

    async def body(session: Session) -> Any:
        given = shared(session, engine, table)
        values = await derive(session.narrow("derive"), engine, nodes, given, rows=n)
        return [
            (await plain(session.narrow(f"open{i}"), engine, value, n), value.bounds)
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
    rows = rows_of(table)
    found = cost(nodes, given, rows=rows)
    divide = CARDS["divide"].cost
    public = [
        {"rows": rows, "rounded": 0, "limbs": 1, "rest": 1, "lifted": 0}
        | {"dividend": d.dividend, "divisor": d.divisor, "quotient": d.quotient}
        for d in found.divisions
    ]
    return {
        "rows": rows,
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
        await derive(session.narrow("derive"), engine, nodes, given, rows=rows_of(table))
        return len(session.openings)

    outcome = run_together(TRIO, body)
    card = CARDS["derive"].cost
    every = card.bytes["compute"].evaluate(sizes)
    extra = [card.bytes["seat0"].evaluate(sizes), 0, card.bytes["seat2"].evaluate(sizes)]
    expected = {p: every + e for p, e in zip(TRIO, extra, strict=True) if every + e}
    assert dealt.bytes_below(outcome, "run/derive") == expected
    assert outcome.traffic.span("run/derive") <= card.rounds.evaluate(sizes)
    assert set(outcome.results.values()) == {0}


@settings(max_examples=50, deadline=None)
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


def of(op: str, *args: Node | int) -> Node:
    return Call(op, tuple(Number(a) if isinstance(a, int) else a for a in args))


X, Y = Column("x"), Column("y")
EVERYTHING = [
    of("if", of("lt", X, Y), of("sub", Y, X), of("abs", X)),
    of("and", of("le", X, 3), of("not", of("eq", X, Y)), of("lt", -2, X)),
    of("greatest", X, of("mul", Y, Y)),
    of("mod", X, 7),
    of("floordiv", of("add", X, 20), of("coalesce", Y, 3)),
]


def xy(n: int, forms: str) -> Table:
    """Two columns of n rows."""
    x = tuple((7 * i) % 41 - 20 for i in range(n))
    y = tuple(None if i % 5 == 2 else (3 * i) % 17 - 8 for i in range(n))
    return {"x": Plain(-20, 20, x, False, forms), "y": Plain(-8, 8, y, True, forms)}


@pytest.mark.parametrize("forms", ["n", "b"])
@pytest.mark.parametrize("n", [0, 1, 65, 4200])
def test_any_number_of_rows(n: int, forms: str) -> None:
    """With 4200 rows additions go in other levels."""
    table = xy(n, forms)
    check_cost(EVERYTHING, table, sizes(EVERYTHING, table))
    if n in (1, 65):
        assert [v for v, _ in run(ENGINES[1], EVERYTHING, table)] == plainly(EVERYTHING, table)


def test_a_word_too_many_is_seen() -> None:
    """Negative control."""
    table = xy(3, "n")
    right = sizes(EVERYTHING, table)
    for name in ("ands", "numbers", "upper", "halves", "opened", "divide_bytes"):
        with pytest.raises(AssertionError):
            check_cost(EVERYTHING, table, right | {name: right[name] + 1})
    with pytest.raises(AssertionError):
        check_cost(EVERYTHING, table, right | {"level_rounds": right["level_rounds"] // 3})


class Wrong(Rep3):
    """Takes equal numbers for less."""

    async def less_than(self, session: Session, x: Bits, y: Bits) -> Bits:
        return ~await super().less_than(session, y, x)


class Unsigned(Rep3):
    """Takes no number for negative."""

    async def negative(self, session: Session, x: Arith, *, width: int = 64) -> Bits:
        row = await super().negative(session, x, width=width)
        return row ^ row


@pytest.mark.parametrize(("engine", "forms"), [(Wrong(TRIO), "b"), (Unsigned(TRIO), "n")])
def test_a_wrong_engine_is_seen(engine: Engine, forms: str) -> None:
    """Negative control."""
    table = xy(41, forms)
    assert [v for v, _ in run(engine, EVERYTHING, table)] != plainly(EVERYTHING, table)


@settings(max_examples=30, deadline=None)
@given(table=columns(ROWS), kept=st.none() | st.lists(st.booleans(), min_size=ROWS, max_size=ROWS))
def test_what_passes_and_what_is_added_up(table: Table, kept: list[bool] | None) -> None:
    """Rows that are not kept, or NULL, do not count."""
    numbers = [name for name in table if name[0] == "n"]
    flags = [name for name in numbers if table[name].maximum <= 1 and table[name].minimum >= 0]
    there = kept or [True] * ROWS

    async def body(session: Session, engine: Engine) -> Any:
        where = None
        if kept is not None:
            row = np.array(kept, dtype=np.uint64)
            where = dealt.bits(session, engine.compute, row, 1, 99)
        given = shared(session, engine, table)
        found: dict[str, list[int]] = {}
        for name in numbers:
            step = session.narrow(name)
            kept_number = await masked(step.narrow("masked"), engine, given[name], where)
            number = await opened(step.narrow("open"), engine, kept_number)
            found[name] = [int(v) for v in number.view(np.int64)]
        for name in flags:
            step = session.narrow(f"flag-{name}")
            row_passing = await passing(step.narrow("passing"), engine, where, given[name])
            found[f"flag-{name}"] = (await opened(step, engine, row_passing))[0].tolist()
        return found

    expected: dict[str, list[int]] = {
        name: [
            v if v is not None and k else 0 for v, k in zip(table[name].values, there, strict=True)
        ]
        for name in numbers
    }
    expected |= {f"flag-{name}": expected[name] for name in flags}
    for engine in ENGINES:
        for found in run_together(PARTIES, lambda s, e=engine: body(s, e)).results.values():  # type: ignore[misc]
            assert found == expected


WORDS = st.sampled_from(
    [0, -1, 1, 40, 41, -20, -21, (1 << 62) - 1, 1 << 62, -(1 << 62) - 1, 1 << 63, (1 << 64) - 20]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS | st.integers(0, (1 << 64) - 1) | st.none(), min_size=1, max_size=70))
def test_within_believes_no_bounds(words: list[int | None]) -> None:
    """Any word of 64 bits, in a column that claims bounds that most of them break."""
    table = {"x": Plain(-20, 40, tuple(words), True, "n")}
    inside = of("within", X, -20, 40)
    nodes = [inside, of("coalesce", inside, 1), of("not", inside)]
    right = [
        None if w is None else int(-20 <= (w + (1 << 63)) % (1 << 64) - (1 << 63) <= 40)
        for w in words
    ]
    turned = [None if r is None else 1 - r for r in right]
    expected = [right, [1 if r is None else r for r in right], turned]
    for engine in ENGINES:
        assert [found for found, _ in run(engine, nodes, table)] == expected
    check_cost(nodes, table, sizes(nodes, table))


def test_a_comparison_believes_bounds() -> None:
    """Negative control: by the bounds of its column a word is always in order."""
    table = {"x": Plain(-20, 40, (41, 1 << 62), False, "n")}
    asked = of("and", of("le", -20, X), of("le", X, 40))
    assert run(ENGINES[1], [asked], table)[0][0] == [1, 1]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (of("within", of("add", X, 1), 0, 1), "expected a column in within"),
        (of("within", X, 3, 2), "expected two public numbers in order, got 3 and 2"),
        (of("within", X, X, 2), "expected two public numbers in order"),
        (of("within", X, 2), "expected 3 arguments of within, got 2"),
    ],
)
def test_within_asks_for_a_column_and_public_numbers(node: Node, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run(ENGINES[0], [node], xy(2, "n"))


def test_the_complement_of_a_public_flag() -> None:
    """Whose bit rows are those of what it is above its least value, which is itself."""
    nodes = [of("not", 1), of("not", 0), of("not", of("and", 1, of("lt", X, 99)))]
    for engine in ENGINES:
        assert [v for v, _ in run(engine, nodes, xy(2, "n"))] == [[0, 0], [1, 1], [0, 0]]
