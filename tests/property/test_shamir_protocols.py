"""The protocols that run on engine shamir, against plain arithmetic: gate, histogram, moments, ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_gate import EVERYTHING, PARTIES, Case, cases, check, ring

from mpcstats.algebra import bits as slicing
from mpcstats.engines.shamir import Shamir
from mpcstats.engines.share import Arith, Bits
from mpcstats.protocols.cells import Amount, Behind, Cells, Opened
from mpcstats.protocols.divide import ratio
from mpcstats.protocols.gate import gate
from mpcstats.protocols.histogram import histogram
from mpcstats.protocols.moments import Bounds, deviation, moments
from mpcstats.protocols.safety import Rules
from mpcstats.session import Session
from mpcstats.testing import Outcome, opened, opened_wide, run_together

SMALL = st.integers(-(10**6), 10**6)


def engine_of(n: int) -> Shamir:
    return Shamir(PARTIES[:n])


async def cells_of(case: Case, session: Session, engine: Shamir) -> Cells:
    names = iter(range(10**6))

    async def number(values: Sequence[int]) -> Arith:
        own = ring(values) if session.me == PARTIES[1] else None
        step = session.narrow(f"in{next(names)}")
        return await engine.share(step, own, owner=PARTIES[1], shape=(len(values),))

    async def row(values: Sequence[int]) -> Bits:
        own = slicing.slice_bits(ring(values), 1) if session.me == PARTIES[-1] else None
        step = session.narrow(f"in{next(names)}")
        owner = PARTIES[-1]
        return await engine.share_bits(step, own, owner=owner, length=len(values), width=1)

    return Cells(
        case.count,
        tuple([await number(each) for each in case.persons]),
        await number([v for column in case.columns for v in column.values]),
        tuple(
            [
                Behind(
                    c.support,
                    c.rests,
                    None if c.known is None else await row(c.known),
                    c.rank,
                    c.amounts,
                    c.magnitude,
                )
                for c in case.columns
            ]
        ),
        tuple([await number(each) for each in case.counts]),
        tuple([tuple([await number(r) for r in rows]) for rows in case.institutions]),
        tuple(
            [
                Amount(await number(m.total), tuple([await number(p) for p in m.parts]), m.of)
                for m in case.amounts
            ]
        ),
        None if case.appears is None else await row(case.appears),
    )


def gated(case: Case, n: int, tamper: Any = None) -> Outcome[Opened | None]:
    engine = engine_of(n)

    async def body(session: Session) -> Opened | None:
        cells = await cells_of(case, session.narrow("cells"), engine)
        return await gate(session.narrow("gate"), engine, cells, case.rules, to=case.to)

    return run_together(PARTIES, body, tamper=tamper)


@settings(max_examples=25)
@given(case=cases(), n=st.sampled_from([3, 4, 5]))
def test_a_gate_opens_what_the_rules_let_through(case: Case, n: int) -> None:
    check(case, gated(case, n))


def test_a_gate_with_all_its_tests() -> None:
    check(EVERYTHING, gated(EVERYTHING, 5))
    with pytest.raises(AssertionError):
        check(EVERYTHING, gated(replace(EVERYTHING, rules=Rules(1)), 3))  # negative control


@settings(max_examples=15)
@given(
    st.lists(st.integers(0, 511), min_size=1, max_size=70),
    st.lists(st.integers(0, 600), min_size=1, max_size=4, unique=True),
    st.booleans(),
)
def test_a_histogram_counts(values: list[int], edges: list[int], some: bool) -> None:
    engine, at = engine_of(3), sorted(edges)
    valid = [i % 3 != 0 for i in range(len(values))]

    async def body(session: Session) -> list[int]:
        async def rows(name: str, numbers: Sequence[int], width: int) -> Bits:
            own = slicing.slice_bits(ring(numbers), width) if session.me == "a" else None
            step = session.narrow(name)
            return await engine.share_bits(step, own, owner="a", length=len(values), width=width)

        x = await rows("x", values, 9)
        kept = await rows("kept", valid, 1) if some else None
        found = await histogram(
            session.narrow("it"), engine, x, at, below=True, above=True, valid=kept
        )
        return [int(v) for v in await opened(session.narrow("open"), engine, found)]

    bounds = [-1, *at, 10**9]
    counted = [v for v, keep in zip(values, valid, strict=True) if keep or not some]
    expected = [sum(a <= v < b for v in counted) for a, b in pairwise(bounds)]
    for result in run_together(PARTIES, body).results.values():
        assert result == expected


@settings(max_examples=6)
@given(st.lists(st.tuples(SMALL, SMALL), min_size=2, max_size=9), st.sampled_from([3, 5]))
def test_covariances_and_their_ratio_are_exact(pairs: list[tuple[int, int]], n: int) -> None:
    engine, rows = engine_of(n), len(pairs)
    bounds = Bounds(rows, 10**6, 10**6)

    async def body(session: Session) -> tuple[list[int], list[int]]:
        async def column(name: str, i: int, owner: str) -> Arith:
            own = ring([pair[i] for pair in pairs]) if session.me == owner else None
            return await engine.share(session.narrow(name), own, owner=owner, shape=(rows,))

        x, y = await column("x", 0, "a"), await column("y", 1, PARTIES[-1])
        m = await moments(session.narrow("moments"), engine, x, y, bounds=bounds)
        assert m.y is not None
        assert m.xy is not None
        step = session.narrow("deviation")
        terms = await deviation(step, engine, m.count, m.x, m.y, m.xy, bounds=bounds)
        found = await ratio(
            session.narrow("ratio"),
            engine,
            terms.numerator,
            terms.denominator,
            decimals=2,
            numerator_bits=54,
            denominator_bits=7,
        )
        assert isinstance(found.value, Arith)
        value = await opened(session.narrow("value"), engine, found.value)
        above = await opened_wide(session.narrow("above"), engine, terms.numerator)
        return above, [int(v) for v in value.view(np.int64)]

    xs, ys = [p[0] for p in pairs], [p[1] for p in pairs]
    above = rows * sum(a * b for a, b in pairs) - sum(xs) * sum(ys)
    quotient = Fraction(100 * above, rows * (rows - 1))
    expected = abs(quotient) // 1 * (1 if quotient >= 0 else -1)
    for found in run_together(PARTIES, body).results.values():
        assert found == ([above], [expected])
