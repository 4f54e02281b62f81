"""Both engines against engines.api, and rep3 against plain numpy on drawn numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcstats.algebra import bits as slicing
from mpcstats.engines.clear import Clear
from mpcstats.engines.rep3 import Rep3
from mpcstats.engines.share import Arith, Bits
from mpcstats.errors import UsageError
from mpcstats.session import Session, Words
from mpcstats.testing import check_engine, opened, run_together

COMPUTE = ("a", "b", "c")
U64 = st.integers(0, 2**64 - 1)


def test_rep3_keeps_the_contract() -> None:
    check_engine(Rep3(COMPUTE))


def test_clear_keeps_the_contract() -> None:
    check_engine(Clear(("a",)))


def test_an_engine_that_errs_is_caught() -> None:
    class Wrong(Rep3):
        async def multiply(self, session: Session, x: Arith, y: Arith) -> Arith:
            return (await super().multiply(session, x, y)).plus(1)

    with pytest.raises(AssertionError, match="multiply"):
        check_engine(Wrong(COMPUTE), sizes=(5,))


def test_an_engine_that_opens_to_everybody_is_caught() -> None:
    class Wrong(Rep3):
        async def reveal(self, session: Session, x: Arith, *, leak: str, to: Any) -> Words | None:
            return await super().reveal(session, x, leak=leak, to=session.parties)

    with pytest.raises(AssertionError, match="nowhere else"):
        check_engine(Wrong(COMPUTE), sizes=(5,))


def test_engines_refuse_the_wrong_number_of_parties() -> None:
    with pytest.raises(UsageError, match="three different compute parties"):
        Rep3(("a", "b", "b"))
    with pytest.raises(UsageError, match="one compute party"):
        Clear(("a", "b"))


@given(st.lists(st.tuples(U64, U64), min_size=1, max_size=70), st.integers(1, 64))
def test_less_than_and_equal_are_those_of_numbers(pairs: list[tuple[int, int]], width: int) -> None:
    mask = (1 << width) - 1
    x = np.array([a & mask for a, _ in pairs], dtype=np.uint64)
    y = np.array([b & mask for _, b in pairs], dtype=np.uint64)
    engine = Rep3(COMPUTE)

    async def body(session: Session) -> Words:
        shares = [
            await engine.share_bits(
                session.narrow(name),
                slicing.slice_bits(values, width) if session.me == owner else None,
                owner=owner,
                length=x.size,
                width=width,
            )
            for name, values, owner in (("x", x, "b"), ("y", y, "d"))
        ]
        less = await engine.less_than(session.narrow("less"), shares[0], shares[1])
        same = await engine.equal(session.narrow("equal"), shares[0], shares[1])
        return await opened(session.narrow("result"), engine, Bits.stack([less, same]))

    for result in run_together((*COMPUTE, "d"), body).results.values():
        assert np.array_equal(result[0], (x < y).astype(np.uint64))
        assert np.array_equal(result[1], (x == y).astype(np.uint64))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=70))
def test_negative_is_the_sign(values: list[int]) -> None:
    x = np.array(values, dtype=np.int64)
    engine = Rep3(COMPUTE)

    async def body(session: Session) -> Words:
        given_values = x.view(np.uint64) if session.me == "c" else None
        share = await engine.share(session.narrow("x"), given_values, owner="c", shape=x.shape)
        sign = await engine.negative(session.narrow("sign"), share)
        return await opened(session.narrow("result"), engine, sign)

    for result in run_together(COMPUTE, body).results.values():
        assert np.array_equal(result[0], (x < 0).astype(np.uint64))
