"""Averages and variances by secret groups: sums of squares beyond 64 bits, exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith
from mpcstats.errors import UsageError
from mpcstats.protocols.divide import average, ratio
from mpcstats.protocols.group_by import group_by
from mpcstats.protocols.moments import Bounds, deviation, deviation_bits
from mpcstats.protocols.squares import check_squares, halves, squares, total_of_squares
from mpcstats.session import Session, Words
from mpcstats.testing import opened, run_together

TRIO = ("a", "b", "c")
LARGEST = 1 << 40
GROUPS = 3
DECIMALS = 2


def by_group(codes: list[int], values: list[int]) -> tuple[Words, Words, Words]:
    """Per group: persons, average and variance in units of 10^-2, cut towards zero, as opened."""
    n = len(codes)
    bounds = Bounds(n, LARGEST, LARGEST)

    async def body(session: Session) -> tuple[Words, Words, Words]:
        engine = Rep3(TRIO)
        mine = session.me == "a"
        keys = await engine.share_bits(
            session.narrow("keys"),
            slicing.slice_bits(np.array(codes, dtype=np.uint64), 2) if mine else None,
            owner="a",
            length=n,
            width=2,
        )
        low, high = [
            await engine.share(
                session.narrow(f"half{i}"), half if mine else None, owner="a", shape=(n,)
            )
            for i, half in enumerate(halves(values))
        ]
        x = low + high.scaled(1 << 21)
        parts = await squares(session.narrow("squares"), engine, low, high)
        found = await group_by(
            session.narrow("group"), engine, [keys], groups=GROUPS, sums=[x, *parts]
        )
        total, *rest = found.sums
        square = await total_of_squares(session.narrow("total"), engine, rest)
        mean = await average(
            session.narrow("mean"),
            engine,
            total,
            found.persons,
            decimals=DECIMALS,
            total_bits=46,
            count_bits=5,
        )
        spread = await deviation(
            session.narrow("deviation"), engine, found.persons, total, total, square, bounds=bounds
        )
        numerator_bits, denominator_bits = deviation_bits(bounds)
        variance = await ratio(
            session.narrow("variance"),
            engine,
            spread.numerator,
            spread.denominator,
            decimals=DECIMALS,
            numerator_bits=numerator_bits,
            denominator_bits=denominator_bits,
        )
        assert isinstance(mean.value, Arith)
        rows = await engine.to_bits(session.narrow("rows"), variance.value)
        return (
            await opened(session.narrow("n"), engine, found.persons),
            await opened(session.narrow("m"), engine, mean.value),
            await opened(session.narrow("v"), engine, rows),
        )

    return run_together(TRIO, body).results["b"]


ROW = st.tuples(
    st.integers(0, GROUPS - 1),
    st.sampled_from([0, 1, -1, LARGEST, -LARGEST]) | st.integers(-LARGEST, LARGEST),
)


@settings(max_examples=8)
@given(rows=st.lists(ROW, min_size=2, max_size=20))
def test_averages_and_variances_by_group(rows: list[tuple[int, int]]) -> None:
    codes, values = [r[0] for r in rows], [r[1] for r in rows]
    persons, means, variances = by_group(codes, values)
    for i, key in enumerate(sorted(set(codes))):
        own = [v for c, v in rows if c == key]
        assert persons[i] == len(own)
        assert int(means.view(np.int64)[i]) == int(Fraction(sum(own) * 100, len(own)))
        if len(own) > 1:
            exact = Fraction(len(own) * sum(v * v for v in own) - sum(own) ** 2)
            exact /= len(own) * (len(own) - 1)
            found = sum(int(variances[b][i]) << b for b in range(len(variances)))
            assert found == int(exact * 100)


def test_bounds_that_leave_64_bits_are_refused() -> None:
    check_squares(10**6, 1 << 41)
    with pytest.raises(UsageError, match="in parts below 2\\^62"):
        check_squares(10**6, 1 << 43)
    with pytest.raises(UsageError, match="in parts below 2\\^62"):
        check_squares(1 << 21, 1)
