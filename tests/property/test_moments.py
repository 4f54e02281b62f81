"""Moments equal sums of Python's ints, in the ring that the bounds choose, under every row of valid bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.cards.load import load_cards
from mpcstats.engines.api import Engine
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.engines.wide import Wide
from mpcstats.errors import InternalError, UsageError
from mpcstats.protocols.divide import ratio
from mpcstats.protocols.moments import (
    Bounds,
    Moments,
    Number,
    deviation,
    deviation_bits,
    moments,
    ring_bits,
)
from mpcstats.session import Session
from mpcstats.testing import Outcome, opened, opened_wide, run_together

TRIO = ("a", "b", "c")
PARTIES = (*TRIO, "d")
NAMES = ("count", "x", "xx", "y", "yy", "xy")
Columns = list[tuple[int, int, int]]  # x, y, valid


async def plain(session: Session, engine: Engine, secret: Number) -> list[int]:
    if isinstance(secret, Wide):
        return await opened_wide(session, engine, secret)
    return [int(v) for v in (await opened(session, engine, secret)).view(np.int64)]


async def inputs(session: Session, engine: Engine, rows: Columns) -> tuple[Arith, Arith, Bits]:
    own = session.me == "d"
    n = len(rows)
    x, y = [
        await engine.share(
            session.narrow(f"column{i}"),
            np.array([r[i] for r in rows], dtype=np.int64).view(np.uint64) if own else None,
            owner="d",
            shape=(n,),
        )
        for i in range(2)
    ]
    flags = slicing.pack(np.array([[r[2] for r in rows]], dtype=np.uint64)) if own else None
    valid = await engine.share_bits(session.narrow("valid"), flags, owner="d", length=n, width=1)
    return x, y, valid


def run(
    engine: Engine, parties: tuple[str, ...], rows: Columns, bounds: Bounds, *, masked: bool
) -> Outcome[Any]:
    """Every moment, then the terms of the variance of x and of the covariance."""

    async def body(session: Session) -> Any:
        x, y, valid = await inputs(session, engine, rows)
        found = await moments(
            session.narrow("moments"),
            engine,
            x,
            y,
            bounds=bounds,
            valid=valid if masked else None,
        )
        assert found.y is not None
        assert found.xy is not None
        variance = await deviation(
            session.narrow("variance"), engine, found.count, found.x, found.x, found.xx,
            bounds=Bounds(bounds.rows, bounds.x, bounds.x),
        )  # fmt: skip
        covariance = await deviation(
            session.narrow("covariance"), engine, found.count, found.x, found.y, found.xy,
            bounds=bounds,
        )  # fmt: skip
        secrets = [getattr(found, name) for name in NAMES]
        secrets += [variance.numerator, covariance.numerator, covariance.denominator]
        return [
            (type(s).__name__, await plain(session.narrow(f"open{i}"), engine, s))
            for i, s in enumerate(secrets)
        ]

    return run_together(parties, body)


def expected(rows: Columns, bounds: Bounds, *, masked: bool) -> list[tuple[str, list[int]]]:
    kept = [(x, y) for x, y, valid in rows if valid or not masked]
    n, s_x, s_y = len(kept), sum(x for x, _ in kept), sum(y for _, y in kept)
    s_xx, s_yy, s_xy = (sum(r[i] * r[j] for r in kept) for i, j in ((0, 0), (1, 1), (0, 1)))
    values = {"count": n, "x": s_x, "xx": s_xx, "y": s_y, "yy": s_yy, "xy": s_xy}

    def kind(name: str) -> str:
        limits = {"x": bounds.x, "y": bounds.y}
        factors = [limits[c] for c in name] if name != "count" else []
        largest = bounds.rows
        for factor in factors:
            largest *= factor
        return "Arith" if name == "count" or largest < 2**62 else "Wide"

    found = [(kind(name), [value]) for name, value in values.items()]
    terms = (n * s_xx - s_x**2, n * s_xy - s_x * s_y, n * (n - 1))
    return found + [("Wide", [term]) for term in terms]


@settings(max_examples=40)
@given(data=st.data(), masked=st.booleans())
def test_moments_are_those_of_numbers(data: st.DataObject, masked: bool) -> None:
    limits = [data.draw(st.sampled_from([0, 9, 2**30, 2**40, 2**57])) for _ in range(2)]
    columns = [st.sampled_from([-m, m, 0]) | st.integers(-m, m) for m in limits]
    rows = data.draw(st.lists(st.tuples(*columns, st.integers(0, 1)), max_size=6))
    bounds = Bounds(len(rows), *limits)
    for engine, parties in ((Rep3(TRIO), PARTIES), (Clear(("a",)), ("a", "d"))):
        outcome = run(engine, parties, rows, bounds, masked=masked)
        for result in outcome.results.values():
            assert result == expected(rows, bounds, masked=masked)


def test_without_a_second_column() -> None:
    engine = Rep3(TRIO)
    rows = [(2**61, 0, 1), (-(2**61), 0, 0), (5, 0, 1)]

    async def body(session: Session) -> Any:
        x, _, valid = await inputs(session, engine, rows)
        found: Moments = await moments(
            session.narrow("m"), engine, x, bounds=Bounds(3, 2**61), valid=valid
        )
        assert (found.y, found.yy, found.xy) == (None, None, None)
        return [
            await plain(session.narrow(f"o{i}"), engine, s)
            for i, s in enumerate((found.count, found.x, found.xx))
        ]

    assert run_together(PARTIES, body).results["d"] == [[2], [2**61 + 5], [2**122 + 25]]


@pytest.mark.parametrize(
    ("bounds", "bits"),
    [
        ((0, 2**100, 2**100), 64),
        ((1, 2**62 - 1), 64),
        ((1, 2**62), 128),
        ((10**6, 2**20, 2**22), 64),
        ((2**20, 2**21, 2**21), 128),
        ((2**27 - 1, 2**50, 2**50), 128),
    ],
)
def test_bounds_choose_the_ring(bounds: tuple[int, ...], bits: int) -> None:
    assert ring_bits(*bounds) == bits


@pytest.mark.parametrize("bounds", [(2**27, 2**50, 2**50), (1, 2**127), (2**127, 1)])
def test_sums_beyond_128_bits_are_refused(bounds: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"expected sums below 2\^127, got up to 2\^128"):
        ring_bits(*bounds)


def test_what_does_not_fit_is_refused() -> None:
    engine = Rep3(TRIO)
    absent, flags = Arith((3,), (), None), Bits(3, 2, (), None)
    one = Wide((1,), (), None)
    narrow = Arith((1,), (), None)

    with pytest.raises(UsageError, match="at least 0"):
        ring_bits(1, -1)
    for error, words, bounds, valid in (
        (UsageError, r"below 2\^62 where sums need 128 bits", Bounds(3, 2**62), None),
        (UsageError, r"sums below 2\^127", Bounds(3, 2**63), None),
        (InternalError, "columns of 4 rows", Bounds(4, 1), None),
        (InternalError, "one row of 3 bits", Bounds(3, 1), flags),
    ):
        with pytest.raises(error, match=words):
            run_together(
                ("d", "e"),
                lambda s, b=bounds, v=valid: moments(s, engine, absent, bounds=b, valid=v),  # type: ignore[misc]
            )
    with pytest.raises(UsageError, match=r"sums below 2\^127"):
        run_together(
            ("d", "e"),
            lambda s: deviation(
                s, engine, narrow, one, one, one, bounds=Bounds(2**30, 2**40, 2**40)
            ),
        )
    with pytest.raises(InternalError, match="one shape"):
        run_together(
            ("d", "e"),
            lambda s: deviation(s, engine, absent, one, one, one, bounds=Bounds(3, 1, 1)),
        )


def sizes(bounds: Bounds, n: int, *, masked: bool) -> dict[str, int]:
    """The public sizes of one run, for the card."""
    pairs = [(bounds.x, bounds.x), (bounds.y, bounds.y), (bounds.x, bounds.y)]
    broad = [ring_bits(n, *pair) == 128 for pair in pairs]
    sums = [ring_bits(n, limit) == 128 for limit in (bounds.x, bounds.y)]
    return {
        "rows": n,
        "masked": 2 if masked else 0,
        "lifted": sum(
            sums[i] or broad[i] or broad[2] for i in range(2)
        ),
        "narrow": broad.count(False),
        "broad": broad.count(True),
    }  # fmt: skip


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("limits", [(9, 9), (2**40, 9), (2**40, 2**40)])
def test_rounds_and_bytes_are_the_cards(masked: bool, limits: tuple[int, int]) -> None:
    card = load_cards()["moments"].cost
    for rows in ([(1, 2, 1)] * 70, [(-9, 9, 0)] * 70):
        bounds = Bounds(len(rows), *limits)
        outcome = run(Rep3(TRIO), PARTIES, rows, bounds, masked=masked)
        public = {**sizes(bounds, len(rows), masked=masked), "cells": 0, "narrow_moments": 0}
        parts = {
            "moments": public,
            "variance": {**dict.fromkeys(public, 0), "cells": 1, "narrow_moments": 3},
        }
        parts["variance"]["narrow_moments"] = 1 + sum(
            ring_bits(len(rows), *factors) == 64 for factors in ((limits[0],), (limits[0],) * 2)
        )
        for step, at in parts.items():
            seats = [0, 0, 0]
            for (party, path), size in outcome.traffic.bytes_by_step.items():
                if path.startswith((f"run/{step}/", f"run/{step}#")):
                    seats[TRIO.index(party)] += size
            every = card.bytes["compute"].evaluate(at)
            assert seats == [every + card.bytes["seat0"].evaluate(at), every, every]
            assert outcome.traffic.span(f"run/{step}") <= card.rounds.evaluate(at)


def test_a_variance_to_the_third_decimal() -> None:
    engine = Rep3(TRIO)
    values = [2**40, -(2**40), 12345, 7, -1]
    bounds = Bounds(5, 2**40, 2**40)

    async def body(session: Session) -> Any:
        x, _, valid = await inputs(session, engine, [(v, 0, int(v != 7)) for v in values])
        found = await moments(session.narrow("m"), engine, x, bounds=bounds, valid=valid)
        terms = await deviation(
            session.narrow("v"), engine, found.count, found.x, found.x, found.xx, bounds=bounds
        )
        numerator_bits, denominator_bits = deviation_bits(bounds)
        variance = await ratio(
            session.narrow("ratio"),
            engine,
            terms.numerator,
            terms.denominator,
            decimals=3,
            numerator_bits=numerator_bits,
            denominator_bits=denominator_bits,
        )
        return await plain(session.narrow("open"), engine, variance.value)

    kept = [v for v in values if v != 7]
    n = len(kept)
    expected = 1000 * (n * sum(v * v for v in kept) - sum(kept) ** 2) // (n * (n - 1))
    assert run_together(PARTIES, body).results["d"] == [expected]


def test_nothing_is_opened() -> None:
    engine = Rep3(TRIO)

    async def body(session: Session) -> Any:
        x, y, valid = await inputs(session, engine, [(1, 2, 1)])
        await moments(
            session.narrow("m"), engine, x, y, bounds=Bounds(1, 2**40, 2**40), valid=valid
        )
        return session.openings

    assert load_cards()["moments"].leakage.opened == ()
    assert all(found == [] for found in run_together(PARTIES, body).results.values())
