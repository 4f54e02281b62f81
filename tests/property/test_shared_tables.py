"""Steps that make shared tables equal DuckDB: rows that are given, found, matched, derived and grouped."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.relational import (
    HIGH,
    LOW,
    Cell,
    Part,
    Row,
    digest,
    everywhere,
    flag,
    number,
    present,
    short,
)

from mpcstats.errors import InternalError, UsageError
from mpcstats.plan.tables import (
    Aggregate,
    Call,
    Column,
    Computed,
    Derive,
    Find,
    Firsts,
    Flagged,
    Give,
    Group,
    GroupOwned,
    Match,
    Neighbour,
    Neighbours,
    Number,
    Order,
    Reference,
    Stack,
    TableStep,
)

EXAMPLES = 8
NUMBERS = st.none() | st.sampled_from([LOW, HIGH, 0, -1]) | st.integers(-5, 5)
TEXTS = st.none() | st.sampled_from(["x", "y", "z", ""])
FLAGS = st.none() | st.booleans().map(int)
ROW = st.tuples(TEXTS, NUMBERS, FLAGS)
ROWS = st.lists(ROW, max_size=7)

Given = Sequence[tuple[Cell, Cell, Cell]]


def part(name: str, owner: str, rows: Given, *, bound: int = 8, letter: str = "l") -> Part:
    """A fragment of a text, a number and a flag."""
    columns = (digest(f"{letter}t"), number(f"{letter}n"), flag(f"{letter}f"))
    return Part(name, owner, bound, {c: [row[i] for row in rows] for i, c in enumerate(columns)})


def sql(text: str, **tables: Given) -> list[tuple[int | None, ...]]:
    """What DuckDB says of tables t, n, f; texts as what their digests open to."""
    with duckdb.connect() as database:
        for name, rows in tables.items():
            database.execute(f"CREATE TABLE {name} (i BIGINT, t UBIGINT, n BIGINT, f BIGINT)")
            for i, (t, n, f) in enumerate(rows):
                database.execute(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", [i, short(t), n, f])
        return database.execute(text).fetchall()


def cells(rows: Sequence[Row], *names: str) -> list[tuple[int | None, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def bag(rows: Sequence[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
    return sorted(rows, key=lambda row: [(c is None, c or 0) for c in row])


def give(*parts: Part, name: str = "l") -> Give:
    return Give(name, tuple(p.name for p in parts), tuple(parts[0].columns))


@settings(max_examples=EXAMPLES)
@given(first=ROWS, second=ROWS)
def test_rows_of_all_owners_stand_one_after_another(first: Given, second: Given) -> None:
    parts = [part("one", "a", first), part("two", "d", second, bound=7)]
    found = everywhere(parts, [give(*parts)], "l")
    assert len(found) == 15
    rows = [{"lt": short(t), "ln": n, "lf": f} for t, n, f in first]
    assert found[:8] == rows + [None] * (8 - len(first))
    rows = [{"lt": short(t), "ln": n, "lf": f} for t, n, f in second]
    assert found[8:] == rows + [None] * (7 - len(second))


def test_tables_are_stacked() -> None:
    parts = [part("one", "a", [("x", 1, 0)]), part("two", "d", [("y", None, None)], bound=1)]
    steps: list[TableStep] = [
        give(parts[0], name="p"),
        give(parts[1], name="q"),
        Stack("s", ("p", "q")),
    ]
    found = everywhere(parts, steps, "s")
    expected = [{"lt": short("x"), "ln": 1, "lf": 0}, {"lt": short("y"), "ln": None, "lf": None}]
    assert present(found) == expected
    assert len(found) == 9


@pytest.mark.parametrize("distinct", [None, 5])
@pytest.mark.parametrize("owners", [("a", "b", "c"), ("d", "b", "a"), ("a", "d", "c")])
@settings(max_examples=3)
@given(data=st.data())
def test_found_rows(
    distinct: int | None, owners: tuple[str, str, str], data: st.DataObject
) -> None:
    left = data.draw(ROWS)
    if distinct is None:
        left = [
            row
            for i, row in enumerate(left)
            if row[0] not in [r[0] for r in left[:i]] or row[0] is None
        ]
    keyed = data.draw(st.lists(ROW, max_size=4, unique_by=lambda row: row[0]))
    left_owner, right_owner, helper = owners
    parts = [part("one", left_owner, left), part("two", right_owner, keyed, bound=5, letter="r")]
    wanted = tuple(parts[1].columns)
    steps: list[TableStep] = [
        give(parts[0]),
        Find("found", "l", "one", "lt", "two", "rt", helper, distinct, wanted, "hit"),
    ]
    found = everywhere(parts, steps, "found")
    expected = sql(
        "SELECT l.t, l.n, l.f, r.t, r.n, r.f, (r.i IS NOT NULL)::INT FROM l LEFT JOIN r ON l.t = r.t "
        "ORDER BY l.i",
        l=left,
        r=keyed,
    )
    assert cells(present(found[: len(left)]), "lt", "ln", "lf", "rt", "rn", "rf", "hit") == expected
    assert not present(found[len(left) :])


@pytest.mark.parametrize("distinct", [None, 2])
def test_rows_that_are_not_found_are_one_group(distinct: int | None) -> None:
    """What a lookup brings without a hit is junk, another one in each row: it must not tell rows apart."""
    left = [("x", 1, 0), (None, 2, 1), (None, 3, 1), (None, 4, 1)]
    parts = [
        part("one", "a", left),
        Part("two", "b", 3, {digest("rt"): ["x"], number("rn", nullable=False): [7]}),
    ]
    steps: list[TableStep] = [
        give(parts[0]),
        Find("found", "l", "one", "lt", "two", "rt", "c", distinct, (number("rn"),), "hit"),
        Group("g", "found", (number("rn"),), AGGREGATES[:1], 5),
    ]
    found = present(everywhere(parts, steps, "g"))
    assert bag(cells(found, "rn", "rows")) == bag([(None, 3), (7, 1)])


JOINS = {
    "inner": "FROM l JOIN r ON {on}",
    "left": "FROM l LEFT JOIN r ON {on}",
    "semi": "FROM l SEMI JOIN r ON {on}",
    "anti": "FROM l ANTI JOIN r ON {on}",
}


@pytest.mark.parametrize("kind", JOINS)
@pytest.mark.parametrize("key", ["t", "n", "tf"])
@settings(max_examples=2)
@given(left=ROWS, right=st.lists(ROW, max_size=5))
def test_matched_rows(kind: str, key: str, left: Given, right: Given) -> None:
    parts = [
        part("one", "d", left),
        part("two", "a", right, bound=5, letter="r"),
    ]
    brings = kind in ("inner", "left")
    wanted = tuple(parts[1].columns) if brings else ()
    on = tuple((f"l{k}", f"r{k}") for k in key)
    steps: list[TableStep] = [
        give(parts[0]),
        give(parts[1], name="r"),
        Match("m", "l", "r", on, kind, 5 if brings else 1, wanted, "hit"),  # type: ignore[arg-type]
    ]
    found = present(everywhere(parts, steps, "m"))
    join = JOINS[kind].format(on=" AND ".join(f"l.{k} = r.{k}" for k in key))
    if brings:
        expected = sql(
            f"SELECT l.t, l.n, l.f, r.t, r.n, r.f, (r.i IS NOT NULL)::INT {join}", l=left, r=right
        )
        assert bag(cells(found, "lt", "ln", "lf", "rt", "rn", "rf", "hit")) == bag(expected)
    else:
        hit = int(kind == "semi")
        expected = sql(f"SELECT l.t, l.n, l.f, {hit} {join}", l=left, r=right)
        assert bag(cells(found, "lt", "ln", "lf", "hit")) == bag(expected)


def test_numbers_of_other_bounds_match() -> None:
    left = Part("one", "a", 3, {number("x", -3, 4, nullable=False): [-3, 0, 4]})
    right = Part("two", "b", 3, {number("y", 0, 1 << 40, nullable=False): [4, 1 << 40, 0]})
    steps: list[TableStep] = [
        Give("l", ("one",), tuple(left.columns)),
        Give("r", ("two",), tuple(right.columns)),
        Match("m", "l", "r", (("x", "y"),), "inner", 1, tuple(right.columns), "hit"),
    ]
    found = present(everywhere([left, right], steps, "m"))
    assert cells(found, "x", "y") == [(0, 0), (4, 4)]


def test_a_bound_on_matches_leaves_rows_out() -> None:
    left, right = [("x", 1, 0)], [("x", 2, 0), ("x", 3, 0)]
    parts = [part("one", "a", left, bound=2), part("two", "b", right, bound=2, letter="r")]
    steps: list[TableStep] = [
        give(parts[0]),
        give(parts[1], name="r"),
        Match("m", "l", "r", (("lt", "rt"),), "inner", 1, tuple(parts[1].columns), "hit"),
    ]
    assert cells(present(everywhere(parts, steps, "m")), "rn") == [(2,)]


@settings(max_examples=EXAMPLES)
@given(rows=ROWS)
def test_derived_columns_and_kept_rows(rows: Given) -> None:
    small = [(t, None if n is None else n % 100, f) for t, n, f in rows]
    columns = (digest("lt"), number("ln", 0, 99), flag("lf"))
    own = Part("one", "d", 8, {c: [row[i] for row in small] for i, c in enumerate(columns)})
    twice = Call("add", (Call("mul", (Reference("ln"), Number(2))), Number(1)))
    keep = Call("or", (Call("lt", (Reference("ln"), Number(50))), Reference("lf")))
    steps: list[TableStep] = [
        Give("l", ("one",), columns),
        Derive("d", ("l",), (Computed(number("x", 1, 199), twice),), keep),
    ]
    found = everywhere([own], steps, "d")
    expected = sql("SELECT t, n, f, 2 * n + 1 FROM l WHERE n < 50 OR f = 1 ORDER BY i", l=small)
    assert cells(present(found), "lt", "ln", "lf", "x") == expected


AGGREGATES = (
    Aggregate(number("rows", 0, 8, nullable=False), "count"),
    Aggregate(number("known", 0, 8, nullable=False), "count", "ln"),
    Aggregate(number("total", -(1 << 63), (1 << 63) - 1, nullable=False), "sum", "ln"),
    Aggregate(number("flags", 0, 8, nullable=False), "sum", "lf"),
)
SPREADS = (
    Aggregate(number("least", nullable=False), "min", "ln"),
    Aggregate(number("most", nullable=False), "max", "ln"),
    Aggregate(number("texts", 0, 8, nullable=False), "distinct", "lt"),
)
COUNTED = "COUNT(*), COUNT(n), COALESCE(SUM(n), 0)::BIGINT, COALESCE(SUM(f), 0)::BIGINT"
# Not more than three of the largest numbers, so that sums stay within 64 bits.
SUMMED = st.lists(st.tuples(TEXTS, st.none() | st.integers(-(1 << 59), 1 << 59), FLAGS), max_size=7)


@pytest.mark.parametrize("keys", ["f", "tf", "n"])
@settings(max_examples=4)
@given(rows=SUMMED)
def test_groups(keys: str, rows: Given) -> None:
    own = part("one", "d", rows)
    by_name = {column.name: column for column in own.columns}
    by = tuple(by_name[f"l{k}"] for k in keys)
    steps: list[TableStep] = [give(own), Group("g", "l", by, (*AGGREGATES, *SPREADS), 9)]
    found = present(everywhere([own], steps, "g"))
    names = [*(k.name for k in by), "rows", "known", "total", "flags", "texts", "least", "most"]
    expected = sql(
        f"SELECT {', '.join(keys)}, {COUNTED}, COUNT(DISTINCT t), COALESCE(MIN(n), 0), "
        f"COALESCE(MAX(n), 0) FROM l GROUP BY {', '.join(keys)}",
        l=rows,
    )
    assert bag(cells(found, *names)) == bag(expected)


def test_a_bound_on_groups_leaves_groups_out() -> None:
    own = part("one", "a", [("x", 3, 0), ("y", 1, 0), ("z", 2, 0)])
    steps: list[TableStep] = [give(own), Group("g", "l", (number("ln"),), AGGREGATES[:1], 2)]
    found = everywhere([own], steps, "g")
    assert cells(present(found), "ln", "rows") == [(1, 1), (2, 1)]
    assert len(found) == 2


@pytest.mark.parametrize("owner", ["b", "d"])
@pytest.mark.parametrize("keys", ["t", "fn"])
@settings(max_examples=3)
@given(rows=SUMMED)
def test_groups_that_an_owner_knows(owner: str, keys: str, rows: Given) -> None:
    own = part("one", owner, rows)
    by_name = {column.name: column for column in own.columns}
    by = tuple(by_name[f"l{k}"] for k in keys)
    keep = Call("lt", (Reference("ln"), Number(3)))
    steps: list[TableStep] = [
        give(own),
        Derive("d", ("l",), (), keep),
        GroupOwned("g", "d", "one", by, AGGREGATES, 8),
    ]
    found = present(everywhere([own], steps, "g"))
    names = [*(k.name for k in by), "rows", "known", "total", "flags"]
    expected = sql(
        f"SELECT {', '.join(keys)}, {COUNTED} FROM l WHERE n < 3 GROUP BY {', '.join(keys)}", l=rows
    )
    assert bag(cells(found, *names)) == bag(expected)


APART = (*(number(name, 0, 1, nullable=False) for name in ("p", "q", "r")),)


def apart(owner: str, rows: Sequence[tuple[str, int, int]], *, told: int = 3) -> list[Row]:
    """Groups by text of rows of a number and of which of `told` flags they have, with a condition on the number."""
    columns: dict[Column, list[Cell]] = {
        digest("lt"): [t for t, _, _ in rows],
        number("ln", nullable=False): [n for _, n, _ in rows],
    }
    columns |= {flag_: [int(k == i) for _, _, k in rows] for i, flag_ in enumerate(APART)}
    own = Part("one", owner, 8, columns)
    aggregates = [
        Aggregate(number("rows", 0, 8, nullable=False), "count"),
        Aggregate(number("total", nullable=False), "sum", "ln"),
    ]
    for each in APART[:told]:
        count = number(f"rows_{each.name}", 0, 8, nullable=False)
        part_ = number(f"total_{each.name}", nullable=False)
        aggregates += [Aggregate(count, "count", None, each.name)]
        aggregates += [Aggregate(part_, "sum", "ln", each.name)]
    keep = Call("lt", (Reference("ln"), Number(3)))
    steps: list[TableStep] = [
        Give("l", ("one",), tuple(columns)[:2]),
        Derive("d", ("l",), (), keep),
        GroupOwned("g", "d", "one", (digest("lt"),), tuple(aggregates), 3, APART[:told]),
    ]
    return present(everywhere([own], steps, "g"))


@pytest.mark.parametrize("owner", ["b", "d"])
@settings(max_examples=4)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("xyz"), st.integers(-4, 4), st.integers(0, 2)), max_size=7
    )
)
def test_flags_tell_the_rows_of_groups_apart(owner: str, rows: list[tuple[str, int, int]]) -> None:
    found = {row["lt"]: row for row in apart(owner, rows)}
    kept = [row for row in rows if row[1] < 3]
    assert found.keys() == {short(t) for t, _, _ in kept}
    for text in {t for t, _, _ in kept}:
        row = found[short(text)]
        own = [(n, k) for t, n, k in kept if t == text]
        assert (row["rows"], row["total"]) == (len(own), sum(n for n, _ in own))
        for k, name in enumerate("pqr"):
            of_flag = [n for n, i in own if i == k]
            assert (row[f"rows_{name}"], row[f"total_{name}"]) == (len(of_flag), sum(of_flag))


def test_a_row_without_a_flag_that_tells_it_apart_is_seen_at_its_owner() -> None:
    with pytest.raises(UsageError, match="fragment one: expected each row to be of one of the 2"):
        apart("b", [("x", 1, 0), ("y", 1, 2)], told=2)


ONCE = st.lists(
    st.tuples(st.sampled_from(["x", "y", "z"]), st.integers(0, 2), st.integers(0, 1)), max_size=8
)


def once(rows: Given) -> dict[int, tuple[int, ...]]:
    """By number: the different texts of its rows, and of its rows with a flag."""
    found: dict[int, tuple[int, ...]] = {}
    for n in range(3):
        own = [row for row in rows if row[1] == n]
        found[n] = (len({t for t, _, _ in own}), len({t for t, _, f in own if f}))
    return found


@pytest.mark.parametrize("owner", ["b", "d"])
@pytest.mark.parametrize("way", ["cell in the key", "cell on shares", "window"])
@settings(max_examples=4)
@given(rows=ONCE)
def test_persons_are_counted_once(owner: str, way: str, rows: Given) -> None:
    """Of each text and number the first row that is there, and the first with a flag; by number."""
    columns = (digest("lt"), number("ln", 0, 2, nullable=False), flag("lf", nullable=False))
    if way != "window":
        rows = sorted(rows, key=lambda r: (r[0], r[1] if way == "cell in the key" else 0))
    own = Part("one", owner, 9, {c: [row[i] for row in rows] for i, c in enumerate(columns)})
    flags = (Flagged(flag("p", nullable=False), None), Flagged(flag("q", nullable=False), "lf"))
    keys = columns[:2] if way == "cell in the key" else columns[:1]
    cell, cells_ = (None, 1) if way == "cell in the key" else ("ln", 3)
    starts = Neighbour(flag("s", nullable=False), "starts")
    steps: list[TableStep] = [Give("l", ("one",), columns)]
    if way == "window":
        steps += [
            Neighbours("w", "l", ("lt",), (), (starts,)),
            Firsts("o", "w", None, (), "s", cell, cells_, flags),
        ]
    else:
        steps.append(Firsts("o", "l", "one", keys, None, cell, cells_, flags))
    found = present(everywhere([own], steps, "o"))
    seen = {n: [row for row in found if row["ln"] == n] for n in range(3)}
    told = {n: tuple(sum(r[f] or 0 for r in own) for f in ("p", "q")) for n, own in seen.items()}
    assert told == once(rows)
    assert all(not row["q"] or row["lf"] for row in found)


def test_rows_that_are_not_in_runs_are_seen_at_their_owner() -> None:
    """Two pieces of a run would be two persons."""
    columns = (digest("lt"), number("ln"))
    own = Part("one", "b", 4, {columns[0]: ["x", "y", "x"], columns[1]: [1, 2, 3]})
    once_each = (Flagged(flag("p", nullable=False), None),)
    steps: list[TableStep] = [
        Give("l", ("one",), columns),
        Firsts("o", "l", "one", columns[:1], None, None, 1, once_each),
    ]
    with pytest.raises(InternalError, match="expected rows in 2 runs"):
        everywhere([own], steps, "o")


@settings(max_examples=EXAMPLES)
@given(rows=ROWS, descending=st.booleans(), nulls_first=st.booleans())
def test_neighbours(rows: Given, descending: bool, nulls_first: bool) -> None:
    numbered = [(*row, i) for i, row in enumerate(rows)]
    columns = (digest("lt"), number("ln"), flag("lf"), number("li", 0, 99, nullable=False))
    own = Part("one", "d", 8, {c: [row[i] for row in numbered] for i, c in enumerate(columns)})
    order = (Order("ln", descending, nulls_first), Order("li"))
    functions = (
        Neighbour(number("next"), "lead", "ln"),
        Neighbour(flag("before"), "lag", "lf", 2),
        Neighbour(digest("text"), "lag", "lt"),
        Neighbour(number("place", 1, 8, nullable=False), "row_number"),
    )
    steps: list[TableStep] = [
        Give("l", ("one",), columns),
        Neighbours("w", "l", ("lf",), order, functions),
    ]
    found = everywhere([own], steps, "w")
    by = f"n {'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}, i"
    expected = sql(
        f"SELECT i, f, n, LEAD(n) OVER w, LAG(f, 2) OVER w, LAG(t) OVER w, ROW_NUMBER() OVER w "
        f"FROM l WINDOW w AS (PARTITION BY f ORDER BY {by})",
        l=rows,
    )
    names = ("li", "lf", "ln", "next", "before", "text", "place")
    assert bag(cells(present(found), *names)) == bag(expected)
