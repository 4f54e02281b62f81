"""Steps over cells of shared tables equal exact arithmetic: counts, sums, extremes, quantiles, variances, quotients."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.relational import Part, Row, digest, everywhere, number, short

from mpcstats.plan.tables import (
    FRACTION_DIGITS,
    Aggregate,
    Call,
    Column,
    Computed,
    Derive,
    Deviation,
    Divide,
    Give,
    Number,
    Quantile,
    Quotient,
    Reference,
    Spread,
    TableStep,
    Tally,
)

EXAMPLES = 4
CELLS = 3
LARGEST = 1 << 59  # a few of them add up to less than 2^62
CELL = number("cell", 0, CELLS - 1, nullable=False)
X = number("x", -LARGEST, LARGEST)
Y = number("y", 0, 100, nullable=False)
T = digest("t")
VALUES = st.none() | st.sampled_from([LARGEST, -LARGEST, 0]) | st.integers(-9, 9)
ROWS = st.lists(
    st.tuples(
        st.integers(0, CELLS - 1), VALUES, st.integers(0, 100), st.sampled_from([None, "a", "b"])
    ),
    max_size=7,
)
Rows = Sequence[tuple[int, int | None, int, str | None]]
ONE = pytest.mark.parametrize("cell", ["cell", None])


def played(rows: Rows, *steps: TableStep) -> list[Row | None]:
    """The table of the last of the steps, whose first is made of `rows`."""
    columns = (CELL, X, Y, T)
    own = Part("f", "d", 8, {c: [row[i] for row in rows] for i, c in enumerate(columns)})
    return everywhere([own], [Give("l", ("f",), columns), *steps], steps[-1].name)


def by_cell(rows: Rows, cell: str | None) -> list[Rows]:
    return [rows] if cell is None else [[r for r in rows if r[0] == c] for c in range(CELLS)]


def known(rows: Rows) -> list[int]:
    return [row[1] for row in rows if row[1] is not None]


def total(name: str) -> Column:
    return number(name, -(1 << 62), (1 << 62) - 1, nullable=False)


@ONE
@settings(max_examples=EXAMPLES)
@given(rows=ROWS)
def test_counts_and_sums(cell: str | None, rows: Rows) -> None:
    aggregates = (
        Aggregate(total("rows"), "count"),
        Aggregate(total("known"), "count", "x"),
        Aggregate(total("sum"), "sum", "x"),
        Aggregate(total("other"), "sum", "y"),
    )
    cells = CELLS if cell else 1
    found = played(rows, Tally("t", "l", cell, cells, aggregates))
    expected = [
        {
            "rows": len(own),
            "known": len(known(own)),
            "sum": sum(known(own)),
            "other": sum(r[2] for r in own),
        }
        for own in by_cell(rows, cell)
    ]
    assert found == expected


@ONE
@settings(max_examples=EXAMPLES)
@given(rows=ROWS)
def test_sums_of_rows_with_a_flag_and_sums_that_are_told_of_some_cells(
    cell: str | None, rows: Rows
) -> None:
    cells = CELLS if cell else 1
    aggregates = (
        Aggregate(total("sum"), "sum", "x"),
        Aggregate(total("of_high"), "sum", "x", "high"),
        Aggregate(total("highs"), "sum", "high"),
        Aggregate(total("of_low"), "sum", "y", "low"),
        Aggregate(total("last"), "sum", "x", only=(cells - 1,)),
        Aggregate(total("none"), "count", only=()),
    )
    high = Call("lt", (Number(50), Reference("y")))
    flags = (
        Computed(Column("high", "flag", 0, 1), high),
        Computed(Column("low", "flag", 0, 1), Call("not", (high,))),
    )
    found = played(
        rows, Derive("flags", ("l",), flags), Tally("t", "flags", cell, cells, aggregates)
    )
    for i, (own, row) in enumerate(zip(by_cell(rows, cell), found, strict=True)):
        above = [r for r in own if r[2] > 50]
        assert row == {
            "sum": sum(known(own)),
            "of_high": sum(known(above)),
            "highs": len(above),
            "of_low": sum(r[2] for r in own if r[2] <= 50),
            "last": sum(known(own)) if i == cells - 1 else 0,
            "none": 0,
        }


@ONE
@settings(max_examples=EXAMPLES)
@given(rows=ROWS)
def test_extremes_and_distinct_values(cell: str | None, rows: Rows) -> None:
    aggregates = (
        Aggregate(total("least"), "min", "x"),
        Aggregate(total("texts"), "distinct", "t"),
        Aggregate(total("most"), "max", "x"),
        Aggregate(total("numbers"), "distinct", "x"),
        Aggregate(total("largest"), "max", "y"),
    )
    cells = CELLS if cell else 1
    found = played(rows, Spread("t", "l", cell, cells, aggregates))
    for own, row in zip(by_cell(rows, cell), found, strict=True):
        assert row is not None
        if known(own):
            assert (row["least"], row["most"]) == (min(known(own)), max(known(own)))
        assert row["numbers"] == len(set(known(own)))
        assert row["texts"] == len({short(r[3]) for r in own if r[3] is not None})
        if own:
            assert row["largest"] == max(r[2] for r in own)


@settings(max_examples=EXAMPLES)
@given(rows=ROWS)
def test_distinct_values_of_one_cell(rows: Rows) -> None:
    aggregates = (
        Aggregate(total("texts"), "distinct", "t"),
        Aggregate(total("numbers"), "distinct", "x"),
    )
    (row,) = played(rows, Spread("t", "l", None, 1, aggregates))
    texts = {r[3] for r in rows if r[3] is not None}
    assert row == {"texts": len(texts), "numbers": len(set(known(rows)))}


@ONE
@pytest.mark.parametrize("q", [(1, 2), (9, 10), (1, 1)])
@settings(max_examples=2)
@given(rows=ROWS)
def test_quantiles(cell: str | None, q: tuple[int, int], rows: Rows) -> None:
    cells = CELLS if cell else 1
    found = played(rows, Quantile("t", "l", cell, cells, "x", *q, number("m", -LARGEST, LARGEST)))
    for own, row in zip(by_cell(rows, cell), found, strict=True):
        values = sorted(known(own))
        if values:
            assert row == {"m": values[-(-q[0] * len(values) // q[1]) - 1]}


NUMERATOR = Column("n", "wide", 0, 1 << 125)
DENOMINATOR = Column("d", "wide", 0, 8 * 7)


def spread_out(values: Sequence[int]) -> tuple[int, int]:
    count = len(values)
    return count * sum(v * v for v in values) - sum(values) ** 2, count * (count - 1)


@ONE
@settings(max_examples=EXAMPLES)
@given(rows=ROWS)
def test_deviations(cell: str | None, rows: Rows) -> None:
    """x needs 128 bits, y does not: both ways."""
    cells = CELLS if cell else 1
    for name, column in (("x", 1), ("y", 2)):
        step = Deviation("t", "l", cell, cells, name, NUMERATOR, DENOMINATOR)
        found = played(rows, step)
        for own, row in zip(by_cell(rows, cell), found, strict=True):
            values = [value for r in own if isinstance(value := r[column], int)]
            assert row is not None
            assert (row["n"], row["d"]) == spread_out(values)


def exactly(row: Row, whole: str, fraction: str) -> Fraction:
    w, f = row[whole], row[fraction]
    assert w is not None
    assert f is not None
    assert abs(f) < 10**FRACTION_DIGITS
    return w + Fraction(f, 10**FRACTION_DIGITS)


@ONE
@settings(max_examples=2)
@given(rows=ROWS)
def test_averages_and_variances(cell: str | None, rows: Rows) -> None:
    cells = CELLS if cell else 1
    digits = 10**FRACTION_DIGITS
    aggregates = (
        Aggregate(number("c", 0, 8, nullable=False), "count", "x"),
        Aggregate(total("s"), "sum", "x"),
    )
    mean = Quotient(
        "s",
        "c",
        number("mw", -LARGEST, LARGEST),
        number("mf", -digits, digits),
    )
    variance = Quotient("n", "d", number("vw", 0, 10**4), number("vf", 0, digits))
    tallied = played(rows, Tally("t", "l", cell, cells, aggregates), Divide("q", "t", (mean,)))
    spread = played(
        rows,
        Deviation("v", "l", cell, cells, "y", NUMERATOR, DENOMINATOR),
        Divide("q", "v", (variance,)),
    )
    for own, row, other in zip(by_cell(rows, cell), tallied, spread, strict=True):
        assert row is not None
        assert other is not None
        values = known(own)
        if values:
            exact = Fraction(sum(values), len(values))
            found = exactly(row, "mw", "mf")
            assert abs(found) <= abs(exact)
            assert abs(found - exact) < Fraction(1, digits)
        else:
            assert (row["mw"], row["mf"]) == (None, None)
        ys = [r[2] for r in own]
        if len(ys) > 1:
            exact = Fraction(*spread_out(ys))
            assert 0 <= exact - exactly(other, "vw", "vf") < Fraction(1, digits)
        else:
            assert (other["vw"], other["vf"]) == (None, None)
